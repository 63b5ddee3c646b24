"""The statistical model: coefficients, likelihood, fits, pseudo-experiments, belts, and their audit."""
