"""Read an entry's header, value by value, each with the line it stands on.

Reading never raises for what a file holds. It gives an `Entry` in which a faulty value is left empty, so that
the checks across files go on with the others, and the list of faults.
"""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import yaml

from seqdocs.entries.fault import Fault, closest, did_you_mean, shown
from seqdocs.entries.header import AREAS, KEYS, LISTS, REQUIRED, Entry
from seqdocs.entries.page import Page, body_faults, read_page

STEM = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
EXAMPLE = re.compile(r"[a-z0-9_-]+/plot_[a-z0-9_]+")
RESERVED = ("index",)  # the site writes a page of that name into the same folder

# libyaml is ten times as fast; a PyYAML built without it still works
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
TYPES = {
    "str": "text", "int": "an integer", "float": "a number", "bool": "true or false", "null": "empty",
    "timestamp": "a date", "seq": "a list", "map": "a mapping",
}  # fmt: skip


def read_entry(path: Path, root: Path) -> tuple[Entry, list[Fault]]:
    """Read one file below ``root``: the entry as far as it is right, and what is wrong with it."""
    name = path.relative_to(root).as_posix()
    stem = path.stem
    page, faults = read_page(path, name)
    faults += stem_faults(stem, name)
    if page.header is None:
        return Entry(stem, name), faults
    reader = Reader(name)
    values = reader.read(page)
    entry = Entry(stem, name, **values, lines=reader.lines, body_line=page.body_line)
    return entry, faults + reader.faults + body_faults(page, entry.term, name)


def stem_faults(stem: str, name: str) -> list[Fault]:
    """Check the file's name."""
    if stem in RESERVED:
        return [Fault(name, 1, f"the name `{stem}.md` is taken by a page of the site")]
    if STEM.fullmatch(stem):
        return []
    better = "-".join(re.findall("[a-z0-9]+", re.sub("(?<=[a-z])(?=[A-Z])", "-", stem).lower()))
    hint = f"; rename it to `{better}.md`" if better else ""
    return [Fault(name, 1, f"the file name is not kebab-case (small letters, digits, single hyphens){hint}")]


