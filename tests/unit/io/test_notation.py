import pytest

from steelyard.io.notation import format_measured, format_number


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0025, "0.0025"), (-3.0, "−3"), (1.2345e-7, "1.23e−7"), (12345.0, "1.23e4"), (float("nan"), "undefined")],
)
def test_numbers_have_three_digits_and_a_real_minus(value, text):
    assert format_number(value) == text


def test_infinite_numbers_have_a_sign():
    assert format_number(float("inf")) == "infinite" and format_number(float("-inf")) == "−infinite"


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.50231, 0.00154, "0.5023 ± 0.0015"),
        (-0.003, 0.0004, "−0.00300 ± 0.00040"),
        (1234.5, 21.0, "1234 ± 21"),
        (1.5, None, "1.5"),
        (1.5, 0.0, "1.5"),
        (1.5e-9, 2e-10, "1.5e−9 ± 2e−10"),
        (float("nan"), 0.1, "undefined"),
    ],
)
def test_a_value_has_the_decimals_of_its_error(value, error, text):
    assert format_measured(value, error) == text
