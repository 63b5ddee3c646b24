"""Density ratios by name: which two hypotheses the networks of a ratio tell apart."""

from collections.abc import Sequence

from steelyard.data.reference import Reference, class_weights
from steelyard.data.store import Sample
from steelyard.ratios.training_data import RatioSample


def ratio_samples(samples: Sequence[Sample], reference: Reference, ratio: str) -> list[RatioSample]:
    """Features and class weights of the ratio p_c/p_ref, for the process ``c`` that has the ratio's name.

    Raises:
        InputError: the weights of a hypothesis have no positive sum.
    """
    weights = class_weights(samples, reference, ratio, "training")
    return [
        RatioSample(sample.info.name, sample.features, sample.ids, w1, w0)
        for sample, (w1, w0) in zip(samples, weights, strict=True)
    ]
