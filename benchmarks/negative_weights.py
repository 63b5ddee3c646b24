"""Negative event weights: is a likelihood that was learned from them unbiased, and by which method of learning?

    python benchmarks/negative_weights.py [--regenerations 40] [--method product ...] [--processes 2] [--device cuda]
                                          [--results negative_weights.jsonl]

The signal has the density p = 1.3 p_a - 0.3 p_b of three features, and its simulation is what that says: events of p_a
with weight +1 and of p_b with weight -1, 18.75 % of them negative; where p_b peaks the signs cancel to s = 0.22. The
background is a Gaussian with weight 1. 300 mu + 700 events are expected. All densities are known, so is the likelihood.

A regeneration is a new simulation, trained anew, and 50 new experiments of unweighted events of the true density at
mu = 1. Each is fitted with the learned and with the exact likelihood: the mean of mu_hat(learned) - mu_hat(exact) over
the same experiments is the bias of the learned one. Results are appended to one file, a line for each regeneration and
method; what is there already is not done again. The table at the end is made of all that the file holds.

Methods, with the same events, layers, batches and schedule:

    product      log |p|/p_ref by a classifier of |w|, times s = E[sign w | x] in (0, 1): what the workflow does
    unsigned     no signs: the same number of events of p itself, with weight 1, and the workflow's network of those
    free sign    as product with s in (-1, 1), which may be negative
    two ratios   r = 1.3 r_a - 0.3 r_b by two classifiers in one network (signed mixture, arXiv:2410.10216)
    signed       cross entropy with the signed weights, and the best epoch by its validation loss
    squares      r itself by least squares, a loss that is convex and bounded for ratios of any sign as that of
                 arXiv:2512.19913 is
"""

import argparse
import json
import math
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

RECIPES = ("product", "unsigned", "free sign", "two ratios", "signed", "squares")
YIELDS = {"signal": 300.0, "background": 700.0}
POSITIVE, NEGATIVE = 1.3, 0.3
# Means and widths of p_a, p_b and of the background in three features.
GAUSSIANS = {
    "a": (np.array([0.0, 0.0, 0.0]), 1.0),
    "b": (np.array([0.5, 0.0, 0.0]), 0.8),
    "background": (np.array([0.8, -0.6, 0.0]), 1.3),
}
TRAINING = SimpleNamespace(
    hidden=[64, 64],
    activation="silu",
    optimizer="adam",
    learning_rate=3e-3,
    warmup=0.03,
    weight_decay=0.0,
    batch_size=1024,
    epochs=10,
    patience=10,
    validation_fraction=0.1,
)
EXPERIMENTS = 50


def density(name: str, x: np.ndarray) -> np.ndarray:
    """The density of one Gaussian at (N, 3)."""
    mean, width = GAUSSIANS[name]
    return np.exp(-0.5 * ((x - mean) ** 2).sum(axis=1) / width**2) / (2 * np.pi * width**2) ** 1.5


def draw(name: str, number: int, rng: np.random.Generator) -> np.ndarray:
    """Events (N, 3) of one Gaussian."""
    mean, width = GAUSSIANS[name]
    return rng.normal(mean, width, size=(number, 3))


def signal(x: np.ndarray) -> np.ndarray:
    """The true density of the signal, positive everywhere."""
    return POSITIVE * density("a", x) - NEGATIVE * density("b", x)


def draw_signal(number: int, rng: np.random.Generator) -> np.ndarray:
    """Unweighted events (N, 3) of the true density, by rejection from p_a."""
    events = np.empty((0, 3))
    while len(events) < number:
        x = draw("a", 2 * number + 100, rng)
        events = np.concatenate([events, x[rng.uniform(size=len(x)) < signal(x) / (POSITIVE * density("a", x))]])
    return events[:number]


def simulate(seed: int, events: int, signed: bool):
    """The two samples of one regeneration, as the workflow stores them."""
    from steelyard.data.identifiers import event_ids
    from steelyard.data.store import Sample, SampleInfo

    rng = np.random.default_rng([seed, int(signed)])
    negative = int(rng.binomial(events, NEGATIVE / (POSITIVE + NEGATIVE))) if signed else 0
    parts = {"signal": np.concatenate([draw("a", events - negative, rng), draw("b", negative, rng)])}
    if not signed:
        parts["signal"] = draw_signal(events, rng)
    parts["background"] = draw("background", events, rng)
    samples = []
    for name, x in parts.items():
        weights = np.ones((events, 1))
        if name == "signal" and negative:
            weights[-negative:] = -1.0
        weights *= YIELDS[name] / weights.sum()
        info = SampleInfo(name, (name,), ("x", "y", "z"), (), events, events, {name: YIELDS[name]}, {}, {}, ())
        ids = event_ids(f"{name}-{seed}", [np.arange(events)])
        samples.append(Sample(info, x.astype(np.float32), np.empty((events, 0), np.float32), weights, ids))
    return samples


