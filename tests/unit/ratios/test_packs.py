"""Several members in one job: the same bytes as one job a member, and nothing is trained twice."""

import logging
import os

import pytest
from gaussians import HELD_OUT, gaussian_samples, training_rule

from steelyard.ratios import training
from steelyard.ratios.members import load
from steelyard.ratios.packs import member_number, train_members
from steelyard.ratios.resumption import Curve

SAMPLES = gaussian_samples(1000)


class InterruptionError(Exception):
    """Stands for whatever ends a job."""


def paths(folder, members):
    return [folder / f"member-{member}" / "network.pt" for member in members]


def train(folder, members, samples=SAMPLES, split=HELD_OUT, bootstrap=True, features=("x0", "x1"), **changes):
    """One job; the networks' bytes by member."""
    networks = paths(folder, members)
    train_members(
        samples,
        network_paths=networks,
        curve_paths=[network.with_name("training.csv") for network in networks],
        checkpoint_folder=folder / "checkpoints",
        seed_of=lambda member: changes.get("seed", 0) + member,
        ratio="p1",
        features=features,
        split=split,
        training=training_rule(epochs=2, **{key: value for key, value in changes.items() if key != "seed"}),
        bootstrap=bootstrap,
    )
    return {member_number(network): network.read_bytes() for network in networks}


def trained(caplog):
    """Members that were trained since the last look, and those that were kept."""
    text, words = [record.getMessage() for record in caplog.records], ("best epoch", "kept")
    caplog.clear()
    return tuple([int(line.split("member ")[1].split(":")[0]) for line in text if word in line] for word in words)


@pytest.fixture(autouse=True)
def all_lines(caplog):
    caplog.set_level(logging.INFO)


def test_a_pack_makes_the_bytes_of_one_job_a_member(tmp_path):
    together = train(tmp_path / "together", [0, 1, 2])
    alone = [train(tmp_path / "alone", [member])[member] for member in (2, 0, 1)]
    assert list(together.values()) == [alone[1], alone[2], alone[0]]
    assert len(set(together.values())) == 3


def test_the_number_is_that_of_the_folder():
    assert member_number("ratios/S/member-12/network.pt") == 12
    with pytest.raises(ValueError):
        member_number("ratios/S/network.pt")


def test_an_interrupted_pack_keeps_what_it_has_finished(tmp_path, monkeypatch, caplog):
    whole = train(tmp_path / "whole", [0, 1, 2])
    original = training.ResumePoint.on_train_epoch_end

    def die_in_member_1(self, trainer, module):
        original(self, trainer, module)
        if self.path.stem == "member-1":
            raise InterruptionError

    with monkeypatch.context() as patch:
        patch.setattr(training.ResumePoint, "on_train_epoch_end", die_in_member_1)
        with pytest.raises(InterruptionError):
            train(tmp_path / "cut", [0, 1, 2])
    for network in paths(tmp_path / "cut", [0]):  # what the workflow does with the outputs of a job that failed
        network.unlink()
        network.with_name("training.csv").unlink()
    caplog.clear()
    assert train(tmp_path / "cut", [0, 1, 2]) == whole
    assert "member 1: resumes after epoch 1" in caplog.text
    assert trained(caplog) == ([1, 2], [0])
    assert not list((tmp_path / "cut").rglob("*.ckpt"))


def test_more_members_in_a_pack_train_the_new_ones_only(tmp_path, caplog):
    first = train(tmp_path, [0, 1])
    old = [network.stat().st_mtime_ns for network in paths(tmp_path, [0, 1])]
    curve = Curve.read(tmp_path / "member-0" / "training.csv")
    caplog.clear()
    for network in paths(tmp_path, [0]):
        network.unlink()  # the workflow removes the outputs of a job before it starts; member 1 is still there
    found = train(tmp_path, [0, 1, 2, 3])
    assert trained(caplog) == ([2, 3], [0, 1])
    assert {member: found[member] for member in first} == first
    # newer than their inputs, as the workflow wants its outputs
    assert all(network.stat().st_mtime_ns > time for network, time in zip(paths(tmp_path, [0, 1]), old, strict=True))
    assert Curve.read(tmp_path / "member-0" / "training.csv") == curve


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 5e-3},
        {"hidden": [8, 16]},
        {"seed": 1000},
        {"bootstrap": False},
        {"features": ("x0", "x2")},
        {"split": training.Split("held_out", 0.6, 5)},
        {"samples": gaussian_samples(1000, seed=9)},
    ],
)
def test_another_configuration_seed_or_data_train_again(tmp_path, caplog, change):
    train(tmp_path, [0])
    caplog.clear()
    found = train(tmp_path, [0], **change)
    assert trained(caplog) == ([0], [])
    assert found == train(tmp_path / "fresh", [0], **change)


def test_another_training_version_trains_again(tmp_path, caplog, monkeypatch):
    train(tmp_path, [0])
    caplog.clear()
    monkeypatch.setattr(training, "TRAINING_VERSION", "next")
    train(tmp_path, [0])
    assert trained(caplog) == ([0], [])
    assert load(tmp_path / "member-0" / "network.pt").training_version == "next"


def test_a_damaged_kept_network_is_trained_again(tmp_path, caplog):
    found = train(tmp_path, [0])
    (tmp_path / "checkpoints" / "member-0.pt").unlink()
    (tmp_path / "checkpoints" / "member-0.pt").write_bytes(b"half a file")
    caplog.clear()
    assert train(tmp_path, [0]) == found
    assert trained(caplog) == ([0], [])


def test_a_kept_network_costs_no_space(tmp_path):
    train(tmp_path, [0])
    assert os.stat(tmp_path / "member-0" / "network.pt").st_nlink == 2
