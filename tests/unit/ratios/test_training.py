import csv
import json
import logging
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from gaussians import CROSS_FIT, HELD_OUT, exact_log_ratio, gaussian_samples, training_rule

from steelyard.data.identifiers import event_ids, is_training
from steelyard.errors import InputError, ModelError
from steelyard.ratios import training
from steelyard.ratios.members import fingerprint, load
from steelyard.ratios.network import cross_entropy
from steelyard.ratios.training import averaging_factor, learning_rate_factor, train_member
from steelyard.ratios.training_data import RatioSample, select

TESTS = Path(__file__).parents[2]


def train(
    folder, samples=None, split=HELD_OUT, member=0, bootstrap=False, seed=5, zero_output=False, paired=False, **changes
):
    """Train in ``folder``; the network's path and the curve."""
    curve = train_member(
        gaussian_samples(4000) if samples is None else samples,
        ratio="p1",
        member=member,
        features=("x0", "x1"),
        split=split,
        training=training_rule(**changes),
        bootstrap=bootstrap,
        seed=seed,
        network_path=folder / "network.pt",
        curve_path=folder / "training.csv",
        checkpoint_path=folder / "checkpoints" / "member.ckpt",
        zero_output=zero_output,
        paired=paired,
    )
    return folder / "network.pt", curve


def test_loss_of_soft_labels_is_the_binary_cross_entropy():
    generator = torch.Generator().manual_seed(1)
    log_ratio = 3 * torch.randn(100, generator=generator)
    w1, w0 = torch.rand(100, generator=generator), torch.rand(100, generator=generator)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(log_ratio, w1 / (w1 + w0), weight=w1 + w0)
    torch.testing.assert_close(cross_entropy(log_ratio, w1, w0), expected)


def test_loss_is_least_at_the_ratio_of_sums_also_with_negative_weights():
    """Events at one x: Σ w1 = 3, Σ w0 = 1.5 with single weights of either sign."""
    w1, w0 = torch.tensor([5.0, -3.0, 1.0]), torch.tensor([-1.0, 2.0, 0.5])
    value = torch.tensor(math.log(3 / 1.5), requires_grad=True)
    cross_entropy(value.expand(3), w1, w0).backward()
    assert abs(value.grad.item()) < 1e-6
    loss = [cross_entropy(torch.full((3,), math.log(2) + shift), w1, w0).item() for shift in (-0.1, 0.0, 0.1)]
    assert loss[1] < min(loss[0], loss[2])


def test_loss_does_not_overflow():
    value = torch.tensor([200.0, -200.0])
    assert cross_entropy(value, torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])).item() == 0
    assert cross_entropy(value, torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0])).item() == 200


def test_learning_rate_rises_and_falls():
    factors = np.array([learning_rate_factor(step, 1000, 0.1) for step in range(1000)])
    np.testing.assert_allclose(factors[:100], np.arange(1, 101) / 100)
    assert factors[100] == 1
    assert (np.diff(factors[100:]) < 0).all()
    assert factors[550] == pytest.approx(0.5)
    assert learning_rate_factor(1000, 1000, 0.1) == 0
    assert learning_rate_factor(0, 1000, 0.0) == 1


def test_average_follows_the_weights_and_forgets_the_start():
    """Steps of 1 in blocks of 10 with tau = 100 steps: a ramp is followed at the distance tau, to half a block."""
    average, weight = 0.0, 0.0
    for step in range(10, 1001, 10):
        weight += 10
        average += averaging_factor(step, 10, 1000) * (weight - average)
        if step == 100:  # the average of the last quarter: far younger than tau
            assert 60 < average < 90
    assert average == pytest.approx(1000 - 100, abs=10)
    assert averaging_factor(4, 16, 4) == pytest.approx(1 - math.exp(-16 / 0.4))


