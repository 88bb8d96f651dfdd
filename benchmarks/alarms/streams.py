"""river's streams with a known change point: a model learns the first concept, and its labels come with the rows."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.alarms.ours import DAILY
from benchmarks.alarms.tables import watched
from benchmarks.peers.environments import python
from reference_data.declaration import ModelSpec, Monitor

TASKS = {
    "SEA": "binary", "STAGGER": "binary", "Hyperplane": "binary", "LED": "multiclass", "Friedman": "regression", "RandomRBF": "multiclass",
}  # fmt: skip
REFERENCE_DAYS, LEARNING_DAYS, CHANGE = 30, 10, 44
SCRIPT = Path(__file__).with_name("river_streams.py")


def stream_rows(seeds: range) -> list[dict[str, Any]]:
    """Return one row a stream: days from the change to the first page and to the first warning of drift, and what came before it."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([python("river"), SCRIPT, folder, *map(str, seeds)], check=True)
        for name, task in TASKS.items():
            found = [_one(task, Path(folder) / f"{name}_{seed}.parquet") for seed in seeds]
            rows.append(
                {
                    "stream": name,
                    "models": len(found),
                    "alerts before the change": sum(early for early, _, _ in found),
                    "days to a page": _median([page for _, page, _ in found]),
                    "days to a warning of drift": _median([drift for _, _, drift in found]),
                }
            )
    return rows


def _median(days: list[float]) -> float | None:
    middle = sorted(days)[(len(days) - 1) // 2]
    return None if middle == float("inf") else middle


def _one(task: str, path: Path) -> tuple[int, float, float]:
    """Train on the first days, which are not watched; watch the rest."""
    rows = pq.read_table(path)
    day = rows["day"].to_numpy()
    features = [name for name in rows.column_names if name.startswith("x")]
    x = np.column_stack([rows[name].to_numpy() for name in features])
    y = np.asarray(rows["label"].to_pylist())
    learning = day < LEARNING_DAYS
    prediction = learner(task).fit(x[learning], y[learning]).predict(x[~learning])
    kept = (
        rows.filter(pa.array(~learning)).select([*features, "label"]).append_column("prediction", pa.array(prediction))
    )
    spec = ModelSpec(name="stream", task=task, features=dict.fromkeys(features, "numeric"), monitor=Monitor())
    if task == "binary":
        spec = spec.model_copy(update={"positive": str(np.unique(y)[-1])})
    model = watched(spec, kept, day[~learning] - LEARNING_DAYS, REFERENCE_DAYS)
    start = CHANGE - LEARNING_DAYS - REFERENCE_DAYS
    found = model.episodes(DAILY)
    harm = [e.day - start + 1.0 for e in found if e.kind in ("performance", "concept_drift") and e.day >= start]
    drift = [e.day - start + 1.0 for e in found if e.kind in ("data_drift", "prediction_drift") and e.day >= start]
    return sum(e.day < start for e in found), min(harm, default=float("inf")), min(drift, default=float("inf"))


def learner(task: str) -> Any:
    """Return an untrained model for a task."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    made = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    return made(max_iter=60, random_state=0)
