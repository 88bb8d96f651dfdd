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
from storage.archives import whole_log
from storage.buckets import bucket_sql, bucket_start, moment_sql
from storage.column_changes import SQL_TYPES
from storage.intake import prediction_type
from storage.memory import in_memory
from storage.model_tables import joined_relation, log_relation, tables_exist
from storage.names import EVENT_TIME, quote

SECONDS = (
    60.0  # that all checks of a model may take for one piece of a run, and again each by itself if one of them fails
)
AT_ONCE = 100  # windows of one piece
LONGEST = 4000  # characters of an expression
LONGEST_TEXT = 200  # characters of a text in it
DEEPEST = 100  # levels of an expression
_BIND_SECONDS = 5.0  # that an expression may take on no rows
_BIND_LIMITS = {"memory_limit": "256MB", "threads": "1"}
_SAMPLE_LIMITS = {"memory_limit": "1GB", "threads": "2"}
_WINDOW, _VERSION, _ROLE, _LABELLED = "_window", "_model_version", "_role", "_has_label"

#: What an expression may call: functions of their arguments alone, whose answer is the same each time, and no longer than they are.
_PLAIN = (
    "! % & * ** + - / // < <= <> = > >= != ^ ~ abs acos asin atan atan2 cbrt ceil ceiling cos date_diff datediff date_part datepart "
    "date_sub date_trunc datetrunc day dayofweek dayofyear degrees epoch epoch_ms even exp floor fdiv fmod gamma greatest hour if "
    "isfinite isinf isnan isodow least lgamma ln log log10 log2 minute mod month nullif pi pow power quarter radians round "
    "round_even second sign sin sqrt tan trunc week weekday year to_days to_hours to_minutes to_seconds to_weeks"
)
#: Those of texts: of constants alone the engine would compute them before any limit of time can stop it.
_OF_TEXT = (
    "!~~ !~~* || ~~ ~~* concat contains ends_with lcase left len length lower ltrim prefix regexp_extract regexp_matches "
    "regexp_full_match right rtrim starts_with strftime strlen strpos substr substring suffix trim ucase upper"
)
_AGGREGATES = (
    "count count_if count_star countif covar_pop covar_samp corr avg mean sum fsum kahan_sum sumkahan min max arg_max arg_min max_by "
    "min_by median mad quantile quantile_cont quantile_disc stddev stddev_pop stddev_samp var_pop var_samp variance sem skewness "
    "kurtosis entropy product bool_and bool_or regr_slope regr_intercept regr_r2 approx_count_distinct geomean geometric_mean wavg "
    "weighted_avg"
)
OF_TEXT, AGGREGATES = frozenset(_OF_TEXT.split()), frozenset(_AGGREGATES.split())
FUNCTIONS = frozenset(_PLAIN.split()) | OF_TEXT | AGGREGATES
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "BOOLEAN")
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
_TOO_DEEP = f"it is nested more than {DEEPEST} levels deep; make it flatter"


class CustomCheckError(Exception):
    """An expression that cannot be a check; the message says why and what can be."""


class CustomValue(NamedTuple):
    """What one check gave in one window: ``error`` in words instead of a value that could not be had; NaN: it gave NULL.

    ``rows``: those the value rests on; of a check that reads labels the labelled ones, of ``every`` row of the window.
    """

    value: float
    rows: int
    error: str | None = None
    every: int | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """What expressions are computed on: a sub-select with the columns of :func:`columns`, and the SQL of a row's event time.

    ``of_labels``: the names of the checks that read labels; then the sub-select also says of each row whether it has one.
    """

    relation: str
    time: str
    of_labels: frozenset[str] = frozenset()


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
    tree = _tree(sql)
    if not bind:
        return
    known = {name.casefold() for name in columns(spec)}
    lost = sorted(name for name in tree.columns if name.casefold() not in known)
    if lost:
        raise CustomCheckError(f"there is no column {lost[0]!r}; columns are {', '.join(columns(spec))}")
    fields = ", ".join(f"NULL::{kind} AS {quote(name)}" for name, kind in columns(spec).items())
    empty = f"FROM (SELECT 0 AS {_WINDOW}, {fields} LIMIT 0) AS rows GROUP BY {_WINDOW}"
    with in_memory({}, _BIND_LIMITS) as connection, limited(connection, _BIND_SECONDS):
        try:
            kind = str(connection.execute(f"DESCRIBE SELECT (\n{sql}\n) AS v {empty}").fetchall()[0][1])
            connection.execute(f"SELECT (\n{sql}\n)::DOUBLE {empty}").fetchall()
        except duckdb.InterruptException:
            raise CustomCheckError(f"it takes longer than {_BIND_SECONDS:g} s on no rows at all") from None
        except duckdb.Error as error:
            raise CustomCheckError(_said(error)) from None
    if not kind.removeprefix("U").startswith(_NUMBERS):
        raise CustomCheckError(f"it gives {kind}, not a number; write for example count(DISTINCT x) or avg(x)")
    if not tree.aggregate:
        raise CustomCheckError("it is the same in every window; write one aggregate of its rows, such as avg(x)")


