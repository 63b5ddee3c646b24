"""Errors of the result from finite simulation: of samples, of networks and of the reference."""
