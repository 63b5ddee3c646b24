import os
import shutil
import tracemalloc

import awkward as ak
import numpy as np
import pytest
import uproot

from steelyard.configuration.schema import Expression, Ingestion, Observable, Observed, Sample
from steelyard.data.identifiers import event_ids, text_key
from steelyard.data.ingest import ingest_sample
from steelyard.data.store import Sample as Stored
from steelyard.data.store import SampleInfo
from steelyard.errors import ConfigurationError, InputError
from steelyard.io.serialisation import from_json

GG = {"name": "gg", "files": ["*.root"], "tree": "events", "event_id": ["event"], "weights": {"S": "w", "B": "2*w"}}
FEATURES = {"log_m": "log(m)", "angle": "flip*c"}
VARIABLES = {"flip": "where(c < 0, -1, 1)", "unused": "nowhere + 1"}
OBSERVABLES = {"mass": "m"}
SELECTION = "m > 220 and flip*c < 0.9"


def events(number, first=0, seed=0):
    rng = np.random.default_rng([seed, first])
    return {
        "m": rng.uniform(200, 400, number).astype(np.float32),
        "c": rng.uniform(-1, 1, number).astype(np.float32),
        "w": rng.uniform(0.5, 1, number),
        "event": np.arange(first, first + number, dtype=np.uint64),
    }


def write(path, branches, tree="events", step=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    with uproot.recreate(path, compression=uproot.ZSTD(1)) as file:
        types = {
            name: column.type.content if isinstance(column, ak.Array) else np.dtype((column.dtype, column.shape[1:]))
            for name, column in branches.items()
        }
        file.mktree(tree, types)
        length = len(next(iter(branches.values())))
        step = step or max(length, 1)
        for start in range(0, length, step):
            file[tree].extend({name: column[start : start + step] for name, column in branches.items()})
    return path


def ingest(
    folder,
    files,
    sample=GG,
    variables=VARIABLES,
    selection=SELECTION,
    features=FEATURES,
    scheduler="synchronous",
    entries=1000,
    threads=None,
):
    configured = Sample(**sample) if "weights" in sample else Observed(**sample)
    return ingest_sample(
        configured,
        [str(file) for file in files],
        [Expression(name=name, expression=text) for name, text in variables.items()],
        selection,
        [Expression(name=name, expression=text) for name, text in features.items()],
        [Observable(name=name, expression=text) for name, text in OBSERVABLES.items()],
        Ingestion(scheduler=scheduler, entries_per_partition=entries),
        folder,
        threads,
    )


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix == ".npy"}


@pytest.fixture
def pair(tmp_path):
    """Two files of one sample, and their events."""
    first, second = events(700), events(500, first=700)
    write(tmp_path / "a.root", first)
    write(tmp_path / "b.root", second)
    together = {name: np.concatenate([first[name], second[name]]) for name in first}
    return [tmp_path / "a.root", tmp_path / "b.root"], together


# --- what is stored ---------------------------------------------------------------------------------------------------


def test_a_sample_is_what_the_expressions_say(tmp_path, pair):
    files, data = pair
    info = ingest(tmp_path / "out", files)
    m, c = data["m"].astype(float), data["c"].astype(float)
    kept = (m > 220) & (np.abs(c) < 0.9)
    sample = Stored.open(tmp_path / "out")
    np.testing.assert_array_equal(sample.features[:, 0], np.log(m[kept]).astype(np.float32))
    np.testing.assert_array_equal(sample.features[:, 1], np.abs(c[kept]).astype(np.float32))
    np.testing.assert_array_equal(sample.observables[:, 0], data["m"][kept])
    np.testing.assert_array_equal(sample.weights, np.outer(data["w"][kept], [1, 2]))
    np.testing.assert_array_equal(sample.ids, event_ids("gg", [data["event"][kept]]))
    assert info == sample.info == from_json(SampleInfo, tmp_path / "out" / "sample.json")
    assert (info.name, info.processes, info.features, info.observables) == (
        "gg",
        ("S", "B"),
        tuple(FEATURES),
        ("mass",),
    )
    assert (info.n_read, info.n_selected) == (1200, kept.sum())
    assert info.sum_weights == pytest.approx({"S": data["w"][kept].sum(), "B": 2 * data["w"][kept].sum()}, rel=1e-12)
    assert info.sum_weights_squared["B"] == pytest.approx((4 * data["w"][kept] ** 2).sum(), rel=1e-12)
    assert info.files == tuple(str(file) for file in files)


