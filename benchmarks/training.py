"""Training on more rows than memory should hold: time and peak memory of a whole training job by the trainer `partitioned`.

Rows: 20 million (`DRIFTDECK_BENCH_ROWS` for another number), 10 features (2 categorical), labels with a rule and noise. They are
generated in pieces into a job's Parquet file, as the service writes it; the job runs in a process of its own, as it always does.
"""

import json
import os
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from reference_data.declaration import ModelSpec
from reference_data.windows import Window
from retraining import job_files
from retraining.job_files import JobRequest
from retraining.job_runner import JobRunner

ROWS = 20_000_000
PIECE = 500_000
DAYS = 200
START = datetime(2024, 1, 1, tzinfo=UTC)
CITIES = np.array([f"city {number:03d}" for number in range(60)])
KINDS = np.array(["a", "b", "c", "d"])
NUMBERS = [f"n{number}" for number in range(8)]


def piece(first: int, rows: int, total: int) -> pa.Table:
    """Rows number ``first`` to ``first + rows`` of ``total``, in order of event time."""
    rng = np.random.default_rng(first)
    numbers = rng.normal(size=(rows, len(NUMBERS)))
    city, kind = rng.integers(len(CITIES), size=rows), rng.integers(len(KINDS), size=rows)
    rule = 3 * numbers[:, 0] - 2 * numbers[:, 1] + np.sin(3 * numbers[:, 2]) * 2 + city / 10 + 2 * (kind == 1)
    label = rule + rng.normal(size=rows)
    micros = (np.arange(first, first + rows) * (DAYS * 86_400_000_000 // total)).astype("timedelta64[us]")
    return pa.table(
        {
            "city": CITIES[city],
            "kind": KINDS[kind],
            **{name: numbers[:, place] for place, name in enumerate(NUMBERS)},
            "_id": pa.array(np.char.add("p", np.arange(first, first + rows).astype(str))),
            "_event_time": pa.array(np.datetime64(START.replace(tzinfo=None), "us") + micros),
            "prediction": rule,
            "label": label,
            "_model_version": pa.array(["v1"] * rows),
        }
    )


def job(folder: Path, rows: int, retrain: dict) -> Path:
    """A job's folder with so many rows, ready to be started."""
    folder.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(folder / job_files.ROWS, piece(0, 1, rows).schema, compression="zstd") as writer:
        for first in range(0, rows, PIECE):
            writer.write_table(piece(first, min(PIECE, rows - first), rows))
    spec = ModelSpec.model_validate(
        {
            "name": "large",
            "task": "regression",
            "features": {"city": "categorical", "kind": "categorical"} | dict.fromkeys(NUMBERS, "numeric"),
            "retrain": {"trainer": "partitioned", **retrain},
        }
    )
    period = Window(START, START + timedelta(days=DAYS))
    job_files.write_request(folder, JobRequest("large", "v1", spec, period, "2w"))
    return folder


def run(name: str, rows: int, retrain: dict, folder: Path) -> dict:
    """Train once and say what it took; the peak is of this process's largest child, so each plan has a process of its own."""
    started = time.monotonic()
    job(folder, rows, retrain)
    generated = time.monotonic()
    runner = JobRunner(nice=10)
    runner.launch(folder)
    status = runner.wait(folder, 7200, poll=1.0)
    if status.state != "succeeded":
        raise SystemExit(f"{name}: {status.state}: {status.error}")
    found = job_files.read_result(folder)
    return {
        "trainer": name,
        "rows": rows,
        "generate_s": round(generated - started, 1),
        "train_s": round(time.monotonic() - generated, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
        "artefact_mb": round((folder / job_files.ARTEFACT).stat().st_size / 1e6, 1),
        "how": found["training"]["how"],
        "sample": found["training"].get("sample", {}).get("sentence", "all rows were one part"),
        "baselines": found["baselines"]["sentence"],
    }


PLANS = {
    "sgd": {"estimator": "sklearn.linear_model.SGDRegressor"},
    "ridge": {"estimator": "sklearn.linear_model.Ridge"},
    "boosting": {"params": {"max_iter": 50}},
}


def main() -> None:
    rows = int(os.environ.get("DRIFTDECK_BENCH_ROWS", ROWS))
    names = os.environ.get("DRIFTDECK_BENCH_PLANS", ",".join(PLANS)).split(",")
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            with ProcessPoolExecutor(1, get_context("spawn")) as alone:
                found = alone.submit(run, name, rows, PLANS[name], Path(folder)).result()
            print(json.dumps(found, indent=1), flush=True)


if __name__ == "__main__":
    main()
