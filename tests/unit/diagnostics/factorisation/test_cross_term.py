"""The change of t by a cross term, on an analysis whose joint effects are known in closed form."""

from dataclasses import replace

import factorising
import numpy as np
import pytest
from scipy.optimize import minimize

from steelyard.data.reference_events import ReferenceEvents
from steelyard.diagnostics.factorisation.cross_term import CrossTerm, JointEvents, Version
from steelyard.errors import ModelError
from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Nuisance
from steelyard.model.yield_factors import total_yield_factors
from steelyard.regions.declared_effects import DeclaredEffects, MeasuredEffects, ProcessEffect, Prune
from steelyard.regions.unbinned import build_model
from steelyard.regions.varied_intensities import shape_products

NOMINAL, THERE = np.zeros(2), np.ones(2)
MU = 2.0
NONE, FOLLOWS = np.zeros((2, 2)), np.diag([0.4, 0.9])  # covariances of the nuisance parameters
FITTED = np.array([[0.7, 0.4]])  # conditional fit, where a test asks for any


@pytest.fixture(scope="module")
def model():
    return factorising.build()


class Exact:
    """-2 ln L of expected data by sums over an equidistant x, with or without the cross term."""

    def __init__(self, model, cross):
        self.model, x = model, factorising.grid(len(model.weights))
        self.h = factorising.missing(x, cross)
        joint = factorising.factor(x) + self.h + factorising.log_moved(x).T
        joint = (factorising.rates(x) * np.exp(joint.T)).mean(axis=0)
        self.eta = np.log(joint / model.mixture.yields) - model.systematics.log_yields[:, :, 0].sum(axis=1)

    def rates(self, mu, alpha, cross):
        """(n, 2), with the sums f_c G_c nu_c."""
        model, systematics = self.model, self.model.systematics
        both = alpha[0] * alpha[1] if cross else 0.0
        result = model.densities * np.exp(both * self.h)[:, None]
        for c in range(2):
            result[:, c] *= shape_products(systematics, model.log_g, np.asarray(alpha)[None], c)[0]
        factors = total_yield_factors(systematics, np.asarray(alpha)) * np.exp(both * self.eta)
        return result / result.sum(axis=0) * model.mixture.yields * factors * [mu, 1.0]

    def t(self, mu, data, origin, cross):
        """t(mu) of these data, whose global observables are ``origin``, and where the fit is."""

        def value(point, at):
            rate = self.rates(at, point, cross).sum(axis=1)
            return 2.0 * (rate.sum() - data @ np.log(rate)) + ((point - origin) ** 2).sum()

        fitted = minimize(value, origin, (mu,), method="BFGS", options={"gtol": 1e-6})
        best = minimize(lambda at: value(at[1:], at[0] ** 2), [1.0, *origin], method="BFGS", options={"gtol": 1e-6})
        return fitted.fun - best.fun, fitted.x

    def covariance(self, mu, data, place):
        """Of the nuisance parameters at fixed mu, without the cross term: twice the inverse Hessian."""

        def value(point):
            rate = self.rates(mu, point, False).sum(axis=1)
            return 2.0 * (rate.sum() - data @ np.log(rate)) + (point**2).sum()

        steps = 1e-3 * np.eye(2)
        second = [
            [
                sum(a * b * value(place + a * steps[i] + b * steps[j]) for a in (1, -1) for b in (1, -1)) / 4e-6
                for j in range(2)
            ]
            for i in range(2)
        ]
        return 2.0 * np.linalg.inv(second)


def change_of(model, events, fitted=FITTED, covariance=NONE, mu=MU, origin=NOMINAL):
    (found,) = CrossTerm(model, events).changes([mu], fitted, covariance, 1.0, origin)
    return found


