"""What is in force in an append-only ledger: the latest entry of each key, found without reading the whole ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from storage.database import Database
from storage.recent_ids import Hashes, repeated
from storage.rows import registered, single

HELD = 8_000_000  # newest entries whose place is held in memory: 16 bytes each
_GAP = 250_000  # entries; places nearer to each other are read as one stretch
_STRETCHES = 8  # read at most, however scattered the places are
Seqs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ledger:
    """A ledger as SQL: ``relation`` has the ``keys``, ``value`` and ``seq``, which grows with every entry."""

    name: tuple[str, str]
    relation: str
    keys: tuple[str, ...]
    value: str
    seq: str

    @property
    def hash(self) -> str:
        """The SQL of a key's hash."""
        return f"hash({', '.join(self.keys)})"


class Latest:
    """The number of the newest entry of each key, by the key's 64-bit hash, in sorted runs of shrinking length.

    It may hold numbers of entries that were rolled back, and two keys may share a hash: whoever looks an entry up checks the key. A
    key that is not held has no entry with a number above ``since``.
    """

    def __init__(self, hashes: Hashes, seqs: Seqs, since: int) -> None:
        self.since = since
        self._runs = [_newest(hashes, seqs)]

    def __len__(self) -> int:
        return sum(len(hashes) for hashes, _ in self._runs)

    def add(self, hashes: Hashes, seqs: Seqs) -> None:
        """Remember new entries."""
        self._runs.append(_newest(hashes, seqs))
        while len(self._runs) > 1 and len(self._runs[-2][0]) < 2 * len(self._runs[-1][0]):
            later, earlier = self._runs.pop(), self._runs.pop()
            self._runs.append(_newest(np.concatenate([earlier[0], later[0]]), np.concatenate([earlier[1], later[1]])))

    def find(self, hashes: Hashes) -> Seqs:
        """Return the number of each key's newest entry, 0 where none is held."""
        found = np.zeros(len(hashes), dtype=np.int64)
        for run, seqs in self._runs:
            if len(run):
                place = np.minimum(np.searchsorted(run, hashes), len(run) - 1)
                np.maximum(found, np.where(run[place] == hashes, seqs[place], 0), out=found)
        return found


def _newest(hashes: Hashes, seqs: Seqs) -> tuple[Hashes, Seqs]:
    if (hashes[1:] > hashes[:-1]).all():
        return hashes, seqs
    order = np.lexsort((seqs, hashes))
    hashes, seqs = hashes[order], seqs[order]
    last = np.append(hashes[1:] != hashes[:-1], True) if len(hashes) else np.zeros(0, dtype=np.bool_)
    return hashes[last], seqs[last]


def latest(db: Database, con: DuckDBPyConnection, ledger: Ledger) -> Latest:
    """Return what is held of a ledger, read anew when it is first needed or has grown too large."""
    found: Latest | None = db.memory.get(ledger.name)
    if found is None or len(found) > 2 * HELD:
        top = single(con, f"SELECT coalesce(max({ledger.seq}), 0) FROM {ledger.relation}")
        since = max(0, top - HELD)
        rows = con.sql(
            f"SELECT {ledger.hash} AS h, max({ledger.seq}) AS s FROM {ledger.relation} WHERE {ledger.seq} > $since "
            "GROUP BY h ORDER BY h",
            params={"since": since},
        ).to_arrow_table()
        found = db.memory[ledger.name] = Latest(rows["h"].to_numpy(), rows["s"].to_numpy(), since)
    return found


def next_numbers(db: Database, con: DuckDBPyConnection, ledger: Ledger, count: int) -> Seqs:
    """Reserve ascending numbers, above all that were given before, whatever the clock says."""
    name = (f"{ledger.name[0]} seq", ledger.name[1])
    if name not in db.memory:
        db.memory[name] = 1 + single(con, f"SELECT coalesce(max({ledger.seq}), 0) FROM {ledger.relation}")
    first: int = db.memory[name]
    db.memory[name] = first + count
    return np.arange(first, first + count, dtype=np.int64)


