"""Analyses with systematics for the tests of the configuration: one of files, and the embedded one."""

import copy
from pathlib import Path

import pytest
import yaml

from steelyard.configuration import simulated as checks
from steelyard.configuration.schema import resolve
from steelyard.errors import ConfigurationError
from steelyard.simulators.offshell4l.simulator import Offshell4l

FILES = {
    "analysis": "files",
    "parameters": [{"name": "theta", "nominal": 1, "bounds": [0, 2]}],
    "processes": [{"name": "signal", "coefficient": "theta"}, {"name": "other", "coefficient": "1"}],
    "samples": [
        {"name": "all", "files": ["a.root"], "event_id": ["event"], "weights": {"signal": "w1", "other": "w2"}},
        {"name": "more", "files": ["b.root"], "tree": "tree", "event_id": ["event"], "weights": {"other": "w3"}},
    ],
    "variables": [{"name": "a", "expression": "x + 1"}],
    "features": [{"name": "x", "expression": "a"}],
    "scan": {"stop": 2},
    "belts": {"points": [0, 1, 2]},
}

SYSTEMATICS = yaml.safe_load("""
systematics:
  - name: lumi
    group: experimental
    constraint: log_normal
    effects:
      - { processes: [S, SBI, B, NI], norm: 1.017 }
  - name: qqZZ_norm
    effects:
      - { processes: [NI], norm: 1.05 }
  - name: gg_scale
    effects:
      - { processes: [S, SBI, B], factors: { up: factor_gg_scale_up, down: factor_gg_scale_down } }
  - name: qqZZ_angle
    effects:
      - { processes: [NI], factors: { up: factor_qqZZ_angle_up, down: factor_qqZZ_angle_down } }
  - name: lepton_scale
    effects:
      - { processes: [S, SBI, B, NI], trees: { up: events_lepton_scale_up, down: events_lepton_scale_down } }
""")
NAMES = tuple(item["name"] for item in SYSTEMATICS["systematics"])


class Varied(Offshell4l):
    """The embedded simulator, of which the trees and branches of its systematics are written down here."""

    systematics = NAMES
    trees = ("events", "events_lepton_scale_up", "events_lepton_scale_down")

    def branches(self, sample, tree=None):
        weights = {"gg": ("S", "SBI", "B"), "qqZZ": ("NI",), None: ()}[sample]
        common = (*self.observables, "event", *(f"weight_{process}" for process in weights))
        if sample is None or tree not in (None, "events"):
            return common
        name = {"gg": "gg_scale", "qqZZ": "qqZZ_angle"}[sample]
        return (*common, f"factor_{name}_up", f"factor_{name}_down")


def changed(change, base):
    """A copy of ``base`` after the change."""
    data = copy.deepcopy(base)
    change(data)
    return data


def simulated(monkeypatch, change=lambda data: None):
    """The embedded analysis with all its systematics; its simulator is :class:`Varied` for the checks."""
    monkeypatch.setattr(checks, "simulator", lambda name: Varied())
    data = yaml.safe_load((Path(__file__).parents[1] / "config/config.yaml").read_text())
    return changed(change, data | SYSTEMATICS)


def message(data, files=False):
    """The message of the one error."""
    with pytest.raises(ConfigurationError) as error:
        resolve(data, source="my.yaml", files=files)
    return str(error.value)


def one(data, expected, files=False):
    """The data have one problem, in one line."""
    found = message(data, files)
    assert found.startswith("my.yaml: " + expected), found
    assert len(found.splitlines()) == 1


def systematic(index=0, **keys):
    """A change of the keys of one systematic."""
    return lambda data: data["systematics"][index].update(keys)


def both(*changes):
    """One change after the other."""
    return lambda data: [change(data) for change in changes]
