"""The likelihood of several regions and parameters by its formulae, in plain numpy, and random models of that kind.

Nothing here is the library's but the numbers that a model consists of. Coefficients are evaluated from their text.
Everything takes complex values of the parameters: the imaginary part of f(x + ih) over h is the derivative, to
rounding.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.region_events import RegionEvents
from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Normaliser, Nuisance, Systematics
from steelyard.model.mixture import Mixture
from steelyard.model.region import Region

_NAMES = {name: getattr(np, name) for name in ("sqrt", "exp", "log", "sin", "cos", "tanh", "arctan2", "where")}

# The six conditions of code 4 on a_1 .. a_6: value, first and second derivative at +1 and -1.
_CONDITIONS = [
    [(1.0, i, i * (i - 1))[order] * side ** (i - order) for i in range(1, 7)]
    for side in (1.0, -1.0)
    for order in range(3)
]


def effect(kind: str, up: np.ndarray, down: np.ndarray, alpha: complex) -> np.ndarray:
    """g(alpha) of effects with logarithms ``up`` and ``down`` (n,) at ±1."""
    up, down = np.asarray(up, dtype=float), np.asarray(down, dtype=float)
    if abs(np.real(alpha)) >= 1.0:
        return np.exp(alpha * up if np.real(alpha) > 0.0 else -alpha * down)
    if kind == "exponential":
        even = (15.0 * alpha**2 - 10.0 * alpha**4 + 3.0 * alpha**6) / 8.0
        return np.exp(0.5 * (up - down) * alpha + 0.5 * (up + down) * even)
    conditions = [np.exp(up) - 1.0, up * np.exp(up), up**2 * np.exp(up)]
    conditions += [np.exp(down) - 1.0, -down * np.exp(down), down**2 * np.exp(down)]
    a = np.linalg.solve(_CONDITIONS, np.reshape(conditions, (6, -1))).reshape(6, *up.shape)
    return 1.0 + np.tensordot(alpha ** np.arange(1, 7), a, axes=1)


def log_normaliser(systematics: Systematics, alpha: np.ndarray) -> np.ndarray:
    """ln N_c (C,) from the table and the pairs."""
    result = np.zeros(len(systematics.log_yields), dtype=complex)
    normaliser, terms = systematics.normaliser, systematics.terms
    for (process, nuisance), table in zip(terms, normaliser.table, strict=False):
        result[process] += _hermite(normaliser.knots, table, alpha[nuisance])
    for (first, second), b in zip(normaliser.pairs, normaliser.pair_factors, strict=True):
        one, two = (
            np.array([np.log(effect("exponential", up, 1.0 - up, alpha[terms[t, 1]])) for up in (1.0, 0.0)])
            for t in (first, second)
        )
        result[terms[first, 0]] += one @ b @ two
    return result


def _hermite(knots: np.ndarray, table: np.ndarray, at: complex) -> complex:
    """The polynomial of fifth degree with value and two derivatives at both knots around a place."""
    j = int(np.clip(np.searchsorted(knots, np.real(at), side="right") - 1, 0, len(knots) - 2))
    step = knots[j + 1] - knots[j]
    rows = [
        [(1.0, i, i * (i - 1))[order] * (side ** max(i - order, 0)) for i in range(6)]
        for side in (0.0, 1.0)
        for order in range(3)
    ]
    numbers = np.linalg.solve(rows, (table[j : j + 2] * step ** np.arange(3)).ravel())
    return complex(numbers @ ((at - knots[j]) / step) ** np.arange(6))


# ln N_c (C,) at values (K,) of a region's nuisance parameters.
LogNormaliser = Callable[[np.ndarray], np.ndarray]


def joint_log_normaliser(systematics: Systematics, densities: np.ndarray, log_g: np.ndarray) -> LogNormaliser:
    """ln of the mean of the product of all effects (n, T, 2) over densities (n, C) of any scale."""
    logs = np.asarray(log_g, dtype=np.float32).astype(float)

    def function(alpha: np.ndarray) -> np.ndarray:
        products = (densities / densities.sum(axis=0)).astype(complex)
        for t, (c, k) in enumerate(systematics.terms):
            products[:, c] *= effect(systematics.nuisances[k].interpolation, *logs[:, t].T, alpha[k])
        return np.log(products.sum(axis=0))

    return function


def intensities(
    region: Region, events: RegionEvents, values: Mapping[str, complex], normaliser: LogNormaliser | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """lambda (n,) of the rows of a region, and the expected events (C,) of its processes.

    The normaliser is the region's own form by default.
    """
    mixture, systematics = region.mixture, region.systematics
    known = {name: np.complex128(value) for name, value in {**mixture.coefficients.nominal, **values}.items()}
    names = {**_NAMES, **known}
    f = np.array([complex(eval(text, {"__builtins__": {}}, names)) for text in mixture.coefficients.expressions])
    alpha = np.array([complex(values[name]) for name in systematics.names])
    factors = np.ones(len(f), dtype=complex)
    for k, nuisance in enumerate(systematics.nuisances):
        for c in range(len(f)):
            if nuisance.interpolation == "linear":
                factors[c] *= alpha[k] if systematics.factors[c, k] else 1.0
            else:
                factors[c] *= effect(nuisance.interpolation, *systematics.log_yields[c, k], alpha[k])
    log_n = log_normaliser(systematics, alpha) if normaliser is None else normaliser(alpha)
    intensities = np.asarray(events.intensities) * (f * factors * np.exp(-log_n))
    for t, (c, k) in enumerate(systematics.terms):
        up, down = np.asarray(events.log_g[:, t], dtype=np.float32).astype(float).T
        intensities[:, c] = intensities[:, c] * effect(systematics.nuisances[k].interpolation, up, down, alpha[k])
    return intensities.sum(axis=1), f * factors * mixture.yields


def best_factor(counts: np.ndarray, expected: np.ndarray, errors: np.ndarray, auxiliary: np.ndarray) -> np.ndarray:
    """gamma (B,) with the least 2 (gamma lambda - n ln gamma) + (gamma - a)^2 / delta^2: the root that is not negative.

    The derivative vanishes where gamma^2 + gamma (lambda delta^2 - a) - n delta^2 = 0.
    """
    half = 0.5 * (auxiliary - expected * errors**2)
    root = np.sqrt(half**2 + counts * errors**2)
    return np.where(half.real > 0.0, half + root, counts * errors**2 / np.where(root == half, 1.0, root - half))


def deviance_of_bins(
    expected: np.ndarray, counts: np.ndarray, errors: np.ndarray | None, auxiliary: np.ndarray | None
) -> complex:
    """2 sum of (gamma lambda - n ln gamma lambda) and of the constraints of gamma, at the best gamma of each bin."""
    gamma, total = np.ones(len(counts), dtype=complex), 0.0
    if errors is not None:
        auxiliary = np.ones(len(counts)) if auxiliary is None else auxiliary
        uncertain = errors > 0.0
        own = [part[uncertain] for part in (counts, expected, errors, auxiliary)]
        gamma[uncertain] = best_factor(*own)
        total += (((gamma - auxiliary)[uncertain] / errors[uncertain]) ** 2).sum()
    seen = counts > 0.0
    return total + 2.0 * (gamma * expected).sum() - 2.0 * counts[seen] @ np.log((gamma * expected)[seen])


def penalty(constraint: object, value: complex, observed: float) -> complex:
    """What a constraint adds to -2 ln L."""
    if constraint.kind == "gaussian":
        return ((value - observed) / constraint.width) ** 2
    if constraint.kind == "poisson":
        logarithm = observed * np.log(value / observed) if observed > 0.0 else 0.0
        return 2.0 * constraint.events * (value - observed - logarithm)
    return 0.0


def minus_two_log_likelihood(
    likelihood: Likelihood, values: Mapping[str, complex], normalisers: Mapping[str, LogNormaliser] | None = None
) -> complex:
    """-2 ln L of a model and data at values of all parameters, by name; with normalisers by region."""
    total = 0.0
    for region, events in zip(likelihood.model.regions, likelihood.events, strict=True):
        expected, of_processes = intensities(region, events, values, (normalisers or {}).get(region.name))
        if region.binned:
            total += deviance_of_bins(expected, np.asarray(events.weights), region.errors, events.auxiliary)
        else:
            weights = np.ones(len(expected)) if events.weights is None else np.asarray(events.weights)
            seen = weights != 0.0
            total += 2.0 * of_processes.sum() - 2.0 * weights[seen] @ np.log(expected[seen])
    for nuisance, observed in zip(likelihood.model.nuisances, likelihood.global_observables, strict=True):
        total += penalty(nuisance.parameter.constraint, values[nuisance.name], observed)
    return total


def at_coordinates(
    likelihood: Likelihood, place: np.ndarray, normalisers: Mapping[str, LogNormaliser] | None = None
) -> complex:
    """The same at coordinates (P,)."""
    values = {}
    for parameter, kappa in zip(likelihood.parameters, place, strict=True):
        power = 1 if parameter.coordinate is None else parameter.coordinate.power
        origin = 0.0 if parameter.coordinate is None else parameter.coordinate.origin
        values[parameter.name] = origin + kappa**power if power > 1 else kappa
    return minus_two_log_likelihood(likelihood, values, normalisers)


def derivatives(likelihood: Likelihood, place: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Value, gradient (P,) by the complex step, and Hessian (P, P) by differences of it of fifth order."""

    def gradient(at: np.ndarray) -> np.ndarray:
        steps = 1e-30j * np.eye(len(at))
        return np.array([complex(at_coordinates(likelihood, at + step)).imag / 1e-30 for step in steps])

    size, width = len(place), 1e-3
    hessian = np.zeros((size, size))
    for i, unit in enumerate(width * np.eye(size)):
        near, far = (
            gradient(place + unit) - gradient(place - unit),
            gradient(place + 2 * unit) - gradient(place - 2 * unit),
        )
        hessian[i] = (8.0 * near - far) / (12.0 * width)
    return complex(at_coordinates(likelihood, place.astype(complex))).real, gradient(place), hessian


