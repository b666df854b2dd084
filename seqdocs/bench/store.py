"""A folder of records: ``<section>/<example>/<experiment>.<slug>.<key>.json``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seqdocs.bench.files import write_whole
from seqdocs.bench.record import OtherVersionError, Record, RecordError, dumps, loads, validate


def read_record(path: Path, name: str) -> Record:
    """Return the record in a file, wherever the file lies.

    Args:
        path: the file.
        name: how errors call it.

    Raises:
        RecordError: if it is missing, damaged, something else than a record, or of a run for tests.
    """
    refused = f"record {name} is passed over"
    try:
        record = validate(loads(path.read_text("utf8")))
    except OSError as error:
        raise RecordError(f"{refused}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RecordError(f"{refused}: it is no text in UTF-8") from None
    except OtherVersionError as error:
        raise OtherVersionError(f"{refused}: {error}") from None
    except (ValueError, RecordError) as error:
        raise RecordError(f"{refused}: {error}") from None
    if record["small"]:
        raise RecordError(f"{refused}: it is of a run with small parameters")
    return record


class Store:
    """Records under one folder.

    A file that is damaged or belongs elsewhere is as good as none: it is left alone, and ``faults`` says in
    one sentence each what was found. All records of another version share one sentence.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults: dict[Path, str] = {}
        self._others: set[Path] = set()

    def path(self, example: str, experiment: str, slug: str, key: str) -> Path:
        """Return where the record of an experiment on a device lies."""
        return self.folder / example / f"{experiment}.{slug}.{key}.json"

    def write(self, record: Record) -> Path:
        """Store a record, whole or not at all.

        Raises:
            RecordError: if it is none, or of a small run.
        """
        checked = validate(record)
        if checked["small"]:
            raise RecordError(f"{checked['experiment']}: a run with small parameters is not stored")
        path = self.path(checked["example"], checked["experiment"], checked["slug"], checked["key"])
        text = dumps(checked)
        try:
            loads(text)  # what could not be read back is refused now, not when somebody asks for it
        except ValueError as error:
            raise RecordError(f"{checked['experiment']}: the record is not stored: {error}") from None
        write_whole(path, text)
        return path

    def read(self, path: Path) -> Record:
        """Return the record in a file of this store.

        Raises:
            RecordError: if it is missing, damaged, or not the one that its name promises.
        """
        name = path.relative_to(self.folder).as_posix()
        record = read_record(path, name)
        if self.path(record["example"], record["experiment"], record["slug"], record["key"]) != path:
            own = f"{record['example']}:{record['experiment']} on {record['slug']}, key {record['key']}"
            raise RecordError(f"record {name} is passed over: it belongs elsewhere, for it is {own}")
        return record

    def lookup(self, example: str, experiment: str, slug: str, key: str) -> Record | None:
        """Return the record with this key, or None if there is none that can be read."""
        path = self.path(example, experiment, slug, key)
        return next(self._readable([path] if path.is_file() else []), None)

    def all(self, example: str, experiment: str) -> list[Record]:
        """Return every readable record of an experiment, the newest first."""
        paths = sorted((self.folder / example).glob(f"{experiment}.*.json"))
        return sorted(self._readable(paths), key=lambda record: record["created"], reverse=True)

    def everything(self) -> list[Record]:
        """Return every readable record of every experiment, the oldest first."""
        paths = sorted(self.folder.glob("*/*/*.json"))
        return sorted(self._readable(paths), key=lambda record: record["created"])

    def newest_of_each_device(self, example: str, experiment: str) -> dict[str, Record]:
        """Return the newest record of each device, by slug, in the order of their slugs."""
        newest: dict[str, Record] = {}
        for record in self.all(example, experiment):
            newest.setdefault(record["slug"], record)
        return dict(sorted(newest.items()))

    def _readable(self, paths: list[Path]) -> Iterator[Record]:
        for path in paths:
            try:
                yield self.read(path)
            except OtherVersionError:  # there may be one for every experiment: one sentence for all
                self._others.add(path)
                place = "/".join(self.folder.parts[-2:])
                self.faults[self.folder] = (
                    f"{len(self._others)} records of another version in {place} are unused"
                )
            except RecordError as error:
                self.faults[path] = str(error)
