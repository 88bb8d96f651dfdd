"""The loss of labels in the order in which they became known: sums by step, appended once and never restated.

A step is a window of label time. What has been counted of a model is one region of its ledger: the predictions whose first label has a number up
to ``seq`` and a label time before ``until``. Each append extends the region and counts exactly what is new in it, so a label counts once, whenever it
came, however often it is corrected, and wherever a run was cut off. A label that arrives after its step was appended goes into the present one,
and so does one whose prediction came after that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
from duckdb import DuckDBPyConnection

from reference_data.windows import Window, WindowSpec
from storage.append_common import HORIZON, SLACK
from storage.archives import MOMENT, whole_log
from storage.buckets import aware, bucket_sql, bucket_start, moment_sql, naive
from storage.database import Database
from storage.due import snapshot
from storage.model_tables import label_table, log_table, tables_exist
from storage.names import literal
from storage.rows import first_row, insert, registered, single


@dataclass(frozen=True, slots=True)
class LossSource:
    """How the loss of one version's rows is made: SQL over the log's columns and ``_label``.

    ``since``: rows of earlier event times belong to the reference itself and are left out; None: none do.
    """

    reference_version: int
    sql: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class LossStep:
    """One step of one version; ``window`` is of label times, ``events`` spans the event times of its rows; all aware."""

    model_version: str
    reference_version: int
    window: Window
    events: Window
    n: int
    loss: float  # sum
    loss_squares: float
    computed_at: datetime


@dataclass(frozen=True, slots=True)
class _Region:
    seq: int  # counted before: labels up to this number …
    until: datetime | None  # … that were known before this
    top: int
    end: datetime
    counted: datetime | None  # when that was
    now: datetime

    @property
    def new(self) -> str:
        """SQL condition of entries that may be new to the region."""
        inside = f"_seq <= {self.top} AND _label_time < {moment_sql(self.end)}"
        if self.until is None:
            return inside
        return f"{inside} AND (_seq > {self.seq} OR _label_time >= {moment_sql(self.until)})"

    @property
    def counts(self) -> str:
        """SQL condition of first entries (``_first``, ``_known``) that are."""
        inside = f"_first <= {self.top} AND _known < {moment_sql(self.end)}"
        if self.until is None:
            return inside
        return f"{inside} AND (_first > {self.seq} OR _known >= {moment_sql(self.until)})"

    @property
    def came(self) -> str:
        """SQL condition of predictions that came since what was counted before."""
        since = "false" if self.counted is None else f"_arrival_time > {moment_sql(self.counted)}"
        return f"({since} AND _arrival_time <= {moment_sql(self.now)})"


def append_steps(
    db: Database,
    model: str,
    sources: Mapping[str, LossSource],
    window_spec: WindowSpec,
    until: datetime,
    now: datetime,
) -> list[LossStep]:
    """Count the labels that are new, in steps that end by ``until``; returns what was appended, in one transaction.

    ``sources``: the versions whose served rows have a loss. Reads the new labels, and of the log what lies within
    :data:`HORIZON` before them; all of it only for labels that came later than that.
    """
    with snapshot(db) as con:
        if not sources or not tables_exist(con, model):
            return []
        region = _region(con, model, until, now)
        early = _early(con, model, region)
        span = first_row(con, f"SELECT min(_label_time), max(_label_time) FROM {label_table(model)} WHERE {region.new}")
        if span is not None and span[0] is not None:
            known = Window(aware(span[0]), aware(span[1]) + MOMENT)
        elif early.num_rows and region.until is not None:
            known = Window(region.until, region.until + MOMENT)
        else:
            return []
        steps = _windows(window_spec, region, known.start)
        found = [
            step
            for version, source in sources.items()
            for step in _sums(con, model, version, source, region, steps, known, early)
        ]
    found.sort(key=lambda step: (step.window, step.model_version))
    if not found:
        return []
    table = _table(model, found, region.top)

    def write(con: DuckDBPyConnection) -> bool:
        if _region(con, model, until, now).until != region.until:  # somebody else was quicker
            return False
        insert(con, "loss_step", table)
        return True

    return found if db.write(write, about=model) else []


def loss_steps(
    con: DuckDBPyConnection, model: str, model_version: str | None = None, reference_version: int | None = None
) -> list[LossStep]:
    """Return the steps of a model in order, of one version or held against one reference if asked for."""
    rows = con.execute(
        "SELECT model_version, reference_version, step_start, step_end, event_start, event_end, n, loss, loss_squares, computed_at "
        "FROM loss_step WHERE model = $m AND segment IS NULL AND model_version = coalesce($v, model_version) "
        "AND reference_version = coalesce($r, reference_version) ORDER BY step_start, model_version",
        {"m": model, "v": model_version, "r": reference_version},
    ).fetchall()
    return [
        LossStep(version, number, Window(aware(a), aware(b)), Window(aware(c), aware(d)), n, loss, squares, aware(at))
        for version, number, a, b, c, d, n, loss, squares, at in rows
    ]


def _region(con: DuckDBPyConnection, model: str, until: datetime, now: datetime) -> _Region:
    top = single(con, f"SELECT coalesce(max(_seq), 0) FROM {label_table(model)}")
    sql = "SELECT max(seq), max(step_end), max(computed_at) FROM loss_step WHERE model = ?"
    seq, end, counted = first_row(con, sql, [model]) or (None, None, None)
    before, at = (None if moment is None else aware(moment) for moment in (end, counted))
    return _Region(seq or 0, before, int(top), until, at, now)


def _early(con: DuckDBPyConnection, model: str, region: _Region) -> pa.Table:
    """Return the ids of labels that waited for their prediction, which has come since what was counted before."""
    waited = "SELECT _id FROM unmatched_label WHERE model = $m AND found"
    return con.sql(
        f"SELECT DISTINCT _id FROM {log_table(model)} SEMI JOIN ({waited}) AS u USING (_id) WHERE {region.came}",
        params={"m": model},
    ).to_arrow_table()


def _windows(window_spec: WindowSpec, region: _Region, known: datetime) -> list[Window]:
    """Return the steps that are open and over, from the first that may get labels."""
    first = window_spec.containing(known).start
    start = first if region.until is None else max(region.until, first)
    return [window for window in window_spec.between(start, region.end) if window.end <= region.end]


def _sums(
    con: DuckDBPyConnection,
    model: str,
    version: str,
    source: LossSource,
    region: _Region,
    steps: Sequence[Window],
    known: Window,
    early: pa.Table,
) -> list[LossStep]:
    if not steps:
        return []
    ledger, floor, present = label_table(model), steps[0].start, steps[-1].start
    step, _ = bucket_sql(steps, "_counted")
    near = Window(known.start - HORIZON, known.end + SLACK)
    old = naive(near.start - SLACK)
    # the first label of an id is no older than its prediction, unless it waited for it among the unmatched
    entries = (
        f"SELECT * FROM {ledger} WHERE _arrival_time >= TIMESTAMP {literal(old.isoformat(sep=' '))} UNION ALL SELECT * FROM {ledger} "
        f"WHERE _arrival_time < TIMESTAMP {literal(old.isoformat(sep=' '))} AND _seq IN (SELECT seq FROM unmatched_label WHERE model = $m)"
    )
    with registered(con, early, "early_ids") as name:
        sql = f"SELECT DISTINCT _id FROM {ledger} ANTI JOIN {name} USING (_id) WHERE {region.new}"
        ids = con.sql(sql).to_arrow_table()
    theirs = (
        f"_role = 'serving' AND _model_version = $v AND _event_time >= {moment_sql(source.since)}"
        if source.since
        else ("_role = 'serving' AND _model_version = $v")
    )
    bounds = f"_event_time >= {moment_sql(near.start)} AND _event_time < {moment_sql(near.end)}"
    # a prediction that came in this very moment, after its label, is counted when it is sure to be among those that came since
    settled = f"({region.counts} AND (_arrival_time <= {moment_sql(region.now)} OR _id NOT IN (SELECT _id FROM unmatched_label WHERE model = $m)))"
    parts = [(ids, whole_log(con, model, near), f"{theirs} AND {bounds}", entries, settled)]
    with registered(con, ids, "labelled_ids") as name:
        late = con.sql(
            f"SELECT _id FROM {name} ANTI JOIN (SELECT _id FROM {whole_log(con, model, near)} WHERE {bounds}) AS l USING (_id) "
            "ANTI JOIN (SELECT _id FROM unmatched_label WHERE model = $m AND NOT found) AS u USING (_id)",
            params={"m": model},
        ).to_arrow_table()
    if late.num_rows:
        parts.append((late, whole_log(con, model), f"{theirs} AND NOT ({bounds})", f"SELECT * FROM {ledger}", settled))
    if early.num_rows:
        inside = f"_first <= {region.top} AND _known < {moment_sql(region.end)} AND {region.came}"
        parts.append((early, log_table(model), theirs, f"SELECT * FROM {ledger}", inside))
    sums: dict[int, list[Any]] = {}
    for rows, log, where, of, counts in parts:
        with registered(con, rows, "labelled_ids") as name:
            found = con.execute(
                f"WITH e AS (SELECT _id, min(_seq) AS _first, arg_min(_label_time, _seq) AS _known, arg_max(_label, _seq) AS _label "
                f"FROM ({of}) AS y SEMI JOIN {name} USING (_id) WHERE _seq <= {region.top} GROUP BY _id), "
                f"c AS (SELECT *, CASE WHEN _known < {moment_sql(floor)} THEN {moment_sql(present)} ELSE _known END AS _counted FROM e), "
                f"r AS (SELECT {step} AS step, _event_time, {source.sql} AS loss FROM (SELECT * FROM {log} WHERE {where}) AS l JOIN c USING (_id) "
                f"WHERE {counts}) "
                "SELECT step, count(*), sum(loss), sum(loss * loss), min(_event_time), max(_event_time) FROM r "
                "WHERE step IS NOT NULL AND isfinite(loss) GROUP BY step",
                {"v": version} | ({"m": model} if "$m" in of + counts else {}),
            ).fetchall()
        for at, n, loss, squares, low, high in found:
            held = sums.setdefault(at, [0, 0.0, 0.0, low, high])
            sums[at] = [held[0] + n, held[1] + loss, held[2] + squares, min(held[3], low), max(held[4], high)]
    windows = {window.start: window for window in steps}
    return [
        LossStep(
            version,
            source.reference_version,
            windows[bucket_start(at)],
            Window(aware(low), aware(high) + MOMENT),
            n,
            loss,
            squares,
            region.now,
        )
        for at, (n, loss, squares, low, high) in sums.items()
    ]


def _table(model: str, steps: Sequence[LossStep], seq: int) -> pa.Table:
    moment = pa.timestamp("us")
    columns: dict[str, Any] = {
        "model": pa.array([model] * len(steps)),
        "model_version": pa.array([step.model_version for step in steps]),
        "reference_version": pa.array([step.reference_version for step in steps], pa.int32()),
        "step_start": pa.array([naive(step.window.start) for step in steps], moment),
        "step_end": pa.array([naive(step.window.end) for step in steps], moment),
        "event_start": pa.array([naive(step.events.start) for step in steps], moment),
        "event_end": pa.array([naive(step.events.end) for step in steps], moment),
        "n": pa.array([step.n for step in steps], pa.int64()),
        "loss": pa.array([step.loss for step in steps], pa.float64()),
        "loss_squares": pa.array([step.loss_squares for step in steps], pa.float64()),
        "seq": pa.array([seq] * len(steps), pa.int64()),
        "computed_at": pa.array([naive(step.computed_at) for step in steps], moment),
    }
    return pa.table(columns)
