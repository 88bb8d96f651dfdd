"""What appends of predictions and of labels share: recent ids, dirty buckets, answers to repeated appends, rows refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from reference_data.windows import WindowSpec
from storage.buckets import naive
from storage.database import Database
from storage.errors import KeyReusedError
from storage.profile_store import Part, mark_dirty
from storage.quarantine import keep_refused
from storage.recent_ids import Hashes, RecentIds
from storage.rows import first_row, registered, single

#: An id (or key) that comes again within this time of its first row is known to be the same one.
HORIZON = timedelta(days=35)
SLACK = timedelta(days=2)  # rows somewhat late need no look-up either
HELD = 40_000_000  # hashes held for a table: 170 MB, and twice that before the oldest are let go
#: Something more to be written in the transaction of an append, such as how far a source has been read.
Also = Callable[[DuckDBPyConnection], None]
_SLOT = 15 * 60 * 1_000_000  # microseconds; every zone's offset of today is a multiple of it


_TOLD = 1000  # refused rows that an answer names; quarantine has them all
_ANSWER = ("row", "line", "field", "value", "expected", "error")
_PERSON = ("id", "subject")  # kept beside, so that a deletion finds the rows, and told to nobody


@dataclass(frozen=True, slots=True)
class AppendResult:
    """What became of the rows that came in; ``rejected`` names at most the first thousand of the ``refused``."""

    accepted: int
    duplicates: int
    rejected: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0

    @classmethod
    def of(cls, accepted: int, duplicates: int, rejected: Sequence[Mapping[str, Any]]) -> Self:
        """Return the answer to an append; of refused rows it has what their sender may be told."""
        told = [_part(entry, _ANSWER) for entry in rejected[:_TOLD]]
        return cls(accepted, duplicates, told, len({entry["row"] for entry in rejected}))

    @classmethod
    def kept(cls, kept: Mapping[str, Any]) -> Self:
        """Return an answer from what :func:`remember` has kept of it."""
        told = [_part(entry, _ANSWER) for entry in kept["rejected"]]
        return cls(kept["accepted"], kept["duplicates"], told, kept["refused"])


def _part(entry: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: entry[name] for name in names if name in entry}


class Key(NamedTuple):
    """A client's name for one append, and a digest of what it brought: the name again with other rows is an error."""

    name: str
    digest: str | None = None

    @classmethod
    def of(cls, key: Key | str | None) -> Key | None:
        """Return a key from its name alone, too."""
        return cls(key) if isinstance(key, str) else key


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
    """Mark buckets dirty under the number that the group which is being written will be committed under."""
    if starts:
        mark_dirty(con, model, parts, starts, single(con, "SELECT seq + 1 FROM written"))


# -- answers to repeated appends, rows refused -------------------------------------------------------------------------
def answered(
    db: Database, con: DuckDBPyConnection, model: str, kind: str, keys: Sequence[Key | str | None], now: datetime
) -> list[AppendResult | None]:
    """Return, for each key, what a repeated append was answered the first time; None for a new one.

    Raises :class:`KeyReusedError` when the first one brought other rows.
    """
    known = [Key.of(key) for key in keys]
    maybe = _maybe_known(db, con, model, kind, [key.name for key in known if key is not None])
    return [_answer(con, model, kind, key, now) if key is not None and key.name in maybe else None for key in known]


def _maybe_known(db: Database, con: DuckDBPyConnection, model: str, kind: str, names: list[str]) -> set[str]:
    """Return which keys may have come before: all but a few of them have not, and the table need not be asked."""
    if not names:
        return set()

    def load() -> RecentIds:
        found = RecentIds(np.zeros(0, dtype=np.uint64), datetime.min)  # noqa: DTZ901  (naive UTC, as stored)
        for batch in con.sql("SELECT hash(model, kind, key) AS h FROM append_key").to_arrow_reader(1 << 20):
            found.add(batch["h"].to_numpy())
        return found

    recent = recent_ids(db, ("keys", ""), load)
    sql = "SELECT hash($model, $kind, name) AS h FROM (SELECT unnest($names::VARCHAR[]) AS name)"
    asked = con.sql(sql, params={"model": model, "kind": kind, "names": names}).to_arrow_table()["h"].to_numpy()
    held = recent.holds(asked)
    recent.add(asked[~held])  # if they are not written after all, "held" only means "ask the table"
    return {name for name, there in zip(names, held, strict=True) if there}


def _answer(con: DuckDBPyConnection, model: str, kind: str, key: Key, now: datetime) -> AppendResult | None:
    row = first_row(
        con,
        "SELECT result FROM append_key WHERE key = ? AND model = ? AND kind = ? AND written_at >= ?",
        [key.name, model, kind, naive(now) - HORIZON],
    )
    if row is None:
        return None
    kept = json.loads(row[0])
    digest = kept.get("digest")
    if None not in (digest, key.digest) and digest != key.digest:
        raise KeyReusedError(
            f"the key {key.name!r} came with other rows before, and these were not stored: send the same rows "
            "again to be answered as then, or new rows with a key of their own"
        )
    return AppendResult.kept(kept)


def remember(
    con: DuckDBPyConnection,
    model: str,
    kind: str,
    key: Key | str | None,
    now: datetime,
    result: AppendResult,
    rejected: Sequence[Mapping[str, Any]],
    origin: str | None = None,
) -> None:
    """Keep the answer to ``key``, and the rows that were refused."""
    keep_refused(con, model, kind, now, rejected, origin)
    key = Key.of(key)
    if key is not None:
        named = [_part(entry, (*_ANSWER, *_PERSON)) for entry in rejected[:_TOLD]]
        kept = json.dumps(asdict(result) | {"rejected": named, "digest": key.digest})
        con.execute("INSERT INTO append_key VALUES (?, ?, ?, ?, ?)", [key.name, model, kind, kept, naive(now)])


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
