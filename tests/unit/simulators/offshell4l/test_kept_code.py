from steelyard.numerics import compilation
from steelyard.simulators.offshell4l import amplitudes, kept_code


def test_compiled_code_lives_in_a_folder_of_the_source_text():
    folder = amplitudes.triangle.stats.cache_path
    assert f"compiled-{compilation._digest(kept_code.FOLDERS)}" in folder