def test_only_needed_branches_are_read(tmp_path):
    # The variable `unused` needs a branch that does not exist, and `jets` could not be stored.
    write(tmp_path / "a.root", {**events(50), "jets": ak.Array([[1.0, 2.0], []] * 25)})
    assert ingest(tmp_path / "out", [tmp_path / "a.root"]).n_read == 50


def test_a_variable_may_hide_the_branch_that_it_is_made_of(tmp_path, pair):
    files, data = pair
    ingest(tmp_path / "out", files, variables={"m": "m/100", "c": "2*m"}, selection="m > 2.2", features={"c": "c"})
    m = data["m"].astype(float)
    expected = (2 * (m / 100))[m > 220].astype(np.float32)
    np.testing.assert_array_equal(Stored.open(tmp_path / "out").features[:, 0], expected)


def test_undefined_values_of_entries_not_selected_do_not_matter(tmp_path):
    data = events(100)
    data["m"][:50] = -1.0  # log(-1)
    write(tmp_path / "a.root", data)
    ingest(tmp_path / "out", [tmp_path / "a.root"], selection="m > 0")
    assert np.isfinite(Stored.open(tmp_path / "out").features).all()


def test_a_numerical_selection_keeps_what_is_neither_zero_nor_undefined(tmp_path):
    data = {**events(4), "flag": np.array([0.0, 1.0, np.nan, -2.0])}
    write(tmp_path / "a.root", data)
    ingest(tmp_path / "out", [tmp_path / "a.root"], selection="flag")
    np.testing.assert_array_equal(Stored.open(tmp_path / "out").ids, event_ids("gg", [data["event"][[1, 3]]]))


def test_constant_features_and_weights_fill_their_column(tmp_path):
    write(tmp_path / "a.root", events(10))
    sample = {**GG, "weights": {"S": 0.25}}
    info = ingest(
        tmp_path / "out", [tmp_path / "a.root"], sample=sample, selection=None, features={"m": "m", "one": "1"}
    )
    assert info.sum_weights == {"S": 2.5}
    assert Stored.open(tmp_path / "out").features[:, 1].tolist() == [1.0] * 10


def test_negative_weights_are_kept_and_counted(tmp_path, caplog):
    caplog.set_level("INFO", "steelyard")
    data = events(100)
    data["w"][:7] *= -1
    write(tmp_path / "a.root", data)
    info = ingest(tmp_path / "out", [tmp_path / "a.root"], selection=None)
    assert info.n_negative == {"S": 7, "B": 7}
    assert info.sum_weights["S"] == pytest.approx(data["w"].sum(), rel=1e-12)
    negative = -data["w"][:7].sum()
    assert info.sum_negative["S"] == pytest.approx(negative, rel=1e-12)
    assert info.negative_fraction("S") == pytest.approx(negative / np.abs(data["w"]).sum(), rel=1e-12)
    assert f"7 of {info.n_selected} weights of process S are negative" in caplog.text


def test_observed_data_need_no_weights(tmp_path):
    data = events(30)
    del data["w"]
    write(tmp_path / "data.root", data)
    observed = {"files": ["data.root"], "event_id": ["event"]}
    info = ingest(tmp_path / "out", [tmp_path / "data.root"], sample=observed, selection=None)
    assert (info.name, info.processes, info.sum_weights) == ("observed", (), {})
    sample = Stored.open(tmp_path / "out")
    assert sample.weights.shape == (30, 0)
    np.testing.assert_array_equal(sample.ids, event_ids("observed", [data["event"]]))


def test_files_of_different_number_types_and_empty_trees_make_one_sample(tmp_path):
    first, second = events(100), events(100, first=100)
    second = {"m": second["m"].astype(np.float64), "c": second["c"], "w": second["w"].astype(np.float32)}
    second["event"] = np.arange(100, 200, dtype=np.int32)
    files = [
        write(tmp_path / "a.root", first),
        write(tmp_path / "b.root", second),
        write(tmp_path / "c.root", {name: column[:0] for name, column in first.items()}),
        write(tmp_path / "d.root", events(100, first=200)),
    ]
    info = ingest(tmp_path / "out", files, selection=None)
    assert (info.n_read, len(info.files)) == (300, 4)
    np.testing.assert_array_equal(Stored.open(tmp_path / "out").ids, event_ids("gg", [np.arange(300)]))


