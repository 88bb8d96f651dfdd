"""How far the labels of a model have come: kept by bucket as profiles are, so that looking costs nothing.

A run calls :func:`match_labels`, then :func:`measure_progress`; everything else only reads what they left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from duckdb import DuckDBPyConnection

from reference_data import lags
from reference_data.declaration import ModelSpec
from reference_data.windows import Window, WindowSpec
from storage.append_common import SLACK, mark, touched_buckets
from storage.archives import whole_log
from storage.buckets import aware, bucket_sql, bucket_start, naive
from storage.database import Database
from storage.due import snapshot
from storage.model_tables import label_table, log_table, tables_exist
from storage.rows import first_row, registered, single

_AT_ONCE = 400  # buckets measured in one statement


class Progress(NamedTuple):
    """The labels of one bucket, counted by the cells of :mod:`reference_data.lags`: from the event, and from the bucket's start."""

    window: Window
    rows: int
    labelled: int
    corrected: int
    lags: lags.Counts
    delays: lags.Counts


class Entry(NamedTuple):
    """One entry of a prediction's ledger."""

    kind: str
    value: Any
    label_time: datetime
    arrival_time: datetime
    current: bool


# -- labels that came before their prediction, or long after it --------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Matched:
    top: int  # the last label that was there
    ids: pa.Table  # ids whose prediction was found
    times: np.ndarray[Any, np.dtype[np.int64]]  # event times of those that were never searched before
    orphans: pa.Table | None  # of a ledger that is searched for the first time: all of them


def match_labels(db: Database, spec: ModelSpec, now: datetime, bucket_spec: WindowSpec) -> int:
    """Look once in the whole log for the predictions of labels that were not found near their time; returns how many were.

    Their buckets get dirty. Labels that were searched before are looked for among what was logged since (a prediction that comes after its
    label marks its bucket by itself). So the cost does not depend on how many appends there were.
    """
    with snapshot(db) as con:
        if not tables_exist(con, spec.name):
            return 0
        found = _search(con, spec.name)
    if found is None:
        return 0

    def write(con: DuckDBPyConnection) -> None:
        with registered(con, found.ids) as name:
            con.execute(
                f"UPDATE unmatched_label SET found = true WHERE model = ? AND seq <= ? AND NOT found AND _id IN (SELECT _id FROM {name})",
                [spec.name, found.top],
            )
        if found.orphans is not None:
            with registered(con, found.orphans) as name:
                con.execute(
                    f"INSERT INTO unmatched_label SELECT $m, _id, seq, false FROM {name} "
                    "ANTI JOIN (SELECT _id FROM unmatched_label WHERE model = $m) AS u USING (_id)",
                    {"m": spec.name},
                )
        con.execute("DELETE FROM label_search WHERE model = ?", [spec.name])
        con.execute("INSERT INTO label_search VALUES (?, ?, ?)", [spec.name, found.top, naive(now)])
        mark(con, spec.name, ("outcomes",), touched_buckets(found.times, bucket_spec))

    db.write(write, about=spec.name)
    return int(found.ids.num_rows)


def _search(con: DuckDBPyConnection, model: str) -> _Matched | None:
    """Find what there is to be written; None if there is nothing."""
    top = single(con, f"SELECT coalesce(max(_seq), 0) FROM {label_table(model)}")
    before = first_row(con, "SELECT seq, searched_at FROM label_search WHERE model = ?", [model])
    searched, at = before if before is not None else (0, None)
    join = f"FROM unmatched_label AS u JOIN {whole_log(con, model)} AS l ON l._id = u._id WHERE u.model = $m AND NOT u.found"
    waiting = single(con, "SELECT count(*) FROM unmatched_label WHERE model = $m AND NOT found", {"m": model})
    if not waiting and (before is not None or not top):
        return None
    found = con.sql(
        f"SELECT u._id, epoch_us(l._event_time) AS at {join} AND u.seq > $seq", params={"m": model, "seq": searched}
    ).to_arrow_table()
    times = np.asarray(found["at"].to_numpy(), dtype=np.int64)
    ids = [found.select(["_id"])]
    orphans = None
    if before is None:
        orphans = con.sql(
            f"SELECT _id, max(_seq) AS seq FROM {label_table(model)} ANTI JOIN {whole_log(con, model)} USING (_id) GROUP BY _id"
        ).to_arrow_table()
    else:
        since = {"m": model, "seq": searched, "since": at - SLACK}
        ids.append(
            con.sql(
                f"SELECT u._id {join} AND u.seq <= $seq AND l._arrival_time >= $since", params=since
            ).to_arrow_table()
        )
        came = f"SELECT count(*) FROM {log_table(model)} WHERE _arrival_time >= $at"
        if top == searched and not any(part.num_rows for part in ids) and not single(con, came, {"at": at}):
            return None  # nothing has come since, so there is nothing to remember either
    return _Matched(top, pa.concat_tables(ids), times, orphans)


