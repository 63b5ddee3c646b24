"""The fit of simulated events, weighted to a known truth, has to return that truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.checks import Check, CheckName, Kind, Level, Threshold, within
from steelyard.diagnostics.empirical import normalised
from steelyard.inference.fit import Fit, fit
from steelyard.likelihood.likelihood import Likelihood
from steelyard.model.mixture import Mixture

BIAS = Kind(
    title="Asimov bias",
    name="Asimov bias of {parameter} at {value}",
    levels={"asimov": Level(0.05, 0.1, "|hat - truth| of the Asimov fit, in units of the error of a fit of data.")},
    remedy="compare with the closure of the total at this value: more events and members of the ratios that fail there",
)


@dataclass(frozen=True)
class AsimovBias:
    """Fits of the simulation at known truths; arrays (T,).

    Attributes:
        parameter: name of the parameter of interest.
        truth: the values that the simulation was weighted to.
        hat: fitted values.
        error: statistical error of hat from the finite simulation; NaN where the likelihood is flat at the truth.
        checks: one a truth: hat - truth in units of the statistical error of a fit of data.
    """

    parameter: str
    truth: np.ndarray
    hat: np.ndarray
    error: np.ndarray
    checks: tuple[Check, ...]


def process_densities(weights: np.ndarray) -> np.ndarray:
    """Event weights of each process (n, C) with every column normalised to one."""
    return np.stack(
        [normalised(column, f"process {number}") for number, column in enumerate(np.asarray(weights).T)], axis=1
    )


def asimov_bias(
    parameter: str,
    mixture: Mixture,
    intensities: np.ndarray,
    weights: np.ndarray,
    composition: np.ndarray,
    truths: Sequence[float],
    threshold: float | Threshold,
) -> AsimovBias:
    r"""Fit the simulation's own expected data at each truth with the learned ratios.

    The data are the *simulation's* weights :math:`w_i=\sum_c f_c(\mu)\,\nu_c\,p_{ci}`, with no ratio in them. Asimov
    weights formed with the learned ratios would give the truth back whatever the ratios are, since the model would be
    tested on itself.

    The error of the fit is that of the gradient over the curvature,
    :math:`\sigma_\kappa = 2\sqrt{\sum_i\delta_i^2}\,/\,\partial_\kappa^2(-2\ln L)`. An event moves the gradient
    :math:`\sum_i w_i s_i`, :math:`s=\lambda'/\lambda`, as a part of the data and, with its share a_c in the reference
    and its absolute weight there, as a part of what the ratios are normalised on:

    .. math:: \delta_i = \sum_c f_c\nu_c\,p_{ci}\,(s_i-\langle s\rangle_c)
              - \sum_c a_c\,|p_c|_i\,(h_i-\langle h\rangle_{|c|}),
              \qquad h_i = \sum_c (f'_c - f_c\langle s\rangle_c)\,\nu_c r_{ci}

    Args:
        parameter: name for the result.
        mixture: the model's mixture.
        intensities: (n, C) nu_c r_c(x_i), learned and normalised.
        weights: (n, C) event weights of each process on the same events, any positive sums.
        composition: (C,) weights of the processes in the reference, sum one.
        truths: parameter values.
        threshold: of hat - truth in units of the error of a fit of data, as :math:`\pm\sqrt{t(\mathrm{truth})}`: no
            choice of the parameter makes a bias large or small. A bias of b such units moves t by :math:`2b\sqrt t`:
            0.1 of them are 10 % of t at t = 4.
    """
    densities = process_densities(weights)
    hats, errors, checks = [], [], []
    for truth in truths:
        kappa = float(mixture.to_coordinate(truth))
        likelihood = Likelihood.of(
            mixture, intensities, densities @ (mixture.yields * mixture.coefficients_along(kappa)[0])
        )
        best = fit(likelihood)
        error = _error(likelihood, composition, densities, kappa)
        hats.append(best.hat)
        errors.append(error)
        checks.append(
            _check(BIAS.of(parameter=parameter, value=f"{truth:g}"), likelihood, best, truth, error, threshold)
        )
    return AsimovBias(parameter, np.array(truths, dtype=float), np.array(hats), np.array(errors), tuple(checks))


def _check(
    name: CheckName, likelihood: Likelihood, best: Fit, truth: float, error: float, threshold: float | Threshold
) -> Check:
    """sqrt(t(truth)) with the sign of the bias, which is (hat - truth)/sigma where the likelihood is a parabola."""
    kappa, found = (likelihood.mixture.to_coordinate(value) for value in (truth, best.hat))
    at_truth, lowest = likelihood.value(np.array([float(kappa), float(found)]))
    value = float(np.copysign(np.sqrt(max(at_truth - lowest, 0.0)), best.hat - truth))
    detail, unit = f"{best.hat:.4f} fitted at {truth:g}", _unit(likelihood, float(kappa))
    if not (np.isfinite(unit) and np.isfinite(error)):
        return within(name, value, threshold, detail=f"{detail}, where the likelihood has no curvature")
    return within(name, value, threshold, error / unit, f"{detail}, where data have an error of {unit:.3g}")


def _slope(likelihood: Likelihood, kappa: float) -> float:
    """Of the parameter in the coordinate; one-sided on a bound."""
    mixture, step = likelihood.mixture, 1e-6
    low, high = (np.clip(kappa + sign * step, *mixture.coordinate_bounds) for sign in (-1.0, 1.0))
    return abs(float(mixture.to_parameter(high) - mixture.to_parameter(low)) / float(high - low))


def _unit(likelihood: Likelihood, kappa: float) -> float:
    """The parabolic error of the parameter; NaN where the likelihood is flat."""
    curvature = likelihood.derivatives(kappa)[2]
    return float(np.sqrt(2.0 / curvature)) * _slope(likelihood, kappa) if curvature > 0.0 else float("nan")


def _error(likelihood: Likelihood, composition: np.ndarray, densities: np.ndarray, kappa: float) -> float:
    mixture, intensities = likelihood.mixture, np.asarray(likelihood.events[0].intensities)
    curvature = likelihood.derivatives(kappa)[2]
    if not curvature > 0.0:
        return float("nan")
    coefficients, slopes = mixture.coefficients_along(kappa)[0], mixture.coefficients_along(kappa, 1)[0]
    score = (intensities @ slopes) / (intensities @ coefficients)
    mean = densities.T @ score
    data = (densities * (score[:, None] - mean)) @ (coefficients * mixture.yields)
    # E_ref[r_c] is an average of averages over the reference's processes, each normalised by itself.
    normalisation = intensities @ (slopes - coefficients * mean)
    parts = densities
    if (densities < 0.0).any():  # events with negative weights are in the reference with their absolute values
        parts = np.abs(densities) / np.abs(densities).sum(axis=0)
    model = (parts * (normalisation[:, None] - parts.T @ normalisation)) @ composition
    return float(2.0 * np.sqrt(((data - model) ** 2).sum()) / curvature) * _slope(likelihood, kappa)
