"""Fits of random models whose nuisance parameters have two valleys, against brute force.

    python benchmarks/engine_valleys.py [--models 500] [--singles 5] [--first 0] [--shapes 0.2] [--uniform] [--together]
                                        [--kinds equal ...] [--toys 50 [--pulled]]

For each kind of effect (same-sided, equal, one-sided, non-monotonic, two-sided) so many random models of one to three
nuisance parameters, yields up to 40 %, shapes up to 20 %, and one data set each, thrown with intensities off by 15 %.
The toy fit, and in every ``--singles``-th model also the fit, the fit with mu fixed, the scan and two impacts, are
compared with the deepest of 24 descents of scipy from random places. A fit is a miss where it is shallower by more than
1e-3 in -2 ln L. With ``--shapes`` all shapes are of that size, and yields of 2 %; with ``--uniform`` the first nuisance
parameter has no constraint but its bounds; with ``--together`` there are two or three, and all have shapes.

With ``--toys`` each model has so many toys, at the nominal model or ``--pulled`` with intensities off by 15 %, and the
brute force is Newton's method from the same 24 places. A minimum that only the normaliser's form has, and not the joint
expectation, is counted by itself. Quantiles of t are of all models together.
"""

import argparse
import collections
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import numpy as np
import valley_models

LEAST, LEVELS = 1e-3, (0.6827, 0.9545)


def main() -> None:
    """Print each miss, and the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=int, default=500)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--singles", type=int, default=5)
    parser.add_argument("--shapes", type=float, default=0.0)
    parser.add_argument("--kinds", nargs="+", default=valley_models.KINDS)
    parser.add_argument("--uniform", action="store_true")
    parser.add_argument("--together", action="store_true")
    parser.add_argument("--toys", type=int, default=0)
    parser.add_argument("--pulled", action="store_true")
    given = parser.parse_args()
    if given.toys:
        return toys(given)
    begin, misses = time.process_time(), collections.defaultdict(list)
    for seed in range(given.first, given.first + given.models):
        for kind in given.kinds:
            singles = seed % given.singles == 0
            for miss in valley_models.compare(
                seed, kind, given.shapes, singles, uniform=given.uniform, together=given.together
            ):
                print(miss, flush=True)
                misses[kind, miss.what].append(miss.size)
        if (seed + 1 - given.first) % 20 == 0:
            done = seed + 1 - given.first
            print(f"{done} models of each kind, {time.process_time() - begin:.0f} CPU s", flush=True)
    for (kind, what), sizes in sorted(misses.items()):
        print(f"{kind:15} {what:12} {len(sizes)} of {given.models} shallower, by up to {max(sizes):.3g}")
    print(f"{sum(len(sizes) for sizes in misses.values())} misses")


def toys(given: argparse.Namespace) -> None:
    """Print each miss of a toy, and for each kind their number and what they do to the quantiles of t."""
    for kind in given.kinds:
        begin, found = time.process_time(), []
        for seed in range(given.first, given.first + given.models):
            analysis = valley_models.random_analysis(
                seed, kind, size=given.shapes, uniform=given.uniform, together=given.together
            )
            of_it = valley_models.compare_toys(analysis, seed, given.toys, given.pulled)
            for toy, sizes in enumerate(of_it.shallower):
                if sizes.max() > LEAST:
                    print(
                        f"{kind}, model {seed}, toy {toy}: best fit {sizes[0]:.3g}, at test {sizes[1]:.3g}", flush=True
                    )
            found.append(of_it)
        sizes = np.concatenate([of_it.shallower for of_it in found])
        worst, deeper = sizes.max(axis=1), np.sum(sizes.min(axis=1) < -LEAST)
        t, exact = (np.concatenate([getattr(of_it, name) for of_it in found]) for name in ("t", "exact"))
        quantiles = ", ".join(
            f"{100 * level:.2f} % {np.quantile(t, level):.4f} for {np.quantile(exact, level):.4f}" for level in LEVELS
        )
        print(
            f"{kind}: {len(t)} toys, {sum(of_it.failed for of_it in found)} failed, {np.sum(worst > LEAST)} shallower "
            f"by more than {LEAST}, {np.sum(worst > 0.1)} by more than 0.1, {deeper} deeper, "
            f"{sum(of_it.unreal for of_it in found)} where only the normaliser's form has it; {quantiles}; "
            f"{time.process_time() - begin:.0f} CPU s",
            flush=True,
        )


if __name__ == "__main__":
    main()
