"""Sources of simulated events whose densities may be known exactly."""
