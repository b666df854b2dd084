"""A body is either served as it is asked, or refused in one sentence."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqdocs.queues.engines.request import Request
from seqdocs.queues.http.asked import FIELDS, Asked, BadBodyError, read

FINE = {"model": "m", "prompt": "Hi"}


def body(**fields):
    return json.dumps(FINE | fields).encode()


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({}, Asked(Request((72, 105), 16))),
        ({"prompt": [5, 0], "max_tokens": 3}, Asked(Request((5, 0), 3))),
        ({"prompt": "é", "max_tokens": None}, Asked(Request((195, 169), 16))),
        ({"stop": ".", "temperature": 0.0, "n": 1}, Asked(Request((72, 105), 16, stop=46))),
        ({"stream": True, "user": "x", "seed": 3}, Asked(Request((72, 105), 16), stream=True)),
        (
            {"stream": True, "stream_options": {"include_usage": True}},
            Asked(Request((72, 105), 16), stream=True, usage=True),
        ),
    ],
)
def test_what_can_be_served_is_read(fields, asked):
    assert read(body(**fields), "m") == asked


MALFORMED = [
    (b"", "the body is no JSON that can be read"),
    (b"{", "the body is no JSON that can be read"),
    (b"\xff", "the body is no JSON that can be read"),
    (b"[" * 100_000, "the body is no JSON that can be read"),
    (b'{"max_tokens": ' + b"9" * 5000 + b"}", "the body is no JSON that can be read"),
    (b"[]", "the body is []; it must be a JSON object"),
    (b"{}", "`model` is null; 'm' is served here"),
    (b'{"model": "m"}', "`prompt` is missing; it is a string or a list of token numbers"),
    (body(model="gpt"), "`model` is \"gpt\"; 'm' is served here"),
    (body(model=3), "`model` is 3; it must be a string"),
    (body(prompt=3), "`prompt` is 3; it must be one string or one list of token numbers"),
    (body(prompt=None), "`prompt` is null; it must be one string or one list of token numbers"),
    (body(prompt=["a", "b"]), '`prompt` is ["a", "b"]; it must be one string or one list of token numbers'),
    (body(prompt=[True]), "`prompt` is [true]; it must be one string or one list of token numbers"),
    (body(prompt="\ud800"), "`prompt` has half of a surrogate pair at character 0; it must be text"),
    (body(max_tokens="7"), '`max_tokens` is "7"; it must be a whole number'),
    (body(max_tokens=1.5), "`max_tokens` is 1.5; it must be a whole number"),
    (body(max_tokens=True), "`max_tokens` is true; it must be a whole number"),
    (body(stream="yes"), '`stream` is "yes"; it must be true or false'),
    (body(stop="ab"), '`stop` is "ab"; it must be one ASCII character, which is one token here'),
    (body(temperature=0.7), "`temperature` is 0.7; it must be 0 or left out; nothing else is served here"),
    (body(n=2), "`n` is 2; it must be 1 or left out; nothing else is served here"),
    (body(n=True), "`n` is true; it must be 1 or left out; nothing else is served here"),
    (body(logprobs=1), "`logprobs` is 1; it must be left out; nothing else is served here"),
    (body(stream_options=[]), '`stream_options` is []; it must be {"include_usage": true or false}'),
    (body(messages="Hi"), 'there is no field "messages"; there are model, prompt, '),
    (
        body(prompt=[[1] * 100]),
        "`prompt` is [[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1...; it",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), MALFORMED)
def test_what_cannot_be_served_is_refused_in_one_sentence(text, sentence):
    with pytest.raises(BadBodyError) as refused:
        read(text, "m")
    assert str(refused.value).startswith(sentence)
    assert "\n" not in str(refused.value)
    assert 400 <= refused.value.status < 500


def test_another_model_is_not_found():
    with pytest.raises(BadBodyError) as refused:
        read(body(model="gpt"), "m")
    assert (refused.value.status, refused.value.param) == (404, "model")


# How fast a machine draws is no fault of the code.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@patient
@given(st.dictionaries(st.sampled_from(list(FIELDS)), anything))
def test_any_object_is_served_or_refused_and_nothing_else(fields):
    try:
        asked = read(json.dumps({"model": "m", "prompt": "Hi"} | fields).encode(), "m")
    except BadBodyError as error:
        assert 400 <= error.status < 500
        assert "\n" not in str(error)
    else:
        assert all(type(token) is int for token in asked.request.prompt)
        assert type(asked.request.max_new_tokens) is int


@patient
@given(st.binary(max_size=40))
def test_any_bytes_are_served_or_refused_and_nothing_else(text):
    with pytest.raises(BadBodyError):
        read(text, "m")