@pytest.mark.parametrize("optimizer", ["adam", "nadam", "adamw"])
def test_learns_the_log_ratio(tmp_path, optimizer):
    """Soft labels have no noise: 1600 points of the exact curve, of rms 1.5, and only the fit's own error is left."""
    path, _ = train(tmp_path, gaussian_samples(4000, soft=True), optimizer=optimizer, epochs=20, batch_size=64)
    features = gaussian_samples(2000, seed=2)[0].features
    features = features[np.abs(features).max(axis=1) < 2]  # an edge that a few training events reach is another matter
    with torch.no_grad():
        found = load(path).network()(torch.from_numpy(features)).numpy()
    assert np.sqrt(np.mean((found - exact_log_ratio(features)) ** 2)) < 0.1


def test_same_seed_same_bytes_other_seed_other_network(tmp_path):
    paths = [train(tmp_path / name, seed=seed, epochs=2)[0] for name, seed in (("a", 5), ("b", 5), ("c", 6))]
    first, second, other = (path.read_bytes() for path in paths)
    assert first == second
    assert first != other


def test_global_random_state_neither_matters_nor_changes(tmp_path):
    torch.manual_seed(1)
    first = train(tmp_path / "a", epochs=1)[0].read_bytes()
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    assert train(tmp_path / "b", epochs=1)[0].read_bytes() == first
    assert torch.equal(torch.random.get_rng_state(), before)


def test_file_describes_the_member(tmp_path):
    samples = gaussian_samples(4000)
    path, _ = train(tmp_path, samples, split=CROSS_FIT, member=7, bootstrap=True, epochs=1)
    member = load(path)
    assert (member.ratio, member.member, member.features, member.split) == ("p1", 7, ("x0", "x1"), CROSS_FIT)
    assert (member.bootstrap, member.seed) == (True, 5)
    options = {"hidden": [16, 16], "activation": "silu"}
    assert member.architecture == {"name": "perceptron", "inputs": 2, "options": options}
    data = select(samples, CROSS_FIT, 7, 0.2)
    assert member.seen["gaussians"]["events"] == len(data.training) + len(data.validation)
    mean = member.state["mean"].double().numpy()
    bootstrapped = select(samples, CROSS_FIT, 7, 0.2, bootstrap=True).training.features.double().numpy()
    np.testing.assert_allclose(mean, bootstrapped.mean(axis=0), atol=1e-6)


def test_events_on_the_other_side_change_nothing(tmp_path):
    """Features and weights of the unseen side may be anything, even not a number."""
    samples, changed = gaussian_samples(4000), gaussian_samples(4000)
    other = ~is_training(changed[0].ids, HELD_OUT)
    changed[0].features[other] = np.nan
    changed[0].w1[other] = 1e9
    assert fingerprint(samples[0].ids) == fingerprint(changed[0].ids)
    first, second = (train(tmp_path / name, given, epochs=1)[0] for name, given in (("a", samples), ("b", changed)))
    assert first.read_bytes() == second.read_bytes()


def test_what_decides_about_a_training_is_what_it_was_before_there_was_a_choice_of_architectures():
    """To the letter: a recipe is a digest of this text, and another one would train all networks again."""
    kept = (
        '{"hidden": [16, 16], "activation": "silu", "optimizer": "adam", "learning_rate": 0.01, "warmup": 0.1, '
        '"weight_decay": 0.0, "batch_size": 256, "epochs": 4, "patience": 4, "validation_fraction": 0.2}'
    )
    assert json.dumps(training._settings(training_rule())) == kept
    assert json.dumps(training._settings(training_rule(architecture="perceptron"))) == kept


def test_bootstrap_trains_another_network(tmp_path):
    plain, replica = (train(tmp_path / str(flag), bootstrap=flag, epochs=1)[0] for flag in (False, True))
    assert not torch.equal(load(plain).state["layers.4.weight"], load(replica).state["layers.4.weight"])


