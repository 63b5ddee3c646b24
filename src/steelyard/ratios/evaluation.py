"""Log density ratios of events by an ensemble, every event by networks that did not train on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from steelyard.data.identifiers import Split, SplitRule, trains
from steelyard.data.store import Sample
from steelyard.errors import InputError, ModelError
from steelyard.ratios.ensembles import Ensemble, mean_log_ratio
from steelyard.ratios.joint import JointNetwork
from steelyard.ratios.members import fingerprint
from steelyard.ratios.network import Network

ROWS = 16384  # rows that are in memory at a time, times the number of members


@dataclass(frozen=True, eq=False)
class Scores:
    """log r of every event of a sample, float32 (N,), row by row as in the sample.

    Attributes:
        unseen: by the members that did not train on the event; NaN where there is none.
        seen: by the members that did; NaN where there is none. For the diagnosis of overtraining only.
    """

    unseen: np.ndarray
    seen: np.ndarray


def evaluate_sample(
    ensemble: Ensemble, sample: Sample, split: SplitRule, is_observed: bool = False, threads: int = 1
) -> Scores:
    """Judge the events of a sample.

    Who trained on an event is decided by its identifier and the split
    (:func:`steelyard.data.identifiers.trains`). That is only as true as the identifiers are those of the training, so
    it is checked: the split must be the ensemble's, and for each sample that a member trained on, number and sum of the
    identifiers on its training side must be what the member recorded then.

    Args:
        ensemble: of one ratio.
        sample: its features by the names that the ensemble knows, in the same order.
        split: of the configuration.
        is_observed: no network has trained on these events: all members judge all of them.
        threads: of the CPU.

    Returns:
        The two scores; one of them is NaN for every event of a held-out split.

    Raises:
        InputError: other features or another split than those of the training; identifiers that have changed since.
        ModelError: a network's output is not a number.
    """
    _check_features(ensemble, sample.info.features, sample.info.name)
    count, members = len(sample.ids), len(ensemble.members)
    trained = np.zeros((members, count), dtype=bool) if is_observed else _trained(ensemble, sample, split)
    unseen, seen = (np.full(count, np.nan, dtype=np.float32) for _ in range(2))
    for rows, values in _pieces(ensemble, sample.features, threads):
        unseen[rows] = mean_log_ratio(values, ~trained[:, rows], ensemble.combination)
        seen[rows] = mean_log_ratio(values, trained[:, rows], ensemble.combination)
    return Scores(unseen, seen)


def evaluate_group(
    ensembles: Sequence[Ensemble], sample: Sample, split: SplitRule, is_observed: bool = False, threads: int = 1
) -> list[Scores]:
    """Judge the events of a sample by the ensembles of processes that share networks, each network run once.

    The scores are, to the last bit, those of :func:`evaluate_sample` for one ensemble after the other.

    Args:
        ensembles: of processes of one group, see :mod:`steelyard.ratios.joint`.
        sample, split, is_observed, threads: as of :func:`evaluate_sample`.

    Returns:
        The two scores by each ensemble, in their order.

    Raises:
        InputError: ensembles of networks that are not the same; and as :func:`evaluate_sample`.
        ModelError: a network's output is not a number.
    """
    first = ensembles[0]
    for ensemble in ensembles:
        if not ensemble.shares(first):
            raise InputError(
                f"the ratios {first.ratio} and {ensemble.ratio} are not of the same networks; combine both again"
            )
    _check_features(first, sample.info.features, sample.info.name)
    count = len(sample.ids)
    trained = np.zeros((len(first.members), count), dtype=bool) if is_observed else _trained(first, sample, split)
    results = [Scores(*(np.full(count, np.nan, dtype=np.float32) for _ in range(2))) for _ in ensembles]
    device, targets = _networks(ensembles, threads)
    for start in range(0, count, ROWS):
        rows = slice(start, min(start + ROWS, count))
        inputs = _inputs(sample.features, rows, device)
        values_of = _by_ensemble(ensembles, targets, inputs)
        for ensemble, values, scores in zip(ensembles, values_of, results, strict=True):
            _check_finite(ensemble, values, start)
            scores.unseen[rows] = mean_log_ratio(values, ~trained[:, rows], ensemble.combination)
            scores.seen[rows] = mean_log_ratio(values, trained[:, rows], ensemble.combination)
    return results


def evaluate_variations(
    ensembles: Sequence[Ensemble], sample: Sample, split: SplitRule, is_observed: bool = False, threads: int = 1
) -> np.ndarray:
    """Judge the events of a sample by V ensembles at once, those of the variations of one systematic.

    The features are read once, and only the rows that a member may judge: with a held-out split the unseen side, with a
    cross-fitted one for every member the fold that it left out. What is checked is as in :func:`evaluate_sample`.

    Args:
        ensembles: of V ratios, trained with one split.
        sample: its features by the names that the ensembles know, in the same order.
        split: of the configuration.
        is_observed: no network has trained on these events: all members judge all of them.
        threads: of the CPU.

    Returns:
        float32 (N, V): log g of each event by the members that did not train on it; NaN where there is none.

    Raises:
        InputError: other features or another split than those of the training; identifiers that have changed since.
        ModelError: a network's output is not a number.
    """
    for ensemble in ensembles:
        _check_features(ensemble, sample.info.features, sample.info.name)
    result = np.full((len(sample.ids), len(ensembles)), np.nan, dtype=np.float32)
    judges = [
        np.ones((len(ensemble.members), len(sample.ids)), dtype=bool)
        if is_observed
        else ~_trained(ensemble, sample, split)
        for ensemble in ensembles
    ]
    needed = np.flatnonzero(np.any([mask.any(axis=0) for mask in judges], axis=0)) if judges else np.empty(0, np.int64)
    device, networks = _networks(ensembles, threads)
    for start in range(0, len(needed), ROWS):
        rows = needed[start : start + ROWS]
        inputs = _inputs(sample.features, rows, device)
        for column, (ensemble, members) in enumerate(zip(ensembles, networks, strict=True)):
            mine = judges[column][:, rows]
            values = np.zeros(mine.shape, dtype=np.float32)
            for index, network in enumerate(members):
                chosen = slice(None) if mine[index].all() else np.flatnonzero(mine[index])
                values[index, chosen] = _outputs([network], inputs[chosen])[0]
            _check_finite(ensemble, values, int(rows[0]))
            result[rows, column] = mean_log_ratio(values, mine, ensemble.combination)
    return result


def log_ratios(ensembles: Sequence[Ensemble], features: np.ndarray, threads: int = 1) -> np.ndarray:
    """log r of events that no member has trained on, by all members of V ensembles: features (N, D) to float64 (N, V).

    Raises:
        ModelError: a network's output is not a number.
    """
    result = np.empty((len(features), len(ensembles)))
    device, networks = _networks(ensembles, threads)
    for start in range(0, len(features), ROWS):
        rows = slice(start, start + ROWS)
        inputs = _inputs(features, rows, device)
        for column, (ensemble, values) in enumerate(
            zip(ensembles, _by_ensemble(ensembles, networks, inputs), strict=True)
        ):
            _check_finite(ensemble, values, start)
            result[rows, column] = mean_log_ratio(values, np.True_, ensemble.combination)
    return result


def log_ratio(ensemble: Ensemble, features: np.ndarray, threads: int = 1) -> np.ndarray:
    """log r of events that no member has trained on, by all members: features (N, D) to float64 (N,).

    Raises:
        ModelError: a network's output is not a number.
    """
    result = np.empty(len(features))
    for rows, values in _pieces(ensemble, features, threads):
        result[rows] = mean_log_ratio(values, np.True_, ensemble.combination)
    return result


def member_log_ratios(ensemble: Ensemble, features: np.ndarray, threads: int = 1) -> np.ndarray:
    """log r_m of events by each member: features (N, D) to float32 (M, N).

    Raises:
        ModelError: a network's output is not a number.
    """
    result = np.empty((len(ensemble.members), len(features)), dtype=np.float32)
    for rows, values in _pieces(ensemble, features, threads):
        result[:, rows] = values
    return result


def _pieces(ensemble: Ensemble, features: np.ndarray, threads: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Run all members over a limited number of rows at a time, on a GPU if there is one."""
    device, (networks,) = _networks([ensemble], threads)
    for start in range(0, len(features), ROWS):
        rows = slice(start, min(start + ROWS, len(features)))
        values = _outputs(networks, _inputs(features, rows, device))
        _check_finite(ensemble, values, start)
        yield rows, values


