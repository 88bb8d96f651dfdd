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

_ORIGIN = "query"


@dataclass(frozen=True, slots=True)
class Query:
    """A query against the database at ``connection``; ``columns`` maps its names to the model's."""

    connection: str
    sql: str
    columns: Mapping[str, str]

    def tables(self) -> Iterator[pa.Table]:
        """Yield its rows in tables, in the model's names."""
        from service.query_rows import query_tables
        from service.workspace import WorkspaceError

        for number, table in enumerate(query_tables({"connection": self.connection, "sql": self.sql})):
            unknown = [name for name in self.columns if name not in table.column_names]
            if unknown and not number:
                has = ", ".join(map(repr, table.column_names))
                raise WorkspaceError(f"the query has no column {unknown[0]!r} to map; it has {has}")
            yield table.rename_columns([self.columns.get(name, name) for name in table.column_names])


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
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "query.arrows"
        if not _write(path, tables):
            return total
        return append(model, path, key=key or path.parent.name, strict=True, origin=_ORIGIN, progress=shown)


def _write(path: Path, tables: Iterator[pa.Table]) -> bool:
    """Write tables into one file, of a schema that suits them all; returns whether there was one."""
    import pyarrow as pa

    parts: list[Path] = []
    schemas: list[pa.Schema] = []
    for table in tables:
        parts.append(path.with_name(f"{len(parts)}.part"))
        schemas.append(table.schema)
        with pa.OSFile(str(parts[-1]), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)
    if not parts:
        return False
    schema = _common(schemas)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema) as stream:
        for part in parts:
            with pa.OSFile(str(part), "rb") as source:
                stream.write_table(pa.ipc.open_stream(source).read_all().cast(schema))
            part.unlink()
    return True


def _common(schemas: list[pa.Schema]) -> pa.Schema:
    """Return what all can be cast to: a column without values in one chunk has the type of another, and one of mixed kinds is text."""
    import pyarrow as pa

    fields = []
    for entry in schemas[0]:
        column = [pa.schema([schema.field(entry.name)]) for schema in schemas]
        try:
            fields.append(pa.unify_schemas(column, promote_options="permissive").field(0))
        except (pa.ArrowTypeError, pa.ArrowInvalid):
            fields.append(pa.field(entry.name, pa.string()))
    return pa.schema(fields)