def test_curve_has_an_epoch_a_line_and_the_best_one_is_kept(tmp_path):
    # a rate that is far too high: validation loss goes up and down
    path, curve = train(tmp_path, epochs=6, patience=6, learning_rate=0.3)
    with (tmp_path / "training.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "training_loss", "validation_loss", "learning_rate", "seconds"]
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    assert float(rows[-1]["learning_rate"]) < 1e-3 < float(rows[0]["learning_rate"])
    validation = select(gaussian_samples(4000), HELD_OUT, 0, 0.2).validation
    with torch.no_grad():
        loss = cross_entropy(load(path).network()(validation.features), validation.w1, validation.w0).item()
    assert loss == pytest.approx(min(float(row["validation_loss"]) for row in rows), abs=1e-6)
    assert curve.validation_loss[curve.best] == min(curve.validation_loss)


def test_averaged_weights_are_kept(tmp_path, monkeypatch):
    """An average that does not move is the initial network, one that follows at once is the current one."""
    states = {}
    for factor in (0.0, 0.5, 1.0):
        monkeypatch.setattr(training, "averaging_factor", lambda step, batches, steps, factor=factor: factor)
        path, _ = train(tmp_path / str(factor), epochs=2, zero_output=True)
        states[factor] = load(path).state["layers.4.weight"]
    assert states[0.0].abs().max() == 0
    assert 0 < states[0.5].abs().max() < states[1.0].abs().max()


def test_training_loss_of_the_curve_is_that_of_the_epoch(tmp_path):
    """At a learning rate of almost nothing it is the loss of the initial network, here log 2, in one batch of all."""
    _, curve = train(tmp_path, epochs=1, learning_rate=1e-12, zero_output=True, batch_size=4000)
    assert curve.training_loss[0] == pytest.approx(math.log(2), rel=1e-6)


def test_stops_when_validation_no_longer_improves(tmp_path):
    """100 events, a large network: it learns them by heart, and others get worse."""
    path, curve = train(tmp_path, gaussian_samples(200), epochs=200, patience=3, hidden=[64, 64], batch_size=32)
    assert len(curve.epoch) < 200
    assert len(curve.epoch) == curve.best + 1 + 3
    assert torch.isfinite(load(path).state["layers.0.weight"]).all()


def test_untrained_answer_of_a_zero_output_is_no_difference(tmp_path):
    path, _ = train(tmp_path, epochs=1, learning_rate=1e-12, zero_output=True)
    features = torch.from_numpy(gaussian_samples(100)[0].features)
    assert load(path).network()(features).abs().max() < 1e-6


class InterruptionError(Exception):
    """Stands for whatever ends a job."""


def interrupt_after(monkeypatch, epochs):
    """Make the training end abruptly after the checkpoint of that many epochs."""
    original = training.ResumePoint.on_train_epoch_end

    def save_and_die(self, trainer, module):
        original(self, trainer, module)
        if trainer.current_epoch + 1 == epochs:
            raise InterruptionError

    monkeypatch.setattr(training.ResumePoint, "on_train_epoch_end", save_and_die)


@pytest.mark.parametrize("epochs", [1, 3, 5])
@pytest.mark.parametrize("optimizer", ["adam", "nadam"])
def test_resumed_training_ends_with_the_same_bytes(tmp_path, monkeypatch, caplog, epochs, optimizer):
    caplog.set_level(logging.INFO)
    whole, curve = train(tmp_path / "whole", epochs=5, patience=5, optimizer=optimizer)
    with monkeypatch.context() as patch:
        interrupt_after(patch, epochs)
        with pytest.raises(InterruptionError):
            train(tmp_path / "cut", epochs=5, patience=5, optimizer=optimizer)
    assert not (tmp_path / "cut" / "network.pt").exists()
    assert (tmp_path / "cut" / "checkpoints" / "member.ckpt").exists()
    resumed, resumed_curve = train(tmp_path / "cut", epochs=5, patience=5, optimizer=optimizer)
    assert f"resumes after epoch {epochs}" in caplog.text
    assert resumed.read_bytes() == whole.read_bytes()
    for column in ("epoch", "training_loss", "validation_loss", "learning_rate"):
        assert getattr(resumed_curve, column) == getattr(curve, column)
    assert not (tmp_path / "cut" / "checkpoints" / "member.ckpt").exists()


def test_resumed_training_stops_where_the_whole_one_did(tmp_path, monkeypatch):
    arguments = {"epochs": 200, "patience": 3, "hidden": [64, 64], "batch_size": 32}
    whole, curve = train(tmp_path / "whole", gaussian_samples(200), **arguments)
    for number, cut in enumerate((len(curve.epoch) - 1, len(curve.epoch))):
        folder = tmp_path / str(number)
        with monkeypatch.context() as patch:
            interrupt_after(patch, cut)
            with pytest.raises(InterruptionError):
                train(folder, gaussian_samples(200), **arguments)
        resumed, resumed_curve = train(folder, gaussian_samples(200), **arguments)
        assert resumed_curve.validation_loss == curve.validation_loss
        assert resumed.read_bytes() == whole.read_bytes()


KILLED = """
import logging, os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
sys.path.insert(0, {unit!r})
from test_training import train

class Kill(logging.Handler):
    def emit(self, record):
        if "epoch 4 of 6" in record.getMessage():
            os.kill(os.getpid(), signal.SIGKILL)

logger = logging.getLogger("steelyard")
logger.setLevel(logging.INFO)
logger.addHandler(Kill())
train(Path({folder!r}), epochs=6, patience=6)
"""


def test_killed_training_resumes(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    script = KILLED.format(tests=str(TESTS), unit=str(Path(__file__).parent), folder=str(tmp_path / "cut"))
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    # killed in the middle of the bookkeeping of epoch 4: the checkpoint is that of epoch 3
    resumed, _ = train(tmp_path / "cut", epochs=6, patience=6)
    assert "resumes after epoch 3" in caplog.text
    assert resumed.read_bytes() == train(tmp_path / "whole", epochs=6, patience=6)[0].read_bytes()


@pytest.mark.parametrize("change", [{"learning_rate": 5e-3}, {"seed": 6}, {"samples": gaussian_samples(4000, seed=9)}])
def test_checkpoint_of_another_training_is_ignored(tmp_path, monkeypatch, caplog, change):
    with monkeypatch.context() as patch:
        interrupt_after(patch, 1)
        with pytest.raises(InterruptionError):
            train(tmp_path / "cut", epochs=2)
    found, _ = train(tmp_path / "cut", **{"epochs": 2} | change)
    assert "belongs to another configuration, seed, data or version and is ignored" in caplog.text
    assert found.read_bytes() == train(tmp_path / "whole", **{"epochs": 2} | change)[0].read_bytes()


def test_damaged_checkpoint_is_ignored(tmp_path, caplog):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "member.ckpt").write_bytes(b"half a file")
    train(tmp_path, epochs=1)
    assert "is damaged" in caplog.text


@pytest.mark.parametrize("learning_rate", [50.0, 1e30])
def test_divergence_is_one_clear_error_and_leaves_no_network(tmp_path, learning_rate):
    words = (
        r"ratio p1, member 0: the training diverged in epoch 1 .* a ratio of 1 everywhere has 0\.693.*lower `learning"
    )
    with pytest.raises(ModelError, match=words) as error:
        train(tmp_path, learning_rate=learning_rate)
    assert f"(here {learning_rate:g}; try a tenth of it)" in str(error.value)
    assert not (tmp_path / "network.pt").exists()
    assert not (tmp_path / "training.csv").exists()


def test_a_training_that_ends_worse_than_no_ratio_is_an_error(tmp_path, monkeypatch):
    """Losses that stay below the bound of an epoch, and never come down to that of a ratio of 1."""
    monkeypatch.setattr("steelyard.ratios.resumption.LOST", math.inf)
    with pytest.raises(ModelError, match=r"ratio p1, member 0: the training diverged \(best epoch \d: training loss"):
        train(tmp_path, learning_rate=50.0)
    assert not (tmp_path / "network.pt").exists()


@pytest.mark.parametrize("learning_rate", [1e-3, 1e-1])
def test_ordinary_and_fast_trainings_are_not_stopped(tmp_path, learning_rate):
    """Also with a quarter of negative weights, few events and a small validation set."""
    samples = gaussian_samples(600)
    signs = np.where(np.arange(600) % 8 < 2, -1.0, 1.0)
    signed = [RatioSample(s.name, s.features, s.ids, signs * s.w1, signs * s.w0) for s in samples]
    train(tmp_path, signed, learning_rate=learning_rate, batch_size=32)


@pytest.mark.parametrize("batch_size", [5000, 300])
def test_one_step_an_epoch_is_said(tmp_path, caplog, batch_size):
    train(tmp_path, gaussian_samples(1000), batch_size=batch_size, epochs=2)
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert f"batch_size {batch_size} makes one step an epoch of the 387 events that train, and 2 in all" in warning


def test_names_and_columns_of_features_must_agree(tmp_path):
    sample = gaussian_samples(1000)[0]
    wide = [type(sample)(sample.name, np.tile(sample.features, 2), sample.ids, sample.w1, sample.w0)]
    with pytest.raises(InputError, match="4 features in the samples, 2 names"):
        train(tmp_path, wide)


def test_terminal_stays_quiet_and_the_log_tells_the_progress(tmp_path, capfd, caplog, recwarn):
    caplog.set_level(logging.INFO)
    train(tmp_path, epochs=2)
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list
    messages = [record.getMessage() for record in caplog.records]
    assert all(record.name.startswith("steelyard") for record in caplog.records)
    assert any(message.startswith("ratio p1, member 0: epoch 2 of 2") for message in messages)


def shifted_samples(events=4000, shift=0.05, seed=1):
    """Unit Gaussian events, and the same ones with x0 + shift: log p1/p0 = shift · (x0 − shift/2)."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(events, 2)).astype(np.float32)
    ids, one, zero = event_ids("shifted", [np.arange(events)]), np.ones(events), np.zeros(events)
    moved = features + np.array([shift, 0], dtype=np.float32)
    return [RatioSample("nominal", features, ids, zero, one), RatioSample("varied", moved, ids, one, zero)]


def test_a_variation_without_effect_stays_exactly_without_effect(tmp_path):
    """Equal weights: every event's gradient vanishes at f = 0, so that no step is ever made."""
    samples = gaussian_samples(4000)
    same = [RatioSample(s.name, s.features, s.ids, s.w0 + s.w1, s.w0 + s.w1) for s in samples]
    path, curve = train(tmp_path, same, zero_output=True)
    with torch.no_grad():
        assert not load(path).network()(torch.from_numpy(samples[0].features)).any()
    assert curve.validation_loss[-1] == pytest.approx(math.log(2), abs=1e-6)


def test_a_small_shift_is_learnt_better_from_pairs_of_one_event(tmp_path):
    """An effect of rms 5 %: with pairs the gradient's noise is that of the shifts, without that of the features."""
    probe = shifted_samples(20_000, seed=2)[0].features
    probe = probe[np.abs(probe).max(axis=1) < 2]
    rms = {}
    for paired in (False, True):
        errors = []
        for seed in (5, 6, 7):
            folder = tmp_path / f"{paired}-{seed}"
            path, _ = train(folder, shifted_samples(), seed=seed, zero_output=True, paired=paired)
            with torch.no_grad():
                found = load(path).network()(torch.from_numpy(probe)).numpy()
            errors.append(np.mean((found - 0.05 * (probe[:, 0] - 0.025)) ** 2))
        rms[paired] = np.sqrt(np.mean(errors))
    assert rms[True] < rms[False] / 2
    assert rms[True] < 0.05 / 2


def test_resumed_training_of_pairs_ends_with_the_same_bytes(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    samples, options = shifted_samples(), {"epochs": 3, "zero_output": True, "paired": True}
    whole, _ = train(tmp_path / "whole", samples, **options)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2)
        with pytest.raises(InterruptionError):
            train(tmp_path / "cut", samples, **options)
    other, _ = train(tmp_path / "cut", samples, **options | {"paired": False})  # another order: another training
    assert "resumes" not in caplog.text and other.read_bytes() != whole.read_bytes()
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2)
        with pytest.raises(InterruptionError):
            train(tmp_path / "cut", samples, **options)
    assert train(tmp_path / "cut", samples, **options)[0].read_bytes() == whole.read_bytes()
    assert "resumes after epoch 2" in caplog.text
