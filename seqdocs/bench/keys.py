"""The key of anything made from code: a record, a drawn example, the outputs of a page's cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqdocs.bench.record import digest


def key_of(
    code: str,
    *,
    versions: Mapping[str, str],
    device: Mapping[str, Any],
    shown: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> str:
    """Return the hash of all that decides what comes out; when it changes, the thing is made again.

    Args:
        code: of the program, the project's modules it reaches, and its data: see
            :func:`seqdocs.bench.closure.code_hash`. Parameters are defaults in the program's text.
        versions: of the packages whose behaviour shows in the result.
        device: fingerprint of the machine it is made on.
        shown: hash of the records it shows, if it may show any.
        settings: that change what is drawn, if any do.

    >>> key_of("c", versions={}, device={}) == key_of("c", versions={}, device={}, settings={"dpi": 160})
    False
    """
    parts = {
        "code": code,
        "versions": dict(versions),
        "device": dict(device),
        "shown": shown,
        "settings": settings,
    }
    return digest({name: part for name, part in parts.items() if part is not None})
