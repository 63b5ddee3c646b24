"""Yield factors of variations, from the sums of weights of the stored samples."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from steelyard.data.store import SampleInfo
from steelyard.data.variations import DIRECTIONS
from steelyard.errors import InputError
from steelyard.regions.symmetrise import two_sided

if TYPE_CHECKING:
    from steelyard.regions.declared_effects import DeclaredEffects, ProcessEffect


def log_yields(
    effects: "DeclaredEffects",
    nominal: Sequence[SampleInfo],
    varied: Mapping[tuple[str, str, str], SampleInfo],
) -> np.ndarray:
    r"""ln G_ck at α_k = +1 and −1 of every process c and nuisance parameter k.

    .. math:: \ln G_{ck}^\pm = \ln n_{ck}^\pm +
              \ln\frac{\sum_s V_{sck}^\pm}{\sum_s \nu_{sc}}

    with the explicit factors n of the configuration and, where a variation acts on the yield, the sums over samples s
    of nominal (ν) and varied (V) weights of selected events. A sample of the process without a varied source counts
    with its nominal sum. A side that is not varied has no second term. With ``symmetrise`` each of the two logarithms
    goes through :func:`~steelyard.regions.symmetrise.two_sided`.

    Args:
        effects: of :func:`steelyard.configuration.systematics.declared_effects`.
        nominal: what the stores of all samples say of themselves.
        varied: the same of the varied stores, by sample, systematic and direction (``up``, ``down``).

    Returns:
        float64 (C, K, 2), last axis (up, down), 0 where there is no effect: ``Systematics.log_yields``.

    Raises:
        InputError: a variation is not among ``varied``; or the varied or nominal weights of a process have no positive
            sum.
    """
    result = np.zeros((len(effects.processes), len(effects.nuisances), 2))
    for effect in effects.effects:
        entry = result[effects.processes.index(effect.process), effects.names.index(effect.systematic)]
        sides = []
        if effect.norm:
            sides.append(np.log(effect.norm).tolist())
        if effect.use_norm:
            sides.append(
                [
                    _log_ratio(effect, side, nominal, varied) if side in effect.directions else None
                    for side in DIRECTIONS
                ]
            )
        for up, down in sides:
            entry += [side or 0.0 for side in two_sided(up, down, effect.symmetrise)]
    return result


def _log_ratio(
    effect: "ProcessEffect",
    side: str,
    nominal: Sequence[SampleInfo],
    varied: Mapping[tuple[str, str, str], SampleInfo],
) -> float:
    process, place = effect.process, f"process {effect.process}, {effect.systematic} {side}"
    carriers = [info for info in nominal if process in info.processes]
    sources = {
        info.name: varied[key]
        for info in carriers
        if (key := (info.name, effect.systematic, side)) in varied and process in varied[key].processes
    }
    names = ", ".join(info.name for info in carriers) or "none"
    if not sources:
        raise InputError(f"{place}: no varied events of the samples that carry it ({names}); ingest the variation")
    before = sum(info.sum_weights[process] for info in carriers)
    after = sum(sources.get(info.name, info).sum_weights[process] for info in carriers)
    if not (before > 0 and after > 0):
        files = sorted({file for source in sources.values() for file in source.files})
        raise InputError(
            f"{place}: the weights of the selected events sum to {after:g}, nominal {before:g} (samples {names}; "
            f"{files[0]}{' …' if len(files) > 1 else ''}); a yield is positive: correct the weights or the files"
        )
    return float(np.log(after / before))