def unchanged(
    con: DuckDBPyConnection,
    ledger: Ledger,
    batch: pa.Table,
    hashes: Hashes,
    held: Latest,
    maybe_older: Callable[[pa.Table], NDArray[np.bool_]],
) -> NDArray[np.bool_]:
    """Return which rows of a batch (the ledger's keys and value, and ``_row``) say what was the last word on their key already.

    Rows of one key are taken in their order. Entries are looked up where the memory says they are; ``maybe_older`` is asked, only when the
    ledger holds more than is remembered, which keys may have an entry that is not.
    """
    places = held.find(hashes)
    suspect = places > 0
    search = np.zeros(batch.num_rows, dtype=np.bool_)
    if held.since and not suspect.all():
        search[~suspect] = maybe_older(batch.filter(pa.array(~suspect)))
    again = np.zeros(batch.num_rows, dtype=np.bool_)
    again[repeated(hashes)] = True
    if not (suspect | search | again).any():
        return again
    prior = _at(con, ledger, batch.filter(pa.array(suspect)), places[suspect])
    if prior.num_rows < suspect.sum():  # rolled back, or of another key
        search |= suspect & ~np.isin(batch["_row"].to_numpy(), prior["_row"].to_numpy())
    if search.any():
        prior = pa.concat_tables([prior, _anywhere(con, ledger, batch.filter(pa.array(search)))])
    keys = ", ".join(ledger.keys)
    with (
        registered(con, batch.filter(pa.array(suspect | search | again))) as name,
        registered(con, prior, "prior_entries") as known,
    ):
        rows = con.execute(
            f"WITH b AS (SELECT _row, {ledger.value} AS value, lag({ledger.value}) OVER w AS before, row_number() OVER w AS place "
            f"FROM {name} WINDOW w AS (PARTITION BY {keys} ORDER BY _row)) SELECT b._row FROM b LEFT JOIN {known} AS p USING (_row) "
            "WHERE CASE WHEN place = 1 THEN p.value ELSE before END IS NOT DISTINCT FROM b.value"
        ).fetchall()
    return np.isin(batch["_row"].to_numpy(), [row[0] for row in rows])


def _at(con: DuckDBPyConnection, ledger: Ledger, rows: pa.Table, places: Seqs) -> pa.Table:
    """Look entries up by their numbers: only the stretches of the ledger that hold them are read."""
    match = " AND ".join(f"l.{key} = b.{key}" for key in ledger.keys)
    parts = [
        f"SELECT * FROM {ledger.relation} WHERE {ledger.seq} BETWEEN {low} AND {high}"
        for low, high in _stretches(places)
    ] or [f"SELECT * FROM {ledger.relation} WHERE false"]
    with registered(con, rows.append_column("_place", pa.array(places))) as name:
        return con.sql(
            f"SELECT b._row, l.{ledger.value} AS value FROM ({' UNION ALL '.join(parts)}) AS l "
            f"JOIN {name} AS b ON l.{ledger.seq} = b._place AND {match}"
        ).to_arrow_table()


def _anywhere(con: DuckDBPyConnection, ledger: Ledger, rows: pa.Table) -> pa.Table:
    keys = ", ".join(ledger.keys)
    with registered(con, rows) as name:
        return con.sql(
            f"SELECT b._row, l.value FROM {name} AS b JOIN (SELECT {keys}, arg_max({ledger.value}, {ledger.seq}) AS value "
            f"FROM {ledger.relation} SEMI JOIN {name} USING ({keys}) GROUP BY {keys}) AS l USING ({keys})"
        ).to_arrow_table()


def _stretches(places: Seqs) -> list[tuple[Any, Any]]:
    """Cover places by a few stretches, parted at the widest gaps."""
    if not len(places):
        return []
    ordered = np.unique(places)
    gaps = np.diff(ordered)
    wide = np.flatnonzero(gaps > _GAP)
    wide = np.sort(wide[np.argsort(-gaps[wide])][: _STRETCHES - 1])
    starts, ends = np.append(0, wide + 1), np.append(wide, len(ordered) - 1)
    return list(zip(ordered[starts].tolist(), ordered[ends].tolist(), strict=True))
