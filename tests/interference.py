"""A one-dimensional analysis with interference whose densities are known in closed form: x in [0, 1].

Amplitudes a_S = s (2x)^2 and a_B = -b (1 - x) interfere destructively; NI is flat. The gg processes are
|a_S|^2, |a_S + a_B|^2 and |a_B|^2, so that S + I + B = SBI holds and the total rate is positive at every mu.
"""

import numpy as np

from steelyard.data.reference_events import ReferenceEvents
from steelyard.model.coefficients import Coefficients
from steelyard.regions.unbinned import UnbinnedModel, build_model

PROCESSES = ("S", "SBI", "B", "NI")
EXPRESSIONS = ("mu - sqrt(mu)", "sqrt(mu)", "1 - sqrt(mu)", "1")
BOUNDS = (0.0, 10.0)


def rate_densities(x: np.ndarray) -> np.ndarray:
    """nu_c p_c(x), shape (n, 4), at unit coefficient."""
    a_s, a_b = np.sqrt(10.0) * (2.0 * x) ** 2, -np.sqrt(300.0) * (1.0 - x)
    return np.stack([a_s**2, (a_s + a_b) ** 2, a_b**2, np.full_like(x, 400.0)], axis=1)


def coefficients() -> Coefficients:
    return Coefficients(("mu",), EXPRESSIONS, {"mu": 1.0})


def model(events: int = 20_000) -> UnbinnedModel:
    """The model on an equidistant reference: every integral is a sum, so nothing fluctuates."""
    x = (np.arange(events) + 0.5) / events
    densities = rate_densities(x)
    yields = densities.mean(axis=0)
    densities = densities / yields
    reference = densities.mean(axis=1)
    rows = np.stack([np.zeros(events, dtype=int), np.arange(events)], axis=1)
    with np.errstate(divide="ignore"):
        log_r = np.log(densities / reference[:, None])
    table = ReferenceEvents(reference / reference.sum(), rows)
    return build_model(dict(zip(PROCESSES, yields, strict=True)), coefficients(), BOUNDS, log_r, table)
