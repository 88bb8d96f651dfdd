"""Real tables: dealt out at random (nothing drifts), and a year of flights in its order (much does)."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.alarms.ours import DAILY
from benchmarks.alarms.simulate import Workers, settled, upper_bound
from benchmarks.alarms.tables import watched
from reference_data.declaration import ModelSpec, Monitor

FLIGHTS = Path(__file__).resolve().parents[2] / "reference_data" / "flights" / "flights_2013.parquet"
FLIGHT_COLUMNS = {
    "carrier": "categorical", "origin": "categorical", "dest": "categorical", "distance": "numeric", "hour": "numeric",
    "dow": "numeric", "seats": "numeric", "plane_year": "numeric", "temp": "numeric", "wind_speed": "numeric",
    "precip": "numeric", "visib": "numeric",
}  # fmt: skip
REFERENCE_DAYS = 30
A_DAY = {"flights": 500, "diabetes": 100, "wine": 100, "breast cancer": 100, "digits": 200}


def table(name: str) -> tuple[pa.Table, dict[str, str]]:
    """Return a table and the types of its columns."""
    if name == "flights":
        return pq.read_table(FLIGHTS, columns=list(FLIGHT_COLUMNS)), FLIGHT_COLUMNS
    from sklearn import datasets

    load = {
        "diabetes": datasets.load_diabetes, "wine": datasets.load_wine,
        "breast cancer": datasets.load_breast_cancer, "digits": datasets.load_digits,
    }[name]  # fmt: skip
    held = load()
    names = [str(column).replace(" ", "_") for column in held.feature_names]
    columns = {column: held.data[:, place] for place, column in enumerate(names)}
    columns["target"] = held.target.astype(float)
    return pa.table(columns), dict.fromkeys(columns, "numeric")


def _spec(types: dict[str, str]) -> ModelSpec:
    return ModelSpec(name="table", task="none", features=types, prediction=None, label=None, id=None, monitor=Monitor())


def _shuffled(name: str, weeks: int, seed: int) -> list[str]:
    rows, types = table(name)
    rng = np.random.default_rng([seed, len(name)])
    days = REFERENCE_DAYS + 7 * weeks
    picked = rows.take(pa.array(rng.integers(0, rows.num_rows, days * A_DAY[name])))
    model = watched(_spec(types), picked, np.repeat(np.arange(days), A_DAY[name]), REFERENCE_DAYS)
    return [episode.kind for episode in model.episodes(DAILY)]


def shuffled_row(name: str, seeds: range, weeks: int, workers: Workers) -> dict[str, Any]:
    """Return one row of the null table: rows drawn at random (with replacement) from a real table."""
    kinds = [kind for found in workers.map(partial(_shuffled, name, weeks), seeds) for kind in found]
    model_weeks = len(seeds) * weeks
    bound = upper_bound(len(kinds), model_weeks)
    return {
        "cell": f"{name}, {A_DAY[name]} rows", "rows": A_DAY[name], "columns": len(table(name)[1]),
        "model_weeks": model_weeks, "alerts": len(kinds), "a_week": len(kinds) / model_weeks, "upper": bound,
        "met": settled(len(kinds), model_weeks), "kinds": dict(Counter(kinds)),
    }  # fmt: skip


def flights_rows() -> list[dict[str, Any]]:
    """Return the alerts of a year of flights, held day by day against its January; what drifts there is real: seasons and timetables."""
    rows = pq.read_table(FLIGHTS, columns=["sched", *FLIGHT_COLUMNS])
    local = pc.cast(rows["sched"], pa.timestamp("us"))
    day = pc.cast(pc.days_between(pa.scalar(np.datetime64("2013-01-01", "us")), local), pa.int64()).to_numpy()
    model = watched(_spec(FLIGHT_COLUMNS), rows.drop_columns(["sched"]), day, REFERENCE_DAYS)
    weeks = len(model.windows) / 7
    found = model.episodes(DAILY)
    return [
        {
            "opened": f"day {REFERENCE_DAYS + episode.day + 1} of 2013",
            "kind": episode.kind,
            "over_after_days": None if episode.over == float("inf") else int(episode.over - episode.day),
            "columns": ", ".join(list(episode.columns)[:4]) + (" …" if len(episode.columns) > 4 else ""),
            "alerts_a_week_in_all": round(len(found) / weeks, 2),
        }
        for episode in found
    ]
