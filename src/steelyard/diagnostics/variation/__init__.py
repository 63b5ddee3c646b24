"""Checks of the ±1σ variations."""
