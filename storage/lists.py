"""Rankings: what a list of rows is worth, computed over each list and held by one row of it.

A list is the rows of one value of the model's ``query`` column that one version answered within one bucket of time. Rows rank by their prediction, the highest first;
a row is relevant if its label is above 0, and as relevant as its label says. Rows without a label are not relevant: nobody clicked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from reference_data.profile import LISTS
from reference_data.schema import Column
from storage.names import quote

if TYPE_CHECKING:  # a comparison of two files reads no declaration, and starts sooner without
    from reference_data.declaration import ModelSpec

#: Names of the expressions that say what a list is, in which bucket of time it is, and how many rows its top has.
LIST, BUCKET, TOP = "_list", "_bucket", "_top"


def list_expressions(spec: ModelSpec, query: str | None) -> dict[str, str]:
    """Return the expressions of a ranking model's lists, whose query column is SQL ``query``; none of other models."""
    if spec.task != "ranking" or query is None:
        return {}
    values = {value: quote(f"_{name}") for value, name in zip(list_values(spec), LISTS, strict=True)}
    return {LIST: query, TOP: str(spec.monitor.top)} | values


def list_values(spec: ModelSpec) -> list[str]:
    """Return the names of the expressions that say what a list is worth."""
    return [expression_of(name, f"at {spec.monitor.top}") for name in LISTS]


def list_columns(spec: ModelSpec) -> list[Column]:
    """Return the outcome columns of lists; their unit says of how many rows the top is."""
    return [Column(name, "numeric", "outcome", f"at {spec.monitor.top}") for name in LISTS]


def expression_of(name: str, unit: str | None) -> str:
    """Return the name of a list column's expression: of another top than was frozen there is none."""
    return f"{name} {unit}"


def with_lists(relation: str, expressions: Mapping[str, str]) -> str:
    """Return a relation with the columns of lists, each with a value in one labelled row of a list that has any.

    NDCG as in scikit-learn (gain label, discount log2(place + 1)); average precision, reciprocal rank, and precision, recall and hits
    in the top as in Manning, Raghavan and Schütze (2008), Introduction to Information Retrieval, 8.4. A list without a relevant row has no NDCG,
    recall or average precision; its precision, hit and reciprocal rank are 0.
    """
    k, label, prediction = expressions[TOP], expressions["label"], expressions["prediction"]
    of_list = f'PARTITION BY {expressions[LIST]}, {expressions.get(BUCKET, "0")}, "_model_version", "_role"'
    placed = (
        f"SELECT *, row_number() OVER ({of_list} ORDER BY {prediction} DESC NULLS LAST, _id) AS _place, "
        f"greatest(coalesce(TRY_CAST({label} AS DOUBLE), 0), 0) AS _gain FROM ({relation}) AS r"
    )
    ideal = (
        f"SELECT *, row_number() OVER ({of_list} ORDER BY _gain DESC, _id) AS _best, "
        f"sum((_gain > 0)::INTEGER) OVER ({of_list} ORDER BY _place) AS _found, "
        f"row_number() OVER ({of_list} ORDER BY ({label}) IS NULL, _place) AS _speaker FROM ({placed}) AS p"
    )
    over, in_top = f"OVER ({of_list})", f"(_gain > 0 AND _place <= {k})"
    relevant = f"nullif(sum((_gain > 0)::INTEGER) {over}, 0)"
    dcg, best = (
        f"sum(CASE WHEN {place} <= {k} THEN _gain / log2({place} + 1) END) {over}" for place in ("_place", "_best")
    )
    values = {
        "NDCG": f"{dcg} / nullif({best}, 0)",
        "precision in the top": f"sum({in_top}::INTEGER) {over} / {k}",
        "recall in the top": f"sum({in_top}::INTEGER) {over} / {relevant}",
        "average precision": f"sum(CASE WHEN _gain > 0 THEN _found / _place END) {over} / {relevant}",
        "reciprocal rank": f"coalesce(max(CASE WHEN _gain > 0 THEN 1 / _place END) {over}, 0)",
        "hit in the top": f"max({in_top}::INTEGER) {over}",
    }
    held = ", ".join(
        f"CASE WHEN _speaker = 1 AND {expressions[LIST]} IS NOT NULL THEN ({sql})::DOUBLE END AS {quote(f'_{name}')}"
        for name, sql in values.items()
    )
    return f"SELECT * EXCLUDE (_place, _gain, _best, _found, _speaker), {held} FROM ({ideal}) AS i"
