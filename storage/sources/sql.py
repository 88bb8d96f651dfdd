"""A query against a database: SQLAlchemy, or ADBC where its driver is installed."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote as quote_url

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from reference_data.declaration import Source
from reference_data.section import parse_duration
from storage.privacy import unquoted
from storage.sources import (
    Chunk,
    Context,
    Position,
    Positions,
    SourceError,
    SourceKind,
    TransientSourceError,
    driver_options,
    masked,
    scrubbed,
    secrets_of,
)
from storage.sources._rows import from_driver, to_table
from storage.sources._watermark import Mark, Overlap, decode

PART = ""  # one query, one part
_POSTGRES = ("psycopg", "psycopg2", "pg8000")
_OVERLAP = "5m"
_COLON = re.compile(r"(?<![:\w\\]):(?=\w)")  # SQLAlchemy would take `:name` in the user's query for a parameter
#: SQLSTATE classes that may pass by themselves: connection, transaction rollback, resources, locks, operator, system.
_PASSING = ("08", "40", "53", "55", "57", "58")
_PASSING_WORDS = (
    "locked", "busy", "timeout", "timed out", "connection", "could not connect", "refused", "network", "temporarily",
    "starting up", "shutting down", "deadlock", "reset by peer", "broken pipe", "server closed", "gone away",
)  # fmt: skip
_LASTING_WORDS = ("authentication failed", "access denied", "permission denied", "does not exist", "no such", "pg_hba")


def read(source: Source, positions: Positions, context: Context) -> Iterator[Chunk]:
    """Yield the query's rows from the watermark on, at most ``chunk_rows`` at a time, never all of them in memory."""
    url = _url(source)
    secrets = secrets_of(source) | ({str(url.password)} if url.password else set())
    mark = _mark(source, positions, context)
    try:
        for table in _tables(source, url, mark):
            yield from _chunk(source, table, mark, context)
    except SourceError:
        raise
    except Exception as error:  # every driver has errors of its own
        raise _in_words(source, error, secrets) from None


def read_query(connection: str, sql: str, chunk_rows: int) -> Iterator[pa.Table]:
    """Yield the rows of one query in tables of at most ``chunk_rows``; raises :class:`SourceError` in words, without secrets."""
    source = Source(name="query", model="query", sql=sql, connection=connection, chunk_rows=chunk_rows)
    url = _url(source)
    try:
        yield from _tables(source, url, None)
    except SourceError:
        raise
    except Exception as error:  # every driver has errors of its own
        raise _in_words(source, error, secrets_of(source) | ({str(url.password)} if url.password else set())) from None


def _mark(source: Source, positions: Positions, context: Context) -> Mark | None:
    if source.watermark is None:
        return None
    return Mark.load(positions.get(PART), source.watermark, _overlap(source), by_id=bool(context.id_names))


def _overlap(source: Source) -> Overlap:
    text = source.options.get("overlap", _OVERLAP)
    if text.isdecimal():
        return int(text)
    try:
        return parse_duration(text)
    except ValueError as error:
        raise SourceError(f"option overlap of source {source.name!r}: {error}, or for numbers a whole number") from None


def _chunk(source: Source, table: pa.Table, mark: Mark | None, context: Context) -> Iterator[Chunk]:
    carried = {name.lower() for name in context.id_names} & {name.lower() for name in table.column_names}
    if mark is None:
        if not carried:
            raise SourceError(
                f"the query of source {source.name!r} has neither a watermark nor a prediction id, so every run would take its rows "
                f'again; add watermark = "a column that grows", or select {_listed(context)}'
            )
        yield Chunk(table, PART, {"rows": table.num_rows, "read_at": context.now().isoformat()})
        return
    mark.by_id = bool(carried)
    before = mark.position() if mark.start is not None else None
    fresh = mark.take(table, context.now().astimezone(context.zone))
    position: Position = mark.position()
    if fresh.num_rows or position != before:
        yield Chunk(fresh, PART, position)


def _listed(context: Context) -> str:
    return " or ".join(map(repr, sorted(context.id_names))) or "one"


# -- the query ---------------------------------------------------------------------------------------------------------
def _tables(source: Source, url: URL, mark: Mark | None) -> Iterator[pa.Table]:
    if url.drivername == "postgresql":  # with a driver's name behind it where ADBC is not there
        yield from _adbc(source, url, mark)
        return
    with _connect(source, url) as connection:
        text, given = _statement(source, mark, connection.dialect)
        result = connection.execute(sa.text(text), given)
        if not result.returns_rows:
            raise SourceError(f"the sql of source {source.name!r} returns no rows; write a SELECT")
        names = list(result.keys())
        for rows in result.partitions(source.chunk_rows):
            yield to_table(names, rows)


def _statement(source: Source, mark: Mark | None, dialect: sa.Dialect) -> tuple[str, dict[str, Any]]:
    """Return the query, wrapped if there is a watermark, and its parameters."""
    query = _COLON.sub(r"\\:", _inner(source))
    if mark is None:
        return query, {}
    text = _wrapped(query, mark, dialect, ":last")
    return text, {} if mark.start is None else {"last": mark.start}


def _inner(source: Source) -> str:
    return (source.sql or "").strip().rstrip(";").rstrip()


def _wrapped(query: str, mark: Mark, dialect: sa.Dialect, parameter: str) -> str:
    column = f"q.{dialect.identifier_preparer.quote(mark.column)}"
    where = f"{column} IS NOT NULL" if mark.start is None else f"{column} >= {parameter}"
    return f"SELECT * FROM (\n{query}\n) q WHERE {where} ORDER BY {column}"


