"""Sums over the labelled rows of two versions, by bucket: of the rows that both answered, or of each one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
from numpy.typing import NDArray

from reference_data.declaration import ModelSpec
from reference_data.windows import Window
from storage.buckets import bucket_sql
from storage.model_tables import joined_relation, tables_exist
from storage.names import EVENT_TIME, literal, number

_TINY = number(2.0**-52)  # probabilities are clipped as scikit-learn clips them
GROUPS = 20  # of rows by their ids, where there are too few buckets to tell how they vary


@dataclass(frozen=True, slots=True, eq=False)
class VersionSums:
    """Sums of two versions by cluster, each (clusters, terms), and whether both are of the same rows."""

    mine: NDArray[np.float64]
    other: NDArray[np.float64]
    paired: bool


def version_sums(
    con: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    versions: tuple[str, str],
    windows: Sequence[Window],
    terms: Sequence[str],
    positive: str | None,
    *,
    least: int,
    fewest: int,
) -> VersionSums | None:
    """Return the sums of ``terms`` of two versions in ``windows`` (ascending and apart); None without labelled rows of both.

    Of the rows that both answered where there are ``least`` of them; else of what each answered in the windows in which both did. With
    fewer than ``fewest`` windows that have rows, rows are grouped by a hash of their ids instead.
    """
    if not windows or not tables_exist(con, spec.name):
        return None
    relation, expressions = joined_relation(spec, Window(windows[0].start, windows[-1].end), con)
    bucket, inside = bucket_sql(windows, EVENT_TIME)
    sql = _terms(spec, expressions, positive)
    fields = ", ".join(f"({sql[term]})::DOUBLE AS t{place}" for place, term in enumerate(terms))
    named = ", ".join(literal(version) for version in versions)
    rows = (
        f"SELECT _id, _model_version AS v, {bucket} AS bucket, hash(_id) % {GROUPS} AS grouped, {fields} FROM ({relation}) AS r "
        f"WHERE ({inside}) AND {_usable(spec)} AND _model_version IN ({named})"
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE version_rows AS {rows}")
    try:
        both = "_id IN (SELECT _id FROM version_rows GROUP BY _id HAVING count(DISTINCT v) = 2)"
        ((shared,),) = con.execute(f"SELECT count(DISTINCT _id) FROM version_rows WHERE {both}").fetchall()
        paired = int(shared) >= least
        kept = (
            both
            if paired
            else "bucket IN (SELECT bucket FROM version_rows GROUP BY bucket HAVING count(DISTINCT v) = 2)"
        )
        ((clusters,),) = con.execute(f"SELECT count(DISTINCT bucket) FROM version_rows WHERE {kept}").fetchall()
        by = "bucket" if int(clusters) >= fewest else "grouped"
        sums = ", ".join(f"coalesce(sum(t{place}), 0)" for place in range(len(terms)))
        found = con.execute(
            f"SELECT {by}, v, {sums} FROM version_rows WHERE {kept} GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    finally:
        con.execute("DROP TABLE IF EXISTS temp.version_rows")
    parts = [{row[0]: row[2:] for row in found if row[1] == version} for version in versions]
    keys = sorted({*parts[0], *parts[1]})
    if not parts[0] or not parts[1]:
        return None
    empty = (0.0,) * len(terms)
    mine, other = (np.asarray([part.get(key, empty) for key in keys], dtype=np.float64) for part in parts)
    return VersionSums(mine, other, paired)


def _usable(spec: ModelSpec) -> str:
    """Return the SQL condition of rows with a label and a prediction that can be summed: one that is no number would take all sums with it."""
    known = "_label IS NOT NULL AND _prediction IS NOT NULL"
    return f"{known} AND isfinite(_label) AND isfinite(_prediction)" if spec.task == "regression" else known


def _terms(spec: ModelSpec, expressions: Mapping[str, str], positive: str | None) -> dict[str, str]:
    """Return the SQL of each term of a row that has a label and a prediction."""
    label, prediction = expressions["label"], expressions["prediction"]
    if spec.task == "regression":
        error = f"({prediction} - {label})"
        return {
            "n": "1", "abs_e": f"abs({error})", "e": error, "ee": f"{error} * {error}", "y": label, "yy": f"{label} * {label}",
        }  # fmt: skip
    right = f"CASE WHEN {label} = {prediction} THEN 1 ELSE 0 END"
    if spec.task == "multiclass":
        chance = f"{expressions['scores']}[{label}]"
        known = f"{expressions['scores']} IS NOT NULL AND isfinite(coalesce({chance}, 0))"
        surprise = f"-ln(greatest(coalesce({chance}, 0), {_TINY}))"
        return {
            "n": "1",
            "correct": right,
            "scored": f"CASE WHEN {known} THEN 1 ELSE 0 END",
            "log_loss": f"CASE WHEN {known} THEN {surprise} END",
        }
    yes = literal(positive or "")
    score = expressions["score"]
    given, scored = f"CASE WHEN {label} = {yes} THEN {score} ELSE 1 - {score} END", f"isfinite({score})"
    return {
        "n": "1",
        "correct": right,
        "hits": f"CASE WHEN {label} = {yes} AND {prediction} = {yes} THEN 1 ELSE 0 END",
        "predicted": f"CASE WHEN {prediction} = {yes} THEN 1 ELSE 0 END",
        "actual": f"CASE WHEN {label} = {yes} THEN 1 ELSE 0 END",
        "scored": f"CASE WHEN {scored} THEN 1 ELSE 0 END",
        "log_loss": f"CASE WHEN {scored} THEN -ln(greatest({given}, {_TINY})) END",
        "brier": f"CASE WHEN {scored} THEN (1 - ({given})) * (1 - ({given})) END",
    }
