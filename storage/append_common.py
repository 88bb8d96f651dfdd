"""What appends of predictions and of labels share: recent ids, dirty buckets, answers to repeated appends, rows refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from reference_data.windows import WindowSpec
from storage.buckets import naive
from storage.database import Database
from storage.profile_store import Part, mark_dirty
from storage.quarantine import keep_refused
from storage.recent_ids import Hashes, RecentIds
from storage.rows import first_row, registered, single

#: An id (or key) that comes again within this time of its first row is known to be the same one.
HORIZON = timedelta(days=35)
SLACK = timedelta(days=2)  # rows somewhat late need no look-up either
HELD = 16_000_000  # hashes held for a table: 128 MB
#: Something more to be written in the transaction of an append, such as how far a source has been read.
Also = Callable[[DuckDBPyConnection], None]
_SLOT = 15 * 60 * 1_000_000  # microseconds; every zone's offset of today is a multiple of it


@dataclass(frozen=True, slots=True)
class AppendResult:
    """What became of the rows that came in."""

    accepted: int
    duplicates: int
    rejected: list[dict[str, Any]] = field(default_factory=list)


def recent_ids(db: Database, name: tuple[str, str], load: Callable[[], RecentIds]) -> RecentIds:
    """Return the filter of a table, read anew when it is first needed or has grown too large."""
    found: RecentIds | None = db.memory.get(name)
    if found is None or len(found) > 2 * HELD:
        found = db.memory[name] = load()
    return found


# -- dirty buckets -----------------------------------------------------------------------------------------------------
def touched_buckets(times: NDArray[np.int64], spec: WindowSpec) -> set[datetime]:
    """Return the (aware) starts of the buckets that hold these times, in microseconds since 1970.

    Times are looked at in slots of a quarter of an hour; in a zone whose offset was no multiple of it the neighbouring bucket may be
    named too, which costs a needless look and nothing else.
    """
    slots = np.unique(times // _SLOT)
    starts: set[datetime] = set()
    index = 0
    while index < len(slots):
        slot = int(slots[index])
        first = spec.containing(_moment(slot * _SLOT))
        last = spec.containing(_moment((slot + 1) * _SLOT - 1))
        starts |= {first.start, last.start}
        beyond = int(last.end.timestamp() * 1_000_000) // _SLOT
        index = max(index + 1, int(np.searchsorted(slots, beyond)))
    return starts


def _moment(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def mark(con: DuckDBPyConnection, model: str, parts: Iterable[Part], starts: set[datetime]) -> None:
    """Mark buckets dirty under the number of the group that is being written."""
    seq = single(con, "SELECT seq + 1 FROM written")  # the number this group will be committed under
    for part in parts:
        mark_dirty(con, model, part, starts, seq)


# -- answers to repeated appends, rows refused -------------------------------------------------------------------------
def answered(con: DuckDBPyConnection, model: str, kind: str, key: str | None, now: datetime) -> AppendResult | None:
    """Return what a repeated append was answered the first time; None for a new one."""
    if key is None:
        return None
    row = first_row(
        con,
        "SELECT result FROM append_key WHERE key = ? AND model = ? AND kind = ? AND written_at >= ?",
        [key, model, kind, naive(now) - HORIZON],
    )
    return None if row is None else AppendResult(**json.loads(row[0]))


def remember(
    con: DuckDBPyConnection,
    model: str,
    kind: str,
    key: str | None,
    now: datetime,
    result: AppendResult,
    origin: str | None = None,
) -> None:
    """Keep the answer to ``key``, and the rows that were refused."""
    keep_refused(con, model, kind, now, result.rejected, origin)
    if key is not None:
        con.execute(
            "INSERT INTO append_key VALUES (?, ?, ?, ?, ?)", [key, model, kind, json.dumps(asdict(result)), naive(now)]
        )


# -- Arrow in and out --------------------------------------------------------------------------------------------------
def numbered(table: pa.Table) -> pa.Table:
    """Return the table with the place of each row in ``_row``."""
    return table.append_column("_row", pa.array(np.arange(table.num_rows), pa.int64()))


def hash_rows(con: DuckDBPyConnection, table: pa.Table, expression: str) -> Hashes:
    """Return the engine's hash of each row of a numbered table."""
    with registered(
        con, table.select([n for n in ("_id", "_model_version", "_row") if n in table.column_names])
    ) as name:
        found = con.sql(f"SELECT {expression} AS h FROM {name} ORDER BY _row").to_arrow_table()["h"].to_numpy()
    return np.asarray(found, dtype=np.uint64)


def microseconds(times: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return times as microseconds since 1970."""
    return np.asarray(times.cast(pa.int64()).to_numpy(), dtype=np.int64)
