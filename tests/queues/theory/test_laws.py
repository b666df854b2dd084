import pytest

from seqdocs.queues.theory import laws

BAD = [
    (lambda: laws.utilisation(1.0, -4.0), "`service_rate` is -4.0 per second"),
    (lambda: laws.littles_law(1.0, -0.5), "`time_in_system` is -0.5 seconds"),
]


@pytest.mark.parametrize(("call", "words"), BAD, ids=[words for _, words in BAD])
def test_bad_arguments_get_one_sentence(call, words):
    with pytest.raises(ValueError, match="^" + words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_the_load_is_shared_by_the_servers():
    assert laws.utilisation(9.0, 10.0) == laws.load_below_one(9.0, 0.1) == pytest.approx(0.9, rel=1e-12)
    assert laws.load_below_one(36.0, 0.1, servers=4) == pytest.approx(0.9, rel=1e-12)
    with pytest.raises(ValueError, match=r"at each of 4 servers: load 1, but a queue has a mean wait only"):
        laws.load_below_one(40.0, 0.1, servers=4)
