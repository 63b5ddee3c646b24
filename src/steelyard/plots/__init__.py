"""Pictures of results: every function takes results and returns a matplotlib Figure, and none computes."""
