import numpy as np
import pytest
import uproot

from steelyard.errors import ConfigurationError
from steelyard.offshell4l import ntuples
from steelyard.offshell4l.constants import OBSERVABLES
from steelyard.offshell4l.densities import densities, expected_events, yields


def read(path):
    with uproot.open(path) as file:
        return file["events"].arrays(library="np")


def parts(folder, sample, events, n, seed=1):
    paths = [folder / f"{sample}-{n}-{seed}-{part}.root" for part in range(n)]
    counts = [ntuples.write_ntuple(path, sample, events, part, n, seed) for part, path in enumerate(paths)]
    return paths, counts


def test_round_trip(tmp_path):
    (path,), (count,) = parts(tmp_path, "gg", 2000, 1)
    data = read(path)
    assert count == 2000
    assert {name: array.dtype for name, array in data.items()} == ntuples.branches("gg")
    x = np.column_stack([data[name] for name in OBSERVABLES])
    p, nu = densities(x, ["S", "SBI", "B"]), yields(["S", "SBI", "B"])
    weights = np.column_stack([data[f"weight_{name}"] for name in ("S", "SBI", "B")])
    np.testing.assert_array_equal(weights, nu / 2000 * p / p.mean(axis=1, keepdims=True))
    assert np.all((x[:, 0] > 220) & (x[:, 0] < 1500))


def test_files_are_compressed_with_zstd_in_baskets(tmp_path, monkeypatch):
    monkeypatch.setattr(ntuples, "BASKET", 300)
    (path,), _ = parts(tmp_path, "qqZZ", 1000, 1)
    with uproot.open(path) as file:
        branch = file["events"]["weight_NI"]
        assert isinstance(file.file.compression, uproot.ZSTD)
        assert branch.num_baskets == 4
        assert branch.compressed_bytes < branch.uncompressed_bytes / 2


def test_parts_share_the_sample(tmp_path):
    paths, counts = parts(tmp_path, "gg", 1001, 4)
    data = [read(path) for path in paths]
    assert sorted(counts) == [250, 250, 250, 251]
    np.testing.assert_array_equal(np.concatenate([part["event"] for part in data]), np.arange(1001))
    assert len(np.unique(np.concatenate([part["m4l"] for part in data]))) > 990
    whole_sample = np.concatenate([part["weight_B"] for part in data])
    assert whole_sample.sum() == pytest.approx(170, abs=4 * whole_sample.std() * np.sqrt(1001))


def test_quark_weights_add_up_over_parts(tmp_path):
    paths, _ = parts(tmp_path, "qqZZ", 1000, 3)
    assert sum(read(path)["weight_NI"].sum() for path in paths) == pytest.approx(900, rel=1e-12)


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


@pytest.mark.parametrize("events, part, n", [(100, 2, 2), (100, -1, 2), (1, 0, 2), (100, 0, 0)])
def test_senseless_parts_are_refused(tmp_path, events, part, n):
    with pytest.raises(ConfigurationError, match=f"part {part} of {n} with {events} events"):
        ntuples.write_ntuple(tmp_path / "x.root", "gg", events, part, n, 1)
    assert not list(tmp_path.iterdir())


def test_unknown_sample_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="did you mean 'gg'"):
        ntuples.write_ntuple(tmp_path / "x.root", "ggg", 10, 0, 1, 1)