def network_of(method: str, data, seed: int):
    """The untrained network of a method, for the ratio of the signal."""
    import torch
    from torch.nn.functional import softplus

    from steelyard.ratios import signed, training
    from steelyard.ratios.architectures.architecture import Design
    from steelyard.ratios.network import Network
    from steelyard.seeds import seed_for

    net = 1.0 if data.net is None else data.net[0]

    class FreeSign(signed.SignedNetwork):
        def forward(self, x):
            f, h, _ = self.parts(x)
            return f + torch.log(2 * torch.sigmoid(h) - 1) - math.log(net)

        def loss(self, x, w1, w0):
            f, h, _ = self.parts(x)
            sign = softplus(torch.where(w1 < 0, h, -h))
            return torch.mean(w1.abs() * (softplus(-f) + sign) + w0 * softplus(f))

    class TwoRatios(Network):
        def forward(self, x):
            positive, negative = self.raw(x).unbind(-1)
            share = 0.5 * (1 - net)
            return torch.log((1 - share) * positive.exp() - share * negative.exp()) - math.log(net)

        def loss(self, x, w1, w0):
            positive, negative = self.raw(x).unbind(-1)
            share = 0.5 * (1 - net)
            up, down = w1.clamp(min=0) / (1 - share), (-w1).clamp(min=0) / share
            return torch.mean(
                up * softplus(-positive) + down * softplus(-negative) + w0 * (softplus(positive) + softplus(negative))
            )

    class Signed(Network):
        def loss(self, x, w1, w0):
            return super().loss(x, w1 / net, w0)

    class Squares(Network):
        def forward(self, x):
            return torch.log(self.raw(x).squeeze(-1))

        def loss(self, x, w1, w0):
            r = self.raw(x).squeeze(-1)
            return torch.mean(0.5 * w0 * r**2 - w1 / net * r)

    rule = TRAINING
    generator = torch.Generator().manual_seed(seed_for(seed, "weights"))
    arguments = 3, Design.chosen(rule), False, generator
    if method in ("product", "unsigned"):
        return training._initial_network(data, rule, seed, False)
    if method == "free sign":
        network = FreeSign(*arguments, net=data.net)
    elif method == "two ratios":
        network = TwoRatios(*arguments, outputs=2)
    else:
        network = {"signed": Signed, "squares": Squares}[method](*arguments)
    network.standardise(data.training.features)
    return network


def train(method: str, samples, reference, ratio: str, seed: int):
    """The trained network of one ratio; the background, whose weights are positive, is what it is in the workflow."""
    from steelyard.ratios import training
    from steelyard.ratios.hypotheses import ratio_samples
    from steelyard.ratios.training_data import select

    data = select(ratio_samples(samples, reference, ratio), reference.split, 0, TRAINING.validation_fraction)
    network = network_of(method if ratio == "signal" else "product", data, seed)
    module = training.RatioModule(network, data, TRAINING, seed)
    with tempfile.TemporaryDirectory() as folder:
        history = training._fit(module, f"{method}, {ratio}", Path(folder) / "checkpoint", "benchmark")
    network.load_state_dict(history.best_state)
    return network.cpu().eval(), min(history.curve.validation_loss)


def fit(s: np.ndarray, b: np.ndarray) -> float:
    """mu_hat of the events of one experiment with s = nu_S r_S and b = nu_B r_B: where sum s/(mu s + b) = nu_S."""
    from scipy.optimize import brentq

    def slope(mu):
        with np.errstate(divide="ignore", invalid="ignore"):
            return YIELDS["signal"] - (s / (mu * s + b)).sum()

    low = -(b / np.maximum(s, 1e-300)).min() + 1e-9
    return float(brentq(slope, max(low, -3.0), 20.0))


