import numpy as np
import pytest

from steelyard.errors import ModelError
from steelyard.simulators.offshell4l import sampling
from steelyard.simulators.offshell4l.integrals import integrals
from steelyard.simulators.offshell4l.spaces import GENERATED, SELECTED
from steelyard.simulators.offshell4l.variation_factors import Nuisances

SPACES = [
    SELECTED,
    GENERATED,
    Nuisances(lepton_scale=5.0, gg_scale=5.0, qqZZ_angle=5.0).space,
    Nuisances(lepton_scale=-10.0, gg_scale=-10.0, qqZZ_angle=-10.0).space,
]


@pytest.mark.parametrize("space", SPACES)
def test_components_add_up_to_the_processes(space):
    for name, (higgs, box) in {"S": (1, 0), "SBI": (1, 1), "B": (0, 1)}.items():
        parts = sampling.gluon_components(higgs, box, space)
        assert sum(part.integral for part in parts) == pytest.approx(integrals(space).process(name), rel=1e-14)


@pytest.mark.parametrize("space", SPACES)
def test_bounds_hold_for_every_component_and_every_interference(space):
    """The samplers raise where a bound fails: also where the amplitudes cancel or μ is large."""
    rng = np.random.default_rng(1)
    for kappa in (0.0, 0.1, 0.3, 0.6, 0.9, 1.3, 2.0, 10.0):
        for part in [*sampling.gluon_components(kappa, 1.0, space), sampling.quark_component(space)]:
            x = sampling.draw_component(part, 10_000, rng)
            assert x.shape == (10_000, 8)
            assert space.m4l[0] <= x[:, 0].min() and x[:, 0].max() <= space.m4l[1]
            assert space.mass[0] <= x[:, 1:3].min() and x[:, 1:3].max() <= space.mass[1]


@pytest.mark.parametrize("kind", ["scalar", "tensor", "quark"])
def test_a_bound_that_is_too_low_is_an_error(monkeypatch, kind):
    monkeypatch.setattr(sampling, "TABLE_MARGIN", 0.2)
    parts = [*sampling.gluon_components(1.0, 1.0), sampling.quark_component()]
    with pytest.raises(ModelError, match="acceptance probability"):
        sampling.draw_component(parts[["scalar", "tensor", "quark"].index(kind)], 5000, np.random.default_rng(2))


@pytest.mark.parametrize("space", SPACES)
def test_table_margin_covers_the_bound_between_its_edges(space):
    """Halving the bins moves no bound of a bin by more than the margin of 0.1 %."""
    edges, masses, alpha = sampling._edges(space), sampling._masses(space), space.gluon_alpha
    middles = 0.5 * (edges[1:] + edges[:-1])
    for part in [
        *sampling.gluon_components(1.0, 1.0),
        *sampling.gluon_components(0.5, 1.0),
        sampling.quark_component(),
    ]:
        at_edges = sampling._bounds(part.kind, part.higgs, part.box, edges, masses, alpha)
        between = sampling._bounds(part.kind, part.higgs, part.box, middles, masses, alpha)
        assert np.max(between / np.maximum(at_edges[1:], at_edges[:-1])) < 1.0 + 0.1 * (sampling.TABLE_MARGIN - 1.0)


def test_mixture_has_the_fractions_and_no_order():
    """Both parts of B in proportion; multinomial error; the parts are shuffled over the rows."""
    parts = [*sampling.gluon_components(1.0, 0.0), sampling.quark_component()]
    x = sampling.draw_mixture(parts, np.array([1.0, 1.0]), 40_000, np.random.default_rng(3))
    # the signal extends to higher masses: the halves of a shuffled sample agree
    first, second = x[:20_000, 0], x[20_000:, 0]
    error = np.hypot(first.std(), second.std()) / np.sqrt(20_000)
    assert abs(first.mean() - second.mean()) < 4 * error
    assert sampling.draw_mixture(parts, np.array([1.0, 1.0]), 0, np.random.default_rng(3)).shape == (0, 8)


def test_same_seed_same_bytes():
    part = sampling.gluon_components(0.7, 1.0)[0]
    first, again, other = (sampling.draw_component(part, 1000, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert first.tobytes() == again.tobytes()
    assert not np.any(first == other)
