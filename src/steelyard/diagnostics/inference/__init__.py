"""Checks of data, fits, belts and pulls."""
