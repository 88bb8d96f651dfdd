"""Small labelled rows with a rule in them, and training jobs on them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reference_data.declaration import ModelSpec
from reference_data.windows import Window
from retraining import job_files
from retraining.job_files import Incumbent, JobRequest
from retraining.types import TrainRequest

START = datetime(2024, 3, 1, tzinfo=UTC)
FEATURES = {
    "city": "categorical",
    "size": "numeric",
    "open": "boolean",
    "since": "datetime",
    "remark": "text",
}


def spec(task: str = "regression", **changes: Any) -> ModelSpec:
    """A model of every usable type, one unusable (text) and one context column."""
    fields: dict[str, Any] = {
        "features": FEATURES,
        "context": {"weather": "numeric"},
        "label": "price",
        "units": {"price": "EUR"},
    }
    return ModelSpec.model_validate({"name": "prices", "task": task, "segments": ["city"]} | fields | changes)


def frame(n: int = 1400, days: int = 28, seed: int = 0, task: str = "regression", shift: float = 0.0) -> pd.DataFrame:
    """Rows as the service writes them: price = 3·size + 10 in Rome + ``shift`` + noise; classes cut it up."""
    rng = np.random.default_rng(seed)
    city = rng.choice(["Rome", "Oslo", "Bonn"], n)
    size = rng.normal(20, 5, n)
    price = 3 * size + 10 * (city == "Rome") + shift + rng.normal(0, 2, n)
    rows = pd.DataFrame(
        {
            "city": city,
            "size": size,
            "open": rng.random(n) < 0.5,
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
            "remark": "fine",
            "weather": rng.normal(size=n),
            "_id": [f"p{number}" for number in range(n)],
            "_event_time": [
                START.replace(tzinfo=None) + timedelta(days=days) * float(place) for place in np.sort(rng.random(n))
            ],
            "prediction": price - shift + rng.normal(0, 2, n),
            "label": price,
            "_model_version": "v1",
        }
    )
    if task == "binary":
        rows["label"] = np.where(price > 65, "yes", "no")
        rows["prediction"] = "no"
    if task == "multiclass":
        rows["label"] = np.select([price > 75, price > 55], ["high", "middle"], "low")
        rows["prediction"] = "middle"
    return rows


def train_request(task: str = "regression", **changes: Any) -> TrainRequest:
    """The same rows as a trainer gets them."""
    rows, model = frame(task=task), spec(task)
    label = rows["label"].to_numpy(dtype=float if task == "regression" else object)
    fields: dict[str, Any] = {
        "frame": rows.drop(columns=["weather"]),
        "label": label,
        "times": pd.DatetimeIndex(rows["_event_time"]).tz_localize("UTC"),
        "features": tuple(column for column in model.columns if column.role == "feature"),
        "task": task,
        "params": {"max_iter": 15},
    }
    return TrainRequest(**(fields | changes))


def job(
    folder: Path,
    rows: pd.DataFrame,
    model: ModelSpec,
    *,
    champion: Incumbent | None = None,
    holdout: str | None = "1w",
    version: str = "v2",
) -> Path:
    """A job's folder, ready to be started."""
    folder.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(folder / job_files.ROWS, index=False)
    period = Window(START, START + timedelta(days=28))
    job_files.write_request(folder, JobRequest(model.name, version, model, period, holdout, champion))
    return folder


def quick(**changes: Any) -> ModelSpec:
    """A spec whose training takes a moment."""
    return spec(**({"retrain": {"params": {"max_iter": 5}}} | changes))
