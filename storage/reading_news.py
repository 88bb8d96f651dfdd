"""Readings as they are written: of what is new, what the latest windows say, in few bytes a reading."""

from __future__ import annotations

from typing import NamedTuple

from duckdb import DuckDBPyConnection


class News(NamedTuple):
    """A reading, as far as outsiders are told of it; ``rank`` says what comes first: what is in trouble, then what is not about a column."""

    rank: int  # 0 critical, 1 warning or drift, 2 error, else 3; of a column well so far 13, and 23 but for the deciding check
    check: str
    column: str  # "" for none
    segment: str  # "" for all rows
    verdict: str
    value: float  # NaN if it cannot be said
    threshold: float
    coverage: float
    drifts: bool
    model: str
    model_version: str
    scope: str
    start: int  # of its window, in microseconds since 1970
    end: int
    seq: int


_FIELDS = """
    CASE verdict WHEN 'critical' THEN 0 WHEN 'warning' THEN 1 WHEN 'drift' THEN 1 WHEN 'error' THEN 2
        ELSE 3 + CASE WHEN scope <> 'column' THEN 0 WHEN "check" = $deciding THEN 10 ELSE 20 END END,
    "check", coalesce("column", ''), coalesce(segment, ''), verdict,
    coalesce(value, 'nan'::DOUBLE), coalesce(threshold, 'nan'::DOUBLE), coalesce(coverage, 'nan'::DOUBLE),
    harmful OR (significant AND material), model, model_version, scope, epoch_us(window_start), epoch_us(window_end), seq
"""
_SQL = f"""
    WITH news AS (
        SELECT model, model_version, scope, "check", "column", segment, window_start, window_end, value, threshold, coverage, verdict,
            significant, material, harmful, seq
        FROM reading WHERE seq > $seq AND (segment IS NULL OR verdict IN ('critical', 'warning', 'drift'))),
    latest AS (
        SELECT model, model_version, scope, coalesce(
            max(window_start) FILTER (verdict NOT IN ('no_data', 'insufficient')), max(window_start)) AS window_start
        FROM news GROUP BY ALL)
    SELECT {_FIELDS} FROM news SEMI JOIN latest USING (model, model_version, scope, window_start)
    ORDER BY model, model_version, scope, seq
"""


def reading_news(con: DuckDBPyConnection, seq: int, deciding: str) -> list[News]:
    """Return, of the readings after number ``seq``, those of the latest window that was judged, by model, version and scope.

    Ordered by these and by number, so that of one key the last one counts. ``deciding``: the check that carries a column's verdict.
    """
    return [News(*row) for row in con.execute(_SQL, {"seq": seq, "deciding": deciding}).fetchall()]


def last_reading(con: DuckDBPyConnection) -> int:
    """Return the number of the reading that was written last, 0 before the first."""
    found = con.execute("SELECT max(seq) FROM reading").fetchone()
    return int(found[0]) if found and found[0] is not None else 0
