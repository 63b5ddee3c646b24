"""The statistical model: parameters, coefficients, mixture, interpolation, normaliser."""
