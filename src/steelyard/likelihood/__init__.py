"""The likelihood of a model and data, compiled, with its derivatives."""
