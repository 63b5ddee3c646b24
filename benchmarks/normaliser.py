"""What the form of the normaliser changes in t(mu) of toys, against the joint expectation, and the toys a second.

    python benchmarks/normaliser.py [--toys 200]

Two nearly collinear shapes, one-sided and two-sided, on a background of 1,000 events, thrown at alpha = (1, 1) and
(-1, -1); and fifty correlated shapes of 6 % on 1,000 events, thrown at |alpha| of 0.6 to 1 each. The change is to
first order: that of -2 ln L at the conditional minus that at the global fit. *anchored*: as toys are fitted, the form
corrected about the point where they are thrown. *form*: without. *median*: half of the toys change by less, anchored.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import engine_analysis as common
import numpy as np
import one_sided_search
from shape_effects import correlated

from steelyard.inference.anchoring import shifts
from steelyard.inference.toy_fits import Status
from steelyard.inference.toys import throw_toys
from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Systematics
from steelyard.model.mixture import Mixture
from steelyard.regions.normalisation import Normalisation
from steelyard.regions.normaliser_fit import build_normaliser
from steelyard.regions.unbinned import UnbinnedModel


def fifty(events: int = 20_000) -> UnbinnedModel:
    """A signal of 50 events, a function of one variable, on 1,000 events with fifty shapes."""
    bare, log_g, densities = correlated(50, 0.06, events)
    terms = bare.terms + np.array([1, 0])
    systematics = Systematics.of(bare.nuisances, np.zeros((2, 50, 2)), np.zeros((2, 50), dtype=bool), terms)
    x = np.random.default_rng(0).uniform(size=(3, events))[0]  # the variable of the shapes
    ratios = np.stack([3.0 * x**2, np.ones(events)], axis=1)
    yields, weights = np.array([50.0, 1000.0]), densities[:, 0]
    intensities = yields * ratios / (weights @ ratios)
    normaliser = build_normaliser(systematics, log_g, weights[:, None] * intensities)
    mixture = Mixture(("S", "B"), Coefficients(("mu",), ("mu", "1"), {"mu": 1.0}), yields, (0.0, 5.0))
    rows, normalisation = np.zeros((events, 2), dtype=np.int64), Normalisation(("S", "B"), np.ones(2), np.zeros(2))
    return UnbinnedModel(
        mixture, intensities, weights, normalisation, rows, systematics.with_effects(normaliser=normaliser), log_g
    )


def measure(name: str, model: UnbinnedModel, point: np.ndarray, toys: int) -> None:
    """A row of the table."""
    throw_toys(model, 1.0, 2, 0, "conditional", point)
    start = time.process_time()
    found = throw_toys(model, 1.0, toys, 1, "conditional", point)
    rate = toys / (time.process_time() - start)
    fine = found.status <= Status.AT_BOUND
    columns, anchored = [], model.anchored(point).systematics
    for systematics in (anchored, model.systematics):
        conditional, best = (
            shifts(model.statistical, (model.integration,), (systematics,), mu[fine, None], alpha[fine])
            for mu, alpha in ((np.ones(toys), found.conditional), (found.hat, found.alpha))
        )
        columns.append(conditional - best)
    rms, largest = (float(np.sqrt(np.mean(column**2))) for column in columns), float(np.abs(columns[0]).max())
    common.print_row(name, *rms, float(np.median(np.abs(columns[0]))), largest, rate)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--toys", type=int, default=200)
    given = parser.parse_args()
    common.one_core()
    common.print_machine()
    common.print_head("change of t", "anchored", "form", "median", "largest", "toys/s")
    for size in (0.05, 0.1):
        for kind, sides in (("one-sided", (0.0, 0.0)), ("one and two", (0.0, 1.0)), ("two-sided", (1.0, 1.0))):
            model = one_sided_search.model(size, sides=sides)
            for point in (np.ones(2), -np.ones(2)):
                measure(f"{kind}, {size:.0%}, {point[0]:+.0f}", model, point, given.toys)
    generator = np.random.default_rng(2)
    point = generator.uniform(0.6, 1.0, size=50) * generator.choice([-1.0, 1.0], size=50)
    measure("fifty of 6 %", fifty(), point, max(given.toys // 4, 10))


if __name__ == "__main__":
    main()
