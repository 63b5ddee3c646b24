"""How well the likelihood is known as a number, how near to its minimum a search has to come, and by which means."""

import numpy as np

from steelyard.numerics.compilation import internal

# Up to so many events the noise does not depend on their number.
_FEW = 4000


@internal
def noise_of(model, events):
    """Differences in -2 ln L that are chance, in a sum over so many events of weight one.

    What a shape changes is float32: its rounding errors add up like the root of the number of events. The sum itself
    is float64, and rounded to a part of its size.
    """
    many = max(events / _FEW, 1.0)
    return 5e-6 * np.sqrt(many) if len(model.nuisance) else 1e-10 * many


@internal
def tolerance_of(model, events):
    """Estimated vertical distance to the minimum, in -2 ln L, at which a search ends."""
    return 0.2 * noise_of(model, events) if len(model.nuisance) else noise_of(model, events)


@internal
def nearness_of(model):
    """Such a distance from which one more step is the last: Newton's method squares it, with a factor of order one."""
    return 1e-4 if len(model.nuisance) else 1e-7


@internal
def updating_pays(model):
    """Whether a gradient is so much cheaper than a Hessian that a few more of them are worth it."""
    return 1 if len(model.shapes) >= 6 else 0
