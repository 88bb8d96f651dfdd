"""The two tables of each model, and the relation that joins them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from duckdb import DuckDBPyConnection

from reference_data.declaration import ModelSpec
from reference_data.windows import Window
from storage.buckets import moment_sql
from storage.database import Database
from storage.errors import SchemaConflictError
from storage.intake import prediction_type
from storage.names import physical_names, quote
from storage.rows import single

SQL_TYPES = {
    "numeric": "DOUBLE",
    "categorical": "VARCHAR",
    "boolean": "BOOLEAN",
    "datetime": "TIMESTAMP",
    "text": "VARCHAR",
    "embedding": "DOUBLE[]",
}


def log_table(model: str) -> str:
    """Return the quoted name of a model's log."""
    return quote(f"log_{model}")


def label_table(model: str) -> str:
    """Return the quoted name of a model's labels."""
    return quote(f"label_{model}")


def tables_exist(con: DuckDBPyConnection, model: str) -> bool:
    """Whether the model's tables have been made."""
    sql = "SELECT count(*) FROM duckdb_tables() WHERE table_name IN (?, ?)"
    return bool(single(con, sql, [f"log_{model}", f"label_{model}"]) == 2)


def prepare_model(db: Database, spec: ModelSpec) -> None:
    """Make the model's tables, and columns for inputs that are new; does nothing when that was done before."""
    made = (prediction_type(spec), *((column.name, column.type) for column in spec.columns))
    if db.memory.get(("tables", spec.name)) != made:
        db.write(lambda con: ensure_model_tables(con, spec))
        db.memory["tables", spec.name] = made


def ensure_model_tables(con: DuckDBPyConnection, spec: ModelSpec) -> None:
    """Create ``log_<model>`` and ``label_<model>`` if need be, and add columns for inputs that are new.

    Columns of inputs that are no longer declared stay. Raises :class:`SchemaConflictError` when an input, or the
    prediction, is stored in another type than is declared now.
    """
    value = SQL_TYPES[prediction_type(spec)]
    con.execute(
        f"CREATE TABLE IF NOT EXISTS {log_table(spec.name)} (_id VARCHAR NOT NULL, _event_time TIMESTAMP NOT NULL, "
        "_arrival_time TIMESTAMP NOT NULL, _model_version VARCHAR NOT NULL, _role VARCHAR NOT NULL, _latency_ms DOUBLE, "
        f"_prediction {value}, _score DOUBLE, _scores MAP(VARCHAR, DOUBLE))"
    )
    con.execute(
        f"CREATE TABLE IF NOT EXISTS {label_table(spec.name)} (_id VARCHAR NOT NULL, _label {value} NOT NULL, "
        "_label_time TIMESTAMP NOT NULL, _arrival_time TIMESTAMP NOT NULL, _seq BIGINT NOT NULL)"
    )
    rows = con.execute("SELECT name, physical, type FROM model_column WHERE model = ?", [spec.name]).fetchall()
    stored = {name: (physical, kind) for name, physical, kind in rows}
    wanted = {column.name: column.type for column in spec.columns}
    physical = physical_names(wanted)
    for name, kind in {"prediction": prediction_type(spec), **wanted}.items():
        column = "_prediction" if name == "prediction" else physical[name]
        if name in stored:
            _refuse_conflict(spec.name, name, stored[name], (column, kind))
            continue
        _refuse_taken(spec.name, name, column, stored)
        if name != "prediction":
            con.execute(f"ALTER TABLE {log_table(spec.name)} ADD COLUMN {quote(column)} {SQL_TYPES[kind]}")
        con.execute("INSERT INTO model_column VALUES (?, ?, ?, ?)", [spec.name, name, column, kind])


def _refuse_conflict(model: str, name: str, stored: tuple[str, str], wanted: tuple[str, str]) -> None:
    if SQL_TYPES[stored[1]] != SQL_TYPES[wanted[1]]:
        raise SchemaConflictError(
            f"column {name!r} of model {model} holds {stored[1]} values and is now declared {wanted[1]}: give the column a new "
            "name, or declare a new model"
        )
    if stored[0] != wanted[0]:
        raise SchemaConflictError(
            f"column {name!r} of model {model} stands at another place in the declaration than before, and its name can only "
            "be told by its place: declare new columns after it, or give it a name of letters and digits"
        )


def _refuse_taken(model: str, name: str, column: str, stored: Mapping[str, tuple[str, str]]) -> None:
    for other, (physical, _) in stored.items():
        if physical.casefold() == column.casefold():
            raise SchemaConflictError(
                f"column {name!r} of model {model} would share the stored column of the earlier {other!r}: give it a name that "
                "differs by more than upper and lower case"
            )


def joined_relation(spec: ModelSpec, within: Window | None = None) -> tuple[str, dict[str, str]]:
    """Return a model's log with the latest label of each prediction, as the SQL of a sub-select, and its expressions.

    Only rows of ``within`` if it is given, and then only their labels are looked at, however many there are by now. Beside the log's columns it has ``_label``, ``_label_time`` and ``_label_arrival_time``, NULL without a label. The expressions name the
    inputs as declared, ``prediction``, ``score``, for several classes ``scores``, and ``label``.
    """
    rows, theirs = log_table(spec.name), ""
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


def log_relation(spec: ModelSpec) -> tuple[str, dict[str, str]]:
    """Return a model's log alone: what inputs are profiled from."""
    return f"SELECT * FROM {log_table(spec.name)}", expressions(spec)


def table_relation(spec: ModelSpec, table: str, columns: list[str]) -> tuple[str, dict[str, str]]:
    """Return a registered table of :func:`storage.intake.canonical_log`'s columns as a relation of the same kind."""
    label = {"label": "_label"} if "_label" in columns else {}
    return f"SELECT * FROM {quote(table)}", expressions(spec) | label


def expressions(spec: ModelSpec) -> dict[str, str]:
    """Return the SQL of each input, prediction and score over a model's physical columns."""
    physical = physical_names(column.name for column in spec.columns)
    found: dict[str, Any] = {name: quote(column) for name, column in physical.items()}
    found |= {"prediction": "_prediction", "score": "_score"}
    return found | ({"scores": "_scores"} if spec.task == "multiclass" else {})
