"""On which line a key of a TOML file stands: what the standard parser does not say."""

from __future__ import annotations

import re
from collections import Counter

Path = tuple[str, ...]

_PART = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*""")
_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"""' r"|'''.*?'''" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'" r"|#[^\n]*|[\[\]{}]|\n", re.DOTALL
)


def find_lines(text: str) -> dict[Path, int]:
    """Return the line, from 1, of every table header and every key outside inline tables, in a *valid* file."""
    lines: dict[Path, int] = {}
    table: Path = ()
    entries: Counter[Path] = Counter()  # of arrays of tables
    for number, statement in _statements(text.replace("\r\n", "\n")):
        if statement.startswith("["):
            table = _key_path(statement.lstrip("["))
            if statement.startswith("[["):
                entries[table] += 1
                table = (*table, str(entries[table] - 1))
            for depth in range(1, len(table) + 1):
                lines.setdefault(table[:depth], number)
        else:
            key = _key_path(statement)
            for depth in range(1, len(key) + 1):
                lines.setdefault((*table, *key[:depth]), number)
    return lines


def _statements(text: str) -> list[tuple[int, str]]:
    """Split into (line, statement): a statement ends at a newline outside strings and brackets."""
    found: list[tuple[int, str]] = []
    start, depth, number, first = 0, 0, 1, 1
    for token in _TOKEN.finditer(text + "\n"):
        mark = token[0]
        if mark == "\n" and depth == 0:
            statement = text[start : token.start()].strip()
            if statement and not statement.startswith("#"):
                found.append((first, statement))
            start, first = token.end(), number + 1
        elif mark in {"[", "{"}:
            depth += 1
        elif mark in {"]", "}"}:
            depth -= 1
        number += mark.count("\n")
    return found


def _key_path(text: str) -> Path:
    """Return the dotted key at the start of ``text``."""
    return _read_key(text)[0]


def read_key(text: str) -> Path | None:
    """Return the parts of a dotted key such as ``features."customer age"``, None if that is not what ``text`` is."""
    parts, end = _read_key(text)
    return parts if parts and end == len(text) else None


def _read_key(text: str) -> tuple[Path, int]:
    """Return the dotted key at the start of ``text``, and where it ends."""
    parts: list[str] = []
    position = 0
    while match := _PART.match(text, position):
        basic, literal, bare = match.groups()
        parts.append(basic.replace('\\"', '"').replace("\\\\", "\\") if basic is not None else literal or bare or "")
        position = match.end()
        if not text.startswith(".", position):
            break
        position += 1
    return tuple(parts), position
