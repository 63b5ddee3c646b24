"""Learned against exact."""
