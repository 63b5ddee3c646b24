"""Information of a network's noise: the post-fit error of a nuisance parameter without an effect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.data.null_ratios import NullRatios
from steelyard.errors import ModelError
from steelyard.likelihood.kernels.total_intensity import total_intensity
from steelyard.regions.normalisation import log_mean
from steelyard.regions.unbinned import UnbinnedModel

# Step of the numerical derivatives, in standard deviations of a nuisance parameter: shapes are float32, relative 3e-7
# of an intensity, and what is left out is of the order of its square.
STEP = 0.05


@dataclass(frozen=True)
class NullInformation:
    r"""The information that the noise of one shape effect carries on its own nuisance parameter.

    Attributes:
        process, systematic: whose noise was measured.
        rms: of ln g over the process, (R,) of R independent draws.
        information: (R,) :math:`F`, see :func:`null_information`, of that process alone.
        slope: mean square of the model's slope at the nominal point over that of ln g, see :func:`slope_share`.
        others: all processes that the systematic varies, over that process alone.
        expected: events at the nominal point.
        alike: nuisance parameters whose shapes are learnt in the same way, and have noise of about this size.
    """

    process: str
    systematic: str
    rms: tuple[float, ...]
    information: tuple[float, ...]
    slope: float
    others: float
    expected: float
    alike: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """The mean information of the noise of the whole systematic."""
        return float(np.mean(self.information)) * self.slope * self.others

    @property
    def post_fit_error(self) -> float:
        """The post-fit error of a parameter with a unit constraint, and with noise as its only effect."""
        return float(1.0 / np.sqrt(1.0 + self.total))


def measure_null(
    model: UnbinnedModel, nominal: float, null: NullRatios, *, two_sided: bool, symmetrised: bool, alike: Sequence[str]
) -> NullInformation:
    """The information of the noise that a null variation has shown.

    Args:
        model: the statistical model.
        nominal: value of the parameter of interest.
        null: the networks' answers.
        two_sided, symmetrised, alike: see :class:`steelyard.configuration.systematics.NullVariation`.

    Raises:
        ModelError: see :func:`null_information`.
    """
    information, rms, expected = null_information(model, nominal, null.process, null.rows, null.log_g)
    return NullInformation(
        process=null.process,
        systematic=null.systematic,
        rms=tuple(rms.tolist()),
        information=tuple(information.tolist()),
        slope=slope_share(two_sided, symmetrised, null.paired > 0.5),
        others=other_processes(model, nominal, null.process, null.sizes),
        expected=expected,
        alike=tuple(alike),
    )


def slope_share(two_sided: bool, symmetrised: bool, paired: bool) -> float:
    r"""Mean square of the slope :math:`\partial\ln g/\partial\alpha` at 0 over that of :math:`\ln g^+`, for noise.

    The slope is :math:`\frac12(\ln g^+-\ln g^-)` to first order. Events that are moved up and down have opposite noise
    on the two sides, and the slope has all of it. The noise of two sides of other events is nearly independent (the
    nominal events that they share leave a correlation of 0.5 at most, in trained networks about 0.3), so the slope has
    half of the mean square at most. A side that is missing is mirrored or has no effect.
    """
    if two_sided:
        return 1.0 if paired else 0.5
    return 1.0 if symmetrised else 0.25


def null_information(
    model: UnbinnedModel, nominal: float, process: str, rows: np.ndarray, log_g: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    r"""The information on a parameter whose effect on one process is :math:`\alpha\,n(x)`, in the expected data.

    .. math:: F = F_{nn} - F_{n\theta}(F_{\theta\theta}+F_\mathrm{constraints})^{-1}F_{\theta n},\qquad
              F_{ab} = \sum_i w_i\lambda_i\,\partial_a\ln\lambda_i\,\partial_b\ln\lambda_i

    with the parameter of interest and all nuisance parameters as :math:`\theta`. The slope of the null is
    :math:`\partial_n\ln\lambda = f_c\nu_cr_c\,n/\lambda`, with E[e^n] = 1 over the process.

    Args:
        model: the statistical model.
        nominal: value of the parameter of interest.
        process: c.
        rows: (n, 2) sample number and row of some unseen events.
        log_g: (R, n) raw log ratios of R draws.

    Returns:
        F (R,), rms of n over the process (R,), and the expected events.

    Raises:
        ModelError: fewer than 100 of these events belong to the model's reference.
    """
    mixture, systematics = model.mixture, model.systematics
    kappa, alpha = float(mixture.to_coordinate(nominal)), systematics.nominal
    coefficients = mixture.coefficients_along(kappa)[0]
    place, found = _matched(model.rows, rows)
    # A density that is not positive is an error of its own, found elsewhere.
    positive = model.intensities[place] @ coefficients > 0.0
    place, found = place[positive], found[positive]
    if len(place) < 100:
        raise ModelError(
            f"only {len(place)} of the {len(rows)} events of the null variation are in the reference of the model; "
            "train the null variation and build the model with the same samples"
        )
    intensities, shapes, log_g = model.intensities[place], model.log_g[place], log_g[:, found]
    weights = model.weights[place] / model.weights[place].sum()
    intensity = intensities @ coefficients
    used = weights * intensity
    expected = float(mixture.total(kappa)[0])
    used *= expected / used.sum()
    slopes = np.empty((len(place), 1 + len(systematics)))
    slopes[:, 0] = (intensities @ mixture.coefficients_along(kappa, 1)[0]) / intensity
    for k in range(len(systematics)):
        sides = []
        for step in (STEP, -STEP):
            point = alpha.copy()
            point[k] += step
            sides.append(total_intensity(mixture, systematics, intensities, shapes, kappa, point))
        slopes[:, 1 + k] = (sides[0] - sides[1]) / (2.0 * STEP * intensity)
    c = mixture.processes.index(process)
    density = weights * intensities[:, c]
    density /= density.sum()
    noise = log_g - log_mean(log_g, density)[:, None]
    null = noise * (coefficients[c] * intensities[:, c] / intensity)
    known = slopes.T @ (used[:, None] * slopes)
    known[np.arange(1, len(known)), np.arange(1, len(known))] += 0.5 * systematics.parameters.penalty(alpha, alpha)[2]
    shared = null @ (used[:, None] * slopes)
    own = (null**2) @ used
    profiled = own - np.einsum("ra,ab,rb->r", shared, np.linalg.pinv(known, hermitian=True), shared)
    return np.maximum(profiled, 0.0), np.sqrt(noise**2 @ density), expected


def other_processes(model: UnbinnedModel, nominal: float, process: str, sizes: Mapping[str, float]) -> float:
    r"""Information of the noise of all varied processes over that of one.

    The noise of a process goes as one over its effective training events n_c and enters with the square of its share of
    the intensity, :math:`\sum_c\langle(f_c\nu_cr_c/\lambda)^2\rangle/n_c`.

    Args:
        model: the statistical model.
        nominal: value of the parameter of interest.
        process: the one that was measured.
        sizes: n_c of all processes that the systematic varies.
    """
    mixture = model.mixture
    coefficients = mixture.coefficients_along(float(mixture.to_coordinate(nominal)))[0]
    intensity = model.intensities @ coefficients
    used = model.weights * intensity
    parts = {}
    for name, size in sizes.items():
        c = mixture.processes.index(name)
        share = coefficients[c] * model.intensities[:, c] / intensity
        parts[name] = float(used @ share**2) / size if size > 0.0 else 0.0
    own = parts.get(process, 0.0)
    return sum(parts.values()) / own if own > 0.0 else 1.0


def _matched(known: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places in ``known`` and in ``rows``, both (n, 2), of the rows that are in both."""
    names = np.concatenate([known, rows]).astype(np.int64)
    keys = names[:, 0] * (int(names[:, 1].max()) + 1) + names[:, 1]
    _, first, second = np.intersect1d(keys[: len(known)], keys[len(known) :], return_indices=True)
    return first, second
