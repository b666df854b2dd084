"""Leaves are validated when they are built, and shown rounded to what their interval supports."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdocs.bench.quantity import is_quantity, is_table, is_verdict, quantity, table, verdict
from seqdocs.bench.show import MOST_DIGITS, last_place, show, show_interval

# value, unit, low, high, what is shown ("~" stands for the no-break space)
SHOWN = [
    (1234.5, "tokens/s", 1200.0, 1270.0, "1,230~tokens/s"),
    (1234.5, "tokens/s", 1100.0, 1400.0, "1,200~tokens/s"),
    (1.9, "×", 1.88, 2.0, "1.90×"),
    (1.0, "×", 1.0, 1.0, "1×"),
    (1.0, "×", 0.9996, 1.0004, "1.000×"),
    (99.96, "", 99.9, 100.1, "100.0"),
    (5.0, "", 0.0, 100.0, "5"),
    (12.34, "%", None, None, "12.3~%"),
    (1240, "steps", None, None, "1,240~steps"),
    (123456, "", None, None, "123,456"),
    (123456.0, "", None, None, "123,000"),
    (9.996, "", None, None, "10"),
    (0.00123, "s", None, None, "1.23~ms"),
    (0.0153, "s", 0.0149, 0.0158, "15.3~ms"),
    (0.9999996, "s", None, None, "1~s"),
    (1e-12, "s", None, None, "0.001~ns"),
    (0, "s", None, None, "0~s"),
    (1500, "B", None, None, "1.5~kB"),
    (123456789, "B", None, None, "123~MB"),
    (999, "B", None, None, "999~B"),
    (2.5e9, "B", None, None, "2.5~GB"),
    (93.4e9, "FLOP/s", None, None, "93.4~GFLOP/s"),
    (5.12e13, "FLOP/s", 5.0e13, 5.2e13, "51~TFLOP/s"),
    (0, "FLOP/s", None, None, "0~FLOP/s"),
    (3.24e10, "B/s", 3.1e10, 3.4e10, "32~GB/s"),
    (262144, "FLOP", None, None, "262,144~FLOP"),
    (2147483648, "FLOP", None, None, "2.15~GFLOP"),
    (0.5, "FLOP/B", None, None, "0.5~FLOP/B"),
    (1.234e-7, "", None, None, "1.23~·~10⁻⁷"),
    (3.5e13, "", None, None, "3.5~·~10¹³"),
    (-3.14159, "", None, None, "−3.14"),
    (0.0, "", -1.0, 1.0, "0"),
]
REFUSED = [
    (("3", "s"), TypeError, "`value` is a str; it must be an int or a float"),
    ((True, "s"), TypeError, "`value` is a bool"),
    ((math.nan, "s"), ValueError, "`value` is nan; a quantity is finite"),
    ((1.0, "s", 0.0, math.inf), ValueError, "`high` is inf"),
    ((1.0, None), TypeError, "`unit` is a NoneType"),
    ((1.0, "s", 0.5), ValueError, "`low` is 0.5 and `high` is None; give both ends"),
    ((3.0, "s", 1.0, 2.0), ValueError, "`value` 3.0 is outside of its interval, 1.0 to 2.0"),
]
finite = st.floats(-1e15, 1e15, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-15)


@pytest.mark.parametrize(("value", "unit", "low", "high", "text"), SHOWN)
def test_a_quantity_is_rounded_scaled_and_joined_to_its_unit(value, unit, low, high, text):
    assert show(quantity(value, unit, low, high)) == text.replace("~", "\u00a0")


@pytest.mark.parametrize(("args", "kind", "words"), REFUSED)
def test_a_bad_quantity_is_refused_in_one_sentence(args, kind, words):
    with pytest.raises(kind) as error:
        quantity(*args)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@settings(derandomize=True, deadline=None)
@given(finite, st.floats(0, 1e6), st.floats(0, 1e6), st.sampled_from(["s", "B", "×", "tokens/s"]))
def test_rounding_moves_a_value_by_no_more_than_its_interval_is_wide(value, below, above, unit):
    leaf = quantity(value, unit, value - below, value + above)
    place = last_place(leaf["value"], leaf["low"], leaf["high"])
    half = (leaf["high"] - leaf["low"]) / 2
    if half > 0 and value:
        assert 10.0**place <= max(half, abs(value)) * (1 + 1e-9)
        digits = math.floor(math.log10(abs(value)) + 1e-9) - place + 1
        assert 1 <= digits <= MOST_DIGITS + 1
    assert "\n" not in show(leaf)


@settings(derandomize=True, deadline=None)
@given(finite)
def test_three_digits_are_enough_to_read_a_value_back_within_half_a_percent(value):
    text = show(quantity(value, "")).replace("\u00a0", " ").replace(",", "").replace("−", "-")
    number, _, power = text.partition(" · 10")
    back = float(number) * 10.0 ** int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or 0)
    assert back == pytest.approx(value, rel=0.00501, abs=1e-30)


def test_the_interval_written_contains_the_one_measured():
    assert show_interval(quantity(1234.5, "tokens/s", 1201.0, 1269.0)) == "1,200 to 1,270\u00a0tokens/s"
    assert show_interval(quantity(0.0153, "s", 0.01491, 0.01579)) == "14.9 to 15.8\u00a0ms"
    assert show_interval(quantity(3.0, "s")) == ""


def test_other_leaves_are_written_plainly():
    assert [show(leaf) for leaf in (None, "GRU", True, 1240, 0.5, verdict("holds", "slope 1.02"))] == [
        "not measured", "GRU", "yes", "1,240", "0.5", "holds",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("leaf", "what"), [(table(["a"], []), "a table"), ([1, 2], "a list"), ({}, "a dict")]
)
def test_a_branch_cannot_be_written_in_a_sentence(leaf, what):
    with pytest.raises(TypeError, match=f"{what} cannot be written in a sentence"):
        show(leaf)


def test_a_table_names_its_bad_row_and_column():
    with pytest.raises(ValueError, match="row 2 has 1 cells but there are 2 columns"):
        table(["a", ("b", "s")], [[1, 2], [3]])
    with pytest.raises(ValueError, match="must be a name or a pair of name and unit"):
        table([("a", "b", "c")], [])
    with pytest.raises(ValueError, match="`columns` is empty"):
        table([], [])


def test_a_verdict_is_one_of_five_and_has_evidence():
    with pytest.raises(ValueError, match="one of holds, qualified, refuted, opinion, not measurable here"):
        verdict("true", "because")
    with pytest.raises(ValueError, match="`evidence` is empty"):
        verdict("holds", " ")


def test_leaves_survive_json_and_are_told_apart():
    leaves = [quantity(1, "s"), table(["a"], [[1]]), verdict("opinion", "style")]
    assert json.loads(json.dumps(leaves)) == leaves
    assert [[kind(leaf) for leaf in leaves] for kind in (is_quantity, is_table, is_verdict)] == [
        [True, False, False], [False, True, False], [False, False, True],
    ]  # fmt: skip
