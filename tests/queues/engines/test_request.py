import pickle

import pytest

from seqdocs.queues.engines.request import RefusedError, Request, check_request

BAD = [
    (Request((), 1), "its prompt is empty"),
    (Request((1,), 0), "`max_new_tokens` is 0; it is at least 1"),
    (Request((1, 2, 3), 3), "a prompt of 3 tokens and 3 new ones need 5 positions; the context has 4"),
    (Request((1, 10), 1), "its prompt holds token 10; tokens are 0 to 9"),
    (Request((-1,), 1), "its prompt holds token -1"),
    (Request((1,), 1, deadline=0.0), "`deadline` is 0.0 seconds"),
    (Request((1,), 1, deadline=float("nan")), "`deadline` is nan seconds"),
]


@pytest.mark.parametrize(("request_", "words"), BAD)
def test_what_no_model_could_serve_is_refused_in_one_sentence(request_, words):
    with pytest.raises(RefusedError, match="^the request is refused: " + words) as caught:
        check_request(request_, context=4, vocabulary=10)
    assert caught.value.reason == "bad request"


def test_what_just_fits_is_not_refused():
    check_request(Request((0, 9, 3), 2), context=4, vocabulary=10)  # the fifth token is never read


@pytest.mark.parametrize(
    ("generated", "last", "ends"), [(1, 5, False), (2, 5, False), (3, 5, True), (1, 7, True)]
)
def test_an_answer_ends_with_its_number_of_tokens_or_its_stop_token(generated, last, ends):
    assert Request((1,), 3, stop=7).ends(generated, last) is ends


def test_a_refusal_survives_the_way_out_of_a_process():
    error = pickle.loads(pickle.dumps(RefusedError("full", "try later")))
    assert (error.reason, str(error)) == ("full", "try later")