def systematics_of(
    processes: int,
    nuisances: Sequence[Nuisance],
    norms: Mapping[str, object] | None = None,
    factors: Mapping[str, Sequence[int]] | None = None,
    shapes: Sequence[tuple[int, str]] = (),
    normaliser: Normaliser | None = None,
) -> Systematics:
    """What nuisance parameters do in a region, by their names.

    Args:
        processes: C.
        nuisances: K.
        norms: ln of the yield factors at ±1, (C, 2), of some of them.
        factors: processes whose yields norm factors multiply.
        shapes: process and nuisance parameter of the shape terms, in the order of theirs.
        normaliser: of the shapes.
    """
    names = [nuisance.name for nuisance in nuisances]
    log_yields = np.zeros((processes, len(names), 2))
    for name, logs in (norms or {}).items():
        log_yields[:, names.index(name)] = logs
    mask = np.zeros((processes, len(names)), dtype=bool)
    for name, own in (factors or {}).items():
        mask[list(own), names.index(name)] = True
    terms = np.array([(c, names.index(name)) for c, name in shapes], dtype=np.int64).reshape(-1, 2)
    return Systematics.of(nuisances, log_yields, mask, terms, normaliser)


def mixture_of(
    expressions: Sequence[str],
    yields: np.ndarray,
    parameters: Mapping[str, tuple[float, float, float]],
    free: int = 0,
) -> Mixture:
    """A mixture of parameters, each with its nominal value and bounds; the last ``free`` are free."""
    names = tuple(parameters)
    bounds = [(low, high) for _, low, high in parameters.values()]
    nominal = {name: value for name, (value, _, _) in parameters.items()}
    coefficients = Coefficients(names, tuple(expressions), nominal, lower=tuple(low for low, _ in bounds))
    processes = tuple(f"process{c}" for c in range(len(expressions)))
    return Mixture(processes, coefficients, np.asarray(yields, dtype=float), bounds[0], tuple(bounds[1:]), free)


