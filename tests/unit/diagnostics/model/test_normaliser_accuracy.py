from dataclasses import replace

import numpy as np
import one_sided_search
from interference_effects import inputs

from steelyard.checks import Levels
from steelyard.diagnostics.model.normaliser_accuracy import FORM, NormaliserAccuracy, check_form, measure_accuracy
from steelyard.inference.fit import scan
from steelyard.io.serialisation import from_data, to_data

MU = np.array([0.0, 0.5, 1.0, 2.0])
LEVELS = FORM.default("normaliser_form")


def test_one_sided_shapes_change_no_toy():
    """The pair form without sides warned here, and rightly: it was off by units."""
    model = one_sided_search.model()
    result = measure_accuracy(model, scan(model.asimov(1.0), MU))
    assert result.mu == (0.0, 1.0) and result.toys == 20
    assert result.worst < LEVELS.warn and result.corrected < LEVELS.warn
    assert result.rms[1] <= result.unanchored[1] + 0.01


def test_round_trip_as_json():
    model = inputs(2000).build()
    result = measure_accuracy(model, scan(model.asimov(1.0), MU), toys=5)
    assert from_data(NormaliserAccuracy, to_data(result)) == result
    assert result.worst < LEVELS.warn and "joint expectation" in result.advice(LEVELS.warn)


def test_a_form_that_is_not_good_enough_warns_with_what_to_do():
    """Two shapes of 20 %, one-sided and two-sided, by pairs alone: toys end where that is off by units."""
    model = one_sided_search.model(size=0.2, sides=(0.0, 1.0))
    normaliser = replace(model.systematics.normaliser, surface_pairs=np.zeros((0, 2), dtype=np.int64))
    model = replace(model, systematics=model.systematics.with_effects(normaliser=normaliser))
    result = measure_accuracy(model, scan(model.asimov(1.0), MU), toys=40)
    assert result.worst > LEVELS.warn
    check = check_form(result, LEVELS)
    assert check.status != "PASS" and check.value == result.worst
    assert "prune" in check.detail and "conditional" in check.detail
    tolerant = check_form(result, Levels(2 * result.worst, 2 * result.worst))
    assert tolerant.status == "PASS" and "prune" not in tolerant.detail
