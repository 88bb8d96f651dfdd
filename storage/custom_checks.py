"""Checks of a team's own: one SQL aggregate over a window's rows, held to what it may do, and computed for many windows at once."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from reference_data.declaration import ModelSpec
from reference_data.windows import Window
from storage.buckets import bucket_sql, bucket_start
from storage.column_changes import SQL_TYPES
from storage.intake import prediction_type
from storage.memory import in_memory
from storage.model_tables import joined_relation, log_relation, tables_exist
from storage.names import EVENT_TIME, quote

SECONDS = 60.0  # that all checks of a model may take in a run, and again each by itself if one of them fails
LONGEST = 4000  # characters of an expression
_WINDOW, _VERSION, _ROLE = "_window", "_model_version", "_role"

#: What an expression may call: functions of their arguments alone, whose answer is the same each time.
_ALLOWED = (
    "! !~~ !~~* % & * ** + - / // < <= <> = > >= != ^ || ~ ~~ ~~* abs acos asin atan atan2 cbrt ceil ceiling concat contains cos "
    "count count_if count_star countif covar_pop covar_samp corr avg mean sum fsum kahan_sum sumkahan min max arg_max arg_min max_by "
    "min_by median mad quantile quantile_cont quantile_disc stddev stddev_pop stddev_samp var_pop var_samp variance sem skewness "
    "kurtosis entropy product bool_and bool_or regr_slope regr_intercept regr_r2 approx_count_distinct geomean geometric_mean wavg "
    "weighted_avg date_diff datediff date_part datepart date_sub date_trunc datetrunc day dayofweek dayofyear degrees "
    "ends_with epoch epoch_ms even exp floor fdiv fmod gamma greatest hour if isfinite isinf isnan isodow lcase least left len "
    "length lgamma ln log log10 log2 lower ltrim minute mod month nullif pi pow power prefix quarter radians regexp_extract "
    "regexp_matches regexp_full_match replace right round round_even rtrim second sign sin sqrt starts_with strftime strlen strpos "
    "substr substring suffix tan trim trunc ucase upper week weekday year to_days to_hours to_minutes to_seconds to_weeks"
)
FUNCTIONS = frozenset(_ALLOWED.split())
_FORMS = frozenset(
    {"FUNCTION", "OPERATOR", "COMPARISON", "CONJUNCTION", "CASE", "CAST", "BETWEEN", "COLUMN_REF", "CONSTANT", "TYPE"}
)
_REFUSED = {
    "SUBQUERY": "a SELECT inside of it",
    "WINDOW": "a window function (OVER)",
    "STAR": "* beside count(*)",
    "PARAMETER": "a parameter",
    "LAMBDA": "a lambda",
}


class CustomCheckError(Exception):
    """An expression that cannot be a check; the message says why and what can be."""


class CustomValue(NamedTuple):
    """What one check gave in one window: ``error`` in words instead of a value that could not be had; NaN: it gave NULL."""

    value: float
    rows: int
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """What expressions are computed on: a sub-select with the columns of :func:`columns`, and the SQL of a row's event time."""

    relation: str
    time: str


def columns(spec: ModelSpec) -> dict[str, str]:
    """Return the columns an expression may use, by name, with their SQL types.

    The declared inputs; prediction, score and label under these names; and ``latency_ms``. Two that differ in capitals only cannot be
    told apart in SQL: the first keeps the name.
    """
    value = SQL_TYPES[prediction_type(spec)]
    found = {column.name: SQL_TYPES[column.type] for column in spec.columns}
    found |= {"prediction": value, "label": value, "score": "DOUBLE", "latency_ms": "DOUBLE"} | found
    first: dict[str, str] = {}
    for name in found:
        if name and "\0" not in name:
            first.setdefault(name.casefold(), name)
    return {name: found[name] for name in first.values()}


