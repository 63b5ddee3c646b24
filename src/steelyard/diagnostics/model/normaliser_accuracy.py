r"""What the form of the normaliser leaves in t(μ), at the points that fits and pseudo-experiments visit.

Where the form is off by :math:`\delta\ln N_c`, a test statistic is off by the difference of what that does at the
conditional and at the global fit (both to first order, since they are minima),

.. math:: \delta t = 2\sum_cf_c\,G_c\,\nu_c\,\delta\ln N_c\big|_{\hat{\hat\alpha}(\mu)}
          - 2\sum_cf_c\,G_c\,\nu_c\,\delta\ln N_c\big|_{\hat\alpha}.

Fits and scans of one data set are corrected by the joint expectation (:mod:`steelyard.inference.anchoring`); how large
that was is told here. Pseudo-experiments have the form, anchored where they are thrown: their rms of δt is what counts.
"""

from dataclasses import dataclass

import numpy as np

from steelyard.checks import Check, Kind, Level, Threshold, at_most
from steelyard.inference.anchoring import shifts
from steelyard.inference.fit import Scan
from steelyard.inference.profiles import conditional_nuisances
from steelyard.inference.toy_fits import Status
from steelyard.inference.toys import throw_toys
from steelyard.regions.unbinned import UnbinnedModel

# Of the rms of delta t: 0.1 at the critical value 1 of a 68 % interval moves its end by 5 %, 0.5 by a quarter.
FORM = Kind(
    title="Form of the normaliser",
    name="form of the normaliser",
    levels={
        "normaliser_form": Level(
            0.1, 0.5, "Rms of what the form of the normaliser of many shapes does to t in pseudo-experiments."
        ),
    },
    remedy="use what the detail says: fewer or smaller shape effects, or toys that are thrown at the fit",
)


@dataclass(frozen=True)
class NormaliserAccuracy:
    """The error of the normaliser's form in units of t.

    Attributes:
        corrected: largest |delta t| along the scan of the expected data, which the fit has been corrected by.
        mu: values of the parameter at which pseudo-experiments were thrown.
        toys: number of pseudo-experiments at each.
        rms: rms of delta t of these, each value.
        largest: the largest of all by size.
        unanchored: rms without the anchor, each value.
    """

    corrected: float
    mu: tuple[float, ...]
    toys: int
    rms: tuple[float, ...]
    largest: float
    unanchored: tuple[float, ...]

    @property
    def worst(self) -> float:
        """The largest rms."""
        return max(self.rms, default=0.0)

    def advice(self, tolerated: float) -> str:
        """One sentence for the report; with what to do where the rms is larger than what is tolerated."""
        found = (
            f"rms of the error of t in pseudo-experiments by the form of the normaliser (largest {self.largest:.2g}); "
            f"single fits are corrected by the joint expectation, by up to {self.corrected:.2g}"
        )
        if self.worst <= tolerated:
            return found
        return (
            f"{found}. Many large shapes vary together: leave out small ones (`prune`), give shapes that always go "
            "together one systematic, or throw pseudo-experiments at the conditional fit (`nuisances: conditional`)"
        )


def check_form(accuracy: NormaliserAccuracy, threshold: Threshold) -> Check:
    """Whether pseudo-experiments may have the form; the levels are of the rms of δt."""
    return at_most(FORM.of(), accuracy.worst, threshold, detail=accuracy.advice(threshold.warn))


def measure_accuracy(model: UnbinnedModel, scan: Scan, toys: int = 20, seed: int = 0) -> NormaliserAccuracy:
    """Compare the form with the joint expectation where the scan of the expected data and pseudo-experiments go.

    Args:
        model: with shape effects.
        scan: of the expected data.
        toys: pseudo-experiments at the nominal value of the parameter and at its lowest in the scan, each thrown at the
            conditional fit.
        seed: of these.
    """
    integration, mixture = model.integration, model.mixture
    nominal = mixture.coefficients.nominal[mixture.coefficients.parameters[0]]
    thrown = tuple(sorted({float(np.min(scan.mu)), float(np.clip(nominal, np.min(scan.mu), np.max(scan.mu)))}))
    if integration is None:
        nothing = (0.0,) * len(thrown)
        return NormaliserAccuracy(0.0, thrown, toys, nothing, 0.0, nothing)
    chosen = np.unique(np.linspace(0, len(scan.mu) - 1, min(len(scan.mu), 11)).round().astype(int))
    mu, alpha = np.append(scan.mu[chosen], scan.fit.hat), np.vstack([scan.alpha[chosen], scan.fit.alpha])
    whole, events = model.statistical, (integration,)
    along = shifts(whole, events, (integration.form,), mu[:, None], alpha)
    rms, unanchored, largest = [], [], 0.0
    for place in thrown:
        point = conditional_nuisances(scan, place, mixture)
        fits = throw_toys(model, place, toys, seed, "conditional", point)
        fine = fits.status <= Status.AT_BOUND
        sides = []
        for systematics in (integration.anchored(point), integration.form):
            conditional, best = (
                shifts(whole, events, (systematics,), values[fine, None], points[fine])
                for values, points in ((np.full(toys, place), fits.conditional), (fits.hat, fits.alpha))
            )
            sides.append(conditional - best)
        rms.append(float(np.sqrt(np.mean(sides[0] ** 2))))
        unanchored.append(float(np.sqrt(np.mean(sides[1] ** 2))))
        largest = max(largest, float(np.abs(sides[0]).max(initial=0.0)))
    corrected = float(np.abs(along[:-1] - along[-1]).max())
    return NormaliserAccuracy(corrected, thrown, toys, tuple(rms), largest, tuple(unanchored))
