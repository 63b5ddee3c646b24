import numpy as np
import pytest
from simulated import simulated

from steelyard.diagnostics.ratio.convergence import Convergence, convergence
from steelyard.io.serialisation import from_json, to_json

SPREAD, MEMBERS = 0.2, 8


def members(count=MEMBERS, spread=SPREAD, seed=1):
    events = simulated(50_000)
    noise = np.random.default_rng(seed).normal(0, spread, size=(count, len(events.x)))
    return events.log_r[:, 3] + noise, events.reference


@pytest.mark.parametrize("combination", ["ratio", "log_ratio"])
def test_independent_members_converge_as_one_over_the_root(combination):
    result = convergence("NI", *members(), 0.1, combination)
    assert result.spread == pytest.approx(SPREAD, rel=0.02)
    assert result.error_of_mean == pytest.approx(SPREAD / np.sqrt(MEMBERS), rel=0.02)
    k = np.arange(1, MEMBERS + 1)
    # the mean of k out of M independent members is off the mean of all by sigma sqrt(1/k - 1/M)
    assert np.allclose(result.rms, SPREAD * np.sqrt(1 / k - 1 / MEMBERS), rtol=0.05)
    assert result.rms[-1] == 0.0
    assert result.check.status == "PASS"


def test_members_that_disagree_fail():
    assert convergence("NI", *members(spread=0.4), 0.1).check.status == "FAIL"


def test_a_common_factor_of_a_member_is_not_spread():
    log_ratio, weights = members()
    scaled = log_ratio + np.log(np.linspace(0.5, 2, MEMBERS))[:, None]
    assert convergence("NI", scaled, weights, 0.1).spread == pytest.approx(
        convergence("NI", log_ratio, weights, 0.1).spread
    )


def test_one_member_has_no_spread_and_says_so(tmp_path):
    result = convergence("NI", *members(count=1), 0.1)
    assert (result.spread, result.error_of_mean) == (None, None)
    assert (result.check.status, result.check.value, result.check.threshold) == ("WARN", 1.0, 2.0)
    assert result.check.name == "members of the ensemble of NI" and "one member has no spread" in result.check.detail
    to_json(result, tmp_path / "result.json")
    assert "nan" not in (tmp_path / "result.json").read_text()
    assert from_json(Convergence, tmp_path / "result.json").spread is None
