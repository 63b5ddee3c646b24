"""Points of the embedded analysis's phase space for its tests, drawn without its sampler."""

import numpy as np

LOW = np.array([220.0, 60.0, 60.0, -1.0, -1.0, -1.0, -np.pi, -np.pi])
HIGH = np.array([1500.0, 120.0, 120.0, 1.0, 1.0, 1.0, np.pi, np.pi])
Z_SQUARED, Z_SCALE = 91.1876**2, 91.1876 * 2.4952


def points(n: int, seed: int, smallest: float = 1.0, largest: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 8) and the phase space that each stands for, (n,): an average of f·volume is the integral of f.

    log m4l, arctan[(m² − mZ²)/(mZ ΓZ)] and the angles are uniform. The three masses reach from their lower edges
    divided by ``largest`` to their upper ones divided by ``smallest``.
    """
    first, last = LOW.copy(), HIGH.copy()
    first[:3] /= largest
    last[:3] /= smallest
    u = np.random.default_rng(seed).random((n, 8))
    x = first + u * (last - first)
    x[:, 0] = first[0] * (last[0] / first[0]) ** u[:, 0]
    volume = x[:, 0] * np.log(last[0] / first[0]) * np.prod((last - first)[3:])
    low, high = np.arctan((first[1] ** 2 - Z_SQUARED) / Z_SCALE), np.arctan((last[1] ** 2 - Z_SQUARED) / Z_SCALE)
    for column in (1, 2):
        slope = np.tan(low + u[:, column] * (high - low))
        x[:, column] = np.sqrt(Z_SQUARED + Z_SCALE * slope)
        volume *= (high - low) * Z_SCALE * (1.0 + slope**2) / (2.0 * x[:, column])
    return x, volume


def folded(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two exact symmetries of the processes: all five angles negated; the Z bosons exchanged."""
    negated = x.copy()
    negated[:, 3:] *= -1.0
    m4l, mass1, mass2, cosine, cosine1, cosine2, plane, plane1 = x.T
    swapped = np.column_stack([m4l, mass2, mass1, cosine, -cosine2, -cosine1, plane, -(plane1 + plane)])
    return negated, swapped
