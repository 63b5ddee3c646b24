"""Samples with negative weights through everything that comes after the networks, with exact ratios in their place."""

from types import SimpleNamespace

import numpy as np
import pytest
import signed_mixture as mixture

from steelyard.baselines.analyses import fit_baseline
from steelyard.baselines.results import BaselineInput
from steelyard.baselines.template_toys import ToyPlan
from steelyard.data.event_densities import class_weights
from steelyard.data.identifiers import Split, event_ids, is_unseen
from steelyard.data.reference import mix_reference
from steelyard.data.reference_events import process_densities, reference_components, reference_events
from steelyard.data.store import Sample, SampleInfo
from steelyard.diagnostics.closure import bin_columns, closure
from steelyard.diagnostics.event_table import event_table
from steelyard.diagnostics.model.model_diagnosis import diagnose_model
from steelyard.diagnostics.ratio.calibration import calibration
from steelyard.diagnostics.ratio.classifier_test import classifier_test
from steelyard.diagnostics.ratio.overtraining import overtraining
from steelyard.diagnostics.thresholds import Thresholds
from steelyard.finite_simulation.reference_error import Components, reference_error
from steelyard.inference.fit import scan
from steelyard.inference.toys import throw_toys
from steelyard.model.coefficients import Coefficients
from steelyard.regions.unbinned import build_model

N = 20_000
NAMES = ("signal", "background")
SPLIT = Split("held_out", 0.5, 5)
MIXTURES = {
    "default": None,
    "background alone": [SimpleNamespace(process="background", weight=1.0)],
    "signal alone": [SimpleNamespace(process="signal", weight=1.0)],
}


def simulate(signs=True, seed=5):
    """Signal with or without negative weights, and background, each in a sample of its own."""
    rng = np.random.default_rng(seed)
    signal = mixture.signed_events(N, rng) if signs else (mixture.draw_signal(N, rng), np.ones(N))
    made = []
    for name, x, w in (("signal", *signal), ("background", mixture.draw("background", N, rng), np.ones(N))):
        nu = mixture.YIELDS[name]
        info = SampleInfo(name, (name,), ("x", "y"), ("x", "y"), N, N, {name: nu}, {}, {}, (f"{name}.root",))
        x = x.astype(np.float32)
        weights = (w * nu / w.sum())[:, None]
        made.append(Sample(info, x, x, weights, event_ids(name, [np.arange(N)])))
    return made


def log_ratios(sample, weights, signs=True):
    """Exact log p_c/p_ref of a sample's events, (N, 2)."""
    x = sample.features.astype(float)
    signal, background = mixture.signal(x), mixture.density("background", x)
    absolute = mixture.absolute_signal(x) if signs else signal
    reference = weights["signal"] * absolute + weights["background"] * background
    return np.log(np.stack([signal, background], axis=1) / reference[:, None])


class Chain:
    """One analysis up to its model."""

    def __init__(self, folder, rules=None, signs=True):
        self.samples = simulate(signs)
        self.reference = mix_reference(self.samples, NAMES, rules, SPLIT)
        self.events = reference_events(self.samples, self.reference)
        self.scores = [log_ratios(sample, self.reference.weights, signs) for sample in self.samples]
        paths = [folder / f"{sample.info.name}.npy" for sample in self.samples]
        for path, scores in zip(paths, self.scores, strict=True):
            np.save(path, scores)
        self.table = event_table(self.samples, self.reference, [str(path) for path in paths])
        coefficients = Coefficients(("mu",), ("mu", "1"), {"mu": 1.0})
        self.model = build_model(self.reference.yields, coefficients, (0.0, 5.0), self.table.log_r, self.events)
        self.scan = scan(self.model.asimov(1.0), np.linspace(0, 3, 7))


@pytest.fixture(scope="module", params=MIXTURES)
def chain(request, tmp_path_factory):
    return Chain(tmp_path_factory.mktemp("chain"), MIXTURES[request.param])


def test_the_reference_and_the_expected_data_have_positive_weights(chain):
    assert chain.samples[0].weights.min() < 0
    assert chain.events.weights.min() >= 0 and chain.events.weights.sum() == pytest.approx(1, rel=1e-12)
    mean, error = chain.model.normalisation.mean, chain.model.normalisation.error
    assert np.all(np.abs(mean - 1) <= 4 * error + 1e-9)
    for mu in (0.0, 1.0, 5.0):
        weights = chain.model.asimov_weights(mu)
        assert weights.min() >= 0 and weights.sum() == pytest.approx(100 * mu + 200, rel=1e-9)
    assert chain.scan.fit.hat == pytest.approx(1.0, abs=1e-5)
    # The exact information on mu of one experiment, by an average over events of p itself.
    x = np.concatenate(
        [
            mixture.draw_signal(100_000, np.random.default_rng(1)),
            mixture.draw("background", 200_000, np.random.default_rng(2)),
        ]
    )
    signal, background = 100 * mixture.signal(x), 200 * mixture.density("background", x)
    sigma = (300 * np.mean((signal / (signal + background)) ** 2)) ** -0.5
    # E of the 20,000 events; with one process in the reference the other's ratio is unbounded, and noisier.
    assert chain.scan.fit.uncertainty == pytest.approx(sigma, rel=0.05)


