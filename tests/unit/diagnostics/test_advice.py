"""What to do next: the part that is largest comes first, with the amount that helps and what it promises."""

import itertools
from dataclasses import dataclass, field

import numpy as np
import pytest

from steelyard.diagnostics.advice import TARGET, advise


@dataclass
class Point:
    """A made-up decomposition; sigma_t follows from it."""

    events: dict[str, float] = field(default_factory=lambda: {"gg": 0.0, "qq": 0.0})
    bias: float = 0.0
    bias_error: float = 0.0
    noise: float = 0.0
    members: float | None = None
    reference: float | None = None
    mu: float = 0.0
    t: float = 1.0
    allowance: float = 0.15

    @property
    def sigma_t(self):
        return float(np.sqrt(self.bias**2 + self.bias_error**2 + (self.reference or 0.0) ** 2))


SIZES = {"gg": 800_000, "qq": 1_200_000}


def steps(networks=2, worst="", **parts):
    return advise(Point(**parts), "mu", SIZES, networks, worst)


def test_nothing_is_advised_below_half_of_the_allowance():
    assert steps(events={"gg": 0.05, "qq": 0.03}, bias=0.05, bias_error=0.02) == []


def test_events_of_the_sample_that_matters_and_how_many():
    """An error of 0.12 from gg alone: (0.12/0.075)² = 2.56 times the events bring it to half of the allowance."""
    (step,) = steps(events={"gg": 0.12, "qq": 0.0}, bias=0.12)
    assert (step.kind, step.target, step.factor) == ("events", "gg", 2.6)
    assert step.before == pytest.approx(0.12) and step.after == pytest.approx(0.12 / np.sqrt(2.6))
    assert step.text == (
        "simulate 2.6 times the events of gg (2,100,000 instead of 800,000), whose training events move t by ±0.12: "
        "σ_t at mu = 0 from 0.12 to 0.074, where 0.15 is allowed"
    )


def test_the_largest_part_comes_first_and_steps_build_on_each_other():
    parts = {"events": {"gg": 0.30, "qq": 0.05}, "members": 0.10, "reference": 0.09, "bias_error": 0.02}
    total = np.sqrt(0.30**2 + 0.05**2 + 0.10**2)
    found = steps(bias=total, **parts)
    assert found[0].kind == "events" and found[0].target == "gg"
    assert {step.kind for step in found} == {"events", "members", "reference"}
    for first, second in itertools.pairwise(found):
        assert second.before == first.after > second.after
    reductions = [step.before**2 - step.after**2 for step in found]
    assert reductions == sorted(reductions, reverse=True)
    assert found[-1].after <= TARGET * 0.15 * 1.05


@pytest.mark.parametrize(
    ("parts", "kind", "after"),
    [
        ({"members": 0.12, "bias": 0.12}, "members", 0.12 * np.sqrt(2 / 6)),  # 2 · 2.56 = 5.1, so 6 members
        ({"reference": 0.12}, "reference", 0.12 / np.sqrt(2.6)),
        # t too small by far more than the events explain, and what is left of it is what they do explain
        ({"events": {"gg": 0.02, "qq": 0.0}, "bias": -0.3, "bias_error": 0.02}, "epochs", np.hypot(0.02, 0.02)),
    ],
)
def test_each_source_has_its_step(parts, kind, after):
    found = steps(**parts)
    assert [step.kind for step in found] == [kind]
    assert found[0].after == pytest.approx(after, rel=1e-6)
    assert found[0].after <= TARGET * 0.15


def test_too_large_a_t_is_the_second_order_which_falls_with_the_events():
    """0.3 of an expected 0.15, a factor of two: four times the events, where first order would need sixteen."""
    (step,) = steps(events={"gg": 0.01, "qq": 0.0}, bias=0.3, noise=0.15)
    assert step.kind == "events" and step.factor == pytest.approx(4.1, rel=0.05) and step.after <= TARGET * 0.15


def test_training_longer_names_the_ratio_that_closes_worst():
    (step,) = steps(bias=-0.3, bias_error=0.02, worst="S")
    assert step.target == "S" and "S first, whose closure is the worst" in step.text
    assert "t is too small by 0.3 ± 0.02" in step.text


def test_one_member_has_no_scatter_to_advise_on():
    assert all(step.kind != "members" for step in steps(networks=1, events={"gg": 0.3, "qq": 0.1}, bias=0.3))


def test_a_lucky_bias_is_not_promised_again():
    """The bias happens to be 0 and its error is the reason: after more events it may be what they let expect."""
    (step, *_) = steps(events={"gg": 0.10, "qq": 0.0}, bias=0.0, bias_error=0.10)
    assert step.before == pytest.approx(0.10)
    assert step.after == pytest.approx(np.sqrt((0.1**2 + 0.1**2) / step.factor), rel=1e-6)


def test_what_cannot_be_reached_is_not_promised():
    (step, *_) = steps(events={"gg": 5.0, "qq": 0.0}, bias=5.0)
    assert step.factor == 100.0 and step.after == pytest.approx(0.5)


@pytest.mark.parametrize("seed", range(20))
def test_any_decomposition_gives_steps_that_fall(seed):
    generator = np.random.default_rng(seed)
    scale = 10.0 ** generator.uniform(-2, 1)
    found = steps(
        events={name: scale * generator.exponential() for name in SIZES},
        bias=scale * generator.normal() * 2.0,
        bias_error=scale * generator.exponential(0.3),
        noise=scale * generator.exponential(0.3),
        members=scale * generator.exponential(0.5) if generator.uniform() < 0.7 else None,
        reference=scale * generator.exponential(0.3) if generator.uniform() < 0.7 else None,
    )
    afters = [step.after for step in found]
    assert afters == sorted(afters, reverse=True) and len({(step.kind, step.target) for step in found}) == len(found)
    for step in found:
        assert step.factor is None or 1.0 < step.factor <= 100.0
        assert np.isfinite([step.before, step.after]).all() and step.text
