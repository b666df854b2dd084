"""Bytes become text as they come, and everything that is text survives."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqdocs.queues.http.text import VOCABULARY, Decoder, encode

# How fast a machine draws is no fault of the code.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@patient
@given(st.text())
def test_text_survives(text):
    decoder = Decoder()
    assert "".join(map(decoder.add, encode(text))) + decoder.end() == text


@patient
@given(st.lists(st.integers(0, VOCABULARY - 1)))
def test_any_tokens_are_some_text(tokens):
    decoder = Decoder()
    text = "".join(map(decoder.add, tokens)) + decoder.end()
    assert text == bytes(tokens).decode("utf8", "replace")
