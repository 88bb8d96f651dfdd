"""Whether the rows of a window are still those that something was made of."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from storage.model_tables import joined_relation

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from reference_data.declaration import ModelSpec
    from reference_data.windows import Window


def fingerprint(cursor: DuckDBPyConnection, spec: ModelSpec, window: Window) -> str:
    """Return 12 letters that differ once a row or a label of the window has come, gone or been corrected."""
    relation, _ = joined_relation(spec, window, cursor)
    found = cursor.execute(
        f"SELECT count(*), count(_label), max(_arrival_time), max(_label_arrival_time) FROM ({relation}) AS w"
    ).fetchone()
    return hashlib.sha256(repr(found).encode()).hexdigest()[:12]