def normaliser_of(systematics: Systematics, log_g: np.ndarray, densities: np.ndarray) -> Normaliser:
    """What each shape does alone, by differences of expectations over densities (n, C), and pairs at the corners."""
    knots, h, terms = np.linspace(-5.0, 5.0, 41), 1e-3, systematics.terms
    densities, table = densities / densities.sum(axis=0), np.zeros((len(terms), len(knots), 3))
    logs = np.asarray(log_g, dtype=np.float32).astype(float)
    for t, (c, k) in enumerate(terms):
        kind = systematics.nuisances[k].interpolation
        for j, knot in enumerate(knots):
            below, here, above = (
                np.log(densities[:, c] @ effect(kind, *logs[:, t].T, knot + shift)) for shift in (-h, 0.0, h)
            )
            table[t, j] = here, (above - below) / (2.0 * h), (above + below - 2.0 * here) / h**2
    pairs = [(t, u) for t in range(len(terms)) for u in range(t + 1, len(terms)) if terms[t, 0] == terms[u, 0]]
    factors = np.zeros((len(pairs), 2, 2))
    for number, (t, u) in enumerate(pairs):
        p, one, two = densities[:, terms[t, 0]], np.exp(logs[:, t]), np.exp(logs[:, u])
        factors[number] = np.log((one * p[:, None]).T @ two) - np.log(p @ one)[:, None] - np.log(p @ two)
    return Normaliser(knots, table, np.array(pairs, dtype=np.int64).reshape(-1, 2), factors)
