"""The rows of one query into a model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from service.cli.progress import Progress
    from service.views import AppendView

_CHUNK = 50_000  # rows that are stored at once
_ORIGIN = "query"


@dataclass(frozen=True, slots=True)
class Query:
    """A query against the database at ``connection``; ``columns`` maps its names to the model's."""

    connection: str
    sql: str
    columns: Mapping[str, str]

    def tables(self) -> Iterator[pa.Table]:
        """Yield its rows in tables, in the model's names."""
        from service.workspace import WorkspaceError
        from storage.sources import SourceError
        from storage.sources.sql import read_query

        try:
            for number, table in enumerate(read_query(self.connection, self.sql, _CHUNK)):
                unknown = [name for name in self.columns if name not in table.column_names]
                if unknown and not number:
                    has = ", ".join(map(repr, table.column_names))
                    raise WorkspaceError(f"the query has no column {unknown[0]!r} to map; it has {has}")
                yield table.rename_columns([self.columns.get(name, name) for name in table.column_names])
        except SourceError as error:
            raise WorkspaceError(str(error)) from None


def append_query(
    append: Callable[..., AppendView], model: str, query: Query, *, key: str | None, strict: bool, shown: Progress
) -> AppendView:
    """Append the rows of a query in chunks; if ``strict``, they are put aside in a file first, which is looked at as a whole."""
    from service.load_files import add, nothing, rows_of

    tables, total = query.tables(), nothing()
    if not strict:
        for number, table in enumerate(tables):
            add(total, append(model, table, key=None if key is None else f"{key}/{number}", origin=_ORIGIN))
            shown(0, 0, rows_of(total))
        return total
    first = next(tables, None)
    if first is None:
        return total
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "query.arrows"
        _write(path, first, tables)
        return append(model, path, key=key or path.parent.name, strict=True, origin=_ORIGIN, progress=shown)


def _write(path: Path, first: pa.Table, others: Iterator[pa.Table]) -> None:
    import pyarrow as pa

    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, first.schema) as stream:
        stream.write_table(first)
        for table in others:
            stream.write_table(table.cast(first.schema))
