"""A fresh classifier must not tell the re-weighted source from the target, in all variables at once."""

from dataclasses import dataclass

import numpy as np

from steelyard.checks import Check, Kind, Level, Threshold, at_most
from steelyard.data.identifiers import uniform
from steelyard.diagnostics.empirical import normalised, ratios

CLASSIFIER = Kind(
    title="Classifier test",
    name="classifier test of {ratio}",
    levels={"auc": Level(0.505, 0.51, "AUC of a fresh classifier between re-weighted reference and process.")},
    remedy="something is left to be learnt: more epochs, a larger network, or features that show it",
    picture="classifier_test",
)

# Events in all, half of them to train: AUC to 0.0015 where the classes have different events.
EVENTS = 150_000


@dataclass(frozen=True)
class ClassifierTest:
    """Area under the ROC curve of a classifier between re-weighted source and target, on events it did not train on.

    Attributes:
        ratio: name.
        auc: 0.5 where it cannot tell them apart.
        error: statistical error of the area.
        n_train, n_test: events on the two sides.
        check: verdict. It is a smoke test: it is blind to faults that bias the parameter by a third.
    """

    ratio: str
    auc: float
    error: float
    n_train: int
    n_test: int
    check: Check


def classifier_test(
    ratio: str,
    features: np.ndarray,
    ids: np.ndarray,
    target: np.ndarray,
    source: np.ndarray,
    log_ratio: np.ndarray,
    threshold: float | Threshold,
    events: int = EVENTS,
    seed: int = 0,
) -> ClassifierTest:
    r"""Train boosted trees on half of the events and measure the weighted AUC on the other half.

    One event may belong to both classes (soft labels, and the source times the ratio always overlaps the target), so
    the trees regress the label :math:`p_i/(p_i+q_ir_i)` with weight :math:`p_i+q_ir_i`: the minimiser is the same
    posterior probability as that of a classification. Sides and subsample are drawn by the event id: whatever rows
    share a physical event are on one side. Any fixed function makes a valid test, so negative weights are only left
    out of the training.

    Args:
        ratio: name for the result.
        features: (n, D) variables, memory-mapped or not; only the subsample is read.
        ids: (n,) uint64 event ids.
        target, source: (n,) event weights of the two densities, any positive sum.
        log_ratio: (n,) log of target/source density; may be NaN where both weights are zero.
        threshold: of the AUC.
        events: size of the subsample.
        seed: of the trees.

    Raises:
        ModelError: a ratio is not finite, a density sums to zero on a side.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    used = (np.asarray(target) != 0.0) | (np.asarray(source) != 0.0)
    place = uniform(ids, "classifier-test")
    fraction = min(1.0, events / max(1, np.count_nonzero(used)))
    sides = [np.flatnonzero(used & (place >= a) & (place < b)) for a, b in _halves(fraction)]
    train, test = (_densities(ratio, rows, target, source, log_ratio) for rows in sides)
    p, q = train
    weight = p + q
    kept = weight > 0.0
    trees = HistGradientBoostingRegressor(
        max_iter=30, learning_rate=0.2, max_bins=63, min_samples_leaf=100, early_stopping=False, random_state=seed
    )
    label = np.clip(p[kept] / weight[kept], 0.0, 1.0)
    trees.fit(np.asarray(features[sides[0]][kept]), label, sample_weight=weight[kept] * np.count_nonzero(kept))
    auc, error = weighted_auc(trees.predict(np.asarray(features[sides[1]])), *test, groups=ids[sides[1]])
    detail = f"AUC on {len(sides[1])} events, 0.5 where nothing is found"
    check = at_most(CLASSIFIER.of(ratio=ratio), auc, threshold, error, perfect=0.5, detail=detail)
    return ClassifierTest(ratio, auc, error, len(sides[0]), len(sides[1]), check)


def weighted_auc(
    score: np.ndarray, positive: np.ndarray, negative: np.ndarray, groups: np.ndarray | None = None
) -> tuple[float, float]:
    r"""Area under the ROC curve, and its error, of events that may belong to both classes.

    :math:`A=\sum_{ij}p_i q_j\,[f_i>f_j]+\tfrac12[f_i=f_j]` with both weights of sum one. The error is that of DeLong
    et al. (Biometrics 44 (1988) 837) with weights: each event's share in the fluctuation of A is
    :math:`p_i(Q(f_i)-A)+q_i(P(f_i)-A)`, with Q the fraction of the negative class below and P that of the positive
    class above; shares of one physical event are added before they are squared.

    Args:
        score: (n,) the classifier's answer, any monotone scale.
        positive, negative: (n,) weights of sum one.
        groups: (n,) event ids; without it every row is an event.
    """
    _, level = np.unique(score, return_inverse=True)
    p, q = np.bincount(level, weights=positive), np.bincount(level, weights=negative)
    below = np.cumsum(q) - 0.5 * q
    above = p.sum() - np.cumsum(p) + 0.5 * p
    auc = float(p @ below)
    shares = positive * (below[level] - auc) + negative * (above[level] - auc)
    if groups is not None:
        shares = np.bincount(np.unique(groups, return_inverse=True)[1], weights=shares)
    return auc, float(np.sqrt((shares**2).sum()))


def _halves(fraction: float) -> tuple[tuple[float, float], tuple[float, float]]:
    return (0.0, 0.5 * fraction), (0.5 * fraction, fraction)


def _densities(
    ratio: str, rows: np.ndarray, target: np.ndarray, source: np.ndarray, log_ratio: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    p = normalised(target[rows], f"target of {ratio}")
    q = normalised(source[rows], f"source of {ratio}")
    return p, normalised(q * ratios(log_ratio[rows], np.ones(len(rows), dtype=bool)), f"re-weighted source of {ratio}")
