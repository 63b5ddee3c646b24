from steelyard.runtime.provenance import versions


def test_versions_name_what_can_change_a_number():
    assert {"python", "steelyard", "numpy", "torch"} <= versions().keys()
