"""What the product of the effects of nuisance parameters is worth where they do not factorise, and what mends it.

    python benchmarks/factorisation.py analytic --draws 6
    python benchmarks/factorisation.py embedded results/offshell4l

*analytic*: a signal and a background in two features, whose densities are known at every value of two nuisance
parameters: a calibration, which moves events, and a factor on their weight at the true kinematics, with a cross term
exp(cross alpha_1 alpha_2 b(x)) beside what the two make themselves. t(mu) of expected data, nominal and with both
parameters off, is fitted with the exact densities and with learned ones: the product of networks for one parameter at
a time; with a cross term learned from the joint sample; and with one network for a quadratic form in both parameters
(arXiv:2505.05544), which trains on the same samples at once.

*embedded*: the check of the factorisation in the embedded analysis, of weights with and without an added cross term,
against the same change of t with exact densities on the reference events.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize
from torch import nn

from steelyard.configuration.schema import Split
from steelyard.data.reference import Reference
from steelyard.data.reference_events import load_scores, oracle_log_ratios
from steelyard.data.store import Sample
from steelyard.data.variations import Variation
from steelyard.diagnostics.factorisation.cross_term import CrossTerm
from steelyard.diagnostics.factorisation.factorisation_checks import conditional_covariance
from steelyard.diagnostics.factorisation.joint_events import joint_events
from steelyard.inference.fit import Scan
from steelyard.io.serialisation import from_json
from steelyard.model.normaliser import log_normaliser
from steelyard.model.yield_factors import total_yield_factors
from steelyard.regions.unbinned import UnbinnedModel, load_model
from steelyard.regions.varied_intensities import process_factors, shape_products
from steelyard.simulators.exact_variations import exact_variations
from steelyard.simulators.interface import simulator

# --- analytic ---------------------------------------------------------------------------------------------------------

CENTRES, YIELDS = np.array([[1.0, 0.6], [0.0, 0.0]]), np.array([60.0, 600.0])
SCALE, WEIGHT = 0.05, 0.15
NOMINAL, SINGLE, JOINT = (0.0, 0.0), ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)), (1.0, 1.0)
STEPS = 121
LogG = Callable[[np.ndarray], np.ndarray]  # alpha (2,) to log g (processes, grid), of any normalisation


def grid() -> np.ndarray:
    """(n, 2) features, equidistant, so that sums are integrals."""
    axis = np.linspace(-4.5, 5.5, STEPS)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def bump(x: np.ndarray) -> np.ndarray:
    """The shape of the added cross term."""
    return np.tanh(x[:, 1]) * np.tanh(x[:, 0])


def log_density(x: np.ndarray, process: int, alpha: Sequence[float], cross: float) -> np.ndarray:
    """ln p(x|alpha), of any normalisation."""
    u = x / [1.0 + SCALE * alpha[0], 1.0]
    result = -0.5 * ((u - CENTRES[process]) ** 2).sum(axis=1) + alpha[1] * WEIGHT * np.tanh(u[:, 0])
    return np.asarray(result + cross * alpha[0] * alpha[1] * bump(x))


def sample(process: int, alpha: Sequence[float], cross: float, normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Events of a point, (n, 2), and their weights, mean 1: the same true events everywhere."""
    u = normal + CENTRES[process]
    x = u * [1.0 + SCALE * alpha[0], 1.0]
    weights = np.exp(alpha[1] * WEIGHT * np.tanh(u[:, 0]) + cross * alpha[0] * alpha[1] * bump(x))
    return x, weights / weights.mean()


def network(outputs: int, seed: int) -> nn.Sequential:
    """Two hidden layers of 32; its output begins at zero."""
    torch.manual_seed(seed)
    layers = nn.Sequential(nn.Linear(2, 32), nn.SiLU(), nn.Linear(32, 32), nn.SiLU(), nn.Linear(32, outputs))
    nn.init.zeros_(layers[-1].weight)
    nn.init.zeros_(layers[-1].bias)
    return layers


