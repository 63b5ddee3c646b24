from numba import config

from steelyard.simulators.offshell4l import amplitudes, kept_code


def test_compiled_code_lives_in_a_folder_of_the_source_text():
    folder = amplitudes.triangle.stats.cache_path
    assert f"compiled-{kept_code._digest()}" in folder


def test_a_changed_source_changes_the_folder(tmp_path, monkeypatch):
    before = kept_code._digest()
    for path in kept_code.PACKAGE.glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(kept_code, "PACKAGE", tmp_path)
    assert kept_code._digest.__wrapped__() == before
    constants = tmp_path / "constants.py"
    constants.write_text(constants.read_text().replace("172.5", "173.0"))
    assert kept_code._digest.__wrapped__() != before


def test_the_folder_of_other_code_is_left_alone():
    before = config.CACHE_DIR
    kept_code.compiled(amplitudes.line.py_func)
    assert before == config.CACHE_DIR
