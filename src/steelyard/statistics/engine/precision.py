"""How well the likelihood is known as a number, how near to its minimum a search has to come, and by which means."""

from steelyard.statistics.engine.compilation import internal


@internal
def noise_of(effects):
    """Differences in -2 ln L that are chance: what a shape changes is float32."""
    return 5e-6 if len(effects.nuisance) else 1e-10


@internal
def tolerance_of(effects):
    """Estimated vertical distance to the minimum, in -2 ln L, at which a search ends."""
    return 1e-6 if len(effects.nuisance) else 1e-10


@internal
def nearness_of(effects):
    """Such a distance from which one more step is the last: Newton's method squares it, with a factor of order one."""
    return 1e-4 if len(effects.nuisance) else 1e-7


@internal
def updating_pays(effects):
    """Whether a gradient is so much cheaper than a Hessian that a few more of them are worth it."""
    return 1 if len(effects.shapes) >= 6 else 0
