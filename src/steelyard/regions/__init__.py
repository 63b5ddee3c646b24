"""From events and ratios to the model of a region: normalisation, effects, normalisers, bins."""
