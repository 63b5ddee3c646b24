from types import SimpleNamespace

import numpy as np

from steelyard.simulators.exact_variations import exact_variations


class Shift:
    """Unit Gaussians at 0 (process a) and 1 (process b); ``shift`` moves both, ``scale`` none."""

    calls = 0

    def log_densities(self, observables, processes, alpha=None):
        self.calls += 1
        mean = np.array([{"a": 0.0, "b": 1.0}[name] for name in processes]) + 0.1 * (alpha or {}).get("shift", 0.0)
        return -0.5 * (observables - mean) ** 2


def variation(process, systematic, direction):
    return SimpleNamespace(process=process, systematic=systematic, direction=direction)


def test_columns_are_the_variations_in_their_order():
    x, simulator = np.linspace(-2.0, 2.0, 5)[:, None], Shift()
    asked = [variation("b", "shift", "up"), variation("a", "shift", "down"), variation("b", "scale", "up")]
    found = exact_variations(simulator, x, asked)
    np.testing.assert_allclose(found[:, 0], 0.1 * (x[:, 0] - 1.0) - 0.005)
    np.testing.assert_allclose(found[:, 1], -0.1 * x[:, 0] - 0.005)
    np.testing.assert_array_equal(found[:, 2], 0.0)
    assert simulator.calls == 4  # the nominal density, and one for each systematic and direction


def test_no_variations_are_no_columns():
    assert exact_variations(Shift(), np.zeros((3, 1)), []).shape == (3, 0)
