import subprocess
import sys

import numpy as np
import pytest
import uproot

from steelyard.errors import ConfigurationError
from steelyard.simulators.interface import SIMULATORS, Simulator, simulator


@pytest.mark.parametrize("name", SIMULATORS)
def test_every_simulator_keeps_the_protocol(name, tmp_path):
    model = simulator(name)
    assert isinstance(model, Simulator)
    assert model.name == name
    for number, (sample, processes) in enumerate(model.samples.items()):
        path = tmp_path / f"{sample}.root"
        assert model.write_ntuple(path, sample, 50, 0, 1, number) == 50
        with uproot.open(path) as file:
            assert {key.split(";")[0] for key in file.keys()} == set(model.trees)  # noqa: SIM118 - no mapping
            for tree in model.trees:
                assert tuple(file[tree].keys()) == model.branches(sample, tree)
                assert file[tree].num_entries == 50
        assert model.branches(sample) == model.branches(sample, model.tree)
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


@pytest.mark.parametrize("name", SIMULATORS)
def test_every_simulator_knows_its_nuisance_parameters(name, tmp_path):
    model = simulator(name)
    parameters, processes = dict.fromkeys(model.parameters, 1.0), model.processes
    kinematics, _ = model.draw_experiments(parameters, 1, 4)
    nominal = np.concatenate([model.yields(processes)[None], model.log_densities(kinematics, processes)])
    for systematic in model.systematics:
        alpha = {systematic: 1.0}
        varied = np.concatenate(
            [model.yields(processes, alpha)[None], model.log_densities(kinematics, processes, alpha)]
        )
        assert np.isfinite(varied).all()
        assert np.any(varied != nominal)
        again, offsets = model.draw_experiments(parameters, 2, 5, alpha)
        assert np.isfinite(model.log_densities(again, processes, alpha)).all() and offsets[-1] == len(again)
        count = model.write_observed(tmp_path / "observed.root", parameters, 3, alpha)
        with uproot.open(tmp_path / "observed.root") as file:
            assert file[model.tree].num_entries == count
    wrong = {f"{model.systematics[0]}x": 1.0}
    for ask in (
        lambda: model.yields(processes, wrong),
        lambda: model.log_densities(kinematics, processes, wrong),
        lambda: model.draw_experiments(parameters, 1, 1, wrong),
        lambda: model.write_observed(tmp_path / "wrong.root", parameters, 1, wrong),
    ):
        with pytest.raises(ConfigurationError, match=f"did you mean '{model.systematics[0]}'"):
            ask()
    assert not (tmp_path / "wrong.root").exists()


def test_unknown_trees_name_the_nearest():
    model = simulator("offshell4l")
    with pytest.raises(ConfigurationError, match="no tree 'events_lepton_scale'; did you mean 'events_lepton_scale_"):
        model.branches("gg", "events_lepton_scale")
    with pytest.raises(ConfigurationError, match="no tree of observed data 'events_lepton_scale_up'"):
        model.branches(None, "events_lepton_scale_up")


def test_every_tree_has_the_factors():
    """So that moved events with a factor on their weights are a sample of two systematics at once."""
    model = simulator("offshell4l")
    for sample, factor in (("gg", "gg_scale"), ("qqZZ", "qqZZ_angle")):
        found = {name for name in model.branches(sample) if name.startswith("factor_")}
        assert found == {f"factor_{factor}_up", f"factor_{factor}_down"}
        for tree in model.trees:
            assert model.branches(sample, tree) == model.branches(sample)
    assert not [name for name in model.branches(None) if name.startswith("factor_")]


def test_experiments_of_the_same_seed_are_the_same():
    model = simulator("offshell4l")
    first, again, other = (model.draw_experiments({"mu": 1.0}, 2, seed)[0] for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes() != other.tobytes()


def test_unknown_simulator_names_the_nearest():
    with pytest.raises(ConfigurationError, match="no simulator 'offshel4l'; did you mean 'offshell4l'"):
        simulator("offshel4l")


def test_looking_at_names_compiles_nothing():
    code = (
        "import sys; from steelyard.simulators.interface import simulator; simulator('offshell4l').branches('gg'); "
        "print({'numba', 'uproot', 'torch'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
