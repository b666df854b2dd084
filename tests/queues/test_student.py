from statistics import NormalDist

import pytest

from seqdocs.queues.student import student_t

# Degrees of freedom, level, t: from printed tables of Student's distribution (two-sided).
TABLE = [
    (1, 0.95, 12.706),
    (2, 0.95, 4.303),
    (3, 0.95, 3.182),
    (4, 0.95, 2.776),
    (9, 0.95, 2.262),
    (10, 0.95, 2.228),
    (19, 0.95, 2.093),
    (30, 0.95, 2.042),
    (120, 0.95, 1.980),
    (1, 0.90, 6.314),
    (5, 0.90, 2.015),
    (2, 0.99, 9.925),
    (7, 0.99, 3.499),
]


@pytest.mark.parametrize(("freedom", "level", "printed"), TABLE)
def test_t_is_that_of_the_printed_tables(freedom, level, printed):
    assert student_t(freedom, level) == pytest.approx(printed, abs=6e-4)


def test_with_many_degrees_of_freedom_t_is_normal():
    assert student_t(100_001) == pytest.approx(NormalDist().inv_cdf(0.975), abs=1e-4)


@pytest.mark.parametrize(
    ("freedom", "level", "words"),
    [(0, 0.95, "`freedom` is 0 degrees"), (3, 1.0, r"`level` is 1\.0 but must lie between 0 and 1")],
)
def test_bad_arguments_are_named(freedom, level, words):
    with pytest.raises(ValueError, match="^" + words):
        student_t(freedom, level)
