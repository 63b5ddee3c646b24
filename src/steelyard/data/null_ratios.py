"""Log ratios of a null variation on reference events, as a file that is read without torch."""

import os
from dataclasses import dataclass

import numpy as np

from steelyard.errors import InputError
from steelyard.io.files import whole


@dataclass(frozen=True)
class NullRatios:
    """What the networks of a null say of some unseen events.

    Attributes:
        process, systematic: whose noise it is.
        rows: (n, 2) sample number and row in that sample's store.
        log_g: (R, n) raw log ratios, by R independent draws of the labels.
        paired: the share of the varied weight that belongs to events which the nominal samples have too.
        sizes: effective number (Σ|w|)²/Σw² of nominal training events, of every process that the systematic varies.
    """

    process: str
    systematic: str
    rows: np.ndarray
    log_g: np.ndarray
    paired: float
    sizes: dict[str, float]


def save_null(null: NullRatios, path: str | os.PathLike) -> None:
    """Write it as one ``.npz``."""
    with whole(path) as temporary:
        np.savez(
            temporary,
            names=np.array([null.process, null.systematic]),
            rows=null.rows,
            log_g=null.log_g.astype(np.float32),
            paired=null.paired,
            processes=np.array(list(null.sizes)),
            sizes=np.array(list(null.sizes.values())),
        )


def load_null(path: str | os.PathLike) -> NullRatios:
    """The inverse of :func:`save_null`.

    Raises:
        InputError: the file holds something else.
    """
    try:
        with np.load(path) as data:
            process, systematic = map(str, data["names"])
            sizes = dict(zip(map(str, data["processes"]), data["sizes"].tolist(), strict=True))
            log_g = data["log_g"].astype(float)
            return NullRatios(process, systematic, data["rows"], log_g, float(data["paired"]), sizes)
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: not the ratios of a null variation ({error}); train it again") from None
