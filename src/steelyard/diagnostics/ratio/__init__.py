"""Checks of one density ratio."""
