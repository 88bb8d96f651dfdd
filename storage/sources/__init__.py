"""Where rows come from by themselves. A file in this folder defines one kind of place as ``SOURCE``, a :class:`SourceKind`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from reference_data.declaration import Source
from reference_data.plugins import discover
from reference_data.section import parse_duration
from storage.file_formats.column_types import Kinds
from storage.file_formats.table import FileTable

Position = dict[str, Any]  # JSON: how far a part of a source has been read
Positions = Mapping[str, Position]  # by part: a file, a partition, the one query


class SourceError(Exception):
    """A source that cannot be read; the message says what, why and what to do next, and holds no secret.

    ``hidden`` is the message without what it quotes of rows.
    """

    def __init__(self, message: str, hidden: str | None = None) -> None:
        super().__init__(message)
        self.hidden = hidden or message


class TransientSourceError(SourceError):
    """The same, where trying again in a moment may help."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows in a row of one part, and how far that part has been read once they are kept.

    ``rows`` is an Arrow table, a block of a file, or a list of objects whose values only the model's door can judge. ``refused`` are rows that could not
    even be read, as in :func:`storage.quarantine.keep_refused`. ``acknowledge`` is called when everything is committed.
    """

    rows: pa.Table | FileTable | list[dict[str, Any]]
    part: str
    position: Position
    where: str | None = None  # what is said of the origin of rows that are refused
    refused: Sequence[dict[str, Any]] = ()
    acknowledge: Callable[[], None] | None = None

    @property
    def count(self) -> int:
        """How many rows were read, the unreadable ones among them."""
        if isinstance(self.rows, FileTable):
            return self.rows.records
        return len(self.rows) + len(self.refused)


@dataclass(frozen=True, slots=True)
class Context:
    """What a source may want to know: the time, whether to stop, under which names rows may carry an id, and declared column types."""

    now: Callable[[], datetime]
    stopping: Callable[[], bool] = lambda: False
    id_names: frozenset[str] = frozenset({"prediction_id"})
    kinds: Kinds = field(default_factory=dict)
    zone: tzinfo = UTC  # of times without an offset


@dataclass(frozen=True, slots=True)
class SourceKind:
    """One kind of place.

    ``serves`` is the key of the declaration that asks for it; ``"kind"`` is for every kind without a key of its own, which is asked for by
    name. ``read`` yields what is new since ``positions``, in bounded memory,
    and ends when there is nothing more for now; the source it is given has its ``${VAR}`` filled in. ``place`` and ``words`` say in a few
    words, without secrets, what is read (of the source as declared) and how far. ``options`` are those it takes itself; others go to
    the driver.
    """

    name: str
    serves: str
    read: Callable[[Source, Positions, Context], Iterator[Chunk]]
    place: Callable[[Source], str]
    words: Callable[[Source, Positions], str | None]
    options: frozenset[str] = field(default_factory=frozenset)
    maps_columns: bool = False  # rows come under the model's names already


def source_kind(source: Source) -> SourceKind:
    """Return the kind of place that ``source`` declares; raises :class:`SourceError` for a kind that there is not."""
    kinds: dict[str, SourceKind] = discover("storage.sources", "SOURCE")
    if source.kind is None:
        return next(kind for kind in kinds.values() if getattr(source, kind.serves) is not None)
    named = {name: kind for name, kind in kinds.items() if kind.serves == "kind"}
    if source.kind not in named:
        known = ", ".join(sorted(named)) or "none; read, sql and topic need no kind"
        raise SourceError(
            f"source {source.name!r}: there is no kind {source.kind!r} in storage/sources; there are: {known}"
        )
    return named[source.kind]


def driver_options(source: Source, kind: SourceKind) -> dict[str, str]:
    """Return the options that are not the source's own."""
    return {name: value for name, value in source.options.items() if name not in kind.options}


def option_duration(source: Source, name: str, default: str) -> timedelta:
    """Return an option that is a length of time; raises :class:`SourceError` for one that is not understood."""
    try:
        return parse_duration(source.options.get(name, default))
    except ValueError as error:
        raise SourceError(f"option {name} of source {source.name!r}: {error}") from None


# -- secrets -----------------------------------------------------------------------------------------------------------
_PASSWORD = re.compile(r"(://[^/@\s]*?):([^/\s]*)@")
_SECRET = re.compile(r"(?i)password|passwd|pwd|token|secret|key")
_PARAMETER = re.compile(r"(?i)([?&;,\s](?:[a-z_.]*(?:password|passwd|pwd|token|secret|key)[a-z_.]*)=)([^&;,\s]+)")


def masked(text: str) -> str:
    """Return an address without its password.

    >>> masked("postgresql://ada:lovelace@db/sales?sslpassword=x")
    'postgresql://ada:***@db/sales?sslpassword=***'
    """
    return _PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", text))


def secrets_of(source: Source) -> set[str]:
    """Return the passwords in a source's address and options, as written and as meant; ``${VAR}`` is not one."""
    texts = (source.connection, source.read, *source.options.values())
    found = {match[2] for text in texts if text for mask in (_PASSWORD, _PARAMETER) for match in mask.finditer(text)}
    found |= {value for name, value in source.options.items() if _SECRET.search(name)}
    return {form for secret in found if "${" not in secret for form in (secret, unquote(secret)) if form}


def scrubbed(text: str, secrets: set[str]) -> str:
    """Return ``text`` without any of the secrets, and without passwords in addresses."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return masked(text)
