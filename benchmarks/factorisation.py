"""What the product of the effects of nuisance parameters is worth where they do not factorise, and what mends it.

    python benchmarks/factorisation.py --draws 6 --cross 0 0.03 0.1

A signal and a background in two features, whose densities are known at every value of two nuisance parameters: a
calibration, which moves events, and a factor on their weight at the true kinematics, with a cross term
exp(cross alpha_1 alpha_2 b(x)) beside what the two make themselves. t(mu) of expected data, nominal and with both
parameters off, is fitted with the exact densities and with learned ones: the product of networks for one parameter at
a time; with a cross term learned from the joint sample; and with one network for a quadratic form in both parameters
(arXiv:2505.05544), which trains on the same samples at once.
"""

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy.optimize import minimize
from torch import nn

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


def main() -> None:
    """Print the table of the page on statistics."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=6)
    parser.add_argument("--events", type=int, default=40_000, help="of every point")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--cross", type=float, nargs="+", default=[0.0, 0.03, 0.1])
    options = parser.parse_args()
    torch.set_num_threads(1)
    analytic(options.draws, options.events, options.epochs, options.cross)


if __name__ == "__main__":
    main()