def _networks(ensembles: Sequence[Ensemble], threads: int) -> tuple[torch.device, list[list[Network]]]:
    """The members' networks of each ensemble, on a GPU if there is one."""
    torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return device, [[member.network().to(device) for member in ensemble.members] for ensemble in ensembles]


def _inputs(features: np.ndarray, rows: slice | np.ndarray, device: torch.device) -> Tensor:
    # a copy: the rows may be a read-only map of a file
    return torch.from_numpy(np.array(features[rows], dtype=np.float32, order="C")).to(device)


def _outputs(networks: Sequence[Network], inputs: Tensor) -> np.ndarray:
    """The log ratios of some rows by each network, float32 (M, n)."""
    with torch.inference_mode():
        return _stack([network(inputs) for network in networks])


def _by_ensemble(
    ensembles: Sequence[Ensemble], networks: Sequence[Sequence[Network]], inputs: Tensor
) -> Iterator[np.ndarray]:
    """The log ratios of some rows by the members of each ensemble, float32 (M, n); shared networks run once."""
    outputs: list[Tensor] = []
    for number, (ensemble, members) in enumerate(zip(ensembles, networks, strict=True)):
        if not isinstance(members[0], JointNetwork):
            yield _outputs(members, inputs)
            continue
        with torch.inference_mode():
            if not number or not ensemble.shares(ensembles[number - 1]):
                outputs = [network.raw(inputs) for network in members]
            yield _stack([network.log_ratio(raw) for network, raw in zip(members, outputs, strict=True)])