def test_an_rntuple_is_read_like_a_tree(tmp_path):
    data = events(100)
    write(tmp_path / "tree.root", data)
    with uproot.recreate(tmp_path / "ntuple.root") as file:
        file.mkrntuple("events", {**data, "jets": ak.Array([[1.0], []] * 50)})
    for kind in ("tree", "ntuple"):
        ingest(tmp_path / kind, [tmp_path / f"{kind}.root"], entries=30)
    assert contents(tmp_path / "tree") == contents(tmp_path / "ntuple")
    with pytest.raises(InputError, match=r"branch 'jets'.* std::vector<double>: not one number per entry"):
        ingest(tmp_path / "out", [tmp_path / "ntuple.root"], features={"jets": "jets"})


def test_trees_in_directories_and_names_with_special_characters(tmp_path):
    path = write(tmp_path / "run[1]:x.root", events(20), tree="nominal/events")
    info = ingest(tmp_path / "out", [path], sample={**GG, "tree": "nominal/events"}, selection=None)
    assert info.n_selected == 20


# --- the same bytes for the same input --------------------------------------------------------------------------------


def test_rows_do_not_depend_on_the_order_of_files_or_the_partitions(tmp_path, pair):
    files, _ = pair
    ingest(tmp_path / "once", files, entries=10_000)
    expected = contents(tmp_path / "once")
    lists = ([files[1], files[0]], [tmp_path / "*.root"], [files[1], tmp_path / "*.root", files[0]])
    for number, (names, entries) in enumerate(zip(lists, (97, 13, 350), strict=True)):
        info = ingest(tmp_path / f"{number}", names, entries=entries)
        assert contents(tmp_path / f"{number}") == expected
        assert info.files == (str(files[0]), str(files[1]))


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_rows_do_not_depend_on_the_scheduler(tmp_path, pair, scheduler):
    files, _ = pair
    ingest(tmp_path / "expected", files)
    ingest(tmp_path / "out", files, scheduler=scheduler, entries=100, threads=2)
    assert contents(tmp_path / "out") == contents(tmp_path / "expected")


def test_a_distributed_scheduler_is_used_by_its_address(tmp_path, pair):
    from distributed import LocalCluster

    files, _ = pair
    ingest(tmp_path / "expected", files)
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", dashboard_address=None
    ) as cluster:
        ingest(tmp_path / "out", files, scheduler=cluster.scheduler_address, entries=100)
        with pytest.raises(InputError, match="there is no branch 'q'"):  # an error comes back whole
            ingest(tmp_path / "wrong", files, scheduler=cluster.scheduler_address, features={"q": "q"})
    assert contents(tmp_path / "out") == contents(tmp_path / "expected")


def test_memory_is_that_of_a_partition(tmp_path):
    # 20 features: a stored event has 108 bytes. What may grow with the sample is the check that ids are unique: a
    # sorted copy and a mask of them (17 bytes an event), next to nothing per partition.
    features = {f"f{index}": f"m + {index}" for index in range(20)}

    def peak(number):
        path = write(tmp_path / f"{number}.root", events(number), step=5000)
        tracemalloc.start()
        ingest(tmp_path / f"out-{number}", [path], features=features, selection=None, entries=5000)
        result = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return result

    peak(20_000)  # what is loaded once
    assert (peak(120_000) - peak(40_000)) / 80_000 < 27


# --- identity of events -----------------------------------------------------------------------------------------------


def test_several_branches_and_a_scope_identify_an_event(tmp_path):
    data = {**events(20), "run": np.repeat([1, 2], 10).astype(np.int32), "number": np.tile(np.arange(10), 2)}
    write(tmp_path / "a.root", data)
    sample = {**GG, "event_id": ["run", "number"], "id_scope": "nominal"}
    ingest(tmp_path / "out", [tmp_path / "a.root"], sample=sample, selection=None)
    expected = event_ids("nominal", [data["run"], data["number"]])
    np.testing.assert_array_equal(Stored.open(tmp_path / "out").ids, expected)


