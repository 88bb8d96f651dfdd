"""How the columns of a log follow the declaration: what is added, renamed, widened, and what cannot be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from reference_data.declaration import ModelSpec
from storage.errors import SchemaConflictError
from storage.intake import prediction_type
from storage.names import physical_names, quote, stand_in
from storage.rows import single

SQL_TYPES = {
    "numeric": "DOUBLE",
    "categorical": "VARCHAR",
    "boolean": "BOOLEAN",
    "datetime": "TIMESTAMP",
    "text": "VARCHAR",
    "embedding": "DOUBLE[]",
}


def _as_it_is(column: str) -> str:
    return f"{column}::VARCHAR"


def _number_text(column: str) -> str:
    """Write numbers as :func:`storage.casting.as_text` does: whole ones without a point, not-a-number as missing."""
    whole = f"{column} = trunc({column}) AND abs({column}) < 1e18"
    return f"CASE WHEN isnan({column}) THEN NULL WHEN {whole} THEN {column}::BIGINT::VARCHAR ELSE {column}::VARCHAR END"


#: (stored, declared) -> the SQL of a stored value in the declared type. A number or a truth value as text is still read by the
#: references that were frozen when it was one.
WIDENINGS: Mapping[tuple[str, str], Callable[[str], str]] = {
    ("numeric", "categorical"): _number_text,
    ("numeric", "text"): _number_text,
    ("boolean", "categorical"): _as_it_is,
    ("boolean", "text"): _as_it_is,
    ("categorical", "text"): _as_it_is,
    ("text", "categorical"): _as_it_is,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done to a log. Columns are logical name -> physical one."""

    renamed: Mapping[str, tuple[str, str]]  # from, to
    widened: Mapping[str, tuple[str, str, str]]  # column, stored type, declared type
    added: Mapping[str, tuple[str, str]]  # column, type
    prediction: str | None  # its type, when it was not known yet


def plan_columns(con: DuckDBPyConnection, spec: ModelSpec) -> Plan:
    """Compare the declaration with what is stored; raises :class:`SchemaConflictError` for what cannot be done."""
    rows = con.execute("SELECT name, physical, type FROM model_column WHERE model = ?", [spec.name]).fetchall()
    stored = {name: (column, kind) for name, column, kind in rows}
    prediction = prediction_type(spec)
    _, held = stored.pop("prediction", (None, None))
    if held is not None and SQL_TYPES[held] != SQL_TYPES[prediction]:
        raise _conflict(spec.name, "prediction", held, prediction)
    wanted: dict[str, str] = {column.name: column.type for column in spec.columns}
    physical = physical_names(wanted)
    claimed = {column.casefold() for column in physical.values()}
    renamed: dict[str, tuple[str, str]] = {}
    widened: dict[str, tuple[str, str, str]] = {}
    for name, (column, kind) in stored.items():
        if name not in wanted:  # its rows stay, out of the way of a column that is declared
            target = stand_in(name) if column.casefold() in claimed else column
        else:
            target = physical[name]
            if kind != wanted[name]:
                if (kind, wanted[name]) not in WIDENINGS:
                    raise _conflict(spec.name, name, kind, wanted[name])
                widened[name] = (target, kind, wanted[name])
        if target != column:
            renamed[name] = (column, target)
    moved = [*renamed, *(name for name, (_, old, new) in widened.items() if SQL_TYPES[old] != SQL_TYPES[new])]
    if moved:
        _refuse_archived(con, spec.name, moved[0])
    added = {name: (physical[name], kind) for name, kind in wanted.items() if name not in stored}
    return Plan(renamed, widened, added, prediction if held is None else None)


def change_columns(con: DuckDBPyConnection, log: str, spec: ModelSpec, plan: Plan) -> None:
    """Do what a plan says to the log, whose quoted name is ``log``, and remember it."""
    by_name = "WHERE model = ? AND name = ?"
    for number, (before, _) in enumerate(plan.renamed.values()):  # out of each other's way first: two may change places
        con.execute(f"ALTER TABLE {log} RENAME COLUMN {quote(before)} TO _moving{number}")
    for number, (name, (_, after)) in enumerate(plan.renamed.items()):
        con.execute(f"ALTER TABLE {log} RENAME COLUMN _moving{number} TO {quote(after)}")
        con.execute(f"UPDATE model_column SET physical = ? {by_name}", [after, spec.name, name])
    for name, (column, old, new) in plan.widened.items():
        if SQL_TYPES[old] != SQL_TYPES[new]:
            value = WIDENINGS[old, new](quote(column))
            con.execute(f"ALTER TABLE {log} ALTER COLUMN {quote(column)} SET DATA TYPE {SQL_TYPES[new]} USING {value}")
        con.execute(f"UPDATE model_column SET type = ? {by_name}", [new, spec.name, name])
    for column, kind in plan.added.values():
        con.execute(f"ALTER TABLE {log} ADD COLUMN {quote(column)} {SQL_TYPES[kind]}")
    remember_columns(con, spec, plan)


def remember_columns(con: DuckDBPyConnection, spec: ModelSpec, plan: Plan) -> None:
    """Remember which columns a plan has added."""
    added = dict(plan.added)
    if plan.prediction is not None:
        added["prediction"] = ("_prediction", plan.prediction)
    if added:
        columns, kinds = zip(*added.values(), strict=True)
        con.execute(
            "INSERT INTO model_column SELECT ?, unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[])",
            [spec.name, list(added), list(columns), list(kinds)],
        )


def _conflict(model: str, name: str, stored: str, wanted: str) -> SchemaConflictError:
    wider = sorted(new for old, new in WIDENINGS if old == stored)
    else_ = f"declare it {' or '.join([stored, *wider])}, or " if name != "prediction" else ""
    return SchemaConflictError(
        f"column {name!r} of model {model} holds {stored} values and is now declared {wanted}, which would lose some of them: "
        f"{else_}{'declare a new model' if name == 'prediction' else 'give the column a new name'}"
    )


def _refuse_archived(con: DuckDBPyConnection, model: str, name: str) -> None:
    sql = "SELECT count(*) FROM archived WHERE model = ? AND action = 'archive' AND rows > 0"
    if single(con, sql, [model]):
        raise SchemaConflictError(
            f"column {name!r} of model {model} cannot change: rows of it lie in archives, as it was declared before; give the "
            "column a new name"
        )
