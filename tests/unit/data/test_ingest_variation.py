import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import uproot

from steelyard.configuration.schema import Expression, Ingestion, Observable, Sample
from steelyard.data import ingest_variation as module
from steelyard.data.identifiers import Split, event_ids, folds, is_training
from steelyard.data.ingest import ingest_sample
from steelyard.data.ingest_variation import ingest_variation
from steelyard.data.store import Sample as Stored
from steelyard.data.variations import VariedSource
from steelyard.errors import InputError

GG = Sample(
    name="gg", id_scope="physical", files=["nominal.root"], event_id=["event"], weights={"S": "w", "B": "2*w", "I": "w"}
)
SELECTION = "m > 220 and m < 390"
WEIGHTS = VariedSource("gg", "scale", "up", "weights", "events", None, {"S": "(w)*(f)", "B": "(2*w)*(f)"})
EVENTS = VariedSource("gg", "energy", "down", "events", "events_down", None, {"S": "w", "B": "2*w"})
SETTINGS = {
    "variables": [Expression(name="m100", expression="m/100")],
    "selection": SELECTION,
    "features": [Expression(name="log_m", expression="log(m100)"), Expression(name="c", expression="c")],
    "observables": [Observable(name="mass", expression="m")],
    "ingestion": Ingestion(scheduler="synchronous", entries_per_partition=300),
}


def events(number, first=0):
    rng = np.random.default_rng([5, first])
    return {
        "m": rng.uniform(200, 400, number),
        "c": rng.uniform(-1, 1, number).astype(np.float32),
        "w": rng.uniform(0.5, 1, number),
        "f": rng.uniform(0.9, 1.2, number),
        "event": np.arange(first, first + number, dtype=np.uint64),
    }


def moved(data, scale=0.98):
    """Another version of the same events, in another order, as a reprocessing gives."""
    order = np.random.default_rng(1).permutation(len(data["m"]))
    return {name: column[order] for name, column in {**data, "m": scale * data["m"]}.items() if name != "f"}


def write(path, step=10**6, **trees):
    with uproot.recreate(path, compression=uproot.ZSTD(1)) as file:
        for name, data in trees.items():
            file.mktree(name, {branch: column.dtype for branch, column in data.items()})
            for start in range(0, max(len(data["m"]), 1), step):
                file[name].extend({branch: column[start : start + step] for branch, column in data.items()})
    return path


def ingest(folder, varied, files, nominal=None, sample=GG, **changes):
    settings = SETTINGS | changes
    return ingest_variation(sample, varied, [str(file) for file in files], nominal, folder=folder, **settings)


@pytest.fixture
def data():
    return events(1500)


@pytest.fixture
def files(tmp_path, data):
    halves = [{name: column[rows] for name, column in data.items()} for rows in (slice(700), slice(700, None))]
    return [
        write(tmp_path / f"{name}.root", events=half, events_down=moved(half))
        for name, half in zip("ab", halves, strict=True)
    ]


@pytest.fixture
def nominal(tmp_path, files):
    ingest_sample(GG, [str(file) for file in files], folder=tmp_path / "nominal", **SETTINGS)
    return tmp_path / "nominal"


# --- what is stored ---------------------------------------------------------------------------------------------------


def test_varied_weights_belong_to_the_rows_of_the_nominal_store(tmp_path, files, nominal, data):
    info = ingest(tmp_path / "out", WEIGHTS, files, nominal)
    kept = (data["m"] > 220) & (data["m"] < 390)
    stored, original = Stored.open(tmp_path / "out"), Stored.open(nominal)
    np.testing.assert_array_equal(stored.ids, original.ids)
    np.testing.assert_array_equal(stored.weights[:, 0], (data["w"] * data["f"])[kept])
    np.testing.assert_array_equal(stored.column("B"), (2 * data["w"] * data["f"])[kept])
    assert stored.features.shape == stored.observables.shape == (kept.sum(), 0)
    assert info == stored.info
    assert (info.name, info.processes, info.features, info.observables) == ("gg", ("S", "B"), (), ())
    assert info.sum_weights["S"] == pytest.approx((data["w"] * data["f"])[kept].sum(), rel=1e-12)
    assert info.n_selected == len(original) and info.n_read == 1500


def test_varied_weights_need_no_branch_of_a_feature(tmp_path, files, nominal):
    features = [Expression(name="q", expression="nowhere")]
    assert ingest(tmp_path / "out", WEIGHTS, files, nominal, features=features).n_selected > 0


