"""Text as tokens: every byte of UTF-8 is one, so any prompt can be read and nothing has to be learnt.

A model that is not trained writes bytes that are no text. They come out as �, one for each run of them.
"""

from __future__ import annotations

import codecs

VOCABULARY = 256


def encode(text: str) -> tuple[int, ...]:
    """The bytes of a text.

    Raises:
        UnicodeEncodeError: if it holds half of a surrogate pair, which UTF-8 cannot say.

    >>> encode("né")
    (110, 195, 169)
    """
    return tuple(text.encode("utf8"))


class Decoder:
    """From bytes to text as they come: a character is said when its last byte is there.

    >>> decoder = Decoder()
    >>> decoder.add(195), decoder.add(169), decoder.add(195), decoder.end()
    ('', 'é', '', '�')
    """

    def __init__(self) -> None:
        self._inner = codecs.getincrementaldecoder("utf8")("replace")

    def add(self, token: int) -> str:
        """What one more byte completes."""
        return self._inner.decode(bytes([token]))

    def end(self) -> str:
        """What is left of a character that was never completed."""
        return self._inner.decode(b"", final=True)
