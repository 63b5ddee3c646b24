"""A negative mixture: of networks that are wrong, or of a density that is negative, told apart by the simulation."""

import numpy as np
import pytest

from steelyard.data.reference_events import ReferenceEvents
from steelyard.errors import ModelError
from steelyard.model.coefficients import Coefficients
from steelyard.regions.unbinned import build_model, load_model, save_model

N = 4000


def build(wrong=0):
    """A deficit −μ p_S with p_S = 2x on a flat background of twice the yield: negative beyond x = 1/μ for μ > 1."""
    x = (np.arange(N) + 0.5) / N
    densities = np.stack([2 * x, np.ones(N)], axis=1) / N
    reference = densities.mean(axis=1)
    log_r = np.log(densities / reference[:, None])
    log_r[:wrong, 0] = 9.0
    rows = np.stack([np.zeros(N, dtype=int), np.arange(N)], axis=1)
    coefficients = Coefficients(("mu",), ("-mu", "1"), {"mu": 0.1})
    return build_model(
        {"S": 100.0, "NI": 200.0},
        coefficients,
        (0.0, 1.6),
        log_r,
        ReferenceEvents(reference / reference.sum(), rows),
        simulated=lambda: densities,
    )


def test_where_the_simulation_is_negative_too_the_density_is(tmp_path):
    save_model(build(), tmp_path / "model.npz")
    model = load_model(tmp_path / "model.npz")  # the toys' jobs read it from the file
    assert model.asimov_weights(0.9).min() > 0
    with pytest.raises(ModelError, match="really negative there, and no training changes that") as caught:
        model.asimov_weights(1.5)
    assert "at parameter 1.5" in str(caught.value) and "train longer" not in str(caught.value)
    # at 1.5: 200 ∫ (1 − 1.5 x) dx from 2/3 to 1
    (deficit,) = [deficit for deficit in model.deficits if deficit.mu == pytest.approx(1.5)]
    assert deficit.total == pytest.approx(200 * (1 / 3 - 0.75 * (1 - 4 / 9)), rel=0.01) and deficit.is_real


def test_where_the_simulation_is_positive_the_networks_are_wrong():
    model = build(wrong=7)
    assert any(deficit.mu < 0.9 for deficit in model.deficits)
    with pytest.raises(ModelError, match=r"7 of 4000 .* train longer"):
        model.asimov_weights(0.5)


def test_the_simulation_is_not_asked_without_need():
    x = (np.arange(N) + 0.5) / N
    densities = np.stack([2 * x, np.ones(N)], axis=1) / N
    reference = densities.mean(axis=1)
    rows = np.stack([np.zeros(N, dtype=int), np.arange(N)], axis=1)
    coefficients = Coefficients(("mu",), ("mu", "1"), {"mu": 1.0})
    log_r = np.log(densities / reference[:, None])
    table = ReferenceEvents(reference, rows)
    model = build_model({"S": 100.0, "NI": 200.0}, coefficients, (0.0, 1.6), log_r, table, simulated=lambda: 1 / 0)
    assert model.deficits == ()
