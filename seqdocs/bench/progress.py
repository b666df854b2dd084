"""What a run says while it measures: a line for each measurement, and what speaks against it."""

from __future__ import annotations

from typing import TextIO

from seqdocs.bench.origin import doubts
from seqdocs.bench.plan import Case
from seqdocs.bench.record import Record
from seqdocs.bench.run import Run


class Progress:
    """One line for each measurement; on a terminal its seconds run."""

    def __init__(self, stream: TextIO, total: int) -> None:
        self.stream, self.total = stream, total
        self.live = stream.isatty()
        self.line, self.second = "", -1

    def begin(self, number: int, case: Case, device: str) -> None:
        """Announce a measurement."""
        self.line, self.second = f"measuring {number}/{self.total} {case.title} · {device}", -1
        self._write(self.line)

    def tick(self, seconds: float) -> None:
        """Let the seconds run."""
        if self.live and int(seconds) != self.second:
            self.second = int(seconds)
            self._write(f"\r{self.line} · {self.second} s")

    def end(self, seconds: float, outcome: str = "") -> None:
        """Finish the line."""
        self._write(f"{chr(13) + self.line if self.live else ''} · {seconds:.0f} s{outcome}\n")

    def doubt(self, record: Record | None) -> None:
        """Say what speaks against the timings of a record, if anything does."""
        if record is not None and (words := doubts(Run(record))):
            self._write(f"  doubts: {words}\n")

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()