def count_orphans(con: DuckDBPyConnection, model: str) -> int:
    """Return how many ids have a label and, when the log was searched last, no prediction."""
    sql = (
        "SELECT count(DISTINCT u._id) FROM unmatched_label AS u JOIN label_search AS s ON s.model = u.model AND u.seq <= s.seq "
        "WHERE u.model = ? AND NOT u.found"
    )
    return int(single(con, sql, [model]))


# -- progress by bucket ------------------------------------------------------------------------------------------------
def measure_progress(db: Database, spec: ModelSpec, bucket_spec: WindowSpec) -> int:
    """Measure the buckets that were touched since they were measured last; returns how many."""
    measured = 0
    with snapshot(db) as con:
        if not tables_exist(con, spec.name):
            return 0
        stale = _stale(con, spec.name)
    starts = sorted(stale)
    for place in range(0, len(starts), _AT_ONCE):
        part = starts[place : place + _AT_ONCE]
        windows = sorted({bucket_spec.containing(start) for start in part})
        with snapshot(db) as con:  # the marks first, then rows that are at least as new
            seen = _stale(con, spec.name)
            found = _progress(con, spec.name, windows)
        seqs = dict.fromkeys(windows, 0)
        for start, seq in [*stale.items(), *seen.items()]:
            window = bucket_spec.containing(start)
            seqs[window] = max(seqs.get(window, 0), seq)
        measured += db.write(partial(_save, model=spec.name, found=found, seqs=seqs), about=spec.name)
    return measured


def _stale(con: DuckDBPyConnection, model: str) -> dict[datetime, int]:
    """Return the buckets whose outcomes changed after they were measured, with the latest write known of each."""
    rows = con.execute(
        "SELECT s.bucket, s.seq FROM (SELECT bucket, max(seq) AS seq FROM ("
        "SELECT bucket, seq FROM dirty WHERE model = $m AND part = 'outcomes' UNION ALL "
        "SELECT bucket, seq FROM profiled WHERE model = $m AND part = 'outcomes') GROUP BY bucket) AS s "
        "ASOF LEFT JOIN (SELECT bucket, bucket_end, seq FROM label_progress WHERE model = $m) AS p ON p.bucket <= s.bucket "
        "WHERE p.seq IS NULL OR p.bucket_end <= s.bucket OR p.seq < s.seq",
        {"m": model},
    ).fetchall()
    return {aware(bucket): seq for bucket, seq in rows}


def _progress(con: DuckDBPyConnection, model: str, windows: Sequence[Window]) -> list[Progress]:
    """Join the rows of some buckets with their ledger: the first label says how long it took, several values that it was corrected."""
    bucket, inside = bucket_sql(windows, "_event_time")
    # a label that came before its prediction waited among the unmatched; so, of the old ones, those alone are read
    low = naive(min(window.start for window in windows)) - SLACK
    ledger = (
        f"(SELECT * FROM {label_table(model)} WHERE _arrival_time >= $low UNION ALL SELECT * FROM {label_table(model)} "
        "WHERE _arrival_time < $low AND _seq IN (SELECT seq FROM unmatched_label WHERE model = $m))"
    )
    log = whole_log(con, model, Window(min(w.start for w in windows), max(w.end for w in windows)))
    rows = f"SELECT _id, _event_time, {bucket} AS bucket FROM {log} WHERE _role = 'serving' AND ({inside})"
    lag, delay = "epoch(e.first) - epoch(r._event_time)", "epoch(e.first) - r.bucket / 1e6"
    table = con.sql(
        f"WITH r AS ({rows}), e AS (SELECT _id, arg_min(_label_time, _seq) AS first, min(_label) IS DISTINCT FROM max(_label) AS changed "
        f"FROM {ledger} SEMI JOIN r USING (_id) GROUP BY _id), "
        f"c AS (SELECT r.bucket, CASE WHEN e._id IS NULL THEN -1 ELSE {lags.cell_sql(lag)} END AS cell, "
        f"CASE WHEN e._id IS NULL THEN -1 ELSE {lags.cell_sql(delay)} END AS later, e.changed FROM r LEFT JOIN e USING (_id)) "
        "SELECT bucket, coalesce(cell, later) AS cell, grouping(cell) AS kind, count(*) AS n, coalesce(count_if(changed), 0) AS changed "
        "FROM c GROUP BY GROUPING SETS ((bucket, cell), (bucket, later))",
        params={"low": low, "m": model},
    ).to_arrow_table()
    counts = {window.start: np.zeros((2, lags.SIZE + 1), dtype=np.int64) for window in windows}
    changed = dict.fromkeys(counts, 0)
    columns = (table[name].to_pylist() for name in ("bucket", "cell", "kind", "n", "changed"))
    for start, cell, kind, n, more in zip(*columns, strict=True):
        at = bucket_start(start)
        counts[at][kind, cell] += n  # the unlabelled stand at the end
        changed[at] += 0 if kind else int(more)
    return [
        Progress(window, int(of[0].sum()), int(of[0, :-1].sum()), changed[window.start], of[0, :-1], of[1, :-1])
        for window in windows
        for of in (counts[window.start],)
    ]


