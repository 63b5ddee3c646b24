from dataclasses import replace

import numpy as np
import pytest
import torch
from gaussians import CROSS_FIT, HELD_OUT

from steelyard.errors import InputError
from steelyard.ratios.architectures.architecture import Design
from steelyard.ratios.ensembles import combine, combine_files, mean_log_ratio, open_ensemble
from steelyard.ratios.members import Member, build, save
from steelyard.ratios.network import Network


def member(number, **changes):
    network = Network(2, Design.of(hidden=[4]), generator=torch.Generator().manual_seed(number))
    values = {
        "ratio": "S",
        "member": number,
        "features": ("x", "y"),
        "architecture": network.architecture(),
        "state": network.state_dict(),
        "split": HELD_OUT,
        "seen": {"gg": {"events": 3, "sum": 6}},
        "training": {"epochs": 3},
        "bootstrap": False,
        "seed": number,
        "versions": {"torch": "2", "training": "1"},
        "recipe": f"{number}",
    }
    return Member(**values | changes)


def test_members_are_kept_in_the_order_of_their_numbers():
    ensemble = combine([member(2), member(0), member(1)], "ratio", HELD_OUT)
    assert [m.member for m in ensemble.members] == [0, 1, 2]
    assert (ensemble.ratio, ensemble.features, ensemble.split) == ("S", ("x", "y"), HELD_OUT)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "at least one"),
        ([member(0), member(0)], "not all different"),
        ([member(0), member(1, ratio="B")], "ratio B against S"),
        ([member(0), member(1, features=("y", "x"))], "features"),
        ([member(0), member(1, split=CROSS_FIT)], "split"),
        ([member(0), member(1, training={"epochs": 4})], "training {'epochs': 4} against {'epochs': 3}"),
        ([member(0), member(1, bootstrap=True)], "bootstrap"),
        ([member(0), member(1, versions={"torch": "2", "training": "2"})], "training_version"),
        ([member(0, split=CROSS_FIT), member(1, split=CROSS_FIT)], "train them again"),
        ([member(0, split=replace(HELD_OUT, train_fraction=0.6))], "train them again"),
    ],
)
def test_members_that_do_not_belong_together_are_refused(members, message):
    with pytest.raises(InputError, match=message):
        combine(members, "ratio", HELD_OUT)


def test_unknown_combination_is_refused():
    with pytest.raises(ValueError, match="median"):
        combine([member(0)], "median", HELD_OUT)


def test_one_file_holds_all_that_evaluation_needs(tmp_path):
    paths = [tmp_path / f"{number}.pt" for number in range(3)]
    for number, path in enumerate(paths):
        save(member(number), path)
    combine_files(paths, "log_ratio", HELD_OUT, tmp_path / "S.pt")
    for path in paths:
        path.unlink()
    found = open_ensemble(tmp_path / "S.pt")
    assert found.combination == "log_ratio"
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(1))
    for number, one in enumerate(found.members):
        assert torch.equal(one.network()(x), member(number).network()(x))


def test_file_is_readable_without_this_package(tmp_path):
    save(member(4), tmp_path / "4.pt")
    combine_files([tmp_path / "4.pt"], "ratio", HELD_OUT, tmp_path / "S.pt")
    data = torch.load(tmp_path / "S.pt", weights_only=True)  # refuses every class
    (one,) = data["members"]
    assert (data["ratio"], data["combination"], one["features"]) == ("S", "ratio", ["x", "y"])
    assert one["split"] == {"method": "held_out", "train_fraction": 0.5, "folds": 5}
    assert one["architecture"] == {
        "name": "perceptron",
        "inputs": 2,
        "options": {"hidden": [4], "activation": "silu"},
    }
    assert build(one["architecture"], one["state"])(torch.zeros(1, 2)).shape == (1,)


def test_a_member_is_not_an_ensemble(tmp_path):
    save(member(0), tmp_path / "0.pt")
    with pytest.raises(InputError, match="not an ensemble"):
        open_ensemble(tmp_path / "0.pt")


@pytest.mark.parametrize("combination", ["ratio", "log_ratio"])
def test_mean_is_the_documented_formula(combination):
    rng = np.random.default_rng(1)
    values, judges = rng.normal(size=(5, 200)), rng.random((5, 200)) < 0.5
    judges[:, 0] = False
    found = mean_log_ratio(values, judges, combination)
    assert np.isnan(found[0])
    for column in range(1, 200):
        chosen = values[judges[:, column], column]
        if not len(chosen):
            assert np.isnan(found[column])
            continue
        expected = np.log(np.mean(np.exp(chosen))) if combination == "ratio" else np.mean(chosen)
        assert found[column] == pytest.approx(expected, abs=1e-13)


def test_mean_of_one_member_is_that_member_exactly():
    values = np.random.default_rng(1).normal(size=(1, 100)).astype(np.float32)
    for combination in ("ratio", "log_ratio"):
        assert np.array_equal(mean_log_ratio(values, np.True_, combination), values[0].astype(float))


def test_mean_of_ratios_neither_overflows_nor_vanishes():
    values = np.array([[1000.0, -1000.0, -1000.0], [1000.0, -1000.0, 1000.0]], dtype=np.float32)
    found = mean_log_ratio(values, np.True_, "ratio")
    np.testing.assert_allclose(found, [1000, -1000, 1000 - np.log(2)], rtol=0, atol=1e-12)


def test_mean_is_formed_in_double_precision():
    # one float32 step at 8 is 1e-6; the mean of two neighbours lies between them
    values = np.array([[8.0], [np.nextafter(np.float32(8.0), np.float32(9.0))]], dtype=np.float32)
    found = mean_log_ratio(values, np.True_, "log_ratio")[0]
    assert 8.0 < found < float(values[1, 0])
