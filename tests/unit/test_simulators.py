import subprocess
import sys

import numpy as np
import pytest
import uproot

from steelyard.errors import ConfigurationError
from steelyard.simulators import SIMULATORS, Simulator, simulator


@pytest.mark.parametrize("name", SIMULATORS)
def test_every_simulator_keeps_the_protocol(name, tmp_path):
    model = simulator(name)
    assert isinstance(model, Simulator)
    assert model.name == name
    for number, (sample, processes) in enumerate(model.samples.items()):
        path = tmp_path / f"{sample}.root"
        assert model.write_ntuple(path, sample, 50, 0, 1, number) == 50
        with uproot.open(path) as file:
            assert tuple(file[model.tree].keys()) == model.branches(sample)
        assert set(processes) <= set(model.processes)
        assert {f"weight_{process}" for process in processes} <= set(model.branches(sample))
    parameters = dict.fromkeys(model.parameters, 1.0)
    count = model.write_observed(tmp_path / "observed.root", parameters, 3)
    with uproot.open(tmp_path / "observed.root") as file:
        assert tuple(file[model.tree].keys()) == model.branches(None)
        assert file[model.tree].num_entries == count
    kinematics, offsets = model.draw_experiments(parameters, 3, 4)
    assert kinematics.shape == (offsets[-1], len(model.observables)) and len(offsets) == 4
    log_p = model.log_densities(kinematics, model.processes)
    assert log_p.shape == (len(kinematics), len(model.processes)) and np.isfinite(log_p).all()
    assert np.all(model.yields(model.processes) > 0)


def test_experiments_of_the_same_seed_are_the_same():
    model = simulator("offshell4l")
    first, again, other = (model.draw_experiments({"mu": 1.0}, 2, seed)[0] for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes() != other.tobytes()


def test_unknown_simulator_names_the_nearest():
    with pytest.raises(ConfigurationError, match="no simulator 'offshel4l'; did you mean 'offshell4l'"):
        simulator("offshel4l")


def test_looking_at_names_compiles_nothing():
    code = (
        "import sys; from steelyard.simulators import simulator; simulator('offshell4l').branches('gg'); "
        "print({'numba', 'uproot', 'torch'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
