"""Files: written whole or not at all, and results as JSON."""
