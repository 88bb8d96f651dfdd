"""Does the model do worse where a feature moved to? The error of logged rows by the feature's value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_data.bins import Bins
from service.local.convert import number
from storage.derived import compile_value
from storage.names import literal
from storage.names import number as sql_number

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from reference_data.reference import Reference
    from reference_data.windows import Window
    from service import views
    from service.local.core import Core


def unit(spec: ModelSpec) -> str:
    """Return the unit of the error shown: the label's, or "share" of wrong answers."""
    return spec.units.get(spec.label or "", "") if spec.task == "regression" else "share"


def by_value(core: Core, model: str, reference: Reference, column: str, window: Window) -> list[views.ErrorByValue]:
    """Return the mean absolute error (or share of wrong answers) in each bar of a column's histogram, for one window."""
    spec = core.spec(model)
    if spec.task not in ("regression", "binary", "multiclass"):
        return []
    relation, expressions = core.relation(model)
    entry = reference.inputs.layout.entry(column)
    value = compile_value(entry, expressions)
    bar, labels, positions = _bars(entry.bins, value)
    prediction, label = expressions["prediction"], expressions["label"]
    wrong = f"abs({prediction} - {label})" if spec.task == "regression" else f"({prediction} <> {label})::INTEGER"
    start, end = (moment.replace(tzinfo=None).isoformat(sep=" ") for moment in (window.start, window.end))
    sql = (
        f"SELECT {bar} AS bar, count(*), avg({wrong}) FROM ({relation}) AS r "
        f"WHERE _event_time >= TIMESTAMP '{start}' AND _event_time < TIMESTAMP '{end}' AND _role = 'serving' "
        f"AND {label} IS NOT NULL AND {prediction} IS NOT NULL GROUP BY bar ORDER BY bar"
    )
    with core.db.cursor() as cursor:
        rows = cursor.execute(sql).fetchall()
    return [
        {"label": labels[place], "position": positions[place], "n": n, "error": number(error)}
        for place, n, error in rows
        if place is not None
    ]


def _bars(bins: Bins, value: str) -> tuple[str, list[str], list[float | None]]:
    """Return the SQL of a value's bar, and each bar's name and place on the axis."""
    if bins.kind == "nominal":
        whens = " ".join(f"WHEN {literal(name)} THEN {place}" for place, name in enumerate(bins.categories))
        case = f"CASE {value} {whens} END" if whens else "NULL"
        return case, list(bins.categories), [None] * len(bins.categories)
    edges = list(bins.display)
    whens = " ".join(f"WHEN {value} <= {sql_number(edge)} THEN {place}" for place, edge in enumerate(edges))
    case = f"CASE WHEN {value} IS NULL OR NOT isfinite({value}) THEN NULL {whens} ELSE {len(edges)} END"
    if bins.discrete:
        return case, [f"{edge:g}" for edge in edges] + ["above"], [float(edge) for edge in edges] + [None]
    step = edges[1] - edges[0] if len(edges) > 1 else 1.0
    middles = [edge - step / 2 for edge in edges] + ([edges[-1] + step / 2] if edges else [0.0])
    return case, [f"{middle:.4g}" for middle in middles], [float(middle) for middle in middles]
