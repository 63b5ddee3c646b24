import numpy as np
import pytest

from steelyard.data import store
from steelyard.data.store import Sample, SampleInfo
from steelyard.errors import InputError

COLUMNS = {"features": 3, "observables": 1, "weights": 2}


def arrays(rows, first=0, columns=COLUMNS):
    rng = np.random.default_rng(first)
    return {
        **{name: rng.normal(size=(rows, width)).astype(store.ARRAYS[name]) for name, width in columns.items()},
        "ids": np.arange(first, first + rows, dtype=np.uint64),
    }


def info(rows, processes=("S", "B")):
    zeros = dict.fromkeys(processes, 0.0)
    return SampleInfo(
        name="gg",
        processes=tuple(processes),
        features=("a", "b", "c"),
        observables=("m",),
        n_read=2 * rows,
        n_selected=rows,
        sum_weights=zeros,
        sum_weights_squared=zeros,
        n_negative=dict.fromkeys(processes, 0),
        files=("a.root", "b.root"),
    )


def write(folder, sizes, columns=COLUMNS, processes=("S", "B")):
    parts = [arrays(rows, first=100 * number, columns=columns) for number, rows in enumerate(sizes)]
    with store.parts_folder(folder) as temporary:
        for number, part in reversed(list(enumerate(parts))):  # workers finish in any order
            store.write_part(temporary, number, part)
        with store.joined(temporary, list(sizes), columns, folder) as (_, write_info):
            write_info(info(sum(sizes), processes))
    return {name: np.concatenate([part[name] for part in parts]) for name in store.ARRAYS}


def test_parts_are_joined_in_order_to_one_sample(tmp_path):
    expected = write(tmp_path, (4, 0, 7))
    sample = Sample.open(tmp_path)
    assert len(sample) == 11
    assert sample.info == info(11)
    for name, kind in store.ARRAYS.items():
        array = getattr(sample, name)
        assert array.dtype == kind
        assert array.flags.c_contiguous
        np.testing.assert_array_equal(array, expected[name])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "features.npy",
        "ids.npy",
        "observables.npy",
        "sample.json",
        "weights.npy",
    ]


def test_the_arrays_are_mapped_and_read_only(tmp_path):
    write(tmp_path, (4,))
    sample = Sample.open(tmp_path)
    assert isinstance(sample.features, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        sample.weights[0, 0] = 1.0


def test_a_column_is_the_weights_of_a_process(tmp_path):
    expected = write(tmp_path, (4,))
    sample = Sample.open(tmp_path)
    np.testing.assert_array_equal(sample.column("B"), expected["weights"][:, 1])
    with pytest.raises(KeyError, match="gg carries no weights of process SBI, only of: S, B"):
        sample.column("SBI")


def test_observables_are_taken_by_name(tmp_path):
    expected = write(tmp_path, (4,))
    sample = Sample.open(tmp_path)
    np.testing.assert_array_equal(sample.observables_named(["m"]), expected["observables"])
    with pytest.raises(InputError, match="gg has no observable q, only m; add it to `observables`"):
        sample.observables_named(["m", "q"])


def test_samples_are_opened_in_the_order_given(tmp_path):
    for name, rows in (("b", 4), ("a", 7)):
        write(tmp_path / name, (rows,))
    samples = store.open_all([tmp_path / "b" / "sample.json", tmp_path / "a" / "sample.json"])
    assert [len(sample) for sample in samples] == [4, 7]


def test_observed_data_have_no_weights(tmp_path):
    write(tmp_path, (4, 3), columns={**COLUMNS, "weights": 0}, processes=())
    assert Sample.open(tmp_path).weights.shape == (7, 0)


def test_nothing_appears_when_the_last_look_fails(tmp_path):
    with store.parts_folder(tmp_path) as parts:
        store.write_part(parts, 0, arrays(4))
        with (
            pytest.raises(InputError, match="refused"),
            store.joined(parts, [4], COLUMNS, tmp_path) as (joined, write_info),
        ):
            assert joined["features"].shape == (4, 3)
            write_info(info(4))
            raise InputError("refused")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_the_sample_that_was_there(tmp_path):
    expected = write(tmp_path, (4,))
    with pytest.raises(InputError), store.parts_folder(tmp_path) as parts:
        store.write_part(parts, 0, arrays(9, first=500))
        with store.joined(parts, [9], COLUMNS, tmp_path):
            raise InputError("refused")
    np.testing.assert_array_equal(Sample.open(tmp_path).ids, expected["ids"])


def test_a_part_of_another_length_than_reported_is_a_bug(tmp_path):
    with store.parts_folder(tmp_path) as parts:
        store.write_part(parts, 0, arrays(4))
        with pytest.raises(RuntimeError, match="bytes of features"), store.joined(parts, [5], COLUMNS, tmp_path):
            pass


@pytest.mark.parametrize("missing", ["weights.npy", "sample.json"])
def test_a_missing_file_is_named(tmp_path, missing):
    write(tmp_path, (4,))
    (tmp_path / missing).unlink()
    with pytest.raises(InputError, match=f"{missing} missing"):
        Sample.open(tmp_path)


@pytest.mark.parametrize("change", [lambda a: a[:3], lambda a: a.astype(np.float32)])
def test_an_array_that_does_not_match_is_named(tmp_path, change):
    write(tmp_path, (4,))
    np.save(tmp_path / "weights.npy", change(np.load(tmp_path / "weights.npy")))
    with pytest.raises(InputError, match=r"weights\.npy: .* where sample\.json promises float64 \(4, 2\)"):
        Sample.open(tmp_path)


def test_weight_sums_go_through_blocks(monkeypatch):
    monkeypatch.setattr(store, "_ROWS", 4)
    weights = np.array([[1.0, -1.0]] * 9 + [[-2.0, 3.0]])
    sums, squares, negative, below = store.weight_sums(weights)
    assert sums.tolist() == [7.0, -6.0]
    assert squares.tolist() == [13.0, 18.0]
    assert negative.tolist() == [1, 9] and below.tolist() == [2.0, 9.0]
