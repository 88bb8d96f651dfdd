"""Columns that are derived from a row, and the SQL that derives them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from reference_data.profile import RESERVED, BinnedColumn, Derivation
from reference_data.schema import ORDERED, Column, Task
from storage.lists import expression_of
from storage.names import EVENT_TIME, literal, number, quote

#: Name of each expression -> SQL text over the physical columns of a relation.
Expressions = Mapping[str, str]

_TINY = number(2.0**-52)  # probabilities are clipped as scikit-learn clips them
_MOVING: dict[bool | None, Derivation] = {None: "epoch", True: "age", False: "hour"}
#: Units of what is derived, which a column gets instead of its own.
UNITS: dict[Derivation, str] = {"age": "days", "hour": "h"}


def derivation(column: Column, *, timed: bool | None = None) -> Derivation:
    """Return how a column's value is made from a row, as its role, name and type say.

    ``timed`` is for datetimes of rows that come day after day: they move with the clock, which is no drift, so their distance to the
    row's event time counts (True), or where the reference's rows have none their time of day (False). None: as they are.
    """
    if column.role in ("outcome", "score", "prediction", "label") and RESERVED.get(column.name, "value") != "value":
        return RESERVED[column.name]  # type: ignore[return-value]
    if column.type == "datetime":
        return _MOVING[timed]
    return "length" if column.type == "text" else "value"


def measured_in(entry: BinnedColumn) -> Column:
    """Return the column with the unit of what is derived from it."""
    return replace(entry.column, unit=UNITS[entry.derive]) if entry.derive in UNITS else entry.column


def outcome_columns(task: Task, has_score: bool, unit: str | None = None) -> tuple[tuple[Column, Derivation], ...]:  # noqa: FBT001
    """Return the columns of a task's outcomes layout, and how each is derived.

    ``has_score``: whether a probability is logged (of the positive class, or of each class). ``unit``: the label's unit.
    A task without labels has none.
    """
    if task == "none":
        return ()
    if task in ("regression", "ranking"):
        columns = [Column("label", "numeric", "label", unit)]
        if task == "regression":
            columns.append(Column("error given inputs", "numeric", "outcome", unit))
            columns.append(Column("absolute error", "numeric", "outcome", unit))
            columns += [Column(name, "numeric", "outcome") for name in ("squared error", "percentage error")]
    else:
        columns = [
            Column("label", "categorical", "label"),
            Column("correct", "boolean", "outcome"),
            Column("confusion", "categorical", "outcome"),
        ]
        if has_score:
            columns.append(Column("log loss", "numeric", "outcome", "nats"))
        if has_score and task == "binary":
            columns += [Column(f"score of {side}", "numeric", "outcome") for side in ("positives", "negatives")]
        if has_score and task == "multiclass":
            names = ("score error", "label rank", "score of right answers", "score of wrong answers")
            columns += [Column(name, "numeric", "outcome") for name in names]
    return tuple((column, derivation(column)) for column in columns)


def _need(name: str, column: Column, expressions: Expressions) -> str:
    if name not in expressions:
        available = ", ".join(map(repr, expressions))
        raise KeyError(
            f"column {column.name!r} needs {name!r}, which is not in the data; it has {available or 'nothing'}"
        )
    return f"({expressions[name]})"


def compile_value(entry: BinnedColumn, expressions: Expressions, *, positive: str | None = None) -> str:
    """Return the SQL of a column's derived value: DOUBLE for an ordered column, VARCHAR for a nominal one.

    ``expressions`` has the inputs by declared name and, as far as the columns need them, ``prediction``, ``label``, ``score``
    (binary: probability of ``positive``) and ``scores`` (multiclass: MAP of class to probability).

    Raises :class:`KeyError` naming an expression that is missing, :class:`ValueError` if ``positive`` is.
    """
    column, derive = entry.column, entry.derive

    def need(name: str) -> str:
        return _need(name, column, expressions)

    def double(name: str) -> str:
        return f"TRY_CAST({need(name)} AS DOUBLE)"

    def text(name: str) -> str:
        return f"CAST({need(name)} AS VARCHAR)"

    if entry.of:
        return _of_part(entry, expressions, positive)

    def is_positive() -> str:
        if positive is None:
            raise ValueError(f"column {column.name!r} needs the model's positive class; declare `positive`")
        return f"{text('label')} = {literal(positive)}"

    match derive:
        case "value":
            return double(column.name) if entry.ordered else text(column.name)
        case "length":
            return f"CAST(length({text(column.name)}) AS DOUBLE)"
        case "epoch":
            return f"CAST(epoch({need(column.name)}) AS DOUBLE)"
        case "age":
            event = expressions.get(EVENT_TIME, quote(EVENT_TIME))
            return f"CAST((epoch({event}) - epoch({need(column.name)})) / {number(86_400)} AS DOUBLE)"
        case "hour":
            return f"CAST(epoch({need(column.name)}::TIME) / {number(3600)} AS DOUBLE)"
        case "error":
            return f"{double('prediction')} - {double('label')}"
        case "abs_error":
            return f"abs({double('prediction')} - {double('label')})"
        case "correct":
            return f"CAST({text('prediction')} = {text('label')} AS VARCHAR)"
        case "confusion":
            return f"{text('label')} || ' → ' || {text('prediction')}"
        case "score_positive":
            return f"CASE WHEN {is_positive()} THEN {double('score')} END"
        case "score_negative":
            return f"CASE WHEN NOT ({is_positive()}) THEN {double('score')} END"
        case "squared_error":
            return f"power({double('prediction')} - {double('label')}, 2)"
        case "percentage_error":
            return f"abs({double('prediction')} - {double('label')}) / nullif(abs({double('label')}), 0)"
        case "list":
            return expressions.get(expression_of(column.name, column.unit), "NULL::DOUBLE")
        case "score_error" | "label_rank" | "score_right" | "score_wrong":
            return _of_scores(derive, need("scores"), text("label"), text("prediction"))
        case "log_loss":
            if "scores" in expressions:
                given = f"CAST({need('scores')}[{text('label')}] AS DOUBLE)"
            else:
                given = f"CASE WHEN {is_positive()} THEN {double('score')} WHEN NOT ({is_positive()}) THEN 1 - {double('score')} END"
            # clipping would turn NULL and NaN into a number
            return f"CASE WHEN isnan({given}) THEN {given} WHEN {given} IS NOT NULL THEN -ln(greatest({_TINY}, least(1e0 - {_TINY}, {given}))) END"


def _of_scores(derive: Derivation, scores: str, label: str, prediction: str) -> str:
    """Return the SQL of what is derived from the scores of all classes; a class without a score has 0."""
    given, top = f"coalesce({scores}[{label}], 0)", f"list_max(map_values({scores}))"
    if derive == "score_error":  # the sum of (score - [class is the label])² over classes
        squares = f"list_sum(list_transform(map_values({scores}), lambda v: v * v))"
        value = f"{squares} - 2 * {given} + 1"
    elif (
        derive == "label_rank"
    ):  # equal scores rank by class, the last first, as in scikit-learn's top_k_accuracy_score
        ahead = f"e.value > {given} OR (e.value = {given} AND e.key > {label})"
        value = f"len(list_filter(map_entries({scores}), lambda e: {ahead})) + 1"
    else:
        value = f"CASE WHEN ({prediction} = {label}) = {str(derive == 'score_right').lower()} THEN {top} END"
    return f"CASE WHEN {scores} IS NOT NULL AND {label} IS NOT NULL THEN CAST({value} AS DOUBLE) END"


def _of_part(entry: BinnedColumn, expressions: Expressions, positive: str | None) -> str:
    """Return the SQL of a column that is derived of one class's scores, or of the rows whose label lies in one range."""
    label, first = _need("label", entry.column, expressions), entry.of[0]
    if isinstance(first, str):
        scores, own = _need("scores", entry.column, expressions), f"CAST({label} AS VARCHAR) = {literal(first)}"
        inside = own if entry.derive == "score_positive" else f"NOT ({own})"
        score = f"CAST(coalesce({scores}[{literal(first)}], 0) AS DOUBLE)"
        return f"CASE WHEN {scores} IS NOT NULL AND {inside} THEN {score} END"
    value = f"TRY_CAST({label} AS DOUBLE)"
    low, high = (float(limit) for limit in entry.of)
    sides = [f"{value} > {number(low)}"] if low > -math.inf else []
    sides += [f"{value} <= {number(high)}"] if high < math.inf else []
    inside = " AND ".join(sides) or "TRUE"
    return f"CASE WHEN {inside} THEN {compile_value(replace(entry, of=()), expressions, positive=positive)} END"


def binned_as(column: Column) -> str:
    """Return ``ordered`` or ``nominal``; raises :class:`ValueError` for a type that has no cells."""
    if column.type == "embedding":
        raise ValueError(f"column {column.name!r} is an embedding, which has no cells; leave it out of the profile")
    return "ordered" if column.type in ORDERED else "nominal"
