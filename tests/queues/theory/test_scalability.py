import pytest

from seqdocs.queues.theory.scalability import amdahl_speedup, gunther_best_workers, gunther_speedup

BAD = [
    (lambda: amdahl_speedup(0.5, 0.1), "`workers` is 0.5 but must be finite and at least 1"),
    (lambda: amdahl_speedup(4, 1.1), "`serial_share` is 1.1 but must lie between 0 and 1"),
    (lambda: gunther_speedup(4, -0.1, 0.0), "`contention` is -0.1 but"),
    (lambda: gunther_speedup(4, 0.1, -0.1), "`coherency` is -0.1 per pair"),
    (lambda: gunther_best_workers(0.1, 0.0), "`coherency` is 0.0 per pair but must be finite and above 0"),
]


@pytest.mark.parametrize(("call", "words"), BAD, ids=[words for _, words in BAD])
def test_bad_arguments_get_one_sentence(call, words):
    with pytest.raises(ValueError, match="^" + words):
        call()


@pytest.mark.parametrize("workers", [1, 2, 7, 63])
@pytest.mark.parametrize("serial", [0.0, 0.05, 1.0])
def test_amdahl_divides_what_can_be_divided(workers, serial):
    took = 10.0 * serial + 10.0 * (1 - serial) / workers  # a job of ten seconds
    assert amdahl_speedup(workers, serial) == pytest.approx(10.0 / took, rel=1e-12)


def test_amdahl_never_passes_one_over_the_serial_share():
    assert amdahl_speedup(1e9, 0.05) == pytest.approx(20.0, rel=1e-6)


@pytest.mark.parametrize(("contention", "coherency"), [(0.0, 0.01), (0.05, 0.01), (0.3, 0.0002)])
def test_the_best_number_of_workers_is_where_a_search_finds_it(contention, coherency):
    every = [n / 100 for n in range(100, 20_000)]
    found = max(every, key=lambda n: gunther_speedup(n, contention, coherency))
    assert gunther_best_workers(contention, coherency) == pytest.approx(found, abs=0.01)


def test_where_each_further_worker_slows_all_one_is_best():
    assert gunther_best_workers(0.5, 2.0) == 1.0
    assert gunther_speedup(2, 0.5, 2.0) < 1.0


def test_gunthers_law_has_its_terms():
    assert gunther_speedup(10, 0.1, 0.02) == pytest.approx(10 / (1 + 0.1 * 9 + 0.02 * 90), rel=1e-12)