def test_large_event_numbers_keep_all_their_bits(tmp_path):
    data = {**events(3), "event": np.array([2**63, 2**63 + 1, 2**63 + 2], dtype=np.uint64)}
    write(tmp_path / "a.root", data)
    ingest(tmp_path / "out", [tmp_path / "a.root"], selection=None)
    np.testing.assert_array_equal(Stored.open(tmp_path / "out").ids, event_ids("gg", [data["event"]]))


def test_event_numbers_stored_as_floats_are_the_same_events(tmp_path):
    data = events(50)
    write(tmp_path / "a.root", data)
    write(tmp_path / "b.root", {**data, "event": data["event"].astype(np.float64)})
    for name in "ab":
        ingest(tmp_path / name, [tmp_path / f"{name}.root"])
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_without_event_id_file_name_and_entry_identify_an_event(tmp_path, pair):
    files, data = pair
    sample = {key: value for key, value in GG.items() if key != "event_id"}
    ingest(tmp_path / "out", files, sample=sample, selection="m > 300", entries=64)
    entry = np.concatenate([np.arange(700), np.arange(500)])
    key = np.repeat([text_key("a.root"), text_key("b.root")], [700, 500])
    expected = event_ids("gg", [key, entry])[data["m"] > 300]
    np.testing.assert_array_equal(Stored.open(tmp_path / "out").ids, expected)
    # The files may move, since only the name counts ...
    (tmp_path / "moved").mkdir()
    moved = [shutil.copy(file, tmp_path / "moved" / file.name) for file in files]
    ingest(tmp_path / "again", moved, sample=sample, selection="m > 300")
    assert contents(tmp_path / "again") == contents(tmp_path / "out")
    # ... but two of one name cannot be told apart.
    with pytest.raises(InputError, match=r"have one name, and without event_id .*; give event_id"):
        ingest(tmp_path / "both", [files[0], moved[0]], sample=sample)


# --- bad input: one clear error each ----------------------------------------------------------------------------------


def failure(folder, files, **changes):
    """The message of the one error; nothing may be left of the sample."""
    with pytest.raises(InputError) as error:
        ingest(folder / "out", files, **changes)
    assert not (folder / "out").exists() or list((folder / "out").iterdir()) == []
    message = str(error.value)
    assert message.startswith("sample gg: ") and "\n" not in message
    return message.removeprefix("sample gg: ")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("none-*.root", "no file matches"), ("none.root", "there is no such file"), (".", "this is a folder")],
)
def test_files_that_are_not_there(tmp_path, name, reason):
    write(tmp_path / "a.root", events(5))
    assert failure(tmp_path, [tmp_path / "a.root", tmp_path / name]).startswith(f"{tmp_path / name}: {reason}")


def test_a_file_that_is_not_root(tmp_path):
    (tmp_path / "a.root").write_text("m,c,w\n" * 100)
    assert failure(tmp_path, [tmp_path / "a.root"]).startswith(f"{tmp_path / 'a.root'}: not a ROOT file")
    (tmp_path / "a.root").write_text("")
    assert "not a ROOT file" in failure(tmp_path, [tmp_path / "a.root"])


@pytest.mark.parametrize("fraction", [0.001, 0.5, 0.999])
def test_a_file_that_is_cut_off(tmp_path, fraction):
    path = write(tmp_path / "a.root", events(5000))
    os.truncate(path, int(fraction * path.stat().st_size))
    message = failure(tmp_path, [path])
    assert message.startswith(f"{path}: the ROOT file is cut off") and message.endswith("copy or make it again")


def test_a_file_whose_data_are_damaged(tmp_path):
    good = write(tmp_path / "a.root", events(5000))
    path = write(tmp_path / "b.root", events(20_000, first=5000), step=5000)
    data = bytearray(path.read_bytes())
    with uproot.open(path) as file:
        start = file["events"]["m"].member("fBasketSeek")[2]  # the third basket: entries 10000 to 14999
    data[start + 100 : start + 5000] = bytes(4900)
    path.write_bytes(data)
    for scheduler in ("synchronous", "threads"):
        message = failure(tmp_path, [good, path], entries=5000, scheduler=scheduler)
        assert message.startswith(f"{path}, tree events, entries 10000 to 14999: the data cannot be read")


