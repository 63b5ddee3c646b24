"""Learned and exact likelihood of the embedded analysis on the same data: for ratio_bias.py, whose head says what."""

import itertools
from dataclasses import dataclass

import numpy as np

BELT = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0, 1.4, 1.8, 2.4, 3.2, 4.4)
KAPPA = np.linspace(0.0, 2.1, 211)  # of sqrt(mu): where experiments are fitted and sets are looked for
DENSE = 300_000, 450_000  # events of gg and qqZZ that stand for dense data
LEVEL = 0.6827


def features_of(problem, kinematics: np.ndarray) -> np.ndarray:
    """What the networks see of events (N, 8)."""
    from steelyard.simulators.offshell4l.constants import OBSERVABLES

    columns = {column: kinematics[:, i].astype(float) for i, column in enumerate(OBSERVABLES)}
    for variable, expression in problem.variables:
        columns[variable] = expression.evaluate(columns)
    return np.stack([expression.evaluate(columns) for expression in problem.features], axis=1).astype(np.float32)


def dense_data(problem, reference):
    """Features, exact log ratios and weights of dense data of the reference density.

    The events are simulated ones; a factor 1 + sum a_c r_c makes the mean of every exact ratio one, so that their
    fluctuation is not in what is compared.
    """
    from steelyard.data.reference_events import oracle_log_ratios

    drawn = problem.draw(DENSE, 424242, True)
    features = np.concatenate([sample.features for sample in drawn])
    exact = oracle_log_ratios(
        problem.log_densities(np.concatenate([sample.observables for sample in drawn])), reference
    )
    parts = [sample.weights / sample.weights.sum(axis=0) for sample in drawn]
    names = [name for sample in drawn for name in sample.info.processes]
    mixture = [reference.weights[name] for name in names]
    weights = np.concatenate([parts[0] @ mixture[:3], parts[1] @ mixture[3:]])
    r = np.exp(exact)
    factors = np.linalg.lstsq((weights * r.T) @ r, 1.0 - weights @ r, rcond=1e-10)[0]
    return features, exact, weights * (1.0 + r @ factors)


def _logs(model, log_r: np.ndarray, *values: float) -> list[np.ndarray]:
    """ln lambda of events at some mu."""
    coefficients = model.mixture.coefficients_along(np.sqrt(np.array(values)))
    intensities = model.event_intensities(log_r)
    return [np.log(intensities @ row) for row in coefficients]


def compare_dense(learned, true, log_r: np.ndarray, exact: np.ndarray, weights: np.ndarray):
    """rms of log ratios; R and its parts; and learned minus exact -2 ln L(0)/L(1) of dense data; delta u (n,)."""
    first, zero = _logs(learned, log_r, 1.0, 0.0)
    exact_first, exact_zero = _logs(true, exact, 1.0, 0.0)
    intensity = weights * np.exp(exact_first)

    def off(values: np.ndarray) -> np.ndarray:
        one, other = _logs(true, values - np.log(weights @ np.exp(values)), 1.0, 0.0)
        return (one - other) - (exact_first - exact_zero)

    def joined(inner: np.ndarray, outer: np.ndarray) -> np.ndarray:
        """The shares of S, SBI and B among themselves of one, and NI against their sum of the other."""
        one, other = (np.log(np.exp(values[:, :3]).sum(axis=1)) for values in (inner, outer))
        logs = np.column_stack([inner[:, :3] - one[:, None], outer[:, 3] - other])
        return logs - np.log(np.exp(logs).mean(axis=1, keepdims=True))

    du = off(log_r)
    ratios = {
        "R": float(intensity @ du**2),
        "R of NI": float(intensity @ off(joined(exact, log_r)) ** 2),
        "R of S, SBI, B": float(intensity @ off(joined(log_r, exact)) ** 2),
    }
    error = log_r - exact
    error -= weights @ error
    background = weights * np.exp(exact[:, 2])
    difference = error[:, 1] - error[:, 2]
    rms = {name: float(np.sqrt(weights @ error[:, c] ** 2)) for c, name in enumerate(("S", "SBI", "B", "NI"))}
    rms["SBI/B"] = float(np.sqrt(background @ difference**2))
    rms["SBI/B, 99.9 %"] = float(np.quantile(np.abs(difference), 0.999))
    dense = {}
    for mu in (0.0, 1.0, 2.0):
        (there,) = _logs(true, exact, mu)
        data = weights * np.exp(there)
        dense[f"{mu:g}"] = float(2.0 * data @ ((first - zero) - (exact_first - exact_zero)))
    return rms, ratios, dense, du


