"""Fits, scans, pseudo-experiments, belts, confidence sets, impacts, significance."""
