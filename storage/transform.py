"""A SELECT over rows on their way in, run where it can reach nothing else."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Sequence

import duckdb
import pyarrow as pa

from storage.memory import in_memory
from storage.privacy import HIDDEN

_LIMITS = {"memory_limit": "1GB", "threads": "2", "python_enable_replacements": "false", "TimeZone": "UTC"}
_SECONDS = 300.0  # for one chunk


_MOST = 300  # characters of another's words: they may quote what a row holds
_COLUMN = re.compile(r"when casting from source column (.+)$")
#: Errors over the text of the SELECT, told before it meets a row.
_OF_THE_TEXT = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)


class TransformError(Exception):
    """A transform that cannot be done; the message says why and what to do next. ``hidden`` says it without any value of a row."""

    def __init__(self, message: str, hidden: str | None = None) -> None:
        super().__init__(message)
        self.hidden = hidden or message


def check_select(sql: str) -> None:
    """Raise :class:`TransformError` unless this is one SELECT."""
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise TransformError(
            f"the transform is not SQL: {_first_line(error)}; write a SELECT over the table rows"
        ) from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise TransformError("a transform is one SELECT over the table rows, and nothing else")


def select(table: pa.Table, sql: str) -> pa.Table:
    """Return what ``sql`` makes of ``table``, known to it as ``rows``; raises :class:`TransformError`."""
    check_select(sql)
    names = Counter(name.lower() for name in table.column_names)
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        raise TransformError(
            f"columns {twice} differ in capitals only, which SQL cannot tell apart; map them to other names"
        )
    with in_memory({"rows": table}, _LIMITS) as connection:
        watch = threading.Timer(_SECONDS, connection.interrupt)
        watch.start()
        try:
            return connection.sql(sql).to_arrow_table()
        except duckdb.InterruptException:
            raise TransformError(
                f"the transform took longer than {_SECONDS:g} s; make it simpler, or chunk_rows smaller"
            ) from None
        except duckdb.Error as error:
            has = f"the table rows has {', '.join(table.column_names)}"
            raise TransformError(
                f"{_first_line(error)}; {has}", f"{_hidden(error, table.column_names)}; {has}"
            ) from None
        finally:
            watch.cancel()


def _first_line(error: Exception) -> str:
    return shortened(str(error).splitlines()[0]) if str(error) else type(error).__name__


def _hidden(error: Exception, columns: Sequence[str]) -> str:
    """Say what is wrong by class and column: SQL's own ``error()`` puts values into messages without quotation marks."""
    if isinstance(error, _OF_THE_TEXT):
        return _first_line(error)
    column = _COLUMN.search(str(error).splitlines()[0] if str(error) else "")
    where = f", in column {column[1]}" if column and column[1] in columns else ""
    return f"{type(error).__name__}: {HIDDEN}{where}"


def shortened(text: str) -> str:
    """Return another's words on one line, cut short."""
    line = " ".join(text.split())
    return line if len(line) <= _MOST else line[: _MOST - 1] + "…"
