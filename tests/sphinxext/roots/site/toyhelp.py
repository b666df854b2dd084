"""Where the examples write down that they ran."""

from pathlib import Path

LOG = Path(__file__).parent / "ran.txt"
