"""Density ratios: networks, their training, their ensembles, and the log ratios of events."""
