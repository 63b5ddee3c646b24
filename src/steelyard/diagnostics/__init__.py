"""Checks of the ratios, the templates and the model, each with a threshold and a verdict (docs/theory.md 12)."""
