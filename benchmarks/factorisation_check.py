"""The check of the factorisation in the embedded analysis, against exact densities at the joint point.

    python benchmarks/factorisation_check.py results/offshell4l --events 25000 --cross 0 0.05

All nuisance parameters with a shape are at +1, with the weights of the simulator and with an added cross term
exp(cross ln(m4l/300)). The measured change of t of data that lie there, to first order, is compared with the same
change of exact densities on all reference events. The results are those of a finished run of config/config.yaml.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from steelyard.configuration.schema import Split
from steelyard.data.reference import Reference
from steelyard.data.reference_events import load_scores, oracle_log_ratios
from steelyard.data.store import Sample
from steelyard.data.variations import Variation
from steelyard.diagnostics.factorisation.cross_term import CrossTerm
from steelyard.diagnostics.factorisation.joint_events import joint_events
from steelyard.inference.fit import Scan
from steelyard.io.serialisation import from_json
from steelyard.model.normaliser import log_normaliser
from steelyard.model.yield_factors import total_yield_factors
from steelyard.regions.unbinned import UnbinnedModel, load_model
from steelyard.regions.varied_intensities import process_factors, shape_products
from steelyard.simulators.exact_variations import exact_variations
from steelyard.simulators.interface import simulator

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
    nothing = np.zeros((len(point), len(point)))  # nuisance parameters do not follow: to first order
    mu, fitted = np.asarray(scan.mu)[places], np.asarray(scan.alpha)[places] + point
    x = np.concatenate(
        [np.asarray(s.observables)[model.rows[model.rows[:, 0] == n, 1]] for n, s in enumerate(samples)]
    ).astype(float)
    for cross in crosses:
        joint = {name: joint_sample(folder, name, cross) for name in NAMES}
        gathered = joint_events(model, POINT, VARIED, samples, scores, alone, joint, Split(), judge, events)
        start = time.process_time()
        found = CrossTerm(model, gathered).changes(mu.tolist(), fitted, nothing, 1.0, point)
        seconds = time.process_time() - start
        print(f"cross term {cross:g}, {len(gathered.joint.ids)} events, data at the point ({seconds:.1f} CPU s):")
        for value, alpha, change in zip(mu, fitted, found, strict=True):
            exact = exact_change(model, x, float(value), alpha, point, cross)
            assert change is not None
            print(f"  mu = {value:4.2f}: measured {change.value:+.5f} +- {change.error:.5f}, exact {exact:+.5f}")


def main() -> None:
    """Print the table of the page on statistics."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="folder of a finished run of config/config.yaml")
    parser.add_argument("--events", type=int, default=25_000, help="of a sample, at most")
    parser.add_argument("--cross", type=float, nargs="+", default=[0.0, 0.05])
    options = parser.parse_args()
    embedded(options.results, options.events, options.cross)


if __name__ == "__main__":
    main()
