"""Density ratios: networks, their training, ensembles of them, and what they say of events."""
