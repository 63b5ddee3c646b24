"""Learned log ratios against exact ones: two Gaussians, and a small sample of the embedded analysis."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gaussians import CROSS_FIT, DISTANCE, HELD_OUT, exact_log_ratio, gaussian_samples, training_rule

from steelyard.configuration.schema import load
from steelyard.data.identifiers import event_ids, folds, is_training
from steelyard.expressions.language import parse
from steelyard.ratios.members import load as load_member
from steelyard.ratios.training import train_member
from steelyard.ratios.training_data import RatioSample
from steelyard.simulators.offshell4l.constants import OBSERVABLES
from steelyard.simulators.offshell4l.densities import densities, yields
from steelyard.simulators.offshell4l.draw import draw_sample

CONFIGURATION = Path(__file__).parents[2] / "config" / "config.yaml"
PROCESSES = {"gg": ("S", "SBI", "B"), "qqZZ": ("NI",)}


def train(folder, samples, name="p1", split=HELD_OUT, member=0, **changes):
    """The log ratio of a network trained in ``folder``, as a function of features."""
    train_member(
        samples,
        ratio=name,
        member=member,
        features=[str(column) for column in range(samples[0].features.shape[1])],
        split=split,
        training=training_rule(**changes),
        bootstrap=False,
        seed=11 + member,
        network_path=folder / f"{name}-{member}.pt",
        curve_path=folder / f"{name}-{member}.csv",
        checkpoint_path=folder / f"{name}-{member}.ckpt",
    )
    network = load_member(folder / f"{name}-{member}.pt").network()

    def log_ratio(features):
        with torch.no_grad():
            return network(torch.from_numpy(np.array(features))).double().numpy()

    return log_ratio


def line(features, log_ratio):
    """Slope and offset of a log ratio in x0, by least squares."""
    design = np.stack([features[:, 0].astype(float), np.ones(len(features))], axis=1)
    return np.linalg.lstsq(design, log_ratio, rcond=None)[0]


def line_errors(samples, used):
    """Statistical errors of the best straight line of a classifier: the inverse of Σ p(1−p) x xᵀ, x = (x0, 1)."""
    features = samples[0].features[used]
    p = 1 / (1 + np.exp(-exact_log_ratio(features)))
    design = np.stack([features[:, 0].astype(float), np.ones(len(features))], axis=1)
    return np.sqrt(np.diag(np.linalg.inv((design * (p * (1 - p))[:, None]).T @ design)))


@pytest.fixture(scope="module")
def probe():
    """Events that no network has seen, where the Gaussians have most of theirs."""
    features = gaussian_samples(20_000, seed=99)[0].features
    return features[np.abs(features).max(axis=1) < 2]


def test_hard_labels_give_the_line_within_its_statistical_error(tmp_path, probe):
    samples = gaussian_samples(40_000)
    found = train(tmp_path, samples, epochs=6)(probe)
    errors = line_errors(samples, is_training(samples[0].ids, HELD_OUT))
    # class totals are set equal instead of fitted, and a network may bend: four standard deviations
    assert np.all(np.abs(line(probe, found) - [DISTANCE, 0]) < 4 * errors)


def test_soft_labels_beat_the_statistical_error_of_hard_ones(tmp_path, probe):
    hard, soft = (
        train(tmp_path / name, gaussian_samples(8_000, soft=name == "soft"), epochs=20)(probe)
        for name in ("hard", "soft")
    )
    rms = [np.sqrt(np.mean((found - exact_log_ratio(probe)) ** 2)) for found in (hard, soft)]
    assert rms[1] < rms[0] / 2


def test_negative_weights_leave_the_expectation(tmp_path, probe):
    """One event in four counts −1 and the others 5/3: the densities are what they were, with 2.3 times the variance."""
    samples = gaussian_samples(80_000)
    sign = np.where(np.arange(80_000) % 8 < 2, -1.0, 5 / 3)
    weighted = [RatioSample("gaussians", s.features, s.ids, s.w1 * sign, s.w0 * sign) for s in samples]
    found = train(tmp_path, weighted, epochs=6)(probe)
    used = is_training(samples[0].ids, HELD_OUT)
    inflation = np.sqrt(np.mean(sign**2)) / np.mean(sign)
    assert np.all(np.abs(line(probe, found) - [DISTANCE, 0]) < 4 * inflation * line_errors(samples, used))


def test_cross_fitted_members_are_normalised_on_the_fold_that_they_left_out(tmp_path):
    """E_0[r] = 1 with the error of r's mean over the events of p_0 in the fold and in the training."""
    samples = gaussian_samples(20_000)
    sample = samples[0]
    for member in (0, 3):
        log_ratio = train(tmp_path, samples, split=CROSS_FIT, member=member, epochs=4)
        left_out = (folds(sample.ids, 5) == member) & (sample.w0 > 0)
        ratio = np.exp(log_ratio(sample.features[left_out]))
        training = np.count_nonzero(folds(sample.ids, 5) != member) / 2
        assert abs(ratio.mean() - 1) < 4 * ratio.std() * np.sqrt(1 / len(ratio) + 1 / training)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """One network per process of the embedded analysis, trained on half of a tenth of its sample."""
    configuration = load(CONFIGURATION)
    samples = {}
    for number, (name, events) in enumerate({"gg": 120_000, "qqZZ": 40_000}.items()):
        kinematics, weights = draw_sample(name, events, np.random.default_rng([7, number]))
        columns = {observable: kinematics[:, i].astype(float) for i, observable in enumerate(OBSERVABLES)}
        for expression in configuration.variables:
            columns[expression.name] = parse(expression.expression).evaluate(columns)
        features = [parse(feature.expression).evaluate(columns) for feature in configuration.features]
        ids = event_ids(name, [np.arange(events)])
        samples[name] = SimpleNamespace(
            features=np.stack(features, axis=1).astype(np.float32),
            ids=ids,
            density={process: weights[:, i] for i, process in enumerate(PROCESSES[name])},
            exact=densities(kinematics),
            training=is_training(ids, HELD_OUT),
        )

    def reference_density(sample, rows):
        return sum(density * rows / (4 * density[rows].sum()) for density in sample.density.values())

    unseen = {name: ~sample.training for name, sample in samples.items()}
    weights = np.concatenate([reference_density(samples[name], unseen[name])[unseen[name]] for name in samples])
    features = np.concatenate([samples[name].features[unseen[name]] for name in samples])
    exact = np.concatenate([samples[name].exact[unseen[name]] for name in samples])
    exact = dict(zip(("S", "SBI", "B", "NI"), np.log(exact / exact.mean(axis=1, keepdims=True)).T, strict=True))
    folder = tmp_path_factory.mktemp("networks")
    log_r = {}
    for process in exact:
        inputs = [
            RatioSample(
                name,
                sample.features,
                sample.ids,
                sample.density.get(process, np.zeros(len(sample.ids))),
                reference_density(sample, sample.training),
            )
            for name, sample in samples.items()
        ]
        rule = {"hidden": [64, 64, 64], "learning_rate": 5e-3, "batch_size": 512, "epochs": 8, "patience": 4}
        log_r[process] = train(folder, inputs, process, **rule)(features)
    return SimpleNamespace(weights=weights, exact=exact, log_r=log_r)