def check_expression(spec: ModelSpec, sql: str, *, bind: bool = True) -> None:
    """Raise :class:`CustomCheckError` unless ``sql`` is one aggregate over the model's columns that gives a number.

    It is read as a syntax tree, in which only columns, constants, operators and :data:`FUNCTIONS` may stand, then bound to an empty
    table in a database of its own. Without ``bind`` columns are not looked at: they are not known yet.
    """
    if not bind:
        _tree(sql)
        return
    known = {name.casefold() for name in columns(spec)}
    lost = sorted(name for name in _tree(sql) if name.casefold() not in known)
    if lost:
        raise CustomCheckError(f"there is no column {lost[0]!r}; columns are {', '.join(columns(spec))}")
    fields = ", ".join(f"NULL::{kind} AS {quote(name)}" for name, kind in columns(spec).items())
    query = f"SELECT (\n{sql}\n)::DOUBLE FROM (SELECT 0 AS {_WINDOW}, {fields} LIMIT 0) AS rows GROUP BY {_WINDOW}"
    with in_memory({}) as connection:
        try:
            connection.execute(query).fetchall()
        except duckdb.Error as error:
            raise CustomCheckError(_said(error)) from None


def _said(error: duckdb.Error) -> str:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    if "must appear in the GROUP BY" in str(error):
        return f"not every column is inside an aggregate ({first}); write for example avg(x), sum(x) / count(*)"
    return first


@lru_cache(maxsize=256)
def _tree(sql: str) -> frozenset[str]:
    """Return the columns an expression names; raises :class:`CustomCheckError` for what it must not hold."""
    if not sql.strip():
        raise CustomCheckError("it is empty; write one aggregate, such as sum(x) / count(*)")
    if len(sql) > LONGEST:
        raise CustomCheckError(f"it has {len(sql):,} characters; {LONGEST:,} are allowed")
    with in_memory({}) as connection:
        ((text,),) = connection.execute(
            "SELECT json_serialize_sql($1::VARCHAR)", [f"SELECT (\n{sql}\n) FROM rows"]
        ).fetchall()
    tree = json.loads(text)
    if tree.get("error"):
        raise CustomCheckError(
            f"it is not an SQL expression: {tree.get('error_message', '')}; write for example avg(x)"
        )
    statements = tree["statements"]
    node = statements[0]["node"]
    if len(statements) != 1 or node.get("type") != "SELECT_NODE" or len(node["select_list"]) != 1:
        raise CustomCheckError("it is more than one expression; write one aggregate, such as sum(x) / count(*)")
    return frozenset(_columns_of(node["select_list"]))


