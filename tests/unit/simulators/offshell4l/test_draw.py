import numpy as np
import pytest

from steelyard.errors import ConfigurationError
from steelyard.simulators.offshell4l import draw
from steelyard.simulators.offshell4l.densities import densities, expected_events, yields
from steelyard.simulators.offshell4l.spaces import GENERATED

EDGES = np.array([[220, 60, 60, -1, -1, -1, -np.pi, -np.pi], [1500, 120, 120, 1, 1, 1, np.pi, np.pi]], dtype=float)


def test_rounding_stays_inside_the_selection():
    x = draw.rounded(EDGES)
    assert x.dtype == np.float32
    assert np.all(x[0].astype(float) > EDGES[0]) and np.all(x[1].astype(float) < EDGES[1])
    np.testing.assert_allclose(x, EDGES, rtol=2e-7)


def test_rounding_leaves_other_values_alone():
    x = np.array([[220.1, 91.0, 92.0, 0.1, -0.999, 0.999, 3.141, -3.141]])
    np.testing.assert_array_equal(draw.rounded(x), x.astype(np.float32))


@pytest.mark.parametrize("sample, processes", [("gg", ["S", "SBI", "B"]), ("qqZZ", ["NI"])])
def test_weights_add_up_to_the_yields(sample, processes):
    x, weights = draw.draw_sample(sample, 50_000, np.random.default_rng(1))
    assert x.shape == (50_000, 8) and weights.shape == (50_000, len(processes))
    error = weights.std(axis=0) * np.sqrt(len(weights))
    assert np.all(np.abs(weights.sum(axis=0) - yields(processes)) <= 4 * error + 1e-9)
    assert weights.min() > 0


def test_weights_are_those_of_the_rounded_kinematics():
    """ν_c p_c/(n q) with q the equal mixture: the mean of weight_c/ν_c over the processes is 1/n for every event."""
    x, weights = draw.draw_sample("gg", 2000, np.random.default_rng(2), total=10_000)
    nu = yields(["S", "SBI", "B"])
    np.testing.assert_allclose((weights / nu).mean(axis=1), 1e-4, rtol=1e-12)
    p = densities(x.astype(np.float64), ["S", "SBI", "B"])
    np.testing.assert_allclose(weights[:, 1] / weights[:, 0], (p * nu)[:, 1] / (p * nu)[:, 0], rtol=1e-12)


@pytest.mark.parametrize("sample, processes", [("gg", ["S", "SBI", "B"]), ("qqZZ", ["NI"])])
def test_selected_weights_of_a_generated_sample_add_up_to_the_yields(sample, processes):
    x, weights = draw.draw_sample(sample, 50_000, np.random.default_rng(9), space=GENERATED)
    inside = (x[:, 0] > 220) & (x[:, 0] < 1500) & np.all((x[:, 1:3] > 60) & (x[:, 1:3] < 120), axis=1)
    assert 0.9 < inside.mean() < 0.99
    kept = weights * inside[:, None]
    error = kept.std(axis=0) * np.sqrt(len(weights))
    assert np.all(np.abs(kept.sum(axis=0) - yields(processes)) <= 4 * error)


SHIFTED = {"lumi": 3.0, "lepton_scale": -5.0, "gg_scale": 2.0, "qqZZ_norm": -2.0, "qqZZ_angle": 1.0}


@pytest.mark.parametrize("mu, alpha", [(0.0, None), (0.3, None), (4.0, None), (1.0, SHIFTED), (1.0, {"gg_scale": 5})])
def test_experiments_have_poisson_counts(mu, alpha):
    x, offsets = draw.draw_experiments({"mu": mu}, 400, np.random.default_rng(3), alpha)
    counts, expected = np.diff(offsets), expected_events({"mu": mu}, alpha)
    assert offsets[0] == 0 and offsets[-1] == len(x) and offsets.dtype == np.int64 and x.dtype == np.float32
    assert abs(counts.mean() - expected) < 4 * np.sqrt(expected / 400)
    # the variance of a sample variance of n normal numbers is 2σ⁴/(n−1)
    assert abs(counts.var(ddof=1) - expected) < 4 * expected * np.sqrt(2 / 399)


def test_same_seed_same_bytes():
    first, again, other = (draw.draw_experiments({"mu": 1}, 2, np.random.default_rng(seed))[0] for seed in (4, 4, 5))
    assert first.tobytes() == again.tobytes()
    assert not np.isin(first[:, 0], other[:, 0]).mean() > 0.01


def test_nuisance_parameters_at_zero_change_no_bit():
    nominal, zero = (
        draw.draw_experiments({"mu": 1}, 2, np.random.default_rng(4), alpha)[0]
        for alpha in (None, dict.fromkeys(SHIFTED, 0.0))
    )
    assert nominal.tobytes() == zero.tobytes()


def test_experiments_are_selected_whatever_the_scale():
    """The first events after the edges of 20 experiments: 220 GeV to a tenth of a GeV, never less."""
    for scale in (-5.0, 5.0):
        x, _ = draw.draw_experiments({"mu": 1}, 20, np.random.default_rng(8), {"lepton_scale": scale})
        assert 220 < x[:, 0].min() < 220.1 and x[:, 0].max() < 1500
        assert 60 < x[:, 1:3].min() < 62 and 116 < x[:, 1:3].max() < 120


def test_scaled_masses():
    x, _ = draw.draw_sample("qqZZ", 100, np.random.default_rng(7))
    scaled = draw.seen(x, 1.005)
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(scaled[:, 3:], x[:, 3:])
    np.testing.assert_allclose(scaled[:, :3], 1.005 * x[:, :3].astype(float), rtol=6e-8)
    np.testing.assert_array_equal(draw.seen(x, 1.0), x)


def test_no_experiments():
    x, offsets = draw.draw_experiments({"mu": 1}, 0, np.random.default_rng(5))
    assert x.shape == (0, 8) and offsets.tolist() == [0]


def test_unknown_names_are_refused():
    with pytest.raises(ConfigurationError, match="no sample 'qq'; did you mean 'qqZZ'"):
        draw.draw_sample("qq", 10, np.random.default_rng(6))
    with pytest.raises(ConfigurationError, match="no parameter 'nu'"):
        draw.draw_experiments({"nu": 1}, 1, np.random.default_rng(6))
    with pytest.raises(ConfigurationError, match="no systematic 'lepton_scal'; did you mean 'lepton_scale'"):
        draw.draw_experiments({"mu": 1}, 1, np.random.default_rng(6), {"lepton_scal": 1})
