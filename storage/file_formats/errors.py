"""The one error that reading a file can end in."""

from __future__ import annotations


class FileError(ValueError):
    """A file that cannot be read; the message names the file, what was seen, what is allowed and what to do next."""


def shorten(value: object, limit: int = 60) -> str:
    """Return ``value`` as one short, printable line, for messages."""
    text = " ".join(str(value).split())
    printable = "".join(char if char.isprintable() else "�" for char in text)
    return printable if len(printable) <= limit else printable[: limit - 1] + "…"


def listing(items: list[str], limit: int = 5) -> str:
    """Return the first of ``items``, quoted, and how many more there are."""
    shown = ", ".join(repr(shorten(item)) for item in items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit:,} more"