def test_a_missing_tree_lists_those_that_are_there(tmp_path):
    write(tmp_path / "a.root", events(5), tree="Events")
    message = failure(tmp_path, [tmp_path / "a.root"])
    assert message == (
        f"{tmp_path / 'a.root'}: there is no tree 'events'; did you mean 'Events'? (trees in this file: Events)"
    )


def test_something_else_than_a_tree_is_no_tree(tmp_path):
    with uproot.recreate(tmp_path / "a.root") as file:
        file["events"] = np.histogram([1.0, 2.0])
    assert "there is no tree 'events'; trees in this file: none" in failure(tmp_path, [tmp_path / "a.root"])


def test_a_missing_branch_names_the_nearest_and_what_needs_it(tmp_path, pair):
    files, _ = pair
    del (other := events(5))["w"]
    write(tmp_path / "c.root", {**other, "w_nominal": np.ones(5)})
    message = failure(tmp_path, [*files, tmp_path / "c.root"])
    start = f"{tmp_path / 'c.root'}, tree events: there is no branch 'w' (needed for the weight of process S); "
    assert message.startswith(start)
    message = failure(tmp_path, files, features={"angle": "2*flop", "even": "evnt"})
    assert "'flop' (needed for feature angle), 'evnt' (needed for feature even); did you mean 'flip'?" in message


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (ak.Array([[1.0, 2.0], []] * 5), "double[]"),
        (np.ones((10, 3)), "double[3]"),
        (ak.Array(["a", "bc"] * 5), "char*"),
    ],
)
def test_a_branch_that_is_not_one_number_per_entry(tmp_path, column, kind):
    write(tmp_path / "a.root", {**events(10), "jets": column})
    message = failure(tmp_path, [tmp_path / "a.root"], features={"jets": "jets"})
    assert f"branch 'jets', needed for feature jets, has the type {kind}: not one number per entry" in message


@pytest.mark.parametrize("kind", ["empty trees", "nothing selected"])
@pytest.mark.parametrize("is_observed", [False, True])
def test_no_event_is_stored_and_said(tmp_path, pair, caplog, kind, is_observed):
    """Zero events are data, and a slice of a simulated process may hold none."""
    caplog.set_level("INFO", "steelyard")
    files, selection = pair[0], "m > 220000"
    if kind == "empty trees":
        nothing = {name: column[:0] for name, column in events(1).items()}
        files, selection = [write(tmp_path / f"{name}.root", nothing) for name in "cd"], None
    sample = {"files": ["*.root"], "event_id": ["event"]} if is_observed else GG
    info = ingest(tmp_path / "out", files, sample=sample, selection=selection)
    stored = Stored.open(tmp_path / "out")
    assert (info.n_read, info.n_selected, len(stored)) == (0 if kind == "empty trees" else 1200, 0, 0)
    assert stored.features.shape == (0, 2) and stored.weights.shape == (0, 0 if is_observed else 2)
    assert info.sum_weights == ({} if is_observed else {"S": 0.0, "B": 0.0})
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert f"{files[0]} …, tree events): no event (" in warning
    assert ("the tree is empty" if kind == "empty trees" else "the selection 'm > 220000' keeps none") in warning


def test_the_expected_events_are_said_when_they_are_read(tmp_path, pair, caplog):
    caplog.set_level("INFO", "steelyard")
    info = ingest(tmp_path / "out", pair[0])
    assert f"{info.sum_weights['S']:.6g} ± " in caplog.text and "expected events of process S ('w')" in caplog.text


