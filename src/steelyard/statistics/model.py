"""The statistical model as a file: what fits, toys and scans need of the networks' answers, and nothing more."""

import json
import os
from dataclasses import dataclass

import numpy as np

from steelyard.data.reference_events import ReferenceEvents
from steelyard.errors import ModelError
from steelyard.outputs import whole
from steelyard.statistics.coefficients import Coefficients
from steelyard.statistics.likelihood import Likelihood
from steelyard.statistics.mixture import Mixture


@dataclass(frozen=True)
class Normalisation:
    """E_ref[r_c] of the raw ratios on events that no network trained on, and its statistical error, both (C,)."""

    processes: tuple[str, ...]
    mean: np.ndarray
    error: np.ndarray


@dataclass(frozen=True)
class Model:
    """A mixture with its reference events.

    Attributes:
        mixture: processes, coefficients, yields.
        rates: (n, C) nu_c r_c(x_i) of the reference events, exactly normalised: E_ref[r_c] = 1.
        weights: (n,) weights of the reference events, sum 1.
        normalisation: what the raw ratios were divided by; observed data are divided by the same numbers.
        rows: (n, 2) sample number and row in that sample's store of each reference event.
    """

    mixture: Mixture
    rates: np.ndarray
    weights: np.ndarray
    normalisation: Normalisation
    rows: np.ndarray

    def asimov_weights(self, mu: float) -> np.ndarray:
        r"""Weights (n,) that turn the reference events into the expected data at ``mu`` (DESIGN 1.8).

        .. math:: w_A(x|\mu)
                  = \frac{\nu(\mu)}{\nu_\mathrm{ref}} \frac{p(x|\mu)}{p_\mathrm{ref}(x)} w_\mathrm{ref}(x)
                  = w_\mathrm{ref}(x) \sum_c f_c(\mu)\,\nu_c\,r_c(x)

        with the reference weights normalised to one. Their sum is exactly nu(mu), because the ratios are normalised.

        Raises:
            ModelError: some weights are negative. They are counted, never clipped: a clipped weight is a biased toy.
        """
        weights = self.weights * (self.rates @ self.mixture.fractions(self.mixture.to_coordinate(mu))[0])
        negative = weights < 0.0
        if negative.any():
            share = -weights[negative].sum() / weights.sum()
            raise ModelError(
                f"{np.count_nonzero(negative)} of {len(weights)} reference events have a negative Asimov weight at "
                f"parameter {mu:g} (they carry {share:.2g} of the total). The ratios disagree with the coefficients "
                "there: train longer or add members to the ratios that enter with a negative coefficient, check the "
                "signs of the coefficients, or keep the grid away from this value"
            )
        return weights

    def asimov(self, mu: float) -> Likelihood:
        """The likelihood of the Asimov data set at ``mu``."""
        return Likelihood(self.mixture, self.rates, self.asimov_weights(mu))

    def observed(self, rates: np.ndarray) -> Likelihood:
        """The likelihood of observed events with rates (N, C)."""
        return Likelihood(self.mixture, rates)

    def event_rates(self, log_r: np.ndarray) -> np.ndarray:
        """nu_c r_c of any events from raw log ratios (N, C), normalised as the reference is."""
        return np.exp(log_r) * (self.mixture.yields / self.normalisation.mean)


def normalise(processes: tuple[str, ...], log_r: np.ndarray, weights: np.ndarray) -> Normalisation:
    """E_ref[r_c] and its error from raw log ratios (n, C) of unseen reference events with weights (n,) of sum 1.

    Only the deviation r_c - 1 fluctuates, since the weights' sum is fixed: var = sum_i w_i^2 (r_ci - mean_c)^2.

    Raises:
        ModelError: a ratio is not finite somewhere, or its mean is not positive.
    """
    ratio = np.exp(np.asarray(log_r, dtype=float))
    mean = weights @ ratio
    for process, column, value in zip(processes, ratio.T, mean, strict=True):
        bad = int(np.count_nonzero(~np.isfinite(column)))
        if bad:
            raise ModelError(f"the ratio of process {process} is not finite on {bad} reference events")
        if not value > 0.0:
            raise ModelError(
                f"the ratio of process {process} has mean {value:g} on the reference: nothing to normalise"
            )
    error = np.sqrt(weights**2 @ (ratio - mean) ** 2)
    return Normalisation(processes=processes, mean=mean, error=error)


def build_model(
    yields: dict[str, float],
    coefficients: Coefficients,
    bounds: tuple[float, float],
    log_r: np.ndarray,
    events: ReferenceEvents,
) -> Model:
    """Normalise the ratios on the reference events and multiply in the yields.

    Args:
        yields: nu_c of each process; their order is that of the coefficients and of the columns of ``log_r``.
        log_r: (n, C) raw log ratios of reference events by networks that did not train on them.
        events: the reference events.

    Raises:
        ModelError: see :func:`normalise`.
    """
    processes = tuple(yields)
    mixture = Mixture(processes, coefficients, np.array(list(yields.values())), (float(bounds[0]), float(bounds[1])))
    normalisation = normalise(processes, log_r, events.weights)
    rates = np.exp(np.asarray(log_r, dtype=float)) * (mixture.yields / normalisation.mean)
    return Model(mixture, rates, events.weights, normalisation, events.rows)


_COEFFICIENTS = ("parameters", "expressions", "nominal", "lower")


def save_model(model: Model, path: str | os.PathLike) -> None:
    """Write a model as one uncompressed ``.npz``."""
    coefficients = model.mixture.coefficients
    header = {
        "processes": model.mixture.processes,
        "coefficients": {name: getattr(coefficients, name) for name in _COEFFICIENTS},
        "bounds": model.mixture.bounds,
    }
    with whole(path) as temporary:
        np.savez(
            temporary,
            header=json.dumps(header),
            yields=model.mixture.yields,
            rates=model.rates,
            weights=model.weights,
            mean=model.normalisation.mean,
            error=model.normalisation.error,
            rows=model.rows,
        )


def load_model(path: str | os.PathLike) -> Model:
    """Read what :func:`save_model` wrote."""
    with np.load(path) as file:
        header = json.loads(str(file["header"]))
        processes = tuple(header["processes"])
        mixture = Mixture(processes, Coefficients(**header["coefficients"]), file["yields"], tuple(header["bounds"]))
        normalisation = Normalisation(processes, file["mean"], file["error"])
        return Model(mixture, file["rates"], file["weights"], normalisation, file["rows"])
