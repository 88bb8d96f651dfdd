"""What the door saw in the time of each window: rows refused, columns that came or stayed away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from reference_data.windows import Window
from storage.buckets import aware, naive
from storage.model_tables import log_table
from storage.observed import Observation, observations
from storage.rows import first_row, single


@dataclass(frozen=True, slots=True)
class DoorCount:
    """One window, by arrival time. ``problem`` is the commonest: a field and what it should have held, never a value of a row."""

    window: Window
    arrived: int  # rows, with those refused; counted only where some were
    refused: int
    problem: str | None
    appeared: tuple[str, ...]  # undeclared columns that came for the first time, and not with the model's first rows
    away: tuple[str, ...]  # declared columns that stayed away, and were not back by its end
    widened: tuple[str, ...] = ()  # declared columns that were sent a type they refuse for the first time, as above


def door_counts(con: DuckDBPyConnection, model: str, windows: Sequence[Window]) -> list[DoorCount]:
    """Return the windows of which there is anything to say, in order; ``windows`` are ascending, of a model that has a log."""
    if not windows:
        return []
    seen = observations(con, model)[::-1]
    refused = _refused(con, model, windows)
    if not seen and not refused:
        return []
    first = single(con, f"SELECT min(_arrival_time) FROM {log_table(model)}") if seen else None
    found: list[DoorCount] = []
    for window in windows:
        inside = [o for o in seen if window.start <= o.seen_at < window.end]
        late = [o for o in inside if first is not None and o.seen_at > aware(first)]
        rows, problem = refused.get(window, (0, None))
        away = _away(o for o in seen if o.seen_at < window.end)
        appeared = tuple(o.column for o in late if o.event == "appeared")
        widened = tuple(o.column for o in late if o.event == "widened")
        if rows or appeared or away or widened:
            arrived = rows + (_arrived(con, model, window) if rows else 0)
            found.append(DoorCount(window, arrived, rows, problem, appeared, away, widened))
    return found


def _away(events: Iterable[Observation]) -> tuple[str, ...]:
    state = {o.column: o.event for o in events if o.event in ("disappeared", "returned")}
    return tuple(column for column, event in state.items() if event == "disappeared")


def _arrived(con: DuckDBPyConnection, model: str, window: Window) -> int:
    sql = f"SELECT count(*) FROM {log_table(model)} WHERE _arrival_time >= ? AND _arrival_time < ?"
    return int(single(con, sql, [naive(window.start), naive(window.end)]))


def _refused(con: DuckDBPyConnection, model: str, windows: Sequence[Window]) -> dict[Window, tuple[int, str | None]]:
    known = "FROM quarantine WHERE model = ? AND kind = 'log' AND arrival_time >= ? AND arrival_time < ?"
    span = [model, naive(windows[0].start), naive(windows[-1].end)]
    if first_row(con, f"SELECT 1 {known} LIMIT 1", span) is None:  # as is usual; the join costs several times as much
        return {}
    sql = (
        "WITH w AS (SELECT unnest($starts::TIMESTAMP[]) AS a, unnest($ends::TIMESTAMP[]) AS b), "
        "n AS (SELECT a, b, field, expected, count(*) AS c FROM quarantine JOIN w "
        "ON arrival_time >= a AND arrival_time < b WHERE model = $model AND kind = 'log' GROUP BY ALL) "
        "SELECT a, b, sum(c)::BIGINT, arg_max({'field': field, 'expected': expected}, (c, field, expected)) FROM n GROUP BY a, b"
    )
    rows = con.execute(
        sql,
        {
            "model": model,
            "starts": [naive(window.start) for window in windows],
            "ends": [naive(window.end) for window in windows],
        },
    ).fetchall()
    return {Window(aware(a), aware(b)): (count, _problem(**commonest)) for a, b, count, commonest in rows}


def _problem(field: str | None, expected: str | None) -> str | None:
    """Say what was wrong without the value: readings and messages outlive the rows, and go to channels."""
    words = f"{expected} was expected" if expected else "its value could not be taken"
    return None if field is None else f"{field}: {words}"
