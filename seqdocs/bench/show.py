"""How a leaf of a result reads in a sentence: rounded to what its interval supports, scaled, with its unit.

Kept apart from :mod:`seqdocs.bench.quantity`, so that a change in wording re-measures nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any

from seqdocs.bench.quantity import Quantity, is_quantity, is_table, is_verdict, quantity

SPACE = "\u00a0"  # no-break: a number never parts from its unit
DIGITS = 3  # significant digits without an interval
MOST_DIGITS = 4  # and at most, however narrow the interval
SCALES = {
    "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
    "B": ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")),
    "B/s": ((1e12, "TB/s"), (1e9, "GB/s"), (1e6, "MB/s"), (1e3, "kB/s"), (1.0, "B/s")),
    "FLOP": ((1e12, "TFLOP"), (1e9, "GFLOP"), (1e6, "MFLOP"), (1.0, "FLOP")),
    "FLOP/s": ((1e12, "TFLOP/s"), (1e9, "GFLOP/s"), (1e6, "MFLOP/s"), (1.0, "FLOP/s")),
}
E_NOTATION = re.compile(r"(?<![\w.])\d+(?:\.\d+)?e[+-]?\d+\b")
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _magnitude(number: float) -> int:
    """Power of ten of the leading digit; the number is not zero."""
    return Decimal(repr(number)).adjusted()


def last_place(value: float, low: float | None = None, high: float | None = None) -> int:
    """Return the power of ten of the last digit that may be shown.

    With an interval that is the leading digit of its half-width, but at least one and at most ``MOST_DIGITS``
    digits of the value are kept. Without one it is the third significant digit.

    >>> last_place(1234.5, 1200.0, 1270.0), last_place(1234.5), last_place(0.1234)
    (1, 1, -3)
    """
    top = _magnitude(value) if value else 0
    if low is None or high is None:
        return top - DIGITS + 1
    half = float(f"{(high - low) / 2:.12g}")  # 0.09999999999999432 is one tenth
    if not half > 0:
        return top - MOST_DIGITS + 1
    if not value:
        return _magnitude(half)
    return min(top, max(_magnitude(half), top - MOST_DIGITS + 1))


def _round(value: float, place: int, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    """Round to a power of ten, exactly."""
    number = Decimal(repr(value))
    if number.adjusted() - place > 25:  # an integer far longer than any interval: nothing to round
        return number
    return number.quantize(Decimal(1).scaleb(place), rounding=rounding)


def _write(number: Decimal, place: int, *, keep_zeros: bool) -> str:
    """Write a rounded number with thousands separators, or with a power of ten when it is far from one."""
    if not number:
        return "0"
    power = number.adjusted()
    if power < -4 or power > 11:
        digits = f"{number.scaleb(-power):.{max(power - place, 0)}f}"
        if not keep_zeros and "." in digits:
            digits = digits.rstrip("0").rstrip(".")
        text = f"{digits} · 10{str(power).translate(SUPERSCRIPT)}".replace(" ", SPACE)
    else:
        text = f"{number:,.{max(-place, 0)}f}"
        if not keep_zeros and "." in text:
            text = text.rstrip("0").rstrip(".")
    return text.replace("-", "−")


def _attach(text: str, unit: str) -> str:
    """Put a unit behind a number, the way that unit is written."""
    return text + unit if unit in ("", "×", "°") else f"{text}{SPACE}{unit}"


def _scale(leaf: Quantity) -> tuple[float, str]:
    """Choose the factor and the name in which seconds, bytes, operations and their rates read best."""
    steps = SCALES.get(leaf["unit"])
    if steps is None:
        return 1.0, leaf["unit"]
    value = leaf["value"]
    if not value:
        return 1.0, leaf["unit"]
    for factor, name in steps:
        ends = [None if end is None else end / factor for end in (leaf["low"], leaf["high"])]
        if abs(_round(value / factor, last_place(value / factor, *ends))) >= 1:
            return factor, name
    return steps[-1]


def _digits(leaf: Quantity, factor: float) -> tuple[float, int, bool]:
    """Return the scaled value, the place of its last digit, and whether trailing zeros mean something."""
    value, low, high = leaf["value"], leaf["low"], leaf["high"]
    if isinstance(value, int) and factor == 1.0 and low is None:
        return value, 0, False  # a count is exact
    if value == low == high == 1 and leaf["unit"] == "×":
        return value, 0, False  # and so is a thing beside itself: 1×, not 1.000×
    if low is None:
        return value / factor, last_place(value / factor), False
    return value / factor, last_place(value / factor, low / factor, high / factor), True


def show(leaf: object) -> str:
    """Write a leaf the way a sentence holds it.

    Args:
        leaf: a quantity, a number, a string, a verdict, a truth value, or None.

    Raises:
        TypeError: if the leaf is a table, a list or a branch of the result.

    >>> from seqdocs.bench.quantity import quantity
    >>> show(quantity(1234.5, "", low=1200.0, high=1270.0)), show(quantity(1.94, "×", 1.88, 2.0)), show(1240)
    ('1,230', '1.94×', '1,240')
    >>> show(quantity(93.4e9, "FLOP/s")), show(quantity(3.21e10, "B/s", 3.0e10, 3.4e10)).replace(SPACE, " ")
    ('93.4\xa0GFLOP/s', '32 GB/s')
    """
    if leaf is None:
        return "not measured"
    if isinstance(leaf, str):
        return leaf
    if isinstance(leaf, bool):
        return "yes" if leaf else "no"
    if isinstance(leaf, (int, float)):
        leaf = quantity(leaf, "")
    if is_verdict(leaf):
        return str(leaf["verdict"])
    if not is_quantity(leaf):
        what = "a table" if is_table(leaf) else f"a {type(leaf).__name__}"
        raise TypeError(f"{what} cannot be written in a sentence; name one number, string or verdict in it")
    factor, unit = _scale(leaf)
    value, place, keep_zeros = _digits(leaf, factor)
    rounded = _round(value, place)
    if rounded and _magnitude(float(rounded)) > _magnitude(value) and not keep_zeros:
        place += 1  # 9.996 became 10.00: one digit fewer behind the point
    return _attach(_write(rounded, place, keep_zeros=keep_zeros), unit)


def show_interval(leaf: object) -> str:
    """Write the interval of a quantity in the unit and to the digit of its value; empty without one.

    >>> from seqdocs.bench.quantity import quantity
    >>> show_interval(quantity(1234.5, "", low=1200.0, high=1270.0))
    '1,200 to 1,270'
    """
    if not is_quantity(leaf) or leaf["low"] is None:
        return ""
    factor, unit = _scale(leaf)
    low, high = leaf["low"] / factor, leaf["high"] / factor
    place = last_place(leaf["value"] / factor, low, high)
    # Outward, so that the interval written contains the one measured; an end keeps a digit of its own.
    places = [min(place, _magnitude(end)) if end else place for end in (low, high)]
    ends = _round(low, places[0], ROUND_FLOOR), _round(high, places[1], ROUND_CEILING)
    written = (_write(end, own, keep_zeros=True) for end, own in zip(ends, places, strict=True))
    return _attach(" to ".join(written), unit)


def show_margin(test: Mapping[str, Any]) -> str:
    """Write what a check compared with which limit, one entry of a verdict's margin.

    >>> from seqdocs.bench.quantity import quantity
    >>> limits = {"above": 1.1, "below": None}
    >>> show_margin({"what": "speed-up", "measured": quantity(7.1, "×", 6.8, 7.4), **limits})
    'speed-up: decided at 1.1×, measured 7.1× (6.8 to 7.4×)'
    """
    measured = test["measured"]
    limits = [limit for limit in (test["above"], test["below"]) if limit is not None]
    units = ["" if limit is not limits[-1] else measured["unit"] for limit in limits]
    at = " and ".join(show(quantity(limit, unit)) for limit, unit in zip(limits, units, strict=True))
    between = show_interval(measured)
    return f"{test['what']}: decided at {at}, measured {show(measured)}" + (
        f" ({between})" if between else ""
    )


def spell(text: str) -> str:
    """Write the numbers of a phrase that stand in e-notation as every other number is written.

    >>> spell("radius 0.9 leaves 3e-07, radius 2 leaves 2e+05")
    'radius 0.9 leaves 3\xa0·\xa010⁻⁷, radius 2 leaves 200,000'
    """

    def number(found: re.Match[str]) -> str:
        value = Decimal(found[0])
        exponent = value.as_tuple().exponent
        return _write(value, exponent if isinstance(exponent, int) else 0, keep_zeros=False)

    return E_NOTATION.sub(number, text)