@pytest.mark.parametrize("mu", [0.2, 0.5, MU, 3.0])
@pytest.mark.parametrize(("cross", "accuracy"), [(0.0, 0.1), (0.01, 0.1), (0.03, 0.35)])
def test_the_change_of_t_is_that_of_the_fit_with_the_cross_term(model, cross, accuracy, mu):
    """Right minus product, for expected data; what is left out is of the second order, and positive."""
    exact = Exact(model, cross)
    data = exact.rates(1.0, NOMINAL, False).sum(axis=1)
    right, _ = exact.t(mu, data, NOMINAL, True)
    product, fitted = exact.t(mu, data, NOMINAL, False)
    covariance = exact.covariance(mu, data, fitted)
    change = change_of(model, factorising.integrate(model).events(cross), fitted[None], covariance, mu)
    assert change.value == pytest.approx(right - product, rel=accuracy, abs=1e-4)
    assert change.value < right - product + 1e-4
    assert change.shapes.sum() + change.yields.sum() + change.refit == pytest.approx(change.value)


@pytest.mark.parametrize("mu", [0.2, 0.5, 3.0])
def test_the_change_of_t_of_data_that_are_at_the_joint_point(model, mu):
    exact = Exact(model, 0.0)
    data = exact.rates(1.0, THERE, True).sum(axis=1)
    right, _ = exact.t(mu, data, THERE, True)
    product, fitted = exact.t(mu, data, THERE, False)
    covariance = exact.covariance(mu, data, fitted)
    change = change_of(model, factorising.integrate(model).events(0.0), fitted[None], covariance, mu, THERE)
    assert abs(right - product) > 0.02
    assert change.value == pytest.approx(right - product, rel=0.1)


def test_its_parts_are_known(model):
    truth = factorising.integrate(model)
    cross = CrossTerm(model, truth.events(0.1))
    exact = Exact(model, 0.1)
    for c, process in enumerate(factorising.PROCESSES):
        assert cross.log_yields[process][0] == pytest.approx(exact.eta[c], abs=2e-6)
    (change,) = cross.changes([MU], FITTED, NONE, 1.0)
    assert change.scale == pytest.approx([0.28, 0.28])


def test_no_cross_term_no_change(model):
    change = change_of(model, factorising.integrate(model).events(0.0, product=True))
    other = change_of(model, factorising.integrate(model).events(0.1))
    assert abs(change.value) < 1e-3 * abs(other.value)


@pytest.mark.parametrize(
    ("fitted", "cross", "product", "events"),
    [
        (FITTED, 0.1, False, 2000),
        (FITTED, 0.0, True, 2000),
        (np.array([[0.7, 0.0]]), 0.1, False, 8000),  # a square, of which more events make a Gaussian number
    ],
)
def test_the_error_is_the_scatter(model, fitted, cross, product, events):
    """30 simulated sets: the mean square of the pull is within its 99.9 % range (0.37 to 2.0) about the true change."""
    expected = change_of(model, factorising.integrate(model).events(cross, product), fitted, FOLLOWS)
    pulls, errors = [], []
    for seed in range(30):
        change = change_of(model, factorising.simulate(model, events, seed).events(cross, product), fitted, FOLLOWS)
        pulls.append((change.value - expected.value) / change.error)
        errors.append(change.error)
    assert 0.37 < np.square(pulls).mean() < 2.0
    assert abs(np.mean(pulls)) < 3.3 / np.sqrt(30)
    if not product:
        assert np.mean(errors) < 0.3 * abs(expected.value)


def test_errors_of_the_learned_ratios_drop_out():
    """Each off by 3 %: the product itself is off by more than the cross term, what is measured by a tenth of that."""
    exact = factorising.build()
    right = change_of(exact, factorising.integrate(exact).events(0.05))
    model = factorising.build(error=0.03)
    events = factorising.integrate(model, error=0.03).events(0.05)
    found = change_of(model, events)
    assert found.value == pytest.approx(right.value, rel=0.1)


def test_the_same_events_tell_more(model):
    events = factorising.simulate(model, 2000, 1).events(0.1)
    paired = change_of(model, events)
    others = [
        replace(version, ids=version.ids + np.uint64(10_000 * place))
        for place, version in enumerate((events.joint, *events.alone.values()), 1)
    ]
    alone = dict(zip(events.alone, others[1:], strict=True))
    independent = change_of(model, replace(events, joint=others[0], alone=alone))
    assert independent.value == pytest.approx(paired.value)
    assert independent.error > 5.0 * paired.error


