"""The hypotheses that networks tell apart: the two of a ratio, or all processes of a group."""

from collections.abc import Mapping, Sequence

import numpy as np

from steelyard.data.event_densities import class_weights, process_weights
from steelyard.data.reference import Reference, mixed
from steelyard.data.store import Sample
from steelyard.data.variations import Variation
from steelyard.errors import ConfigurationError, InputError
from steelyard.ratios.training_data import JointSample, RatioSample


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


def joint_samples(samples: Sequence[Sample], reference: Reference, processes: Sequence[str]) -> list[JointSample]:
    """Features and densities p_c of the processes that share one network, see :mod:`steelyard.ratios.joint`.

    Every density has the sum 1 over the training rows of all samples and is 0 on the others. Samples with hard labels
    give each event to one process, as :func:`steelyard.data.event_densities.class_weights` says.

    Args:
        samples: as given to :func:`steelyard.data.reference.mix_reference`.
        reference: its result; its weights change nothing here.
        processes: in any order, which the networks do not depend on; all of which the reference is made among them.

    Returns:
        For :func:`steelyard.ratios.training.train_member`, with the processes in the order of the configuration.

    Raises:
        ConfigurationError: an unknown process, one named twice, fewer than two, or one of the reference missing.
        ModelError: an event has a negative weight of a process.
        InputError: the weights of a process have no positive sum.
    """
    names = [name for name in reference.processes if name in processes]
    missing = [name for name in mixed(reference) if name not in processes]
    if len(names) < 2 or len(names) != len(processes) or missing:
        raise ConfigurationError(
            f"processes of one network: found {', '.join(processes) or 'none'}; name at least two of "
            f"{', '.join(reference.processes)}, each once, and all of which the reference is made "
            f"({', '.join(mixed(reference))})"
        )
    densities = {name: process_weights(samples, reference, name, "training", reference.labels) for name in names}
    return [
        JointSample(sample.info.name, sample.features, sample.ids, {name: densities[name][index] for name in names})
        for index, sample in enumerate(samples)
    ]


def variation_samples(
    samples: Sequence[Sample], varied: Mapping[str, Sample], variation: Variation
) -> list[RatioSample]:
    r"""Features and class weights of the ratio :math:`p_c(x|\alpha_k=\pm1)/p_c(x|0)`.

    Of every sample that carries the process:

    - the same events with other weights (a varied store without columns of features): one row an event with
      w1 its varied and w0 its nominal weight, the soft label w1/(w1 + w0);
    - other events (a varied store with features of its own): the nominal rows with w0, and the varied ones with w1.
      Both versions of an event have its identifier, so split, folds, bootstrap and validation take them for one;
    - not varied, or not of this process: its rows with w1 = w0, since p_c is the sum over the samples.

    The yield drops out, since training sets the totals of the two classes equal. Weights may be negative.

    Args:
        samples: the nominal samples.
        varied: by the name of the nominal sample, its varied version in this systematic and direction.
        variation: which one.

    Returns:
        For :func:`steelyard.ratios.training.train_member`; ``paired`` serves where there are other events.

    Raises:
        InputError: no varied sample carries the process; rows of a varied store that are not those of the nominal one;
            other features.
    """
    process, result, affected = variation.process, [], False
    for sample in samples:
        if process not in sample.info.processes:
            continue
        name, nominal, other = sample.info.name, sample.column(process), varied.get(sample.info.name)
        if other is None or process not in other.info.processes:
            result.append(RatioSample(name, sample.features, sample.ids, nominal, nominal))
            continue
        affected = True
        where = f"variation {variation.name}, sample {name}"
        if not other.info.features:
            if not np.array_equal(sample.ids, other.ids):
                raise InputError(f"{where}: varied and nominal weights are not of the same events; ingest both again")
            result.append(RatioSample(name, sample.features, sample.ids, other.column(process), nominal))
            continue
        if other.info.features != sample.info.features:
            raise InputError(f"{where}: the varied events have other features than the nominal ones; ingest both again")
        # its own name: what a member has seen is kept, and checked, by the name of the sample
        part = f"{name}/{variation.systematic}-{variation.direction}"
        result.append(RatioSample(name, sample.features, sample.ids, np.zeros(len(sample)), nominal))
        result.append(RatioSample(part, other.features, other.ids, other.column(process), np.zeros(len(other))))
    if not affected:
        raise InputError(
            f"variation {variation.name}: none of the varied samples {', '.join(varied) or '(there are none)'} carries "
            f"weights of process {process}; ingest the variations with this configuration"
        )
    return result
