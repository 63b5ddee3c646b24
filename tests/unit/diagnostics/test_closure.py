import numpy as np
import pytest
from simulated import simulated

from steelyard.diagnostics.closure import Closure, bin_columns, closure
from steelyard.errors import ModelError
from steelyard.io.serialisation import from_json, to_json

S, SBI, B, NI = range(4)


def columns_of(events):
    return bin_columns(["x", "y"], [events.x, events.y], events.reference)


def run(events, target, log_ratio, source=None, threshold=0.02):
    source = events.reference if source is None else source
    return closure("ratio", columns_of(events), events.weights[:, target], source, log_ratio, threshold)


@pytest.mark.parametrize("process", [S, SBI, B, NI])
def test_exact_ratios_close(process):
    events = simulated()
    result = run(events, process, events.log_r[:, process])
    assert result.check.status == "PASS"
    for column in result.columns:
        assert column.ndf == 19
        assert abs(column.chi2 - column.ndf) < 4 * np.sqrt(2 * column.ndf)
        assert column.target.sum() == pytest.approx(1.0)
        assert column.reweighted.sum() == pytest.approx(1.0)


def test_chi2_has_the_distribution_that_its_name_promises():
    # 40 samples x 2 variables x 4 ratios; S, SBI and B of one sample are correlated, so count 40 x 2 x 2 of 19 each
    chi2 = []
    for seed in range(40):
        events = simulated(8_000, seed)
        chi2 += [
            (column.chi2, column.ndf)
            for process in range(4)
            for column in run(events, process, events.log_r[:, process]).columns
        ]
    total, ndf = np.sum(chi2, axis=0) / 2
    assert abs(total - ndf) < 4 * np.sqrt(2 * ndf)


@pytest.mark.parametrize("process", [SBI, B, NI])
def test_a_tilted_ratio_fails_where_it_is_tilted(process):
    events = simulated()
    result = run(events, process, events.log_r[:, process] + 0.3 * events.x)
    assert result.check.status == "FAIL"
    x, y = result.columns
    # a slope of 0.3 over a variable of this spread under the process
    p = events.weights[:, process]
    spread = np.sqrt(p @ events.x**2 - (p @ events.x) ** 2)
    assert x.deviation == pytest.approx(0.3 * spread, rel=0.1)
    assert y.deviation < 0.01
    assert "worst of 2 variables: x" in result.check.detail


def test_a_tilt_in_a_variable_that_no_network_sees_fails_too():
    events = simulated()
    result = run(events, B, events.log_r[:, B] + 0.05 * events.y)
    assert result.check.status == "FAIL" and "y" in result.check.detail


def test_swapped_ratios_fail():
    events = simulated()
    assert run(events, S, events.log_r[:, SBI]).check.status == "FAIL"
    assert run(events, SBI, events.log_r[:, B]).check.status == "FAIL"


def test_a_common_factor_is_not_its_business():
    events = simulated()
    plain, scaled = (run(events, B, events.log_r[:, B] + shift).columns[0] for shift in (0.0, np.log(1.02)))
    assert scaled.deviation == pytest.approx(plain.deviation, abs=1e-9)
    assert scaled.chi2 == pytest.approx(plain.chi2, rel=1e-9)


def test_a_difference_of_two_ratios_on_shared_events_is_tested_without_their_common_noise():
    events = simulated()
    log_ratio = events.log_r[:, SBI] - events.log_r[:, B]
    exact = run(events, SBI, log_ratio, events.weights[:, B])
    assert exact.check.status == "PASS" and exact.columns[0].deviation < 1e-6
    damaged = run(events, SBI, log_ratio + 0.01 * events.x, events.weights[:, B], threshold=0.002)
    assert damaged.check.status == "FAIL"
    # independent errors of the two histograms would leave a tilt of 1 % without significance
    x = damaged.columns[0]
    entries = len(events.x) / 2 / len(x.target)
    independent = ((x.reweighted - x.target) ** 2 / (2 * x.target**2 / entries)).sum()
    assert x.chi2 > 100 * x.ndf > 10 * independent


def test_events_of_neither_density_need_no_ratio_and_others_do():
    events = simulated(20_000)
    log_ratio = events.log_r[:, SBI] - events.log_r[:, B]
    log_ratio[events.weights[:, NI] > 0] = np.nan
    assert run(events, SBI, log_ratio, events.weights[:, B]).check.status == "PASS"
    with pytest.raises(ModelError, match="10000 of 20000 log ratios are not finite"):
        run(events, SBI, log_ratio)


def test_a_density_without_events_is_an_error():
    events = simulated(20_000)
    with pytest.raises(ModelError, match="target of ratio sum to 0"):
        closure("ratio", columns_of(events), np.zeros(20_000), events.reference, events.log_r[:, 0], 0.02)


def test_few_events_merge_bins_and_do_not_pass_unheard():
    events = simulated(800)
    result = run(events, NI, events.log_r[:, NI])
    assert all(column.ndf < 19 for column in result.columns)
    assert len(result.columns[0].edges) == result.columns[0].ndf + 2
    assert result.check.status == "WARN" and result.check.error > result.check.threshold


def test_result_survives_json(tmp_path):
    events = simulated(20_000)
    result = run(events, B, events.log_r[:, B])
    to_json(result, tmp_path / "closure.json")
    back = from_json(Closure, tmp_path / "closure.json")
    assert back.check == result.check
    assert np.array_equal(back.columns[1].error, result.columns[1].error)
