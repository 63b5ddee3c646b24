"""Checks of the statistical model."""
