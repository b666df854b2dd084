"""What the cells reach."""

from pathlib import Path

LOG = Path(__file__).parent / "ran.txt"
ANSWER = 42
