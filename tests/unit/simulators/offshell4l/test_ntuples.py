import numpy as np
import pytest
import uproot

from steelyard.errors import ConfigurationError
from steelyard.simulators.offshell4l import ntuples
from steelyard.simulators.offshell4l.branches import branches
from steelyard.simulators.offshell4l.constants import OBSERVABLES, TREES
from steelyard.simulators.offshell4l.densities import densities_in, expected_events, yields_in
from steelyard.simulators.offshell4l.spaces import GENERATED

VARIED = {"events_lepton_scale_up": 1.005, "events_lepton_scale_down": 0.995}


def read(path, tree="events"):
    with uproot.open(path) as file:
        return file[tree].arrays(library="np")


def kinematics(data):
    return np.column_stack([data[name] for name in OBSERVABLES])


def selected(data):
    inside = (data["m4l"] > 220) & (data["m4l"] < 1500)
    return inside & np.all([(data[name] > 60) & (data[name] < 120) for name in ("mZ1", "mZ2")], axis=0)


def parts(folder, sample, events, n, seed=1):
    paths = [folder / f"{sample}-{n}-{seed}-{part}.root" for part in range(n)]
    counts = [ntuples.write_ntuple(path, sample, events, part, n, seed) for part, path in enumerate(paths)]
    return paths, counts


def test_round_trip(tmp_path):
    (path,), (count,) = parts(tmp_path, "gg", 2000, 1)
    data = read(path)
    assert count == 2000
    assert {name: array.dtype for name, array in data.items()} == branches("gg")
    x, processes = kinematics(data), ["S", "SBI", "B"]
    p, nu = densities_in(GENERATED, x, processes), yields_in(GENERATED, processes)
    weights = np.column_stack([data[f"weight_{name}"] for name in processes])
    np.testing.assert_array_equal(weights, nu / 2000 * p / p.mean(axis=1, keepdims=True))
    assert 0.9 < selected(data).mean() < 1.0


@pytest.mark.parametrize("sample", ["gg", "qqZZ"])
def test_varied_trees_are_the_same_events_with_other_masses(tmp_path, sample):
    (path,), _ = parts(tmp_path, sample, 2000, 1)
    nominal = read(path)
    with uproot.open(path) as file:
        assert [name.split(";")[0] for name in file.keys()] == list(TREES)  # noqa: SIM118 - no mapping
    for tree, scale in VARIED.items():
        varied = read(path, tree)
        assert {name: array.dtype for name, array in varied.items()} == branches(sample, tree)
        for name in ("m4l", "mZ1", "mZ2"):
            np.testing.assert_array_equal(varied[name], (nominal[name].astype(float) * scale).astype(np.float32))
        for name in set(varied) - {"m4l", "mZ1", "mZ2"}:
            np.testing.assert_array_equal(varied[name], nominal[name])
        entered = (varied["m4l"] > 220) & (nominal["m4l"] <= 220)
        left = (varied["m4l"] <= 220) & (nominal["m4l"] > 220)
        assert (entered.any(), left.any()) == (scale > 1, scale < 1)


def test_factors_are_those_of_the_written_kinematics(tmp_path):
    """exp(±h), h = 0.1 + 0.1·ln(m4l/300), and exp(±q), q = 0.06·(3c² − 1)/2, of the float32 numbers, in float64."""
    (gluons,), _ = parts(tmp_path, "gg", 1000, 1)
    (quarks,), _ = parts(tmp_path, "qqZZ", 1000, 1)
    gluons, quarks = read(gluons), read(quarks)
    h = 0.1 + 0.1 * np.log(gluons["m4l"].astype(float) / 300)
    q = 0.06 * (3 * quarks["cosThetaStar"].astype(float) ** 2 - 1) / 2
    for data, name, exponent in ((gluons, "gg_scale", h), (quarks, "qqZZ_angle", q)):
        np.testing.assert_allclose(data[f"factor_{name}_up"], np.exp(exponent), rtol=1e-14)
        np.testing.assert_allclose(data[f"factor_{name}_down"], np.exp(-exponent), rtol=1e-14)


