"""Is the noise of a null variation that of networks which are trained on other events of the very same density?

    python benchmarks/null_noise.py results/offshell4l/samples/qqZZ --events 20000 --draws 24

Two sides of a variation without effect are made of other events of a stored sample, and a network is trained on each,
as the workflow does; half of the difference of their log g is the slope of the model. The null is trained on nominal
events and those of one side, with labels drawn again. Their mean squares are compared, over draws of all events.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from steelyard.configuration.networks import VariationTraining
from steelyard.configuration.schema import Split
from steelyard.data.store import Sample
from steelyard.finite_simulation.null_information import slope_share
from steelyard.ratios.ensembles import combine
from steelyard.ratios.evaluation import log_ratios
from steelyard.ratios.members import load
from steelyard.ratios.null_variations import null_samples
from steelyard.ratios.packs import train_members
from steelyard.ratios.training_data import RatioSample

TESTED = 40_000  # events at the end of the sample, on which ratios are evaluated and which train nothing


def trained(samples: list[RatioSample], features: tuple[str, ...], tested: np.ndarray, seed: int) -> np.ndarray:
    """log g (n,) of a network, with E[g] = 1."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "member-0"
        place.mkdir()
        train_members(
            samples,
            ratio="null",
            features=features,
            split=Split(),
            training=VariationTraining(),
            bootstrap=False,
            seed_of=lambda member: seed,
            network_paths=[place / "network.pt"],
            curve_paths=[place / "training.csv"],
            checkpoint_folder=Path(folder) / "checkpoints",
            zero_output=True,
            paired=True,
        )
        log_g = log_ratios([combine([load(place / "network.pt")], "ratio", Split())], tested)[:, 0]
    return log_g - np.log(np.exp(log_g).mean())


def main() -> None:
    """Print both mean squares with their errors, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sample", help="folder of a stored sample of one process")
    parser.add_argument("--events", type=int, default=20_000, help="of each side; half of them train")
    parser.add_argument("--draws", type=int, default=24)
    options = parser.parse_args()
    sample, generator, size = Sample.open(options.sample), np.random.default_rng(1), options.events
    tested, features, zeros = np.array(sample.features[-TESTED:]), sample.info.features, np.zeros(size)
    real, null = np.empty(options.draws), np.empty(options.draws)
    for draw in range(options.draws):
        rows = generator.choice(len(sample) - TESTED, 3 * size, replace=False)
        nominal, up, down = (
            (name, sample.features[part], sample.ids[part], sample.weights[part, 0])
            for name, part in zip(("nominal", "up", "down"), np.split(rows, 3), strict=True)
        )
        sides = [[RatioSample(*nominal[:3], zeros, nominal[3]), RatioSample(*side, zeros)] for side in (up, down)]
        above, below = (trained(side, features, tested, 3 * draw + place) for place, side in enumerate(sides))
        real[draw] = (0.5 * (above - below)).var()
        drawn = trained(null_samples(sides[0], "null", draw), features, tested, 3 * draw + 2)
        null[draw] = slope_share(True, False, paired=False) * drawn.var()
    errors = [values.std(ddof=1) / np.sqrt(options.draws) / values.mean() for values in (real, null)]
    ratio = null.mean() / real.mean()
    print(f"{size} events a side, {options.draws} draws: rms of the slope {np.sqrt(real.mean()):.4f} of real networks,")
    print(
        f"{np.sqrt(null.mean()):.4f} of nulls; null over real mean square {ratio:.2f} ± {ratio * np.hypot(*errors):.2f}"
    )


if __name__ == "__main__":
    main()