class Reader:
    """Reads one header, collecting ``lines`` and ``faults`` on the way."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[str, int] = {}
        self.faults: list[Fault] = []

    def fault(self, line: int, message: str) -> None:
        """Note a fault in this file."""
        self.faults.append(Fault(self.name, line, message))

    def read(self, page: Page) -> dict[str, Any]:
        """Return the keys whose values are right."""
        try:
            node = yaml.compose(page.header or "", Loader=Loader)
        except yaml.MarkedYAMLError as error:
            if not page.tidied:
                self.fault(line_of_error(error), f"the header is not YAML: {error.problem or error.context}")
            return {}
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            self.fault(2, f"the header is not YAML: {type(error).__name__}")
            return {}
        if not isinstance(node, yaml.MappingNode):
            what = type_of(node) if node else "empty"
            self.fault(line_of(node) if node else 1, f"the header is {what}; it is lines of `key: value`")
            return {}
        return self.mapping(node)

    def mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        """Read key after key, then see which are missing."""
        values: dict[str, Any] = {}
        meant: set[str] = set()  # a misspelt key is one fault, not also a missing one
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
            line = line_of(key_node)
            if key not in KEYS:
                self.fault(line, f"there is no key {shown(key)}{did_you_mean(key, KEYS)}")
                meant.add(closest(key, KEYS))
            elif key in self.lines:
                self.fault(line, f"the key `{key}` was given before, in line {self.lines[key]}")
            else:
                self.lines[key] = line
                value = self.value(key, value_node)
                if value is not None:
                    values[key] = value
        for key in REQUIRED:
            if key not in self.lines and key not in meant:
                self.fault(1, f"the key `{key}` is missing")
        return values

    def value(self, key: str, node: yaml.Node) -> Any:
        """Read one value; None after a fault."""
        if tag(node) == "null":
            self.fault(
                self.lines[key], f"`{key}` is empty{'' if key in REQUIRED else '; leave it out or fill it'}"
            )
            return None
        if key in LISTS:
            return self.strings(key, node)
        if key == "year":
            return self.year(node)
        text = self.string(key, node, self.lines[key])
        return self.rule(key, text) if text is not None else None

    def string(self, key: str, node: yaml.Node, line: int, of: str = "") -> str | None:
        """Read text that is not empty; runs of white space count as one space."""
        if tag(node) != "str":
            written = f", {shown(node.value)}" if isinstance(node, yaml.ScalarNode) and node.value else ""
            hint = "; put it into quotes" if written else ""
            self.fault(line, f"{of}`{key}` is {type_of(node)}{written}; it is text{hint}")
            return None
        text = " ".join(node.value.split())
        if not text:
            self.fault(line, f"{of}`{key}` is empty")
        return text or None

    def rule(self, key: str, text: str) -> str | None:
        """Apply the rules that need no other file."""
        line, area = self.lines[key], closest(text, AREAS)
        if key == "summary" and not text.endswith("."):
            self.fault(line, "`summary` does not end with a full stop; it is one sentence")
        elif key == "summary" and len(re.findall(r"(?<!\\)\$", text)) % 2:
            self.fault(line, "`summary` opens maths with `$` and does not close it")
        elif key == "area" and text not in AREAS:
            hint = f"; did you mean `{area}`?" if area else f"; there are {', '.join(AREAS)}"
            self.fault(line, f"there is no area {shown(text)}{hint}")
            return None
        elif key == "example" and not EXAMPLE.fullmatch(text):
            self.fault(line, f"`example` is {shown(text)}; it is `<section>/plot_<stem>`, without `.py`")
            return None
        return text

    def year(self, node: yaml.Node) -> int | None:
        """Read a year that has come."""
        line, today = self.lines["year"], datetime.date.today().year
        if tag(node) != "int":
            written = f", {shown(node.value)}" if isinstance(node, yaml.ScalarNode) else ""
            hint = " without quotes" if tag(node) == "str" else ""
            self.fault(line, f"`year` is {type_of(node)}{written}; it is an integer{hint}")
            return None
        if not re.fullmatch("[0-9]{4}", node.value) or not 1800 <= int(node.value) <= today:
            self.fault(line, f"`year` is {shown(node.value)}; it lies from 1800 to {today}")
            return None
        return int(node.value)

    def strings(self, key: str, node: yaml.Node) -> tuple[str, ...] | None:
        """Read a list of texts, each named once."""
        if not isinstance(node, yaml.SequenceNode):
            hint = f"; write `{key}: [{node.value}]`" if tag(node) == "str" and len(node.value) < 60 else ""
            self.fault(self.lines[key], f"`{key}` is {type_of(node)}; it is a list{hint}")
            return None
        if not node.value and key in REQUIRED:
            self.fault(self.lines[key], f"`{key}` is an empty list; it names at least one")
        items: dict[str, str] = {}
        for item in node.value:
            text = self.string(key, item, line_of(item), "an item of ")
            if text is None:
                continue
            same = text.casefold() if key == "aliases" else text
            if same in items:
                self.fault(line_of(item), f"`{key}` names {shown(text)} twice")
            else:
                items[same] = text
                self.lines[f"{key}: {text}"] = line_of(item)
        return tuple(items.values())


def tag(node: yaml.Node) -> str:
    """Name YAML's type of a value: str, int, seq, …"""
    return str(node.tag).rpartition(":")[2]


def type_of(node: yaml.Node) -> str:
    """Name YAML's type in words."""
    return TYPES.get(tag(node), f"of type {shown(str(node.tag))}")


def line_of(node: yaml.Node) -> int:
    """Line in the file; the header's first line is line 2."""
    return int(node.start_mark.line) + 2


def line_of_error(error: yaml.MarkedYAMLError) -> int:
    """Line to repair: where an unclosed quote or bracket opens, else where reading stopped."""
    opens = re.search("quoted|flow", error.context or "")
    mark = (error.context_mark if opens else None) or error.problem_mark or error.context_mark
    return int(mark.line) + 2 if mark else 2