def regenerate(task: tuple[int, str, int, tuple[int, ...], int]) -> dict:
    """Simulate, train and fit once: seed, method, events, hidden layers, epochs."""
    seed, method, events, hidden, epochs = task
    TRAINING.hidden, TRAINING.epochs, TRAINING.patience = list(hidden), epochs, epochs
    import torch

    from steelyard.data.identifiers import Split
    from steelyard.data.reference import mix_reference
    from steelyard.data.reference_events import reference_events

    torch.set_num_threads(1)
    began, cpu = time.monotonic(), time.process_time()
    samples = simulate(seed, events, method != "unsigned")
    names = list(YIELDS)
    reference = mix_reference(samples, names, None, Split("held_out", 0.5, 5))
    networks, losses = zip(
        *(train(method, samples, reference, name, 1000 * seed + place) for place, name in enumerate(names)), strict=True
    )

    def log_ratios(x):
        with torch.inference_mode():
            inputs = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))
            return np.stack([network(inputs).double().numpy() for network in networks], axis=1)

    def exact_ratios(x):
        densities = np.stack([signal(x), density("background", x)], axis=1)
        absolute = signal(x)
        if method != "unsigned":
            absolute = (POSITIVE * density("a", x) + NEGATIVE * density("b", x)) / (POSITIVE + NEGATIVE)
        return densities / (0.5 * absolute + 0.5 * densities[:, 1])[:, None]

    rows = reference_events(samples, reference)
    x = rows.gather([sample.features for sample in samples]).astype(float)
    learned, exact = log_ratios(x), np.log(exact_ratios(x))
    # Not positive: no logarithm, and no event that a likelihood could have.
    bad = ~np.isfinite(learned[:, 0])
    ratio = np.where(np.isfinite(learned), np.exp(np.nan_to_num(learned)), 0.0)
    means = {"learned": rows.weights @ ratio, "exact": rows.weights @ np.exp(exact)}
    # Where the signal is, and each normalised.
    density_weights = rows.weights * np.exp(exact[:, 0]) * ~bad
    density_weights /= density_weights.sum()
    error = np.where(bad, 0.0, learned[:, 0] - np.log(means["learned"][0]) - exact[:, 0] + np.log(means["exact"][0]))
    rng = np.random.default_rng([seed, 99])
    hats = []
    for _ in range(EXPERIMENTS):
        numbers = {name: rng.poisson(value) for name, value in YIELDS.items()}
        data = np.concatenate([draw_signal(numbers["signal"], rng), draw("background", numbers["background"], rng)])
        nu = np.array(list(YIELDS.values()))
        with np.errstate(invalid="ignore"):
            intensities = {
                "learned": np.nan_to_num(np.exp(log_ratios(data)), nan=0.0, posinf=0.0) * nu / means["learned"],
                "exact": exact_ratios(data) * nu / means["exact"],
            }
        hats.append([fit(*intensities[kind].T) for kind in ("learned", "exact")])
    learned_hats, exact_hats = np.array(hats).T
    return {
        "seed": seed,
        "method": method,
        "events": events,
        "hidden": list(hidden),
        "epochs": epochs,
        "bias": float((learned_hats - exact_hats).mean()),
        "scatter": float((learned_hats - exact_hats).std(ddof=1)),
        "sigma": float(exact_hats.std(ddof=1)),
        "bias_log_r": float(density_weights @ error),
        "rms_log_r": float(np.sqrt(density_weights @ error**2)),
        "raw_mean": float(means["learned"][0]),
        "not_positive": float((rows.weights * bad).sum()),
        "validation_loss": float(losses[0]),
        "cpu": time.process_time() - cpu,
        "seconds": time.monotonic() - began,
    }


def table(lines: list[dict]) -> str:
    """The figures of each method, over all its regenerations."""
    heads = ("method", "regen.", "bias/sigma(mu)", "rms of it", "bias log r", "rms log r", "not positive", "CPU s")
    rows = [heads]
    for method in RECIPES:
        found = [line for line in lines if line["method"] == method]
        if not found:
            continue
        sigma = float(np.sqrt(np.mean([line["sigma"] ** 2 for line in found])))
        bias = np.array([line["bias"] for line in found]) / sigma
        error = bias.std(ddof=1) / np.sqrt(len(bias)) if len(bias) > 1 else float("nan")
        log_r = np.array([line["bias_log_r"] for line in found])
        rows.append(
            (
                method,
                f"{len(found)}",
                f"{bias.mean():+.3f} ± {error:.3f}",
                f"{bias.std(ddof=1) if len(bias) > 1 else float('nan'):.3f}",
                f"{log_r.mean():+.4f}",
                f"{np.sqrt(np.mean([line['rms_log_r'] ** 2 for line in found])):.4f}",
                f"{max(line['not_positive'] for line in found):.1e}",
                f"{np.mean([line['cpu'] for line in found]):.1f}",
            )
        )
    widths = [max(len(row[place]) for row in rows) for place in range(len(heads))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--regenerations", type=int, default=40)
    parser.add_argument("--method", nargs="+", choices=RECIPES, default=["product"])
    parser.add_argument("--events", type=int, default=100_000, help="of each process, half of which train")
    parser.add_argument("--hidden", type=int, nargs="+", default=TRAINING.hidden)
    parser.add_argument("--epochs", type=int, default=TRAINING.epochs)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--results", type=Path, default=Path("negative_weights.jsonl"))
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    if given.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before torch looks
    lines = [json.loads(text) for text in given.results.read_text().splitlines()] if given.results.exists() else []
    setting = given.events, tuple(given.hidden), given.epochs
    lines = [line for line in lines if (line["events"], tuple(line["hidden"]), line["epochs"]) == setting]
    done = {(line["seed"], line["method"]) for line in lines}
    tasks = [(seed, method) for seed in range(given.regenerations) for method in given.method]
    tasks = [(*task, *setting) for task in tasks if task not in done]
    with multiprocessing.get_context("spawn").Pool(given.processes) as pool, given.results.open("a") as file:
        for line in pool.imap_unordered(regenerate, tasks):
            lines.append(line)
            file.write(json.dumps(line) + "\n")
            file.flush()
            print(f"{line['method']}, seed {line['seed']}: bias {line['bias']:+.4f}, {line['cpu']:.1f} CPU s")
    print(table(lines))


if __name__ == "__main__":
    sys.exit(main())