def test_files_are_compressed_with_zstd_in_baskets(tmp_path, monkeypatch):
    monkeypatch.setattr(ntuples, "BASKET", 300)
    (path,), _ = parts(tmp_path, "qqZZ", 1000, 1)
    with uproot.open(path) as file:
        assert isinstance(file.file.compression, uproot.ZSTD)
        for tree in TREES:
            branch = file[tree]["weight_NI"]
            assert branch.num_baskets == 4
            assert branch.compressed_bytes < branch.uncompressed_bytes / 2


def test_parts_share_the_sample(tmp_path):
    paths, counts = parts(tmp_path, "gg", 1001, 4)
    data = [read(path) for path in paths]
    assert sorted(counts) == [250, 250, 250, 251]
    np.testing.assert_array_equal(np.concatenate([part["event"] for part in data]), np.arange(1001))
    assert len(np.unique(np.concatenate([part["m4l"] for part in data]))) > 990
    weights = np.concatenate([part["weight_B"] * selected(part) for part in data])
    assert weights.sum() == pytest.approx(170, abs=4 * weights.std() * np.sqrt(1001))


def test_quark_weights_add_up_over_parts(tmp_path):
    paths, _ = parts(tmp_path, "qqZZ", 1000, 3)
    data = [read(path) for path in paths]
    everything = yields_in(GENERATED, ["NI"])[0]
    assert sum(part["weight_NI"].sum() for part in data) == pytest.approx(everything, rel=1e-12)
    share = 900 / everything
    error = everything * np.sqrt(share * (1 - share) / 1000)
    assert sum(part["weight_NI"][selected(part)].sum() for part in data) == pytest.approx(900, abs=4 * error)


def test_entries_depend_on_sample_part_and_seed_only(tmp_path):
    (first, second), _ = parts(tmp_path, "gg", 600, 2, seed=1)
    ntuples.write_ntuple(tmp_path / "again.root", "gg", 600, 0, 2, 1)
    ntuples.write_ntuple(tmp_path / "other.root", "gg", 600, 0, 2, 2)
    nominal, again = read(first), read(tmp_path / "again.root")
    assert all(nominal[name].tobytes() == again[name].tobytes() for name in nominal)
    for other in (second, tmp_path / "other.root"):
        assert not np.any(read(other)["m4l"] == nominal["m4l"])


def test_observed_data_are_one_experiment(tmp_path):
    count = ntuples.write_observed(tmp_path / "observed.root", {"mu": 1.0}, 9)
    data = read(tmp_path / "observed.root")
    assert list(data) == [*OBSERVABLES, "event"]
    np.testing.assert_array_equal(data["event"], np.arange(count))
    expected = expected_events({"mu": 1.0})
    assert abs(count - expected) < 4 * np.sqrt(expected)
    assert ntuples.write_observed(tmp_path / "again.root", {"mu": 1.0}, 9) == count
    assert read(tmp_path / "again.root")["Phi"].tobytes() == data["Phi"].tobytes()


def test_observed_data_at_a_point_in_alpha(tmp_path):
    nominal, zero, shifted = (tmp_path / f"{name}.root" for name in ("nominal", "zero", "shifted"))
    alpha = {"lumi": 5.0, "qqZZ_norm": 5.0, "lepton_scale": 2.0}
    ntuples.write_observed(nominal, {"mu": 1.0}, 9)
    ntuples.write_observed(zero, {"mu": 1.0}, 9, {"lepton_scale": 0.0})
    count = ntuples.write_observed(shifted, {"mu": 1.0}, 9, alpha)
    assert read(zero)["m4l"].tobytes() == read(nominal)["m4l"].tobytes()
    data, expected = read(shifted), expected_events({"mu": 1.0}, alpha)
    assert count == len(data["event"]) and selected(data).all()
    assert abs(count - expected) < 4 * np.sqrt(expected)
    assert expected > 1.3 * expected_events({"mu": 1.0})


@pytest.mark.parametrize("events, part, n", [(100, 2, 2), (100, -1, 2), (1, 0, 2), (100, 0, 0)])
def test_senseless_parts_are_refused(tmp_path, events, part, n):
    with pytest.raises(ConfigurationError, match=f"part {part} of {n} with {events} events"):
        ntuples.write_ntuple(tmp_path / "x.root", "gg", events, part, n, 1)
    assert not list(tmp_path.iterdir())


def test_unknown_sample_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="did you mean 'gg'"):
        ntuples.write_ntuple(tmp_path / "x.root", "ggg", 10, 0, 1, 1)
