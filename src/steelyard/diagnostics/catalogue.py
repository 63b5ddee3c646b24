"""Every check that there is: how its name is made, which thresholds it has, and what to do when it does not pass.

``docs/checks.md`` has a section for each kind; a test holds the list, the code and the page together.
"""

import re
from dataclasses import dataclass

_ANY = r"(.+)"


@dataclass(frozen=True)
class Kind:
    """One kind of check.

    Attributes:
        title: of its section in the documentation.
        pattern: regular expression that the names of its checks match as a whole.
        thresholds: keys of ``diagnostics.thresholds`` in the configuration; none where the levels are in the code.
        remedy: what to do first, for people who read a verdict.
    """

    title: str
    pattern: str
    thresholds: tuple[str, ...]
    remedy: str

    def matches(self, name: str) -> bool:
        """Whether a check of this name is of this kind."""
        return re.fullmatch(self.pattern, name) is not None


DATA = "(asimov|observed|any) data"

# The first kind that matches counts: variations come before the ratios, whose names they contain.
CATALOGUE = (
    # the ratios
    Kind(
        "Normalisation of a variation",
        r"normalisation of \S+-\S+-(up|down)",
        ("variation_normalisation",),
        "train the networks of this variation for more epochs, or give it more events",
    ),
    Kind(
        "Normalisation of a ratio",
        rf"normalisation of {_ANY}",
        ("normalisation",),
        "train this ratio for more epochs, with a smaller learning rate at the end, or with more members",
    ),
    Kind(
        "Calibration",
        rf"calibration of {_ANY}",
        ("calibration",),
        "train this ratio for more epochs; if the deviation is at large ratios alone, with a larger network",
    ),
    Kind(
        "Closure of the total",
        "closure of the total",
        ("difference",),
        "look at the ratios that enter with a large coefficient at the worst value: more members and more events there",
    ),
    Kind(
        "Closure of a variation",
        r"closure of \S+-\S+-(up|down)",
        ("variation_closure", "variation_share"),
        "train the variations for more epochs, or with larger networks (`variations.training`)",
    ),
    Kind(
        "Closure of a ratio",
        rf"closure of {_ANY}",
        ("closure",),
        "look at the picture of the worst variable: more epochs or a larger network; a variable that is not a feature "
        "may have to become one",
    ),
    Kind(
        "Classifier test",
        rf"classifier test of {_ANY}",
        ("auc",),
        "something is left to be learnt: more epochs, a larger network, or features that show it",
    ),
    Kind(
        "Overtraining",
        rf"overtraining of {_ANY}",
        ("overtraining",),
        "fewer epochs, a smaller network, weight decay, or more events",
    ),
    Kind(
        "Ensemble",
        rf"(members of the )?ensemble of {_ANY}",
        ("convergence",),
        "train more members: the error of their mean falls with the square root of their number",
    ),
    # the model
    Kind(
        "Error of t from simulation and training",
        r"error of t\(\w+\) from simulation and training",
        ("simulation",),
        "do what the list of next steps says, which is made from this error's parts",
    ),
    Kind(
        "Negative Asimov weights",
        "negative Asimov weights",
        (),
        "train the ratios with a negative coefficient longer, check the signs of the coefficients, or narrow the scan",
    ),
    Kind(
        "Effective reference events",
        "effective reference events per expected event",
        (),
        "simulate more events, hold fewer of them out of the reference, or mix another reference",
    ),
    Kind(
        "Asimov bias",
        r"Asimov bias of \w+ at \S+",
        ("asimov",),
        "compare with the closure of the total at this value: more events and members of the ratios that fail there",
    ),
    Kind(
        "Form of the normaliser",
        "form of the normaliser",
        (),
        "use what the detail says: fewer or smaller shape effects, or toys that are thrown at the fit",
    ),
    Kind(
        "Effects that code 4 cannot interpolate",
        "effects that code 4 cannot interpolate",
        (),
        "look at the closure of these variations, or give the parameter `interpolation: exponential`",
    ),
    Kind(
        "Size of the normaliser",
        rf"normaliser of {_ANY}",
        ("normaliser",),
        "vary by a fraction of a standard deviation, or split the systematic into parts",
    ),
    # the variations
    Kind(
        "Two directions of a systematic",
        rf"both directions of {_ANY} the same way",
        ("variation_symmetry",),
        "if both sides are alternatives to the nominal sample, use one with `symmetrise`; if they are noise, prune it",
    ),
    Kind(
        "Null variation",
        rf"null variation of {_ANY}",
        ("null_constraint",),
        "more nominal and varied events, `prune`, or the effect on the yield alone (`use: norm`)",
    ),
    # against exact densities
    Kind(
        "Log g against the exact one",
        r"(1 − R²|rms) of log g of \S+ against exact",
        ("variation_soft", "variation_separate", "variation_rms", "variation_small"),
        "train the variations for more epochs, or with more events",
    ),
    Kind(
        "Log ratio against the exact one",
        rf"rms of log {_ANY} against exact",
        (),
        "train this ratio for more epochs, with more members, or with more events",
    ),
    Kind(
        "t against the exact one",
        r"t\(\w+\) against exact",
        ("scan", "scan_absolute", "scan_relative"),
        "do what the list of next steps says; the error is that of the ratios at the worst value",
    ),
    Kind(
        "Gain over a histogram",
        rf"gain over {_ANY}",
        ("gain",),
        "the ratios have lost what a histogram keeps: look at closure and at the classifier test",
    ),
    Kind(
        "Post-fit errors against the exact ones",
        "(post-fit errors|parts of the error|ranking) against exact",
        ("oracle_constraint",),
        "look at the variations of the parameter that is named: their closure, and their null variation",
    ),
    # histograms
    Kind(
        "Simulated entries of a histogram",
        rf"simulated entries in baseline {_ANY}",
        (),
        "join the bin that is named with its neighbour, or simulate more",
    ),
    Kind(
        "Histogram against pyhf",
        rf"baseline {_ANY} against pyhf",
        (),
        "a fault of the program or of an installed version: report it with this configuration",
    ),
    # the data
    Kind(
        "Data against simulation",
        r"data against simulation at \S+",
        (),
        "look at the picture: where the data differ, and whether selection and units are those of the simulation",
    ),
    Kind(
        "Observed events outside the reference",
        "observed events outside the reference",
        (),
        "look at the event that is named: units, a variable that was not measured, or a selection that differs",
    ),
    # fits
    Kind(
        "Failed fits of toys",
        rf"failed fits of toys(, {DATA})?",
        ("failed_fits",),
        "look for nuisance parameters without effect or on a bound at the value that is named",
    ),
    Kind(
        "Failed fits",
        rf"failed fits, {DATA}(, exact likelihood)?",
        (),
        "look for nuisance parameters without effect or on a bound",
    ),
    Kind(
        "Best fit at the upper bound",
        rf"best fit at the upper bound, {DATA}(, exact likelihood)?",
        (),
        "widen the bounds of the parameter, and the scan and the belts with them",
    ),
    Kind(
        "Nuisance parameters on a bound",
        rf"nuisance parameters on a bound, {DATA}(, exact likelihood)?",
        (),
        "widen their bounds, or ask why the data contradict their effects",
    ),
    Kind(
        "Nuisance parameters with two valleys",
        rf"nuisance parameters with two valleys, {DATA}(, exact likelihood)?",
        (),
        "symmetrise the parameters that are named, unless both sides are meant to go the same way",
    ),
    Kind(
        "Pulls",
        rf"pulls, {DATA}",
        ("asimov_pull", "pull"),
        "expected data: a fault of the model; observed data: ask what the parameter stands in for",
    ),
    Kind(
        "Constraints",
        rf"constraints, {DATA}",
        ("constraint",),
        "compare with the null variation; if it is information, ask whether one parameter may stand for this effect",
    ),
    Kind(
        "Impacts against the covariance",
        rf"impacts against the covariance, {DATA}",
        ("impact",),
        "quote the refitted impacts: the likelihood is no parabola, so the covariance's are not the shifts of the fit",
    ),
    Kind(
        "Reference sample over the error of the fit",
        rf"reference sample over the error of the fit, {DATA}",
        (),
        "simulate as many more events as the detail says, or mix another reference",
    ),
    # the construction
    Kind(
        "Toys for a level",
        rf"toys for \S+ %(, {DATA})?",
        (),
        "increase `belts.toys`",
    ),
    Kind(
        "Coverage",
        r"coverage of \S+ %",
        ("coverage",),
        "repeat the audit with more experiments; if it stays, quote the coverage that was found with the result",
    ),
    Kind(
        "Critical values",
        r"critical value of \S+ %",
        ("critical",),
        "compare t against the exact one at this value: the learned t has another distribution there",
    ),
    Kind(
        "Open ends of the sets",
        r"open ends of the (exact )?sets, \w+",
        (),
        "extend the scan and `belts.points` beyond the end that is named",
    ),
)


def kind_of(name: str) -> Kind | None:
    """The kind of a check, by its name; None for one that the catalogue does not know."""
    return next((kind for kind in CATALOGUE if kind.matches(name)), None)


def remedy_of(name: str) -> str | None:
    """What to do first about a check of this name."""
    kind = kind_of(name)
    return None if kind is None else kind.remedy