def _save(con: DuckDBPyConnection, model: str, found: Sequence[Progress], seqs: dict[Window, int]) -> int:
    """Replace what is stored of some buckets, unless it has seen later writes meanwhile."""
    rows = con.execute("SELECT bucket, seq FROM label_progress WHERE model = ?", [model]).fetchall()
    stored = {aware(bucket): seq for bucket, seq in rows}
    kept = [part for part in found if stored.get(part.window.start, -1) <= seqs[part.window]]
    table = pa.table(
        {
            "bucket": pa.array([naive(part.window.start) for part in kept], pa.timestamp("us")),
            "bucket_end": pa.array([naive(part.window.end) for part in kept], pa.timestamp("us")),
            "n_rows": pa.array([part.rows for part in kept], pa.int64()),
            "labelled": pa.array([part.labelled for part in kept], pa.int64()),
            "corrected": pa.array([part.corrected for part in kept], pa.int64()),
            "lags": pa.array([part.lags.tolist() for part in kept], pa.list_(pa.uint32())),
            "delays": pa.array([part.delays.tolist() for part in kept], pa.list_(pa.uint32())),
            "seq": pa.array([seqs[part.window] for part in kept], pa.int64()),
        }
    )
    with registered(con, table) as name:
        con.execute(
            f"DELETE FROM label_progress WHERE model = ? AND EXISTS (SELECT 1 FROM {name} AS n WHERE "
            "label_progress.bucket < n.bucket_end AND label_progress.bucket_end > n.bucket)",
            [model],
        )
        con.execute(f"INSERT INTO label_progress SELECT ?, * FROM {name}", [model])
    return len(kept)


def load_progress(con: DuckDBPyConnection, model: str) -> list[Progress]:
    """Return the progress of every bucket that was measured and has rows, in order."""
    table = con.sql(
        "SELECT bucket, bucket_end, n_rows, labelled, corrected, lags, delays FROM label_progress "
        "WHERE model = $m AND n_rows > 0 ORDER BY bucket",
        params={"m": model},
    ).to_arrow_table()
    counted, delayed = (_cells(table[name], table.num_rows) for name in ("lags", "delays"))
    columns = (table[name].to_pylist() for name in ("bucket", "bucket_end", "n_rows", "labelled", "corrected"))
    return [
        Progress(Window(aware(start), aware(end)), rows, labelled, corrected, counted[place], delayed[place])
        for place, (start, end, rows, labelled, corrected) in enumerate(zip(*columns, strict=True))
    ]


def _cells(lists: pa.ChunkedArray, rows: int) -> lags.Counts:
    flat = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in lists.chunks]
    return np.concatenate([np.zeros(0, dtype=np.int64), *flat]).astype(np.int64).reshape(rows, lags.SIZE)


# -- one prediction, and what users say --------------------------------------------------------------------------------
def label_entries(con: DuckDBPyConnection, spec: ModelSpec, prediction_id: str) -> list[Entry]:
    """Return every label of a prediction, oldest first, then its feedback by kind."""
    if not tables_exist(con, spec.name):
        return []
    truth = con.execute(
        "SELECT 'label', _label, _label_time, _arrival_time, _seq = max(_seq) OVER () "
        f"FROM {label_table(spec.name)} WHERE _id = ? ORDER BY _seq",
        [prediction_id],
    ).fetchall()
    told = con.execute(
        "SELECT kind, value, label_time, arrival_time, seq = max(seq) OVER (PARTITION BY kind) FROM feedback "
        "WHERE model = ? AND _id = ? ORDER BY kind, seq",
        [spec.name, prediction_id],
    ).fetchall()
    return [Entry(row[0], row[1], aware(row[2]), aware(row[3]), row[4]) for row in [*truth, *told]]


def feedback_by_window(
    con: DuckDBPyConnection, model: str, windows: Sequence[Window], kind: str | None
) -> list[tuple[str, Window, str, int]]:
    """Return (kind, window, value, served rows whose feedback in force is that), in order."""
    if not windows or not tables_exist(con, model):
        return []
    low, high = min(window.start for window in windows), max(window.end for window in windows)
    rows = con.execute(
        "WITH w AS (SELECT unnest($starts::TIMESTAMP[]) AS a, unnest($ends::TIMESTAMP[]) AS b), "
        "f AS (SELECT _id, kind, arg_max(value, seq) AS value FROM feedback WHERE model = $m AND ($kind::VARCHAR IS NULL OR kind = $kind) "
        "GROUP BY _id, kind), "
        f"l AS (SELECT _id, _event_time FROM {whole_log(con, model, Window(low, high))} WHERE _role = 'serving' AND _event_time >= $low AND _event_time < $high) "
        "SELECT f.kind, w.a, w.b, f.value, count(*) FROM l JOIN f USING (_id) JOIN w ON l._event_time >= w.a AND l._event_time < w.b "
        "GROUP BY ALL ORDER BY ALL",
        {
            "starts": [naive(window.start) for window in windows],
            "ends": [naive(window.end) for window in windows],
            "low": naive(low),
            "high": naive(high),
            "m": model,
            "kind": kind,
        },
    ).fetchall()
    return [(row[0], Window(aware(row[1]), aware(row[2])), row[3], row[4]) for row in rows]
