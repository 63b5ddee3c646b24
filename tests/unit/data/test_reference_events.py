import numpy as np
import pytest

from steelyard.data.identifiers import Split
from steelyard.data.reference import Reference, Side
from steelyard.data.reference_events import ReferenceEvents, load_scores, oracle_log_ratios
from steelyard.errors import ModelError


def reference(weights):
    empty = Side({}, {})
    return Reference(tuple(weights), weights, dict.fromkeys(weights, 1.0), empty, empty, Split("held_out", 0.5, 5), {})


def test_rows_are_gathered_sample_after_sample():
    events = ReferenceEvents(np.full(3, 1 / 3), np.array([[0, 1], [1, 0], [1, 2]]))
    np.testing.assert_array_equal(events.gather([np.array([10, 11]), np.array([20, 21, 22])]), [11, 20, 22])


def test_exact_ratios_average_to_one_over_the_mixture():
    """sum_c w_c p_c / p_ref = 1 at every point, whatever the densities."""
    log_p = np.random.default_rng(0).normal(size=(100, 3)) * 50.0
    mixture = reference({"a": 0.2, "b": 0.3, "c": 0.5})
    ratios = np.exp(oracle_log_ratios(log_p, mixture))
    np.testing.assert_allclose(ratios @ [0.2, 0.3, 0.5], 1.0, rtol=1e-12)


def test_a_vanishing_density_and_a_process_outside_the_mixture():
    mixture = reference({"a": 1.0, "b": 0.0})
    ratios = oracle_log_ratios(np.array([[0.0, -np.inf], [1.0, 2.0]]), mixture)
    np.testing.assert_array_equal(ratios, [[0.0, -np.inf], [0.0, 1.0]])


def test_scores_come_by_sample_and_must_fit_together(tmp_path):
    for name, rows in (("x-a", 3), ("x-b", 3), ("y-a", 2), ("y-b", 2)):
        np.save(tmp_path / f"{name}.npy", np.full(rows, 1.0 if name.endswith("a") else 2.0))
    paths = [str(tmp_path / f"{name}.npy") for name in ("x-a", "x-b", "y-a", "y-b")]
    first, second = load_scores(paths, 2)
    np.testing.assert_array_equal(first, [[1.0, 2.0]] * 3)
    assert second.shape == (2, 2)
    with pytest.raises(ModelError, match="different lengths"):
        load_scores([paths[0], paths[3]], 1)
