"""The levels at which the checks of an analysis warn and fail."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from steelyard.options import Options


class Threshold(Options):
    """Levels of a check: beyond fail it fails, beyond warn it warns. One number stands for both."""

    warn: float = Field(description="WARN beyond this value.")
    fail: float = Field(description="FAIL beyond this value.")


def _both(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"warn": value, "fail": value} if number else value


Level = Annotated[Threshold, BeforeValidator(_both, json_schema_input_type=Threshold | float)]


def _level(warn: float, fail: float, description: str) -> Any:
    return Field(Threshold(warn=warn, fail=fail), description=description)


class Thresholds(Options):
    """Thresholds of the checks; a value beyond a level is a larger one, but for gain, where it is a smaller one."""

    normalisation: Level = _level(0.0025, 0.005, "|E_ref[r] - 1| of a raw ratio on events it did not train on.")
    calibration: Level = _level(0.02, 0.05, "Largest deviation of a found from a predicted class probability.")
    closure: Level = _level(0.02, 0.05, "Rms over bins of re-weighted over true density - 1, the worst variable.")
    difference: Level = _level(
        0.1,
        0.3,
        "Rms over bins of the non-closure of the total, at its worst along the scan, in Poisson errors of a bin.",
    )
    auc: Level = _level(0.505, 0.51, "AUC of a fresh classifier between re-weighted reference and process.")
    overtraining: Level = _level(0.005, 0.02, "Mean loss of events not trained on minus that of events trained on.")
    convergence: Level = _level(0.1, 0.3, "Error of the mean of the members' log r, rms over events.")
    asimov: Level = _level(0.05, 0.1, "|hat - truth| of the Asimov fit, in units of the error of a fit of data.")
    scan: Level = _level(
        0.5,
        1.0,
        "|t - t_exact| over the larger of scan_absolute and scan_relative * t_exact, at its worst in oracle_range.",
    )
    scan_absolute: float = Field(0.15, gt=0, description="Allowed difference of t(mu) from the exact one, absolute.")
    scan_relative: float = Field(0.1, gt=0, description="Allowed difference of t(mu) from the exact one, relative.")
    simulation: Level = _level(
        0.5,
        1.0,
        "Predicted error of t(mu) from finite simulation and training over the larger of scan_absolute and "
        "scan_relative * t, at its worst.",
    )
    gain: Level = _level(0.9, 0.8, "Gain in t(mu) over a baseline, as a fraction of the exact likelihood's gain.")
    critical: Level = _level(2.0, 3.0, "Critical value against that of exact toys, in units of the error.")
    coverage: Level = _level(2.0, 3.0, "Coverage of independent experiments against its level, in units of the error.")
    failed_fits: Level = _level(0.001, 0.01, "Fraction of pseudo-experiments whose fit failed.")
    asimov_pull: Level = _level(0.05, 0.1, "Largest |pull| of a nuisance parameter in the fit of Asimov data.")
    pull: Level = _level(2.0, 3.5, "Largest |pull| of a nuisance parameter in the fit of the observed data.")
    constraint: Level = _level(0.5, 1.0, "Largest |1 - post-fit error| of a nuisance parameter with a constraint.")
    null_constraint: Level = _level(
        0.025, 0.05, "1 - post-fit error of a nuisance parameter whose effect is the noise of a network alone."
    )
    impact: Level = _level(0.1, 0.3, "Refitted impact minus that of the covariance, in units of the parameter's error.")
    oracle_constraint: Level = _level(
        0.05, 0.1, "Post-fit errors, and parts of the parameter's error, learned over exact minus 1."
    )
    variation_normalisation: Level = _level(0.005, 0.01, "|E[g] - 1| of a raw variation on events it did not train on.")
    variation_closure: Level = _level(
        0.01, 0.02, "Rms over bins of re-weighted nominal over varied density - 1, the worst variable."
    )
    variation_share: Level = _level(
        0.05, 0.1, "The same as a fraction of the effect, rms of varied over nominal density - 1; the larger counts."
    )
    variation_soft: Level = _level(0.01, 0.05, "1 - R^2 of log g against the exact one, of variations by weights.")
    variation_separate: Level = _level(0.1, 0.2, "1 - R^2 of log g against the exact one, of variations by events.")
    variation_rms: Level = _level(
        0.012, 0.024, "Rms of learned minus exact log g where the effect is small; by weights a tenth of it."
    )
    variation_small: float = Field(
        0.05, ge=0, description="Rms of the exact log g below which variation_rms counts; by weights a tenth of it."
    )
    variation_symmetry: Level = _level(0.3, 0.6, "Fraction of events that +1 and -1 of a systematic move the same way.")
    normaliser: Level = _level(0.25, 1.0, "|N(alpha) - 1| of the interpolated shapes within +-2.")


class OracleRms(Options):
    """Rms of a learned minus the exact log ratio of two processes on events of the reference."""

    numerator: str = Field(description="Process in the numerator.")
    denominator: str | None = Field(None, description="Process in the denominator; by default the reference.")
    threshold: Level = Field(description="Levels of the rms: a number, or {warn, fail}.")


class Diagnostics(Options):
    """Checks and their thresholds."""

    thresholds: Thresholds = Field(Thresholds(), description="Levels of the checks, each {warn, fail} or one number.")
    null_variations: Literal["none", "one", "all"] = Field(
        "one",
        description="Systematics whose variation is trained again with labels drawn at random: all that change shapes, "
        "or one for all (by other events, if there is one).",
    )
    oracle_rms: list[OracleRms] = Field([], description="Log ratios to compare with the exact ones.")
    oracle_range: tuple[float, float] | None = Field(
        None, description="Range of the parameter in which t(mu) is compared with the exact one; by default the scan."
    )