def _said(error: duckdb.Error) -> str:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    if "must appear in the GROUP BY" in str(error):
        return f"not every column is inside an aggregate ({first}); write for example avg(x), sum(x) / count(*)"
    return first


class _Tree(NamedTuple):
    columns: frozenset[str]
    aggregate: bool  # whether it calls one


@lru_cache(maxsize=256)
def _tree(sql: str) -> _Tree:
    """Return what an expression names; raises :class:`CustomCheckError` for what it must not hold."""
    if not sql.strip():
        raise CustomCheckError("it is empty; write one aggregate, such as sum(x) / count(*)")
    if len(sql) > LONGEST:
        raise CustomCheckError(f"it has {len(sql):,} characters; {LONGEST:,} are allowed")
    with in_memory({}, _BIND_LIMITS) as connection:
        ((text,),) = connection.execute(
            "SELECT json_serialize_sql($1::VARCHAR)", [f"SELECT (\n{sql}\n) FROM rows"]
        ).fetchall()
    try:
        tree = json.loads(text)
    except RecursionError:
        raise CustomCheckError(_TOO_DEEP) from None
    if tree.get("error"):
        raise CustomCheckError(
            f"it is not an SQL expression: {tree.get('error_message', '')}; write for example avg(x)"
        )
    statements = tree["statements"]
    node = statements[0]["node"]
    if len(statements) != 1 or node.get("type") != "SELECT_NODE" or len(node["select_list"]) != 1:
        raise CustomCheckError("it is more than one expression; write one aggregate, such as sum(x) / count(*)")
    called: set[str] = set()
    return _Tree(frozenset(_columns_of(node["select_list"], called)), not called.isdisjoint(AGGREGATES))


def _columns_of(part: Any, called: set[str], depth: int = 0) -> list[str]:
    """Return the columns of a part of the tree; what it calls is added to ``called``."""
    found: list[str] = []
    if isinstance(part, list):
        for each in part:
            found += _columns_of(each, called, depth)
    elif isinstance(part, dict):
        form = part.get("class")
        depth += form is not None
        if depth > DEEPEST:
            raise CustomCheckError(_TOO_DEEP)
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
            found.append(name if table in ([], ["rows"]) else ".".join(part["column_names"]))
        if form == "CONSTANT" and _longest(part) > LONGEST_TEXT:
            raise CustomCheckError(f"it holds a text of more than {LONGEST_TEXT} characters")
        for value in part.values():
            found += _columns_of(value, called, depth)
        if form == "FUNCTION":
            name = part["function_name"].lower()
            called.add(name)
            if name in OF_TEXT and not found:
                raise CustomCheckError(f"function {name!r} is called on constants alone; write what it gives")
    return found


def _longest(part: Any) -> int:
    """Return the characters of the longest text in a part of the tree."""
    if isinstance(part, dict | list):
        return max(map(_longest, part.values() if isinstance(part, dict) else part), default=0)
    return len(part) if isinstance(part, str) else 0


def reads_labels(spec: ModelSpec, sql: str) -> bool:
    """Whether an expression needs the rows' labels."""
    try:
        named = {name.casefold() for name in _tree(sql).columns}
    except CustomCheckError:
        return False
    return "label" in named and "label" not in spec.features | spec.context


def logged_rows(
    con: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    version: str | None,
    within: Window,
    of_labels: frozenset[str],
) -> Rows:
    """Return what was served ``within``, by one version or by all, as the rows of expressions; ``of_labels``: checks that read labels."""
    relation, expressions = (joined_relation if of_labels else log_relation)(spec, within, con)
    known = {"latency_ms": "_latency_ms", "label": "NULL"} | dict(expressions)
    fields = ", ".join(f"{known[name]}::{kind} AS {quote(name)}" for name, kind in columns(spec).items())
    of = "" if version is None else f" AND {_VERSION} = '{version.replace(chr(39), chr(39) * 2)}'"
    has = f", {known['label']} IS NOT NULL AS {_LABELLED}" if of_labels else ""
    sql = f"SELECT {EVENT_TIME}, {fields}{has} FROM ({relation}) AS l WHERE {_ROLE} = 'serving'{of}"
    return Rows(sql, EVENT_TIME, of_labels)


