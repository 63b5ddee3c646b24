"""The events of a joint point: unseen ones of every sample in all their versions, judged by the networks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from steelyard.data.identifiers import SplitRule, is_unseen, uniform
from steelyard.data.store import Sample
from steelyard.diagnostics.factorisation.cross_term import JointEvents, Version
from steelyard.errors import InputError
from steelyard.ratios.ensembles import Ensemble
from steelyard.ratios.evaluation import evaluate_variations
from steelyard.regions.unbinned import UnbinnedModel

# log r of all processes and log g of all variations of some events, (n, C + V), by networks that did not train on them.
Judge = Callable[[Sample], np.ndarray]


def judged_by(ensembles: Sequence[Ensemble], split: SplitRule, threads: int = 1) -> Judge:
    """By the ensembles of all processes, and then of all variations in the order of the model."""
    return lambda sample: evaluate_variations(ensembles, sample, split, threads=threads)


def joint_events(
    model: UnbinnedModel,
    alpha: Mapping[str, float],
    processes: Mapping[str, Sequence[str]],
    samples: Sequence[Sample],
    scores: Sequence[Sequence[np.ndarray]],
    alone: Mapping[str, Mapping[str, Sample]],
    joint: Mapping[str, Sample],
    split: SplitRule,
    judge: Judge,
    most: int,
) -> JointEvents:
    """Gather the versions of the events that no network trained on, at most so many of each sample.

    A sample that is not varied at a point is there as it is, since a process is the sum of its samples.

    Args:
        model: the processes, and what the ratios are normalised with.
        alpha: nuisance parameter: +1 or -1.
        processes: process: those of them that vary it.
        samples: the nominal ones.
        scores: per sample columns (N,) or (N, ...) of raw log ratios of its events, C of the processes and V of the
            variations; memory maps, of which the chosen rows are read.
        alone: nuisance parameter: name of the nominal sample: its version with this one off alone.
        joint: name of the nominal sample: its version at the point.
        split: of the networks.
        judge: gives the same scores for other events.
        most: events of a sample that are used, chosen by their identifiers: the same ones in all versions.

    Raises:
        InputError: versions of a sample with other features, or other weights of other events.
    """
    parts = [
        _SampleVersions(model, tuple(processes), sample, score, split, judge, most)
        for sample, score in zip(samples, scores, strict=True)
        if set(processes) & set(sample.info.processes)
    ]
    return JointEvents(
        alpha,
        processes,
        nominal=_joined([part.nominal for part in parts]),
        joint=_joined([part.version(joint) for part in parts]),
        alone={name: _joined([part.version(varied) for part in parts]) for name, varied in alone.items()},
    )


class _SampleVersions:
    """One sample, of which versions are made; what the networks say of events is kept where two versions share them."""

    def __init__(
        self,
        model: UnbinnedModel,
        processes: tuple[str, ...],
        sample: Sample,
        scores: Sequence[np.ndarray],
        split: SplitRule,
        judge: Judge,
        most: int,
    ) -> None:
        unseen = is_unseen(sample.ids, split)
        self._share = most / max(int(np.count_nonzero(unseen)), 1)
        self._model, self._processes, self._sample = model, processes, sample
        self._split, self._judge = split, judge
        self._rows = self._chosen(sample)
        self._judged: list[tuple[Sample, np.ndarray, np.ndarray]] = []
        weights = self._weights(sample, self._rows)
        known = np.column_stack([column[self._rows] for column in scores])
        self.nominal = Version(sample.ids[self._rows], weights, *self._rated(known))

    def version(self, varied: Mapping[str, Sample]) -> Version:
        """As one of the mapping's samples has these events; the nominal one where it has none of this sample."""
        other, nominal = varied.get(self._sample.info.name), self.nominal
        if other is None:
            return nominal
        affected = [process in other.info.processes for process in self._model.mixture.processes]
        if not other.info.features:
            if len(other) != len(self._sample):
                raise InputError(
                    f"sample {self._sample.info.name}: {len(other)} varied weights of {len(self._sample)} events; "
                    "ingest both again"
                )
            return replace(nominal, weights=np.where(affected, self._weights(other, self._rows), nominal.weights))
        if other.info.features != self._sample.info.features:
            raise InputError(
                f"sample {self._sample.info.name}: the varied events have other features than the nominal ones; ingest "
                "both again"
            )
        rows = self._chosen(other)
        found = Version(other.ids[rows], self._weights(other, rows), *self._judgement(other, rows))
        if not (self.nominal.weights[:, ~np.array(affected)]).any():
            return found
        return _joined([replace(nominal, weights=np.where(affected, 0.0, nominal.weights)), found])

    def _chosen(self, sample: Sample) -> np.ndarray:
        ids = np.asarray(sample.ids)
        return np.flatnonzero(is_unseen(ids, self._split) & (uniform(ids, "factorisation") < self._share))

    def _weights(self, sample: Sample, rows: np.ndarray) -> np.ndarray:
        """(n, C), zero of processes that are not compared."""
        result = np.zeros((len(rows), len(self._model.mixture.processes)))
        for column, process in enumerate(self._model.mixture.processes):
            if process in self._processes and process in sample.info.processes:
                result[:, column] = sample.column(process)[rows]
        return result

    def _judgement(self, other: Sample, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ids, features = other.ids[rows], np.array(other.features[rows])
        for known, intensities, log_g in self._judged:
            if np.array_equal(known.ids, ids) and np.array_equal(known.features, features):
                return intensities, log_g
        # a name of its own: what a member has seen is checked by the name of the sample
        info = replace(other.info, name=f"{other.info.name}/factorisation", n_selected=len(rows))
        some = Sample(info, features, other.observables[rows], other.weights[rows], ids)
        self._judged.append((some, *self._rated(self._judge(some))))
        return self._judged[-1][1:]

    def _rated(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        number = len(self._model.mixture.processes)
        scores = np.asarray(scores, dtype=float)
        return self._model.event_intensities(scores[:, :number]), self._model.event_shapes(scores[:, number:])


def _joined(versions: Sequence[Version]) -> Version:
    """One table of the events of several."""
    tables = [(version.ids, version.weights, version.intensities, version.log_g) for version in versions]
    return Version(*(np.concatenate(columns) for columns in zip(*tables, strict=True)))