def three(error, cross):
    """Three factors on the weights of the same events, of which each is learned with an error."""
    x, names = factorising.grid(2000), ("a", "b", "c")
    shapes = [0.15 * np.cos(k * np.pi * x) for k in (1, 2, 3)]
    learned = [shape + error * np.cos((4 + k) * np.pi * x) for k, shape in enumerate(shapes)]
    columns = [side * log_g for log_g in learned for _ in factorising.PROCESSES for side in (1.0, -1.0)]
    declared = DeclaredEffects(
        factorising.PROCESSES,
        tuple(Nuisance(name, interpolation="exponential") for name in names),
        tuple(
            ProcessEffect(c, name, kind="weights", directions=("up", "down"), use_shape=True)
            for name in names
            for c in factorising.PROCESSES
        ),
        {},
    )
    rates = factorising.rates(x)
    density = (rates / rates.mean(axis=0)).mean(axis=1)
    rows = np.stack([np.zeros(len(x), dtype=int), np.arange(len(x))], axis=1)
    model = build_model(
        dict(zip(factorising.PROCESSES, rates.mean(axis=0), strict=True)),
        Coefficients(("mu",), ("mu", "1"), {"mu": 1.0}),
        (0.0, 10.0),
        factorising.log_r(x),
        ReferenceEvents(density / density.sum(), rows),
        MeasuredEffects(declared, np.zeros((2, 3, 2)), np.stack(columns, axis=1), Prune()),
    )

    def version(*off, extra=0.0):
        factor = np.exp(sum((shapes[names.index(name)] for name in off), extra * x**2))
        return Version(np.arange(len(x), dtype=np.uint64), rates * factor[:, None], model.intensities, model.log_g)

    varied = dict.fromkeys(factorising.PROCESSES, names)
    alone = {name: version(name) for name in names}
    return model, JointEvents(dict.fromkeys(names, 1.0), varied, version(), version(*names, extra=cross), alone)


def test_three_nuisance_parameters_at_once():
    """kappa is the mean over pairs; the product of three is made of what each sample tells of its own."""
    place = np.array([[0.8, 0.5, -0.2]])
    found = {
        key: change_of(*three(*key), fitted=place, covariance=np.zeros((3, 3)), origin=None)
        for key in ((0.0, 0.0), (0.0, 0.05), (0.03, 0.0), (0.03, 0.05))
    }
    assert found[0.0, 0.0].scale == pytest.approx((0.8 * 0.5 - 0.8 * 0.2 - 0.5 * 0.2) / 3.0 * np.ones(2))
    assert np.abs(found[0.0, 0.0].shapes).max() < 1e-6 * np.abs(found[0.0, 0.05].shapes).max()
    assert np.abs(found[0.03, 0.0].shapes).max() < 0.1 * np.abs(found[0.0, 0.05].shapes).max()
    assert found[0.03, 0.05].shapes == pytest.approx(found[0.0, 0.05].shapes, rel=0.1)


def test_a_fit_without_positive_intensity_has_no_change(model):
    events = factorising.integrate(model).events(0.1)
    broken = events.nominal.intensities.copy()
    broken[7] = [0.0, -1.0]
    other = replace(events, nominal=replace(events.nominal, intensities=broken))
    (found,) = CrossTerm(model, other).changes([MU], FITTED, NONE, 1.0)
    assert found is None


def test_what_is_missing_is_said(model):
    events = factorising.integrate(model).events(0.1)
    with pytest.raises(ModelError, match="no events with scale alone off"):
        CrossTerm(model, replace(events, alone={"weight": events.alone["weight"]}))
    joint = replace(events.joint, weights=0.0 * events.joint.weights)
    with pytest.raises(ModelError, match="the weights of S at the joint point have the sum 0"):
        CrossTerm(model, replace(events, joint=joint))
