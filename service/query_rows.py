"""The rows of a query against somebody's database, read by the process that was asked for them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import pyarrow as pa

from service.declaration_file import DeclarationError, expand
from service.workspace import WorkspaceError
from storage.sources import SourceError

_CHUNK = 50_000  # rows held at a time


def query_tables(query: Mapping[str, str]) -> Iterator[pa.Table]:
    """Yield the rows of ``{"connection": address, "sql": SELECT}``; raises :class:`WorkspaceError` in words, without secrets."""
    from storage.sources.sql import read_query  # drags the database toolkit along

    try:
        yield from read_query(expand(query["connection"], os.environ), query["sql"], _CHUNK)
    except (SourceError, DeclarationError) as error:
        raise WorkspaceError(str(error)) from None