@pytest.mark.parametrize("process", ["S", "SBI", "B", "NI"])
def test_raw_ratio_is_normalised_on_unseen_reference_events(learned, process):
    """The error: that of the mean of r over the unseen events, and as much again from the training events."""
    ratio = np.exp(learned.log_r[process])
    mean = learned.weights @ ratio
    error = np.sqrt(2 * learned.weights**2 @ (ratio - mean) ** 2)
    assert abs(mean - 1) < 4 * error


def test_log_ratios_are_the_exact_ones(learned):
    """The targets of the whole analysis: 0.2 for the signal, 0.08 for the difference that holds the interference.

    A tenth of the sample meets them; the whole one reaches 0.07 and 0.03.
    """
    difference = {process: learned.log_r[process] - learned.exact[process] for process in learned.exact}
    assert np.sqrt(learned.weights @ difference["S"] ** 2) < 0.2
    assert np.sqrt(learned.weights @ (difference["SBI"] - difference["B"]) ** 2) < 0.08


def expected_t(weights, log_r, points):
    """t(μ) of the Asimov data at μ = 1, on these events: 2 Σ_i w_i [λ_i(μ) − λ_i(1) − λ_i(1) ln λ_i(μ)/λ_i(1)]."""
    ratios = np.exp(np.stack(list(log_r.values()), axis=1))
    intensities = yields(tuple(log_r)) * ratios / (weights @ ratios)
    at_one = intensities.sum(axis=1) - intensities[:, list(log_r).index("S")] - intensities[:, list(log_r).index("B")]
    asimov = weights * at_one
    result = []
    for mu in points:
        rate = intensities @ [mu - np.sqrt(mu), np.sqrt(mu), 1 - np.sqrt(mu), 1.0]
        result.append(2 * weights @ (rate - at_one) - 2 * asimov @ np.log(rate / at_one))
    return np.array(result)


def test_expected_curve_is_that_of_the_exact_likelihood(learned):
    """Within 0.15 or 10 %, both normalised on the same events, so that the sample's own fluctuation drops out."""
    points = np.linspace(0, 2, 41)
    found, exact = (expected_t(learned.weights, log_r, points) for log_r in (learned.log_r, learned.exact))
    assert np.all(np.abs(found - exact) < np.maximum(0.15, 0.1 * exact))
