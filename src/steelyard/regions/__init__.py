"""Regions made of events and ratios: normalisation, effects, normalisers, bins."""
