"""The versions of the events of a joint point, from stored samples."""

from dataclasses import replace

import factorising
import numpy as np
import pytest

from steelyard.data.identifiers import Split, event_ids, is_unseen
from steelyard.data.store import Sample, SampleInfo
from steelyard.diagnostics.factorisation.joint_events import joint_events
from steelyard.errors import InputError

EVENTS = 400
SPLIT = Split("held_out", 0.5, 2)


@pytest.fixture(scope="module")
def model():
    return factorising.build(500)


def store(x, weights, processes=factorising.PROCESSES, name="all", features=("x",), start=0):
    """Events of a feature x, or weights alone without any."""
    info = SampleInfo(name, processes, features, (), len(x), len(x), {}, {}, {}, ())
    columns = x[:, None] if features else np.empty((len(x), 0))
    ids = event_ids(name, [np.arange(start, start + len(x))])
    return Sample(info, columns.astype(np.float32), np.empty((len(x), 0), np.float32), weights, ids)


def scores(x):
    return np.concatenate([factorising.log_r(x), factorising.learned(x, 0.0)], axis=1)


class Judge:
    """Exact ratios of the one feature; it counts what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, sample):
        self.asked.append(sample)
        return scores(sample.features[:, 0].astype(float))


def versions():
    """Nominal, weight, scale and joint stores of the same events."""
    u = np.random.default_rng(0).uniform(size=EVENTS).astype(np.float32).astype(float)
    weights, x = factorising.rates(u) / EVENTS, factorising.moved(u)
    heavier = weights * np.exp(factorising.factor(u))[:, None]
    return (
        store(u, weights),
        store(u, heavier, features=()),
        store(x, weights),
        store(x, heavier),
    )


def gather(model, samples, alone, joint, judge, most=10_000, processes=factorising.VARIED):
    known = [list(scores(sample.features[:, 0].astype(float)).T) for sample in samples]
    return joint_events(model, factorising.POINT, processes, samples, known, alone, joint, SPLIT, judge, most)


def test_versions_are_the_unseen_events_with_their_ratios(model):
    nominal, weight, scale, both = versions()
    judge = Judge()
    events = gather(model, [nominal], {"weight": {"all": weight}, "scale": {"all": scale}}, {"all": both}, judge)
    unseen = is_unseen(nominal.ids, SPLIT)
    for version, stored in (
        (events.nominal, nominal),
        (events.alone["weight"], weight),
        (events.alone["scale"], scale),
        (events.joint, both),
    ):
        assert np.array_equal(version.ids, nominal.ids[unseen])
        assert np.array_equal(version.weights, stored.weights[unseen])
        x = (nominal if stored is weight else stored).features[unseen, 0].astype(float)
        assert np.allclose(version.intensities, model.event_intensities(factorising.log_r(x)))
        assert np.allclose(version.log_g, model.event_shapes(factorising.learned(x, 0.0)))
    assert len(judge.asked) == 1, "the moved events are the same with one and with both off"
    assert judge.asked[0].info.name == "all/factorisation"
    assert len(judge.asked[0]) == unseen.sum()


def test_fewer_events_are_the_same_ones_in_all_versions(model):
    nominal, weight, scale, both = versions()
    lost = replace(scale, **{name: getattr(scale, name)[9:] for name in ("features", "observables", "weights", "ids")})
    lost = replace(lost, info=replace(scale.info, n_selected=EVENTS - 9))
    events = gather(
        model, [nominal], {"weight": {"all": weight}, "scale": {"all": lost}}, {"all": both}, Judge(), most=60
    )
    assert 35 < len(events.nominal.ids) < 90
    assert np.array_equal(events.joint.ids, events.nominal.ids)
    assert set(events.alone["scale"].ids) == set(events.nominal.ids) & set(lost.ids)


def test_samples_and_processes_that_are_not_varied_stay_as_they_are(model):
    nominal, weight, scale, both = versions()
    more = store(np.linspace(0.1, 0.9, 50), np.full((50, 1), 0.2), ("B",), "more")
    other = store(np.linspace(0.1, 0.9, 50), np.full((50, 1), 0.2), ("S",), "other")
    only_b = replace(both, info=replace(both.info, processes=("B",)), weights=both.weights[:, 1:])
    events = gather(
        model,
        [nominal, more, other],
        {"weight": {"all": weight}, "scale": {"all": scale}},
        {"all": only_b},
        Judge(),
        processes={"B": ("weight", "scale")},
    )
    unseen, added = is_unseen(nominal.ids, SPLIT), is_unseen(more.ids, SPLIT)
    assert np.array_equal(events.joint.ids, np.concatenate([nominal.ids[unseen], more.ids[added]]))
    assert not events.joint.weights[:, 0].any(), "S is not compared"
    expected = np.concatenate([both.weights[unseen, 1], more.weights[added, 0]])
    assert np.array_equal(events.joint.weights[:, 1], expected)
    # Both processes of the sample are compared, and one of them is varied: its events and those of the other.
    events = gather(model, [nominal], {"weight": {"all": weight}, "scale": {"all": scale}}, {"all": only_b}, Judge())
    first, second = events.joint.weights[: unseen.sum()], events.joint.weights[unseen.sum() :]
    assert np.array_equal(first[:, 0], nominal.weights[unseen, 0]) and not first[:, 1].any()
    assert np.array_equal(second[:, 1], both.weights[unseen, 1]) and not second[:, 0].any()


def test_stores_of_other_configurations_are_refused(model):
    nominal, weight, scale, both = versions()
    alone = {"weight": {"all": weight}, "scale": {"all": scale}}
    wrong = replace(both, info=replace(both.info, features=("y",)))
    with pytest.raises(InputError, match="sample all: the varied events have other features"):
        gather(model, [nominal], alone, {"all": wrong}, Judge())
    short = store(np.zeros(7), np.ones((7, 2)), features=())
    with pytest.raises(InputError, match="sample all: 7 varied weights of 400 events"):
        gather(model, [nominal], alone | {"weight": {"all": short}}, {"all": both}, Judge())