def _stack(log_ratios: Sequence[Tensor]) -> np.ndarray:
    values: np.ndarray = torch.stack(list(log_ratios)).cpu().numpy()
    return values


def _check_finite(ensemble: Ensemble, values: np.ndarray, start: int) -> None:
    wrong = ~np.isfinite(values)
    if wrong.any():
        members = [ensemble.members[index].member for index in np.flatnonzero(wrong.any(axis=1))]
        raise ModelError(
            f"ratio {ensemble.ratio}: {np.count_nonzero(wrong.any(axis=0))} of the {values.shape[1]} events from row "
            f"{start} get no finite ratio from the members {members}; look for features that are not finite or far "
            "outside those of the training"
        )


def _trained(ensemble: Ensemble, sample: Sample, split: SplitRule) -> np.ndarray:
    """Whether each member trained on each event, bool (M, N); an error if that cannot be what happened."""
    name = sample.info.name
    if Split.of(split) != ensemble.split:
        raise InputError(
            f"ratio {ensemble.ratio}, sample {name}: the networks were trained with {ensemble.split}, the "
            f"configuration has {Split.of(split)}; events would be judged by networks that trained on them: train again"
        )
    result = np.empty((len(ensemble.members), len(sample.ids)), dtype=bool)
    known: dict[int, tuple[np.ndarray, dict[str, int]]] = {}  # many members share a side or a fold
    for index, member in enumerate(ensemble.members):
        fold = member.member % split.folds if split.method == "cross_fit" else 0
        if fold not in known:
            side = trains(sample.ids, split, member.member)
            known[fold] = side, fingerprint(sample.ids[side])
        result[index], found = known[fold]
        recorded = member.seen.get(name)
        if recorded is not None and recorded != found:
            raise InputError(
                f"ratio {ensemble.ratio}, member {member.member}: {recorded['events']} events of sample {name} trained "
                f"it, {found['events']} (or others) are on its training side now: the sample or its event_id have "
                "changed since; train again"
            )
    return result


def _check_features(ensemble: Ensemble, found: tuple[str, ...], name: str) -> None:
    if tuple(found) == ensemble.features:
        return
    missing = [feature for feature in ensemble.features if feature not in found]
    extra = [feature for feature in found if feature not in ensemble.features]
    what = "; ".join(
        text
        for text, names in (
            (f"missing: {', '.join(missing)}", missing),
            (f"unknown to the networks: {', '.join(extra)}", extra),
            ("their order differs", not missing and not extra),
        )
        if names
    )
    raise InputError(
        f"sample {name} does not have the features that the ratio {ensemble.ratio} was trained with ({what}); "
        "ingest it with the configuration of the training, or train again"
    )
