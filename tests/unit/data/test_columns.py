import pickle

import numpy as np

from steelyard.data.columns import Columns, Defect, base_name
from steelyard.data.identifiers import event_ids, text_key

COLUMNS = Columns(
    variables={"half": "m/2", "quarter": "half/2", "unused": "absent"},
    selection="half > 1",
    features={"q": "quarter", "flag_too": "quarter + isolated"},
    observables={"mass": "m"},
    weights={"S": "w*half"},
    event_id=("event",),
    id_scope="gg",
)
ARRAYS = {
    "m": np.array([1.0, 3.0, 8.0], dtype=np.float32),
    "w": np.array([1.0, 2.0, 3.0]),
    "isolated": np.array([True, True, False]),
    "event": np.array([10, 11, 12], dtype=np.int32),
}


def test_branches_are_what_expressions_lead_back_to():
    assert COLUMNS.uses == {
        "m": "the selection",
        "isolated": "feature flag_too",
        "w": "the weight of process S",
        "event": "event_id",
    }


def test_selected_entries_are_evaluated():
    stored, defects = COLUMNS.evaluate("a.root", 0, ARRAYS)
    assert defects == []
    assert stored["features"].tolist() == [[0.75, 1.75], [2.0, 2.0]]
    assert stored["observables"].tolist() == [[3.0], [8.0]]
    assert stored["weights"].tolist() == [[3.0], [12.0]]
    np.testing.assert_array_equal(stored["ids"], event_ids("gg", [np.array([11, 12])]))
    assert [stored[name].dtype for name in ("features", "observables", "weights")] == [np.float32, np.float32, float]


def test_integers_are_numbers_outside_of_event_id():
    columns = Columns({}, None, {"f": "n*100 - event"}, {}, {}, ("event",), "gg")
    arrays = {"n": np.array([3], dtype=np.uint8), "event": np.array([5], dtype=np.uint64)}
    assert columns.evaluate("a.root", 0, arrays)[0]["features"].tolist() == [[295.0]]


def test_float32_branches_are_computed_in_float64():
    columns = Columns({}, None, {"f": "(m + 1) - m"}, {}, {}, None, "gg")
    arrays = {"m": np.array([2.0**26], dtype=np.float32)}  # in float32 this is 0
    assert columns.evaluate("a.root", 0, arrays)[0]["features"].tolist() == [[1.0]]


def test_defects_count_selected_entries_and_name_the_first():
    arrays = {**ARRAYS, "m": np.array([np.nan, 3.0, 8.0]), "w": np.array([np.nan, 2.0, np.inf])}
    assert COLUMNS.evaluate("a.root", 100, arrays)[1] == [Defect("weight of process S", "not finite", 1, 102, "inf")]


def test_identity_alone_needs_only_selection_and_event_id():
    arrays = {name: ARRAYS[name] for name in ("m", "event")}
    entries, ids, identity = COLUMNS.identify("a.root", 100, arrays)
    assert entries.tolist() == [101, 102] and identity[0].tolist() == [11, 12]
    np.testing.assert_array_equal(ids, COLUMNS.evaluate("a.root", 100, ARRAYS)[0]["ids"])


def test_without_event_id_the_file_and_the_entry_count():
    columns = Columns({}, "m > 2", {"m": "m"}, {}, {}, None, "gg")
    ids = columns.evaluate("folder/a.root", 100, {"m": ARRAYS["m"]})[0]["ids"]
    np.testing.assert_array_equal(ids, event_ids("gg", [np.full(2, text_key("a.root")), np.array([101, 102])]))


def test_base_names_of_paths_and_addresses():
    assert [base_name(name) for name in ("a.root", "x/y/a.root", "root://host//x/a.root")] == ["a.root"] * 3


def test_columns_travel_to_other_processes():
    assert pickle.loads(pickle.dumps(COLUMNS)) == COLUMNS
