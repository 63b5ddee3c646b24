"""The two sides of an effect from those that are given, of yields and of shapes alike."""

from typing import TypeVar

import numpy as np

Logarithm = TypeVar("Logarithm", float, np.ndarray)


def two_sided(
    log_up: Logarithm | None, log_down: Logarithm | None, symmetrise: bool
) -> tuple[Logarithm | None, Logarithm | None]:
    r"""The logarithms of an effect at α = +1 and −1, from the logarithms that there are.

    Symmetrised, both sides become :math:`\ln g^\pm=\pm\frac12(\ln g^+-\ln g^-)`, and one alone is mirrored,
    :math:`\ln g^\mp=-\ln g^\pm`. Otherwise they stay as they are, and a side that is missing has no effect (None).

    Args:
        log_up, log_down: of a yield factor, or (n,) of the shape on events; None where that side is not given.
        symmetrise: of the systematic.
    """
    if not symmetrise:
        return log_up, log_down
    if log_up is not None and log_down is not None:
        half = 0.5 * (log_up - log_down)
        return half, -half
    if log_up is not None:
        return log_up, -log_up
    return (None, None) if log_down is None else (-log_down, log_down)
