"""Fits of random models whose nuisance parameters have two valleys, against brute force.

    python benchmarks/engine_valleys.py [--models 500] [--singles 5] [--first 0] [--shapes 0.2] [--uniform]
                                        [--kinds equal ...]

For each kind of effect (same-sided, equal, one-sided, non-monotonic, two-sided) so many random models of one to three
nuisance parameters, yields up to 40 %, shapes up to 20 %, and one data set each, thrown with rates off by 15 %. The toy
fit, and in every ``--singles``-th model also the fit, the fit with mu fixed and the scan, are compared with the deepest
of 24 descents of scipy from random places. A fit is a miss where it is shallower by more than 1e-3 in -2 ln L. With
``--shapes`` all shapes are of that size, and yields of 2 %; with ``--uniform`` the first nuisance parameter has no
constraint but its bounds.
"""

import argparse
import collections
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import valley_models


def main() -> None:
    """Print each miss, and the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=int, default=500)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--singles", type=int, default=5)
    parser.add_argument("--shapes", type=float, default=0.0)
    parser.add_argument("--kinds", nargs="+", default=valley_models.KINDS)
    parser.add_argument("--uniform", action="store_true")
    given = parser.parse_args()
    begin, misses = time.process_time(), collections.defaultdict(list)
    for seed in range(given.first, given.first + given.models):
        for kind in given.kinds:
            singles = seed % given.singles == 0
            for miss in valley_models.compare(seed, kind, given.shapes, singles, uniform=given.uniform):
                print(miss, flush=True)
                misses[kind, miss.what].append(miss.size)
        if (seed + 1 - given.first) % 20 == 0:
            done = seed + 1 - given.first
            print(f"{done} models of each kind, {time.process_time() - begin:.0f} CPU s", flush=True)
    for (kind, what), sizes in sorted(misses.items()):
        print(f"{kind:15} {what:12} {len(sizes)} of {given.models} shallower, by up to {max(sizes):.3g}")
    print(f"{sum(len(sizes) for sizes in misses.values())} misses")


if __name__ == "__main__":
    main()