@pytest.mark.parametrize(
    ("branch", "value", "where"),
    [
        (
            "m",
            np.nan,
            "feature log_m is not finite for 3 of 1200 selected entries (first nan in {file}, tree events, entry 50)",
        ),
        (
            "m",
            0.0,
            "feature log_m is not finite for 3 of 1200 selected entries (first -inf in {file}, tree events, entry 50)",
        ),
        ("m", np.inf, "observable mass is not finite for 3 of 1200 selected entries (first inf in {file}"),
        ("w", np.nan, "weight of process S is not finite for 3 of 1200 selected entries (first nan in {file}"),
    ],
)
@pytest.mark.parametrize("entries", [100, 5000])
def test_values_that_are_not_finite(tmp_path, branch, value, where, entries):
    first, second = events(700), events(500, first=700)
    second[branch][[50, 51, 499]] = value
    files = [write(tmp_path / "a.root", first), write(tmp_path / "b.root", second)]
    message = failure(tmp_path, files, selection=None, entries=entries)
    assert where.format(file=files[1]) in message


def test_a_feature_beyond_float32_is_not_finite(tmp_path):
    write(tmp_path / "a.root", {**events(5), "large": np.full(5, 1e39)})
    message = failure(tmp_path, [tmp_path / "a.root"], selection=None, features={"large": "large"})
    assert message.startswith("feature large is not finite for 5 of 5 selected entries (first inf")


def test_many_bad_columns_are_cut_short(tmp_path):
    write(tmp_path / "a.root", {**events(5), "m": np.full(5, np.nan)})
    features = {f"f{index}": f"m + {index}" for index in range(30)}
    message = failure(tmp_path, [tmp_path / "a.root"], selection=None, features=features)
    assert message.count("is not finite") == 10 and "; and 21 more columns; " in message


@pytest.mark.parametrize("sign", [0.0, -1.0])
def test_weights_without_a_positive_sum_are_stored_and_said(tmp_path, caplog, sign):
    """One slice of a process may have them; the sum over all slices is looked at when the reference is mixed."""
    data = events(10)
    data["w"] *= sign
    write(tmp_path / "a.root", data)
    info = ingest(tmp_path / "out", [tmp_path / "a.root"], selection=None)
    assert info.sum_weights["S"] == pytest.approx(data["w"].sum(), abs=1e-12)
    assert f"the weights of process S ('w') sum to {info.sum_weights['S']:g}, which is not positive" in caplog.text


def test_a_sum_of_weights_that_overflows(tmp_path):
    data = events(10)
    data["w"] = np.full(10, 1e308)
    write(tmp_path / "a.root", data)
    message = failure(tmp_path, [tmp_path / "a.root"], selection=None, sample={**GG, "weights": {"S": "w"}})
    assert message.startswith("the weights of process S ('w') of the 10 selected entries sum to inf")


@pytest.mark.parametrize("value", [3.5, np.nan, 2.0**60])
def test_an_event_id_that_is_no_integer(tmp_path, value):
    data = events(10)
    data["event"] = data["event"].astype(np.float64)
    data["event"][4] = value
    write(tmp_path / "a.root", data)
    message = failure(tmp_path, [tmp_path / "a.root"], selection=None)
    assert message.startswith(f"event_id event is not an integer for 1 of 10 selected entries (first {value}")


@pytest.mark.parametrize("entries", [3, 5000])
def test_events_that_occur_twice(tmp_path, entries):
    data = {**events(10), "run": np.full(10, 7)}
    files = [write(tmp_path / f"{name}.root", data) for name in "ab"]
    message = failure(
        tmp_path, files, sample={**GG, "event_id": ["run", "event"]}, selection="event > 8", entries=entries
    )
    assert message.startswith(
        "event_id ['run', 'event']: 1 entries repeat the event_id of another one, e.g. "
        f"[7, 9] in {files[0]}, entry 9 and {files[1]}, entry 9; "
    )


def test_a_scheduler_that_does_not_answer(tmp_path, pair, monkeypatch):
    import distributed

    def refuse(*arguments, **options):
        raise OSError("timed out")

    monkeypatch.setattr(distributed, "Client", refuse)
    assert "no dask scheduler answers there (timed out)" in failure(tmp_path, pair[0], scheduler="tcp://127.0.0.1:9")


def test_expressions_without_a_branch_are_a_wrong_configuration(tmp_path, pair):
    sample = {"name": "gg", "files": ["a.root"], "weights": {"S": "1"}}
    with pytest.raises(ConfigurationError, match="no expression uses a branch"):
        ingest_sample(Sample(**sample), [str(pair[0][0])], [], None, [], [], Ingestion(), tmp_path / "out")
