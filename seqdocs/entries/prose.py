"""What of a file is prose: everything else is blotted out, and every line stays where it was.

Blotted out are code, maths, roles, addresses, comments, headers, sections of sources, and the statements of
claims, which are other people's.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

BLOT = (
    "\ufffc"  # stands for a character that is no prose; no space and no letter, so that nothing joins over it
)
QUIET = (  # directives whose content is no prose
    "code", "code-block", "code-cell", "sourcecode", "literalinclude", "include", "math", "eval-rst", "raw",
    "toctree", "bibliography", "mermaid", "image", "claim-ledger", "claim-copy", "minigallery", "plot",
)  # fmt: skip
SPOKEN = ("summary", "condition", "evidence", "caption", "alt", "title")  # keys and options that are prose

MARKDOWN = re.compile(
    r"""
    <!--.*?-->
    | (?:\{[^{}\n]+\})? (?P<ticks>(?<!`)`+(?!`)) (?:(?!\n\s*\n).)+? (?<!`)(?P=ticks)(?!`)  # code, or a role
    | (?<!\\)\$\$.+?\$\$
    | (?<![\\$])\$(?![\s$])(?:[^$\n]|\n(?!\s*\n))+?(?<![\\\s])\$
    | \\begin\{(?P<name>\w+\*?)\}.+?\\end\{(?P=name)\}
    | (?<=\])\([^()\s]*(?:\([^()\s]*\))?[^()\s]*(?:\s+"[^"]*")?\)                  # where a link leads
    | <?https?://[^\s>)]+>?
    | </?[a-zA-Z][^<>]*>
    | (?m:^%.*$)
    """,
    re.VERBOSE | re.DOTALL,
)
REST = re.compile(
    r"``(?:(?!\n\s*\n).)+?`` | :[a-zA-Z][\w:+.-]*:`[^`]+` | `[^`]+`:[a-zA-Z][\w:+.-]*: | <?https?://[^\s>)]+>?",
    re.VERBOSE | re.DOTALL,
)
FENCE = re.compile(r"^[ \t>]*(?P<mark>`{3,}|~{3,}|:{3,})[ \t]*(?P<info>.*?)[ \t]*$")
DIRECTIVE = re.compile(r"\{(?P<name>[\w:+-]+)\}")
OPTION = re.compile(r"^\s*:(?P<name>[\w-]+):(?=\s|$)")
HEADING = re.compile(r"^(?P<level>#{1,6})[ \t]+(?P<title>.*?)[ \t#]*$")
REST_BLOCK = re.compile(r"^(?P<indent>[ ]*)\.\.(?:[ ]+(?:(?P<name>[\w:-]+)::)?|$)")
CELL = re.compile(r"^#[ ]?%%|^#{20,}")


def blot(text: str) -> str:
    """Blot a text out but for its line ends."""
    return re.sub(r"[^\n]", BLOT, text)


def markdown(text: str) -> str:
    """The prose of a Markdown page."""
    lines = without_header(text.split("\n"))
    lines = without_sources(without_fences(lines))
    return MARKDOWN.sub(lambda found: blot(found[0]), "\n".join(lines))


def without_header(lines: list[str]) -> list[str]:
    """Blot out the header between ``---`` lines, except what it says in sentences."""
    if lines[0].rstrip() != "---" or not any(line.rstrip() == "---" for line in lines[1:]):
        return lines
    end = next(i for i, line in enumerate(lines) if i and line.rstrip() == "---")
    spoken, made = False, []
    for line in lines[: end + 1]:
        key = re.match(r"(\w+):", line)
        spoken = key[1] in SPOKEN if key else spoken and line.startswith(" ")
        made.append(line if spoken else blot(line))
    return made + lines[end + 1 :]


def without_fences(lines: list[str]) -> list[str]:
    """Blot out fenced code, and of directives what is no prose."""
    made: list[str] = []
    opened: list[tuple[str, str]] = []  # the mark of every open fence, and its directive's name
    head = False  # right below a directive's first line stand its options
    for line in lines:
        found = FENCE.match(line)
        mark, inside = opened[-1] if opened else ("", "")
        if found and opened and not found["info"] and found["mark"].startswith(mark):
            opened.pop()
            made.append(blot(line))
        elif found and inside not in QUIET:
            name = DIRECTIVE.match(found["info"])
            opened.append((found["mark"], name["name"] if name else "code"))
            head = True
            made.append(blot(line))
        else:
            option = OPTION.match(line) if head else None
            head = head and bool(option)
            spoken = option["name"] in SPOKEN if option else inside not in ("claim", *QUIET)
            made.append(line if spoken else blot(line))
    return made


def without_sources(lines: list[str]) -> list[str]:
    """Blot out the sections that list sources."""
    made, level = [], 0
    for line in lines:
        if heading := HEADING.match(line):
            depth = len(heading["level"])
            if level and depth <= level:
                level = 0
            if not level and heading["title"].casefold() in ("source", "sources", "references"):
                level = depth
        made.append(blot(line) if level else line)
    return made


def rest(text: str) -> str:
    """The prose of a reStructuredText page."""
    made: list[str] = []
    quiet = -1  # lines indented by more than this are no prose
    literal = -1  # indent of a paragraph that ended with two colons
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip())
        if not line.strip(BLOT + " "):
            made.append(line)
            continue
        if quiet >= 0 and indent <= quiet:
            quiet = -1
        if literal >= 0:
            quiet, literal = (literal if indent > literal else quiet), -1
        block = REST_BLOCK.match(line) if quiet < 0 else None
        if block and (block["name"] is None or block["name"] in QUIET):
            quiet = indent
            made.append(blot(line))
        elif quiet >= 0:
            made.append(blot(line))
        else:
            literal = indent if line.rstrip().endswith("::") else -1
            made.append(line)
    return REST.sub(lambda found: blot(found[0]), "\n".join(made))


def script(text: str) -> str:
    """The prose of an example: its docstring and the comments that begin with ``# %%``."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return blot(text)  # whoever runs it will say so
    has_doc = bool(body) and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    doc = range(body[0].lineno, (body[0].end_lineno or 0) + 1) if has_doc else range(0)
    made, cell = [], False
    for number, line in enumerate(text.split("\n"), 1):
        begins = bool(CELL.match(line))
        cell = begins or (cell and line.startswith("#"))
        if number in doc:
            made.append(line)
        elif cell:
            made.append(re.sub(r"^#[ ]?(?:%%|#{19,})?[ ]?", "", line))
        else:
            made.append(blot(line))
    return rest("\n".join(made))


READERS: dict[str, Callable[[str], str]] = {".md": markdown, ".rst": rest, ".py": script}