def test_every_check_of_ratios_and_model_passes(chain):
    thresholds, table = Thresholds(), chain.table
    columns = bin_columns(table.names, table.variables, table.reference)
    seen = np.concatenate([~is_unseen(sample.ids, SPLIT) for sample in chain.samples])
    checks = []
    for place, name in enumerate(NAMES):
        target, log_r = table.densities[:, place], table.log_r[:, place]
        checks.append(closure(name, columns, target, table.reference, log_r, thresholds.closure).check)
        checks.append(calibration(name, target, table.reference, log_r, thresholds.calibration).check)
        checks.append(
            classifier_test(name, table.features, table.ids, target, table.reference, log_r, thresholds.auc).check
        )
        pooled = [
            np.concatenate(part)
            for part in zip(*class_weights(chain.samples, chain.reference, name, "all"), strict=True)
        ]
        scores = np.concatenate([score[:, place] for score in chain.scores])
        sides = np.where(seen, scores, np.nan), np.where(seen, np.nan, scores)
        checks.append(overtraining(name, *pooled, *sides, thresholds.overtraining).check)
    mu = np.linspace(0, 3, 7)
    diagnosis = diagnose_model(table, chain.model, chain.reference, mu, (0.5, 1.0), thresholds, chain.scan)
    checks += diagnosis.checks
    wrong = [check for check in checks if check.status == "FAIL" and "effective reference events" not in check.name]
    assert not wrong
    assert np.isfinite([check.value for check in checks]).all()
    assert not diagnosis.weights.negative.any()
    # The simulation's own events, signs and all, fitted: within their error of the truth.
    assert np.all(np.abs(diagnosis.bias.hat - diagnosis.bias.truth) < 4 * diagnosis.bias.error)


def test_pseudo_experiments_baselines_and_the_reference_s_error(chain):
    toys = throw_toys(chain.model, 1.0, 100, 3)
    assert (toys.hat.mean() - 1) ** 2 < 16 * toys.hat.var() / 100
    assert toys.hat.std() == pytest.approx(chain.scan.fit.uncertainty, rel=0.3)
    components = Components(*reference_components(chain.samples, chain.reference, chain.events))
    error = reference_error(chain.model, chain.model.asimov(1.0), chain.scan, components, asimov=True)
    assert 0 < error.of_sigma < 0.5
    given = BaselineInput(
        mixture=chain.model.mixture,
        densities=process_densities(chain.samples, chain.reference, chain.events),
        weights=chain.model.weights,
        mu=np.linspace(0, 3, 7),
        levels=[0.68],
        truth=1.0,
        toys=ToyPlan(np.array([0.0, 3.0]), 50, 1),
    )
    for baseline in (
        SimpleNamespace(name="x", kind="observable", observable="x", bins=8),
        SimpleNamespace(name="d", kind="discriminant", numerator="signal", denominator="background", bins=8),
        SimpleNamespace(name="p", kind="parameterised", bins=6),
    ):
        result = fit_baseline(baseline, given, chain.samples, chain.events, chain.model.intensities)
        assert result.asimov.hat == pytest.approx(1.0, abs=0.05)
        assert result.pyhf_difference < 1e-6
        assert result.templates.sum(axis=1) == pytest.approx([100, 200], rel=1e-9)


def test_signed_and_unsigned_events_of_one_density_agree(tmp_path):
    """The same analysis from events of weight ±1 and from events of weight 1: t and its error, within statistics."""
    signed, plain = Chain(tmp_path), Chain(tmp_path, signs=False)
    assert signed.reference.negative_fractions["signal"] == pytest.approx(0.3 / 1.6, abs=0.01)
    assert plain.reference.negative_fractions == {"signal": 0.0, "background": 0.0}
    assert signed.scan.fit.uncertainty == pytest.approx(plain.scan.fit.uncertainty, rel=0.03)
    for low, high in ((0, 0), (6, 6)):
        assert signed.scan.t[low] == pytest.approx(plain.scan.t[high], rel=0.06)
