"""How well the likelihood is known as a number, and how near to its minimum a search has to come."""

from steelyard.statistics.engine.compilation import compiled


@compiled
def noise_of(effects):
    """Differences in -2 ln L that are chance: what a shape changes is float32."""
    return 1e-6 if len(effects.nuisance) else 1e-10


@compiled
def tolerance_of(effects):
    """Estimated vertical distance to the minimum, in -2 ln L, at which a search ends."""
    return 1e-7 if len(effects.nuisance) else 1e-10
