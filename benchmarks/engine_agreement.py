"""Do the engine and iminuit agree? Toys of random models, each fitted by both, every disagreement listed.

    python benchmarks/engine_agreement.py [--models 40] [--toys 30] [--seed 0]

Models differ in the number and size of shapes, norms and norm factors and in their interpolation; toys are thrown at
mu = 0, 0.3, 1 or 2, one of which is tested. See `tests/agreement.py` for what counts as agreement: 1e-4 in -2 ln L.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
from agreement import compare, random_analyses

from steelyard.inference.toy_fits import Status

POINTS = (0.0, 0.3, 1.0, 2.0)


def main() -> None:
    """Print the disagreements and their number."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=int, default=40)
    parser.add_argument("--toys", type=int, default=30, help="of each model")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    generator, start = np.random.default_rng(given.seed), time.perf_counter()
    kinds, states, largest = Counter(), Counter(), 0.0
    for index, (name, analysis) in enumerate(random_analyses(given.models, given.seed)):
        thrown, tested = generator.choice(POINTS, size=2)
        fits, disagreements = compare(name, analysis, tested, thrown, given.toys, seed=given.seed + index)
        states.update(Status(status).name for status in fits.status)
        largest = max(largest, float(np.nanmax(fits.edm)))
        kinds.update(found.kind for found in disagreements)
        for found in disagreements:
            print(
                f"{name}; thrown at {thrown:g}, tested {tested:g}; toy {found.toy}: {found.kind} by {found.size:.2e}, "
                f"mu_hat {found.hat:.4f}, iminuit {found.hat_minuit:.4f} with pulls of up to {found.pull:.1f}",
                flush=True,
            )
    print(f"{given.models * given.toys} toys of {given.models} models in {time.perf_counter() - start:.0f} s")
    print(f"status: {dict(states)}; largest estimated distance {largest:.1e}")
    print(f"disagreements: {dict(kinds) or 'none'}")
    sys.exit(1 if any(not kind.startswith("deep") for kind in kinds) else 0)


if __name__ == "__main__":
    main()
