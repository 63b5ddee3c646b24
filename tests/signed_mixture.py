"""A density whose simulation has negative weights: p = 1.3 p_a − 0.3 p_b in two features, with a known likelihood."""

import numpy as np

POSITIVE, NEGATIVE = 1.3, 0.3
YIELDS = {"signal": 100.0, "background": 200.0}
GAUSSIANS = {"a": ((0.0, 0.0), 1.0), "b": ((0.4, 0.0), 0.8), "background": ((0.9, -0.6), 1.3)}


def density(name, x):
    """Of one Gaussian at (N, 2)."""
    mean, width = GAUSSIANS[name]
    return np.exp(-0.5 * ((x - np.array(mean)) ** 2).sum(axis=1) / width**2) / (2 * np.pi * width**2)


def draw(name, number, rng):
    """Events (N, 2) of one Gaussian."""
    mean, width = GAUSSIANS[name]
    return rng.normal(mean, width, size=(number, 2))


def signal(x):
    """The density of the signal, positive everywhere: its sign has the mean 0.18 at least."""
    return POSITIVE * density("a", x) - NEGATIVE * density("b", x)


def absolute_signal(x):
    """The density of its events with the weights |w|."""
    return (POSITIVE * density("a", x) + NEGATIVE * density("b", x)) / (POSITIVE + NEGATIVE)


def draw_signal(number, rng):
    """Unweighted events (N, 2) of the signal, by rejection from p_a."""
    x = draw("a", 3 * number + 100, rng)
    return x[rng.uniform(size=len(x)) < signal(x) / (POSITIVE * density("a", x))][:number]


def signed_events(number, rng):
    """Events (N, 2) of the signal as a simulation with signs has them, and their weights of ±1."""
    negative = rng.uniform(size=number) < NEGATIVE / (POSITIVE + NEGATIVE)
    x = np.where(negative[:, None], draw("b", number, rng), draw("a", number, rng))
    return x, np.where(negative, -1.0, 1.0)
