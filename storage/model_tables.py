"""The two tables of each model, and the relation that joins them."""

from __future__ import annotations

from typing import Any

from duckdb import DuckDBPyConnection

from reference_data.declaration import ModelSpec
from reference_data.windows import Window
from storage.archives import whole_log
from storage.buckets import moment_sql
from storage.column_changes import SQL_TYPES, change_columns, plan_columns, remember_columns
from storage.database import Database
from storage.intake import prediction_type
from storage.lists import list_expressions
from storage.names import physical_names, quote
from storage.rows import first_row, single


def log_table(model: str) -> str:
    """Return the quoted name of a model's log."""
    return quote(f"log_{model}")


def label_table(model: str) -> str:
    """Return the quoted name of a model's labels."""
    return quote(f"label_{model}")


def tables_exist(con: DuckDBPyConnection, model: str) -> bool:
    """Whether the model's tables have been made: what remembers their columns is written with them, and asked ten times as fast."""
    return bool(single(con, "SELECT count(*) FROM model_column WHERE model = ?", [model]))


def prepare_model(db: Database, spec: ModelSpec) -> None:
    """Make the model's tables, and bring their columns to the declaration; does nothing when that was done before."""
    made = (prediction_type(spec), *((column.name, column.type) for column in spec.columns))
    if db.memory.get(("tables", spec.name)) != made:
        db.write(lambda con: ensure_model_tables(con, spec), about=spec.name, came=True)
        db.memory["tables", spec.name] = made


def refuse_conflicts(db: Database, spec: ModelSpec) -> None:
    """Raise the :class:`SchemaConflictError` that :func:`prepare_model` would raise, and change nothing."""
    with db.cursor() as con:
        plan_columns(con, spec)


def ensure_model_tables(con: DuckDBPyConnection, spec: ModelSpec) -> None:
    """Create ``log_<model>`` and ``label_<model>`` if need be, and bring the columns of the log to the declaration.

    New inputs get columns, those no longer declared keep theirs, and widened ones (:mod:`storage.column_changes`) are rewritten
    in their new type. Raises :class:`SchemaConflictError` for any other change of type.
    """
    value = SQL_TYPES[prediction_type(spec)]
    log, plan = log_table(spec.name), plan_columns(con, spec)
    new = first_row(con, "SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [f"log_{spec.name}"]) is None
    # thousands of columns are made at once: added one by one, each would cost a copy of those before it
    inputs = "".join(f", {quote(column)} {SQL_TYPES[kind]}" for column, kind in plan.added.values()) if new else ""
    con.execute(
        f"CREATE TABLE IF NOT EXISTS {log} (_id VARCHAR NOT NULL, _event_time TIMESTAMP NOT NULL, "
        "_arrival_time TIMESTAMP NOT NULL, _model_version VARCHAR NOT NULL, _role VARCHAR NOT NULL, _latency_ms DOUBLE, "
        f"_prediction {value}, _score DOUBLE, _scores MAP(VARCHAR, DOUBLE), _subject VARCHAR{inputs})"
    )
    con.execute(f"ALTER TABLE {log} ADD COLUMN IF NOT EXISTS _subject VARCHAR")  # files from before subjects
    con.execute(
        f"CREATE TABLE IF NOT EXISTS {label_table(spec.name)} (_id VARCHAR NOT NULL, _label {value} NOT NULL, "
        "_label_time TIMESTAMP NOT NULL, _arrival_time TIMESTAMP NOT NULL, _seq BIGINT NOT NULL)"
    )
    if new:
        remember_columns(con, spec, plan)
    else:
        change_columns(con, log, spec, plan)


def joined_relation(
    spec: ModelSpec, within: Window | None = None, con: DuckDBPyConnection | None = None
) -> tuple[str, dict[str, str]]:
    """Return a model's log with the latest label of each prediction, as the SQL of a sub-select, and its expressions.

    Only rows of ``within`` if it is given, and then only their labels are looked at, however many there are by now. Beside the log's columns it has ``_label``, ``_label_time`` and ``_label_arrival_time``, NULL without a label. The expressions name the
    inputs as declared, ``prediction``, ``score``, for several classes ``scores``, and ``label``.
    With the connection that will read it, archived rows are among them.
    """
    rows, theirs = log_table(spec.name) if con is None else whole_log(con, spec.name, within), ""
    if within is not None:
        bounds = f"_event_time >= {moment_sql(within.start)} AND _event_time < {moment_sql(within.end)}"
        rows = f"(SELECT * FROM {rows} WHERE {bounds})"
        theirs = f" WHERE _id IN (SELECT _id FROM {rows})"
    sql = (
        f"SELECT l.*, y._label, y._label_time, y._label_arrival_time FROM {rows} AS l LEFT JOIN ("
        "SELECT _id, arg_max(_label, _seq) AS _label, arg_max(_label_time, _seq) AS _label_time, "
        f"arg_max(_arrival_time, _seq) AS _label_arrival_time FROM {label_table(spec.name)}{theirs} GROUP BY _id) AS y "
        "ON l._id = y._id"
    )
    return sql, expressions(spec) | {"label": "_label"}


def log_relation(
    spec: ModelSpec, within: Window | None = None, con: DuckDBPyConnection | None = None
) -> tuple[str, dict[str, str]]:
    """Return a model's log alone: what inputs are profiled from.

    With the connection that will read it, the archived rows that may lie ``within`` are among them.
    """
    rows = log_table(spec.name) if con is None else whole_log(con, spec.name, within)
    return f"SELECT * FROM {rows}", expressions(spec)


def table_relation(spec: ModelSpec, table: str, columns: list[str]) -> tuple[str, dict[str, str]]:
    """Return a registered table of :func:`storage.intake.canonical_log`'s columns as a relation of the same kind."""
    label = {"label": "_label"} if "_label" in columns else {}
    return f"SELECT * FROM {quote(table)}", expressions(spec) | label


def expressions(spec: ModelSpec) -> dict[str, str]:
    """Return the SQL of each input, prediction and score over a model's physical columns."""
    physical = physical_names(column.name for column in spec.columns)
    found: dict[str, Any] = {name: quote(column) for name, column in physical.items()}
    found |= {"prediction": "_prediction", "score": "_score"}
    found |= list_expressions(spec, found.get(spec.query or ""))
    return found | ({"scores": "_scores"} if spec.task == "multiclass" else {})