def custom_values(
    con: duckdb.DuckDBPyConnection, rows: Rows, checks: Mapping[str, str], windows: Sequence[Window]
) -> dict[str, list[CustomValue]]:
    """Return each check's value in each window, from one grouped query over the rows of all of them.

    If that fails, each check is computed by itself: one whose expression cannot be computed carries its error in every window, and leaves
    the others alone. ``windows``: ascending and apart.
    """
    try:
        return _computed(con, rows, checks, windows)
    except (duckdb.Error, CustomCheckError) as error:  # what was allowed once may not be any more
        if len(checks) == 1:
            words = _too_long() if isinstance(error, duckdb.InterruptException) else _first(error)
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
    labelled = f"count_if({_LABELLED})" if rows.of_labels else "0"
    query = (
        f"SELECT {_WINDOW}, count(*) AS n, {labelled} AS l, {fields} FROM (SELECT * EXCLUDE ({rows.time}), {bucket} AS {_WINDOW} "
        f"FROM ({rows.relation}) AS r WHERE {inside}) AS rows GROUP BY {_WINDOW}"
    )
    with limited(con, SECONDS):
        found = {bucket_start(row[0]): row[1:] for row in con.execute(query).fetchall()}
    values: dict[str, list[CustomValue]] = {}
    for place, name in enumerate(checks):
        labels = name in rows.of_labels
        each = (found.get(window.start) for window in windows)
        values[name] = [
            CustomValue(math.nan, 0) if row is None else _value(row[place + 2], row[0], row[1] if labels else None)
            for row in each
        ]
    return values


def _value(value: float | None, rows: int, labelled: int | None) -> CustomValue:
    number = math.nan if value is None else float(value)
    return CustomValue(number, rows) if labelled is None else CustomValue(number, labelled, every=rows)


def _too_long() -> str:
    return f"took longer than {SECONDS:g} s"


def _first(error: Exception) -> str:
    """Say what went wrong without any value of a row: readings outlive rows, and go to channels."""
    return f"could not be computed: {type(error).__name__}"


@contextmanager
def limited(con: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Interrupt the connection when the block takes longer."""
    watch = threading.Timer(seconds, con.interrupt)
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
    """Return the checks of what was served in windows of the log (ascending and apart); archived rows count too.

    Windows are computed :data:`AT_ONCE`, each time within :data:`SECONDS`; a check that takes longer is not tried on those that follow.
    """
    if not windows or not checks or not tables_exist(con, spec.name):
        return {name: [CustomValue(math.nan, 0) for _ in windows] for name in checks}
    found: dict[str, list[CustomValue]] = {name: [] for name in checks}
    for first in range(0, len(windows), AT_ONCE):
        piece = windows[first : first + AT_ONCE]
        slow = {name for name, values in found.items() if values and values[-1].error == _too_long()}
        wanted = {name: sql for name, sql in checks.items() if name not in slow}
        values = {name: [CustomValue(math.nan, 0, _too_long()) for _ in piece] for name in slow}
        if wanted:
            within = Window(piece[0].start, piece[-1].end)
            rows = logged_rows(con, spec, version, within, _of_labels(spec, wanted))
            values |= custom_values(con, rows, wanted, piece)
        for name, more in values.items():
            found[name] += more
    return found


def latencies_logged(con: duckdb.DuckDBPyConnection, model: str, within: Window) -> bool:
    """Whether any row of a model's log in this time carries a latency; where none does, the engine knows without reading rows."""
    sql = (
        f"SELECT 1 FROM {whole_log(con, model, within)} AS l WHERE _latency_ms IS NOT NULL "
        f"AND {EVENT_TIME} >= {moment_sql(within.start)} AND {EVENT_TIME} < {moment_sql(within.end)} LIMIT 1"
    )
    return bool(con.execute(sql).fetchall())


def _of_labels(spec: ModelSpec, checks: Mapping[str, str]) -> frozenset[str]:
    return frozenset(name for name, sql in checks.items() if reads_labels(spec, sql))


def sampled_values(
    table: pa.Table, spec: ModelSpec, checks: Mapping[str, str], windows: Sequence[Window]
) -> dict[str, list[CustomValue]]:
    """Return the checks of rows that were kept, with their event times and logical column names, in windows (ascending and apart)."""
    held = {name: f"c{place}" for place, name in enumerate(table.column_names)}
    fields = ", ".join(
        f"{f'TRY_CAST({held[name]} AS {kind})' if name in held else f'NULL::{kind}'} AS {quote(name)}"
        for name, kind in columns(spec).items()
    )
    of_labels = _of_labels(spec, checks)
    has = f", {held.get('label', 'NULL')} IS NOT NULL AS {_LABELLED}" if of_labels else ""
    relation = f"SELECT {held[EVENT_TIME]}::TIMESTAMP AS {EVENT_TIME}, {fields}{has} FROM kept"
    with in_memory({"kept": table.rename_columns(list(held.values()))}, _SAMPLE_LIMITS) as connection:
        return custom_values(connection, Rows(relation, EVENT_TIME, of_labels), checks, windows)
