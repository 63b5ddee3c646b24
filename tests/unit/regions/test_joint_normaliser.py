import numpy as np
import pytest
from shape_effects import correlated

from steelyard.model.interpolation import interpolate
from steelyard.model.normaliser import log_normaliser
from steelyard.regions.joint_normaliser import JointNormaliser
from steelyard.regions.normaliser_fit import build_normaliser


def prepared(*args, **keys):
    systematics, log_g, densities = correlated(*args, **keys)
    return systematics.with_effects(normaliser=build_normaliser(systematics, log_g, densities)), log_g, densities


def rms(values):
    return np.sqrt(np.mean(values**2))


def test_all_events_give_the_expectation_itself():
    systematics, log_g, _ = prepared(3, 0.2, events=3000)
    densities = np.random.default_rng(2).exponential(size=(3000, 1))
    joint = JointNormaliser.over(systematics, log_g, densities)
    alpha = np.random.default_rng(0).uniform(-4.0, 4.0, size=(5, 3))
    expected = []
    for point in alpha:
        effects = [interpolate("code4", *log_g[:, t].astype(float).T, point[t])[0] for t in range(3)]
        expected.append(np.log(np.average(np.prod(effects, axis=0), weights=densities[:, 0])))
    np.testing.assert_allclose(joint.value(alpha)[:, 0], expected, atol=1e-13)


def test_a_part_of_the_events_gives_what_the_form_leaves():
    """The form is a control variate: the sampling error of a tenth of the events hits only what it does not explain."""
    systematics, log_g, densities = prepared(50, 0.06)
    part = JointNormaliser.over(systematics, log_g, densities, events=2000)
    assert len(part.log_g) == 2000
    alpha = np.random.default_rng(5).uniform(-1.0, 1.0, size=(20, 50))
    exact = JointNormaliser.over(systematics, log_g, densities).value(alpha)
    left = rms(part.value(alpha) - exact)
    assert left < 0.6 * rms(log_normaliser(systematics, alpha) - exact)
    assert left < 0.02 * rms(part.joint(alpha) - exact)


@pytest.mark.parametrize("events", [None, 500])
def test_gradient_and_hessian_are_those_of_the_value(events):
    systematics, log_g, densities = prepared(3, 0.3, events=2000, kind="exponential")
    joint = JointNormaliser.over(systematics, log_g, densities, events)
    for alpha in np.random.default_rng(8).uniform(-2.0, 2.0, size=(2, 3)):
        value, gradient, hessian = joint.derivatives(alpha)
        np.testing.assert_allclose(value, joint.value(alpha[None])[0], atol=1e-13)
        steps = 1e-4 * np.eye(3)
        slopes = (joint.value(alpha + steps) - joint.value(alpha - steps))[:, 0] / 2e-4
        curvatures = [
            (joint.derivatives(alpha + step)[1][0] - joint.derivatives(alpha - step)[1][0]) / 2e-4 for step in steps
        ]
        # Central differences are off by h^2/6 times third derivatives of order 0.3^3, and by rounding over h.
        np.testing.assert_allclose(gradient[0], slopes, atol=1e-8)
        np.testing.assert_allclose(hessian[0], curvatures, atol=1e-8)


def test_blocks_bound_the_memory_and_change_nothing(monkeypatch):
    systematics, log_g, densities = prepared(3, 0.2, events=2000)
    alpha = np.array([[0.5, -2.0, 1.0]])
    joint = JointNormaliser.over(systematics, log_g, densities)
    value, derivatives = joint.value(alpha), joint.derivatives(alpha[0])
    monkeypatch.setattr("steelyard.regions.joint_normaliser.BLOCK", 300)
    np.testing.assert_allclose(joint.value(alpha), value, atol=1e-13)
    for found, expected in zip(joint.derivatives(alpha[0]), derivatives, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-13)
