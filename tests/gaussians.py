"""Two unit Gaussians, whose log ratio is a straight line: the simplest thing that a classifier can be checked with."""

from types import SimpleNamespace

import numpy as np

from steelyard.data.identifiers import Split, event_ids
from steelyard.ratios.training_data import RatioSample

DISTANCE = 1.5  # between the means ±DISTANCE/2 of x0; x1 is the same noise in both
HELD_OUT = Split("held_out", 0.5, 5)
CROSS_FIT = Split("cross_fit", 0.5, 5)


def exact_log_ratio(features):
    """log p1/p0 = DISTANCE · x0."""
    return DISTANCE * features[:, 0].astype(float)


def gaussian_samples(events, seed=1, soft=False):
    """Equal numbers of events of p1 and of p0; soft: each event carries the weights of both densities."""
    rng = np.random.default_rng(seed)
    origin = np.arange(events) % 2 == 1
    features = rng.normal(size=(events, 2))
    features[:, 0] += np.where(origin, 0.5, -0.5) * DISTANCE
    features = features.astype(np.float32)
    w1, w0 = origin.astype(float), 1.0 - origin
    if soft:
        w1 = 1 / (1 + np.exp(-exact_log_ratio(features)))
        w0 = 1 - w1
    ids = event_ids("gaussians", [np.arange(events)])
    return [RatioSample("gaussians", features, ids, w1, w0)]


def training_rule(**changes):
    """A section ``training`` of the configuration for networks that train in a second."""
    values = {
        "hidden": [16, 16],
        "activation": "silu",
        "optimizer": "adam",
        "learning_rate": 1e-2,
        "warmup": 0.1,
        "weight_decay": 0.0,
        "batch_size": 256,
        "epochs": 4,
        "patience": 4,
        "validation_fraction": 0.2,
    }
    return SimpleNamespace(**values | changes)