def sample_error(true, densities: np.ndarray, reference) -> float:
    """What training on as many events as the reference has does to -2 ln L(0)/L(1) of fixed dense data at mu = 1."""
    from steelyard.finite_simulation.influence import influences

    mixture = true.mixture
    zero, one = mixture.coefficients_along(np.array([0.0, 1.0])) * mixture.yields
    r = true.intensities / mixture.yields
    quotient = (r @ one) / (r @ zero)
    phi = -2.0 * (quotient[:, None] * zero - one)
    phi -= (densities * phi).sum(axis=0)
    weights = np.array([reference.weights[name] for name in reference.processes])
    return float(np.sqrt((influences(densities, weights, r, phi) ** 2).sum()))


def expected_t(model) -> float:
    from steelyard.finite_simulation.functional_derivative import ExpectedData

    return float(ExpectedData.at(model, 1.0).response(0.0, np.zeros(0)).t)


def experiments_at(mu: float, number: int) -> tuple[np.ndarray, np.ndarray]:
    """The same for all recipes and seeds."""
    from steelyard.simulators.offshell4l.draw import draw_experiments

    return draw_experiments({"mu": mu}, number, np.random.default_rng([77, round(1000 * mu)]))


def critical_values(model, seed: int) -> np.ndarray:
    """Of t along KAPPA, from toys at the points of BELT."""
    from steelyard.inference.belts import critical_value
    from steelyard.inference.toys import throw_toys

    values = [critical_value(throw_toys(model, mu, 2000, 1000 * seed + i).t, LEVEL).value for i, mu in enumerate(BELT)]
    return np.interp(KAPPA, np.sqrt(BELT), values)


@dataclass(frozen=True, eq=False)
class Fits:
    hat: np.ndarray
    t: np.ndarray
    length: np.ndarray


def fit(model, intensities: np.ndarray, offsets: np.ndarray, mu: float, critical: np.ndarray) -> Fits:
    """mu_hat, t(mu) and the length of the accepted set of each experiment, on the points of KAPPA and between them."""
    coefficients = model.mixture.coefficients_along(KAPPA)
    total = coefficients @ model.mixture.yields
    (tested,) = model.mixture.coefficients_along(np.array([np.sqrt(mu)]))
    hat, t, length = [], [], []
    for first, last in itertools.pairwise(offsets):
        rows = intensities[first:last]
        with np.errstate(divide="ignore", invalid="ignore"):
            curve = 2.0 * (total - np.log(np.maximum(rows @ coefficients.T, 1e-300)).sum(axis=0))
        k = int(np.argmin(curve))
        place, least = float(KAPPA[k]), float(curve[k])
        if 0 < k < len(KAPPA) - 1:
            low, high = curve[k - 1] - least, curve[k + 1] - least
            shift = 0.5 * (low - high) / (low + high)
            place += shift * (KAPPA[1] - KAPPA[0])
            least -= 0.25 * (low - high) * shift
        there = 2.0 * (tested @ model.mixture.yields - np.log(rows @ tested).sum())
        hat.append(place**2)
        t.append(max(there - least, 0.0))
        excess = curve - least - critical
        inside = np.clip(-excess[:-1] / np.where(np.diff(excess) == 0.0, 1.0, np.diff(excess)), 0.0, 1.0)
        part = np.where(excess[:-1] <= 0.0, np.where(excess[1:] <= 0.0, 1.0, inside), 0.0)
        part = np.where((excess[:-1] > 0.0) & (excess[1:] <= 0.0), 1.0 - inside, part)
        length.append(float(part @ np.diff(KAPPA**2)))
    return Fits(np.array(hat), np.array(t), np.array(length))


def differences(learned: Fits, exact: Fits, mu: float) -> dict[str, float]:
    sigma, number = exact.hat.std(), len(exact.hat)
    off = (learned.hat - exact.hat) / sigma
    quotient = learned.length.mean() / exact.length.mean()
    spread = np.std(learned.length - quotient * exact.length) / exact.length.mean()
    return {
        "bias": float(off.mean()),
        "bias error": float(off.std() / np.sqrt(number)),
        "exact bias": float((exact.hat.mean() - mu) / sigma),
        "t rms": float(np.sqrt(np.mean((learned.t - exact.t) ** 2))),
        "t mean": float(np.mean(learned.t - exact.t)),
        "length": float(quotient),
        "length error": float(spread / np.sqrt(number)),
    }
