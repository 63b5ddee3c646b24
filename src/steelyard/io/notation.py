"""Measured numbers as text for people."""

import math

MINUS, PLUS_MINUS = "\N{MINUS SIGN}", "\N{PLUS-MINUS SIGN}"


def format_number(value: float, digits: int = 3) -> str:
    """A number with some significant digits, and a real minus sign: ``0.00253``, ``1.2e−7``."""
    if not math.isfinite(value):
        return {"nan": "undefined", "inf": "infinite", "-inf": MINUS + "infinite"}[str(float(value))]
    text = f"{value:.{digits}g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", MINUS)


def format_measured(value: float, error: float | None = None) -> str:
    """A number with its error: the error with two significant digits, the value with as many decimals."""
    if error is None or not (math.isfinite(value) and math.isfinite(error) and error > 0.0):
        return format_number(value, 4)
    decimals = max(0, 1 - math.floor(math.log10(error)))
    if decimals > 6:
        return f"{format_number(value, 4)} {PLUS_MINUS} {format_number(error, 2)}"
    return f"{value:.{decimals}f} {PLUS_MINUS} {error:.{decimals}f}".replace("-", MINUS)
