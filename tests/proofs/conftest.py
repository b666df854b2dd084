"""Proofs: tests that end in a figure. A few cases by default, all of them with ``SEQDOCS_PROOFS=full``.

The figures stand at the end of pytest's own report. ``SEQDOCS_SEED`` draws other random cases.
"""

from __future__ import annotations

import os
from random import Random

import pytest
from small_checkout import Checkout, small_checkout


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether all cases are wanted."""
    return os.environ.get("SEQDOCS_PROOFS") == "full"


@pytest.fixture
def draw() -> Random:
    """Where a proof takes its random cases from."""
    return Random(int(os.environ.get("SEQDOCS_SEED", "0")))


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A small checkout, measured and built, that every proof copies and none changes."""
    made = small_checkout(tmp_path_factory.mktemp("origin") / "seqdocs", {"PYTHONUNBUFFERED": "1"})
    made.build()
    return made
