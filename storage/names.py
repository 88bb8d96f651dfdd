"""Names and values made safe to stand in SQL text."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

EVENT_TIME = "_event_time"  # when a row happened, in logs and in samples
SUBJECT = "_subject"  # the column that says whom a row is about, in logs and in samples of references


def quote(identifier: str) -> str:
    """Return ``identifier`` as a quoted SQL identifier.

    Raises :class:`ValueError` for a name with a NUL character, which no engine takes; use :func:`physical_names` first.
    """
    if "\0" in identifier:
        raise ValueError(f"name {identifier!r} holds a NUL character, which SQL cannot name; rename the column")
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return ``text`` as an SQL string expression, whatever characters it holds."""
    parts = ("'" + part.replace("'", "''") + "'" for part in text.split("\0"))
    joined = " || chr(0) || ".join(parts)
    return f"({joined})" if "\0" in text else joined


def number(value: float) -> str:
    """Return ``value`` as an SQL DOUBLE that reads back as the very same number.

    With an exponent, because engines read ``0.1`` as a decimal and round once more on the way to a double.
    """
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124
        return f"'{value}'::DOUBLE"
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"


def physical_names(names: Iterable[str]) -> dict[str, str]:
    """Map each declared name, in order, to the column name it has in a table.

    A name stays as it is unless it begins with ``_`` (ours), is empty, holds a NUL character or equals an earlier one in
    another case (engines fold case); then it becomes ``_c<hash of the name>``, which does not depend on its place.
    """
    physical: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        safe = bool(name) and not name.startswith("_") and "\0" not in name and name.casefold() not in taken
        taken.add(name.casefold())
        physical[name] = name if safe else stand_in(name)
    return physical


def stand_in(name: str) -> str:
    """Return the column name of a declared name that no table can have, or that another one has."""
    return f"_c{sha256(name.encode()).hexdigest()[:16]}"