def test_varied_events_are_a_sample_of_the_affected_processes(tmp_path, files, data):
    info = ingest(tmp_path / "out", EVENTS, files)
    halves = [moved({name: column[rows] for name, column in data.items()}) for rows in (slice(700), slice(700, None))]
    varied = {name: np.concatenate([half[name] for half in halves]) for name in halves[0]}
    kept = (varied["m"] > 220) & (varied["m"] < 390)
    stored = Stored.open(tmp_path / "out")
    np.testing.assert_array_equal(stored.features[:, 0], np.log(varied["m"] / 100)[kept].astype(np.float32))
    np.testing.assert_array_equal(stored.observables[:, 0], varied["m"][kept].astype(np.float32))
    np.testing.assert_array_equal(stored.weights, np.outer(varied["w"][kept], [1, 2]))
    np.testing.assert_array_equal(stored.ids, event_ids("physical", [varied["event"][kept]]))
    assert (info.name, info.processes, info.features) == ("gg", ("S", "B"), ("log_m", "c"))


def test_all_versions_of_an_event_are_on_one_side_of_every_split(tmp_path, files, nominal):
    ingest(tmp_path / "out", EVENTS, files)
    original, varied = Stored.open(nominal), Stored.open(tmp_path / "out")
    common, first, second = np.intersect1d(original.ids, varied.ids, return_indices=True)
    # The selection keeps other events of the moved masses; most are in both, at other places.
    assert 0.9 * len(original) < len(common) < len(original)
    assert (first != second).any()
    held_out = Split("held_out", 0.5, 5)
    for side in (lambda ids: is_training(ids, held_out), lambda ids: folds(ids, 5)):
        np.testing.assert_array_equal(side(original.ids)[first], side(varied.ids)[second])
    # It is the physical event that is found again: its angle is that of the nominal version, its mass is not.
    np.testing.assert_array_equal(original.features[first, 1], varied.features[second, 1])
    np.testing.assert_allclose(varied.observables[second, 0], 0.98 * original.observables[first, 0], rtol=1e-6)


def test_other_files_may_be_the_varied_ones(tmp_path, data):
    path = write(tmp_path / "other.root", events=moved(data, 1.02))
    source = replace(EVENTS, tree="events", files=(str(path),))
    info = ingest(tmp_path / "out", source, source.files)
    assert info.files == (str(path),) and info.n_read == 1500


@pytest.mark.parametrize("source", [WEIGHTS, EVENTS])
def test_rows_do_not_depend_on_partitions_or_order_of_files(tmp_path, files, nominal, source):
    def contents(name, order, entries):
        ingestion = Ingestion(scheduler="threads", entries_per_partition=entries)
        ingest(tmp_path / name, source, order, nominal, ingestion=ingestion)
        return {path.name: path.read_bytes() for path in (tmp_path / name).glob("*.npy")}

    assert contents("one", files, 10_000) == contents("two", files[::-1], 77)


def test_memory_is_that_of_a_partition(tmp_path):
    # A row that is being read takes some 120 bytes. What may grow with the sample is next to nothing: not even the
    # identifiers are sorted.
    def peak(number):
        path = write(tmp_path / f"{number}.root", step=5000, events=events(number))
        settings = SETTINGS | {"ingestion": Ingestion(scheduler="synchronous", entries_per_partition=5000)}
        nominal = tmp_path / f"nominal-{number}"
        ingest_sample(GG, [str(path)], folder=nominal, **settings)
        tracemalloc.start()
        ingest_variation(GG, WEIGHTS, [str(path)], nominal, folder=tmp_path / f"out-{number}", **settings)
        result = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return result

    peak(20_000)  # what is loaded once
    assert (peak(120_000) - peak(40_000)) / 80_000 < 10


# --- bad input: one clear error each ----------------------------------------------------------------------------------


def failure(folder, varied, files, nominal=None, **changes):
    with pytest.raises(InputError) as error:
        ingest(folder / "out", varied, files, nominal, **changes)
    assert not (folder / "out").exists() or list((folder / "out").iterdir()) == []
    message = str(error.value)
    start = f"sample gg, {varied.systematic} {varied.direction}: "
    assert message.startswith(start) and "\n" not in message
    return message.removeprefix(start)


def test_other_rows_than_the_nominal_ones(tmp_path, files, nominal, data):
    message = failure(tmp_path, WEIGHTS, files, nominal, selection="m > 230 and m < 390")
    count = np.count_nonzero((data["m"] > 230) & (data["m"] < 390))
    total = len(Stored.open(nominal))
    assert message.startswith(
        f"{count} entries are selected, and the sample has {total} ({nominal}): a variation of we"
    )
    assert message.endswith("files, selection or event_id have changed since the sample was read: ingest it again")


@pytest.mark.parametrize("block", [1 << 20, 100])
def test_other_events_than_the_nominal_ones(tmp_path, data, nominal, block, monkeypatch):
    monkeypatch.setattr(module, "_ROWS", block)
    changed = np.flatnonzero((data["m"] > 220) & (data["m"] < 390))[950]
    data["event"][changed] = 10**6
    path = write(tmp_path / "changed.root", events=data)
    message = failure(tmp_path, WEIGHTS, [path], nominal)
    assert message.startswith(f"row 950 is another event than in the sample ({nominal}): a variation of weights has")