@contextmanager
def _connect(source: Source, url: URL) -> Iterator[sa.Connection]:
    try:
        engine = sa.create_engine(url, poolclass=sa.NullPool, **_arguments(source, url))
    except sa.exc.NoSuchModuleError:
        raise SourceError(
            f"nothing installed speaks {url.drivername!r}; install the database's SQLAlchemy dialect beside Driftdeck (docs/sources.md)"
        ) from None
    except ModuleNotFoundError as error:
        raise SourceError(f"{url.drivername!r} needs the package {error.name!r}; install it beside Driftdeck") from None
    try:
        with engine.connect() as connection:
            yield connection.execution_options(stream_results=True, max_row_buffer=source.chunk_rows)
    finally:
        engine.dispose()


def _arguments(source: Source, url: URL) -> dict[str, Any]:
    """Return what the engine is made with: the driver's options; SQLite is opened to be read only."""
    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        path = Path(str(url.database)).expanduser()
        if not path.is_file():
            raise SourceError(
                f"there is no SQLite file {str(path)!r}; write sqlite:///relative/path or sqlite:////absolute/path"
            )
        address = f"file:{quote_url(str(path.absolute()))}?mode=ro"
        return {"creator": lambda: sqlite3.connect(address, uri=True, check_same_thread=False)}
    return {"connect_args": driver_options(source, SOURCE)}


# -- PostgreSQL --------------------------------------------------------------------------------------------------------
def _url(source: Source) -> URL:
    try:
        url = make_url(source.connection or "")
    except sa.exc.ArgumentError:
        raise SourceError(
            f"the connection of source {source.name!r} is not an address; write one such as postgresql://user:password@host/database"
        ) from None
    if url.drivername == "postgres":
        url = url.set(drivername="postgresql")
    if url.drivername == "postgresql" and not _has_adbc():
        driver = next((name for name in _POSTGRES if _installed(name)), None)
        if driver is None:
            raise SourceError("no driver for PostgreSQL is installed; pip install 'driftdeck[postgres]'")
        url = url.set(drivername=f"postgresql+{driver}")
    return url


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _has_adbc() -> bool:
    return _installed("adbc_driver_manager") and _installed("adbc_driver_postgresql")


def _adbc(source: Source, url: URL, mark: Mark | None) -> Iterator[pa.Table]:
    """Read Arrow batches as PostgreSQL's COPY sends them."""
    query = _inner(source)
    if mark is not None:
        parameter = "" if mark.start is None else _literal(mark.start)
        query = _wrapped(query, mark, url.get_dialect()(), parameter)
    address = url.update_query_dict(driver_options(source, SOURCE)).render_as_string(hide_password=False)
    dbapi: Any = importlib.import_module("adbc_driver_postgresql.dbapi")
    with dbapi.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        yield from _of_size(cursor.fetch_record_batch(), source.chunk_rows)
        with suppress(Exception):
            connection.rollback()


def _literal(value: Any) -> str:
    """Return a watermark as a literal of PostgreSQL: COPY takes no parameters."""
    if isinstance(value, int | float) or not isinstance(value, str):
        text = str(value)
        return text if isinstance(value, int | float) else f"'{text}'"
    return (
        "U&'" + "".join(char if char.isalnum() or char in " -:.T+" else f"\\+{ord(char):06x}" for char in value) + "'"
    )


def _of_size(batches: pa.RecordBatchReader, rows: int) -> Iterator[pa.Table]:
    """Yield the batches again as tables of at most ``rows``, and of no less than that but for the last."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            part = batch.slice(start, rows - count)
            waiting.append(part)
            start, count = start + part.num_rows, count + part.num_rows
            if count == rows:
                yield from_driver(pa.Table.from_batches(waiting))
                waiting, count = [], 0
    if waiting:
        yield from_driver(pa.Table.from_batches(waiting))


# -- in words ----------------------------------------------------------------------------------------------------------
def _in_words(source: Source, error: Exception, secrets: set[str]) -> SourceError:
    original = getattr(error, "orig", None) or error
    said = " ".join(scrubbed(_said(original), secrets).split())
    words = said[:500]
    kind = TransientSourceError if _may_pass(original, words) else SourceError
    advice = "it may pass" if kind is TransientSourceError else "check connection, sql and watermark"
    at, behind = place(source, secrets), f"({type(original).__name__}); {advice}"
    return kind(f"{at}: {words} {behind}", f"{at}: {unquoted(said)[:500]} {behind}")


def _said(error: Any) -> str:
    """Return what a driver says: pg8000 in a dictionary, ADBC with the whole query behind it."""
    told = error.args[0] if getattr(error, "args", None) else error
    return str(told.get("M", told)) if isinstance(told, Mapping) else str(error).partition("Query was:")[0]


def _may_pass(error: Any, words: str) -> bool:
    told = error.args[0] if getattr(error, "args", None) else None
    state = (
        getattr(error, "sqlstate", None)
        or getattr(error, "pgcode", None)
        or (told.get("C") if isinstance(told, Mapping) else None)
    )
    if state and str(state) != "00000":
        return str(state).startswith(_PASSING)
    low = words.lower()
    if any(word in low for word in _LASTING_WORDS):
        return False
    return isinstance(error, OSError) or any(word in low for word in _PASSING_WORDS)


def place(source: Source, secrets: set[str] | None = None) -> str:
    """Return the address without its password."""
    return scrubbed(masked(source.connection or ""), secrets or set())


def words(source: Source, positions: Positions) -> str | None:
    """Return the watermark's latest value, or how many rows the latest run saw."""
    position = positions.get(PART)
    if position is None:
        return None
    if "last" not in position:
        return f"{position['rows']} rows in the latest chunk"
    return f"{source.watermark} = {decode(position['last'])}"


SOURCE = SourceKind("sql", "sql", read, place, words, frozenset({"overlap"}))
