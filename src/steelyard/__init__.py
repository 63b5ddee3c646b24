"""Steelyard: neural simulation-based inference for LHC analyses, as a workflow."""

__version__ = "0.1.0"