def train(
    layers: nn.Sequential,
    points: np.ndarray,
    events: Sequence[tuple[np.ndarray, np.ndarray]],
    nominal: Sequence[tuple[np.ndarray, np.ndarray]],
    epochs: int,
) -> Callable[[np.ndarray], np.ndarray]:
    """Tell the events of every point from nominal ones, with log g = points @ outputs: x (n, 2) to outputs (n, q).

    Args:
        layers: with q outputs.
        points: (P, q) what the outputs are multiplied with.
        events: per point features and weights at the point.
        nominal: per point features and weights that they are compared with.
    """
    factors = torch.tensor(points, dtype=torch.float32)
    x1, w1, x0, w0 = (
        torch.tensor(np.stack([pair[part] for pair in pairs]), dtype=torch.float32)
        for pairs in (events, nominal)
        for part in (0, 1)
    )
    size, number = 1024, x1.shape[1]
    steps = epochs * (number // size)
    optimizer = torch.optim.Adam(layers.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps, pct_start=0.05)
    for step in range(steps):
        if step % (number // size) == 0:
            order = torch.randperm(number)
        rows = order[(step % (number // size)) * size :][:size]
        loss = torch.zeros(())
        for point, factor in enumerate(factors):
            # both versions of an event in one batch, as noise that they share drops out of the gradient
            loss = loss + (w1[point, rows] * nn.functional.softplus(-(layers(x1[point, rows]) @ factor))).mean()
            loss = loss + (w0[point, rows] * nn.functional.softplus(layers(x0[point, rows]) @ factor)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()

    def outputs(x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return layers(torch.tensor(x, dtype=torch.float32)).numpy().astype(float)

    return outputs


def sides(alpha: float) -> tuple[float, float]:
    """h of the exponential interpolation for +1 and -1."""
    square = min(alpha**2, 1.0)
    even = abs(alpha) if abs(alpha) >= 1.0 else square * (15.0 - square * (10.0 - 3.0 * square)) / 8.0
    return 0.5 * (even + alpha), 0.5 * (even - alpha)


def product_of(single: np.ndarray, joint: np.ndarray | None = None) -> LogG:
    """From log g (2, 4, n) at the single points, and perhaps a cross term (2, n) at the joint one."""

    def log_g(alpha: np.ndarray) -> np.ndarray:
        weights = np.array([*sides(alpha[0]), *sides(alpha[1])])
        result = np.einsum("cpn,p->cn", single, weights)
        return result if joint is None else result + alpha[0] * alpha[1] * joint

    return log_g


class Fit:
    """t(mu) of expected data by sums over the grid."""

    def __init__(self, log_g: LogG) -> None:
        x = grid()
        self.log_g = log_g
        self.base = np.stack([log_density(x, c, NOMINAL, 0.0) for c in (0, 1)])

    def rate(self, mu: float, alpha: np.ndarray) -> np.ndarray:
        """Expected events of every cell."""
        density = np.exp(self.base + self.log_g(np.asarray(alpha)))
        return np.asarray((YIELDS * [mu, 1.0]) @ (density / density.sum(axis=1, keepdims=True)))

    def t(self, mu: Sequence[float], data: np.ndarray, origin: Sequence[float]) -> np.ndarray:
        """At some values, of data whose auxiliary measurements are ``origin``."""

        def value(alpha: np.ndarray, at: float) -> float:
            rate = self.rate(at, alpha)
            return float(2.0 * (rate.sum() - data @ np.log(rate)) + ((alpha - origin) ** 2).sum())

        options = {"gtol": 1e-5}
        start = np.array([1.0, *origin])
        best = minimize(lambda place: value(place[1:], place[0] ** 2), start, method="BFGS", options=options)
        return np.array(
            [minimize(value, best.x[1:], (at,), method="BFGS", options=options).fun - best.fun for at in mu]
        )


def learn(cross: float, events: int, epochs: int, seed: int) -> tuple[dict[str, LogG], dict[str, float]]:
    """The learned forms of log g, and what their training cost in CPU seconds."""
    x, generator = grid(), np.random.default_rng(seed)
    single, joint, quadratic = np.empty((2, 4, len(x))), np.empty((2, len(x))), np.empty((2, 5, len(x)))
    costs = {"product": 0.0, "cross term": 0.0, "quadratic network": 0.0}
    one = np.ones((1, 1))
    for c in (0, 1):
        normal = generator.normal(size=(events, 2))
        nominal = sample(c, NOMINAL, cross, normal)
        start = time.process_time()
        functions = [
            train(network(1, 10 * seed + p), one, [sample(c, point, cross, normal)], [nominal], epochs)
            for p, point in enumerate(SINGLE)
        ]
        single[c] = [function(x)[:, 0] for function in functions]
        costs["product"] += time.process_time() - start
        start = time.process_time()
        weights = np.exp(functions[0](nominal[0])[:, 0] + functions[2](nominal[0])[:, 0])
        weighted = nominal[0], weights / weights.mean()
        function = train(network(1, 10 * seed + 5), one, [sample(c, JOINT, cross, normal)], [weighted], epochs)
        joint[c] = function(x)[:, 0]
        costs["cross term"] += time.process_time() - start
        start = time.process_time()
        points = np.array([*SINGLE, JOINT])
        powers = np.stack([points[:, 0], points[:, 1], points[:, 0] ** 2, points[:, 1] ** 2, points.prod(axis=1)], 1)
        versions = [sample(c, point, cross, normal) for point in points]
        quadratic[c] = train(network(5, 10 * seed + 6), powers, versions, [nominal] * len(points), epochs)(x).T
        costs["quadratic network"] += time.process_time() - start

    def form(alpha: np.ndarray) -> np.ndarray:
        a, b = alpha
        return np.einsum("cqn,q->cn", quadratic, np.array([a, b, a**2, b**2, a * b]))

    return {
        "product": product_of(single),
        "product, cross term": product_of(single, joint),
        "quadratic network": form,
    }, costs


def exact_forms(cross: float) -> dict[str, LogG]:
    """Exact densities, and the product and the product with its cross term that exact ratios at these points make."""
    x = grid()
    base = np.stack([log_density(x, c, NOMINAL, 0.0) for c in (0, 1)])

    def exact(alpha: np.ndarray) -> np.ndarray:
        return np.stack([log_density(x, c, alpha, cross) for c in (0, 1)]) - base

    single = np.stack([exact(np.array(point)) for point in SINGLE], axis=1)
    joint = exact(np.array(JOINT)) - single[:, 0] - single[:, 2]
    return {"exact": exact, "exact product": product_of(single), "exact, cross term": product_of(single, joint)}


def analytic(draws: int, events: int, epochs: int, crosses: Sequence[float]) -> None:
    """Print the error of t of every form, its mean and its scatter over draws, and the costs."""
    mu, origins = (0.0, 0.5, 2.0), (NOMINAL, JOINT, (1.0, -1.0), (2.0, 2.0))
    for cross in crosses:
        forms = exact_forms(cross)
        truth = Fit(forms["exact"])
        data = {origin: truth.rate(1.0, np.array(origin)) for origin in origins}
        right = {origin: truth.t(mu, data[origin], origin) for origin in origins}
        print(f"cross term {cross:g}; t at mu = {mu}; error of t: mean +- scatter over {draws} trainings")
        errors: dict[str, dict] = {}
        costs: list[dict[str, float]] = []
        for name in ("exact product", "exact, cross term"):
            fit = Fit(forms[name])
            errors[name] = {origin: [fit.t(mu, data[origin], origin) - right[origin]] for origin in origins}
        for seed in range(draws):
            learned, cost = learn(cross, events, epochs, seed)
            costs.append(cost)
            for name, form in learned.items():
                fit = Fit(form)
                found = errors.setdefault(name, {origin: [] for origin in origins})
                for origin in origins:
                    found[origin].append(fit.t(mu, data[origin], origin) - right[origin])
        for origin in origins:
            print(f"  data at alpha = {origin}: t = {np.round(right[origin], 3)}")
            for name, found in errors.items():
                values = np.array(found[origin])
                text = "  ".join(f"{m:+.3f} +- {s:.3f}" for m, s in zip(values.mean(0), values.std(0), strict=True))
                print(f"    {name:22s} {text}")
        means = {name: np.mean([cost[name] for cost in costs]) for name in costs[0]}
        print("  CPU seconds:", ", ".join(f"{name} {value:.1f}" for name, value in means.items()))


# --- embedded ---------------------------------------------------------------------------------------------------------

POINT = {"gg_scale": 1.0, "qqZZ_angle": 1.0, "lepton_scale": 1.0}
VARIED = {
    **dict.fromkeys(("S", "SBI", "B"), ("gg_scale", "lepton_scale")),
    "NI": ("qqZZ_angle", "lepton_scale"),
}
SYSTEMATICS = {"gg_scale": ("S", "SBI", "B"), "qqZZ_angle": ("NI",), "lepton_scale": ("S", "SBI", "B", "NI")}
NAMES = ("gg", "qqZZ")


def added(x: np.ndarray, cross: float) -> np.ndarray:
    """ln of a cross term that the simulator does not have."""
    return np.asarray(cross * np.log(x[:, 0] / 300.0))


def joint_sample(folder: Path, name: str, cross: float) -> Sample:
    """The moved events with the weights of the true kinematics, and an added cross term."""
    moved = Sample.open(folder / "samples" / name / "variations" / "lepton_scale-up")
    x = np.asarray(moved.observables, dtype=float)
    true = 0.1 + 0.1 * np.log(x[:, 0] / 1.005 / 300.0) if name == "gg" else 0.03 * (3.0 * x[:, 3] ** 2 - 1.0)
    return replace(moved, weights=np.asarray(moved.weights) * np.exp(true + added(x, cross))[:, None])


def exact_change(
    model: UnbinnedModel, x: np.ndarray, mu: float, fitted: np.ndarray, data: np.ndarray, cross: float
) -> float:
    """The first order of the change of t with exact densities on the reference events x (n, 8)."""
    source, systematics, names = simulator("offshell4l"), model.systematics, model.mixture.processes

    def factors(value: float) -> np.ndarray:
        return np.asarray(model.mixture.coefficients_along(model.mixture.to_coordinate(value))[0])

    def products(alpha: np.ndarray) -> np.ndarray:
        return np.stack([shape_products(systematics, model.log_g, alpha[None], c)[0] for c in range(len(names))], 1)

    point = systematics.point(POINT)
    there, here = products(fitted), products(point)
    rate = (model.intensities * there) @ (factors(mu) * process_factors(systematics, fitted))
    known = (model.intensities * products(data)) @ (factors(1.0) * process_factors(systematics, data))
    residual, total = 1.0 - known / rate, 0.0
    log_n = log_normaliser(systematics, np.stack([fitted, point]))
    for c, name in enumerate(names):
        first, second = VARIED[name]
        at = {
            key: (source.log_densities(x, [name], alpha)[:, 0], float(np.log(source.yields([name], alpha)[0])))
            for key, alpha in (
                ("both", {first: 1.0, second: 1.0}),
                ("first", {first: 1.0}),
                ("second", {second: 1.0}),
                ("none", {}),
            )
        }
        h, eta = (at["both"][k] - at["first"][k] - at["second"][k] + at["none"][k] for k in (0, 1))
        h = h + added(x, cross)
        density = model.weights * model.intensities[:, c] / model.mixture.yields[c]
        product = density * here[:, c]
        product /= product.sum()
        joint = product * np.exp(h)
        # The rates have the cross term as it stands: what its normalisation changes belongs to the yield.
        both = density * np.exp(at["both"][0] - at["none"][0])
        eta += float(np.log((both * np.exp(added(x, cross))).sum() / both.sum()))
        joint /= joint.sum()
        moved = there[:, c] / here[:, c] * np.exp(log_n[1, c] - log_n[0, c])
        mean = float((product * moved) @ residual / (product @ moved))
        k, j = (systematics.names.index(item) for item in (first, second))
        scale = fitted[k] * fitted[j] * total_yield_factors(systematics, fitted)[c]
        size = float((joint - product) @ ((residual - mean) * moved)) + mean * eta
        total += 2.0 * factors(mu)[c] * model.mixture.yields[c] * scale * size
    return total


def embedded(folder: Path, events: int, crosses: Sequence[float]) -> None:
    """Print the measured change of t of data at the point, and the exact one."""
    source, model = simulator("offshell4l"), load_model(folder / "oracle" / "model" / "model.npz")
    reference, names = from_json(Reference, folder / "reference" / "reference.json"), model.mixture.processes
    samples = [Sample.open(folder / "samples" / name) for name in NAMES]
    variations = [
        Variation(f"{process}-{systematic}-{side}", process, systematic, side, "events")
        for systematic, processes in SYSTEMATICS.items()
        for process in processes
        for side in ("up", "down")
    ]

    def judge(stored: Sample) -> np.ndarray:
        x = np.asarray(stored.observables, dtype=float)
        exact = oracle_log_ratios(source.log_densities(x, names), reference)
        return np.concatenate([exact, exact_variations(source, x, variations)], axis=1)

    paths = [
        str(folder / "oracle" / "scores" / name / "systematics" / f"{key}.npy") for name in NAMES for key in SYSTEMATICS
    ]
    densities = [np.load(folder / "oracle" / "scores" / f"{name}.npy") for name in NAMES]
    scores = [
        [oracle_log_ratios(np.asarray(values, dtype=float), reference), ratios]
        for values, ratios in zip(densities, load_scores(paths, len(NAMES)), strict=True)
    ]
    alone = {
        systematic: {
            name: Sample.open(folder / "samples" / name / "variations" / f"{systematic}-up")
            for name in NAMES
            if (folder / "samples" / name / "variations" / f"{systematic}-up").exists()
        }
        for systematic in POINT
    }
    scan = from_json(Scan, folder / "oracle" / "fits" / "asimov.json")
    point, places = model.systematics.point(POINT), [0, 10, 30, 40, 60]
    covariance = conditional_covariance(scan.fit, model.systematics)
    mu, fitted = np.asarray(scan.mu)[places], np.asarray(scan.alpha)[places] + point
    x = np.concatenate(
        [np.asarray(s.observables)[model.rows[model.rows[:, 0] == n, 1]] for n, s in enumerate(samples)]
    ).astype(float)
    for cross in crosses:
        joint = {name: joint_sample(folder, name, cross) for name in NAMES}
        gathered = joint_events(model, POINT, VARIED, samples, scores, alone, joint, Split(), judge, events)
        start = time.process_time()
        found = CrossTerm(model, gathered).changes(mu.tolist(), fitted, 0.0 * covariance, 1.0, point)
        seconds = time.process_time() - start
        print(f"cross term {cross:g}, {len(gathered.joint.ids)} events, data at the point ({seconds:.1f} CPU s):")
        for value, alpha, change in zip(mu, fitted, found, strict=True):
            exact = exact_change(model, x, float(value), alpha, point, cross)
            assert change is not None
            print(f"  mu = {value:4.2f}: measured {change.value:+.5f} +- {change.error:.5f}, exact {exact:+.5f}")


def main() -> None:
    """Print what the page on statistics quotes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("analytic", "embedded"))
    parser.add_argument("results", nargs="?", type=Path, help="folder of a finished run of config/config.yaml")
    parser.add_argument("--draws", type=int, default=6)
    parser.add_argument("--events", type=int, help="of a class (40000), or of a sample (25000)")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--cross", type=float, nargs="+", default=[0.0, 0.05])
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what == "analytic":
        analytic(options.draws, options.events or 40_000, options.epochs, options.cross)
    else:
        embedded(options.results, options.events or 25_000, options.cross)


if __name__ == "__main__":
    main()
