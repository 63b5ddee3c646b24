"""Compiled sums over events."""