def test_a_selection_that_moves_events_in_and_out(tmp_path, files, nominal, data):
    # One event more at the lower end, one less at the upper: as many rows, which a count alone would not tell apart.
    masses = np.sort(data["m"])
    low, high = masses[masses <= 220][-2:].mean(), masses[masses < 390][-2:].mean()
    message = failure(tmp_path, WEIGHTS, files, nominal, selection=f"m > {low:.17g} and m < {high:.17g}")
    assert " is another event than in the sample" in message and message.endswith("ingest it again")


def test_the_nominal_store_comes_first(tmp_path, files):
    assert failure(tmp_path, WEIGHTS, files) == (
        "a variation of weights needs the store of the sample; ingest the sample first"
    )
    assert "no stored sample here" in failure(tmp_path, WEIGHTS, files, tmp_path / "nothing")


def test_events_of_another_tree_need_an_event_id(tmp_path, files):
    sample = GG.model_copy(update={"event_id": None})
    message = failure(tmp_path, EVENTS, files, sample=sample)
    assert message.startswith(f"{files[0]}, {files[1]}, tree events_down: without event_id nothing tells which events")


def test_a_missing_tree(tmp_path, files):
    message = failure(tmp_path, replace(EVENTS, tree="events_dwn"), files[:1])
    assert message.startswith(f"{files[0]}: there is no tree 'events_dwn'; did you mean 'events_down'?")


def test_a_missing_branch(tmp_path, files, nominal):
    source = replace(WEIGHTS, weights={"B": "(2*w)*(ff)"})
    message = failure(tmp_path, source, files[:1], nominal)
    start = f"{files[0]}, tree events: there is no branch 'ff' (needed for the weight of process B); did you mean 'f'?"
    assert message.startswith(start)
    message = failure(tmp_path, replace(EVENTS, weights={"S": "w*f"}), files[:1])
    assert message.startswith(
        f"{files[0]}, tree events_down: there is no branch 'f' (needed for the weight of process S"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(tmp_path, data, nominal, value):
    rows = np.flatnonzero((data["m"] > 220) & (data["m"] < 390))[[10, 700]]
    data["f"][rows] = value
    path = write(tmp_path / "bad.root", events=data)
    message = failure(tmp_path, WEIGHTS, [path], nominal)
    assert message.startswith(
        f"weight of process S is not finite for 2 of {len(Stored.open(nominal))} selected entries (first {value} in "
        f"{path}, tree events, entry {rows[0]}): '(w)*(f)'; "
    )


def test_a_factor_that_divides_by_zero(tmp_path, files, nominal):
    message = failure(tmp_path, replace(WEIGHTS, weights={"S": "(w)*(1/(f - f))"}), files, nominal)
    assert "weight of process S is not finite" in message and "'(w)*(1/(f - f))'" in message


def test_an_empty_tree_where_the_sample_has_events(tmp_path, data, nominal):
    path = write(tmp_path / "a.root", events=data, events_down={name: column[:0] for name, column in data.items()})
    message = failure(tmp_path, EVENTS, [path], nominal)
    assert message.startswith(f"{path}, tree events_down: the tree is empty (0 entries), where ")


def test_a_selection_that_keeps_no_varied_event(tmp_path, data, nominal):
    path = write(tmp_path / "a.root", events=data, events_down=moved(data, 1000))
    message = failure(tmp_path, EVENTS, [path], nominal)
    assert message.startswith(f"{path}, tree events_down: the selection '{SELECTION}' keeps none of 1500, where ")


def test_a_slice_without_events_has_variations_without_events(tmp_path, data):
    nothing = {name: column[:0] for name, column in data.items()}
    path = write(tmp_path / "a.root", events=nothing, events_down=nothing)
    ingest_sample(GG, [str(path)], folder=tmp_path / "nominal", **SETTINGS)
    for number, source in enumerate((WEIGHTS, EVENTS)):
        info = ingest(tmp_path / f"out{number}", source, [path], tmp_path / "nominal")
        assert (info.n_selected, set(info.sum_weights.values())) == (0, {0.0})


@pytest.mark.parametrize("factor", ["0*f", "-f"])
def test_weights_without_a_positive_sum_are_stored_and_said(tmp_path, files, nominal, caplog, factor):
    ingest(tmp_path / "out", replace(WEIGHTS, weights={"S": f"w*({factor})"}), files, nominal)
    assert f"the weights of process S ('w*({factor})') sum to " in caplog.text


def test_events_that_occur_twice(tmp_path, data):
    data["event"][5:7] = 3
    data["m"][[3, 5, 6]] = 300.0
    path = write(tmp_path / "a.root", events_down=data)
    message = failure(tmp_path, EVENTS, [path])
    assert message.startswith("event_id ['event']: 2 entries repeat the event_id of another one, e.g. [3] in ")