def _columns_of(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for each in part:
            yield from _columns_of(each)
    elif isinstance(part, dict):
        form = part.get("class")
        if form is not None and form not in _FORMS:
            raise CustomCheckError(
                f"it holds {_REFUSED.get(form, form)}, which a check may not; only columns, constants, operators and functions"
            )
        if form == "FUNCTION" and part["function_name"].lower() not in FUNCTIONS:
            raise CustomCheckError(
                f"function {part['function_name']!r} is not allowed here: a check calls functions of its rows alone, such as "
                "sum, avg, count, median, quantile_cont, stddev, round, nullif, greatest, date_part, lower"
            )
        if form == "FUNCTION" and (part.get("schema") or part.get("catalog")):
            raise CustomCheckError("functions are called by their plain names")
        if form == "COLUMN_REF":
            *table, name = part["column_names"]
            yield name if table in ([], ["rows"]) else ".".join(part["column_names"])
        for value in part.values():
            yield from _columns_of(value)


def reads_labels(spec: ModelSpec, sql: str) -> bool:
    """Whether an expression needs the rows' labels."""
    return "label" in {name.casefold() for name in _tree(sql)} and "label" not in spec.features | spec.context


def logged_rows(
    con: duckdb.DuckDBPyConnection, spec: ModelSpec, version: str | None, within: Window, *, labels: bool
) -> Rows:
    """Return what was served ``within``, by one version or by all, as the rows of expressions."""
    relation, expressions = (joined_relation if labels else log_relation)(spec, within, con)
    known = {"latency_ms": "_latency_ms", "label": "NULL"} | dict(expressions)
    fields = ", ".join(f"{known[name]}::{kind} AS {quote(name)}" for name, kind in columns(spec).items())
    of = "" if version is None else f" AND {_VERSION} = '{version.replace(chr(39), chr(39) * 2)}'"
    return Rows(f"SELECT {EVENT_TIME}, {fields} FROM ({relation}) AS l WHERE {_ROLE} = 'serving'{of}", EVENT_TIME)


def custom_values(
    con: duckdb.DuckDBPyConnection, rows: Rows, checks: Mapping[str, str], windows: Sequence[Window]
) -> dict[str, list[CustomValue]]:
    """Return each check's value in each window, from one grouped query over the rows of all of them.

    If that fails, each check is computed by itself: one whose expression cannot be computed carries its error in every window, and leaves
    the others alone. ``windows``: ascending and apart.
    """
    try:
        return _computed(con, rows, checks, windows)
    except duckdb.Error as error:
        if len(checks) == 1:
            words = f"took longer than {SECONDS:g} s" if isinstance(error, duckdb.InterruptException) else _first(error)
            return {name: [CustomValue(math.nan, 0, words) for _ in windows] for name in checks}
    found: dict[str, list[CustomValue]] = {}
    for name, sql in checks.items():
        found |= custom_values(con, rows, {name: sql}, windows)
    return found


def _computed(
    con: duckdb.DuckDBPyConnection, rows: Rows, checks: Mapping[str, str], windows: Sequence[Window]
) -> dict[str, list[CustomValue]]:
    for sql in checks.values():
        _tree(sql)  # whatever the declaration holds, nothing else reaches the engine
    bucket, inside = bucket_sql(windows, rows.time)
    fields = ", ".join(f"(\n{sql}\n)::DOUBLE AS c{place}" for place, sql in enumerate(checks.values()))
    query = (
        f"SELECT {_WINDOW}, count(*) AS n, {fields} FROM (SELECT * EXCLUDE ({rows.time}), {bucket} AS {_WINDOW} "
        f"FROM ({rows.relation}) AS r WHERE {inside}) AS rows GROUP BY {_WINDOW}"
    )
    with _limited(con):
        found = {bucket_start(row[0]): row[1:] for row in con.execute(query).fetchall()}
    values: dict[str, list[CustomValue]] = {}
    for place, name in enumerate(checks):
        values[name] = [
            CustomValue(math.nan, 0) if (row := found.get(window.start)) is None else _value(row[place + 1], row[0])
            for window in windows
        ]
    return values


def _value(value: float | None, rows: int) -> CustomValue:
    return CustomValue(math.nan if value is None else float(value), int(rows))


def _first(error: Exception) -> str:
    """Say what went wrong without any value of a row: readings outlive rows, and go to channels."""
    return f"could not be computed: {type(error).__name__}"


@contextmanager
def _limited(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    watch = threading.Timer(SECONDS, con.interrupt)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def logged_values(
    con: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    version: str | None,
    checks: Mapping[str, str],
    windows: Sequence[Window],
) -> dict[str, list[CustomValue]]:
    """Return the checks of what was served in windows of the log; archived rows count too."""
    if not windows or not checks or not tables_exist(con, spec.name):
        return {name: [CustomValue(math.nan, 0) for _ in windows] for name in checks}
    labels = any(reads_labels(spec, sql) for sql in checks.values())
    within = Window(windows[0].start, windows[-1].end)
    return custom_values(con, logged_rows(con, spec, version, within, labels=labels), checks, windows)


def sampled_values(
    table: pa.Table, spec: ModelSpec, checks: Mapping[str, str], windows: Sequence[Window]
) -> dict[str, list[CustomValue]]:
    """Return the checks of rows that were kept, with their event times and logical column names, in windows (ascending and apart)."""
    held = {name: f"c{place}" for place, name in enumerate(table.column_names)}
    fields = ", ".join(
        f"{f'TRY_CAST({held[name]} AS {kind})' if name in held else f'NULL::{kind}'} AS {quote(name)}"
        for name, kind in columns(spec).items()
    )
    relation = f"SELECT {held[EVENT_TIME]}::TIMESTAMP AS {EVENT_TIME}, {fields} FROM kept"
    with in_memory({"kept": table.rename_columns(list(held.values()))}) as connection:
        return custom_values(connection, Rows(relation, EVENT_TIME), checks, windows)
