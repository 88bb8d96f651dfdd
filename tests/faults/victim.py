"""A process that writes to a home folder and says what was acknowledged, until a fault kills it.

What it does is the same every time, so running it again is a retry of everything.
"""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from reference_data.declaration import ModelSpec
from reference_data.windows import WindowSpec
from storage.control import Control, OutboxItem
from storage.database import Database
from storage.faults import VARIABLE
from storage.home import Home, HomeLock
from storage.intake import canonical_labels, canonical_log
from storage.logs import append_labels, append_log
from storage.readings import append_readings

SPEC = ModelSpec(name="m", task="regression", features={"size": "numeric"})
DAILY = WindowSpec.parse("1d")
NOW = datetime(2013, 3, 1, tzinfo=UTC)
BATCHES, ROWS = 4, 25


def clock() -> datetime:
    return NOW


def day(batch: int) -> datetime:
    return datetime(2013, 1, 1 + batch, tzinfo=UTC)


def prediction_ids(batch: int) -> list[str]:
    return [f"p{batch}-{number}" for number in range(ROWS)]


def log_batch(db: Database, batch: int) -> None:
    rows = [
        {"prediction_id": id_, "event_time": day(batch) + timedelta(minutes=n), "prediction": 1.0, "size": n}
        for n, id_ in enumerate(prediction_ids(batch))
    ]
    append_log(db, SPEC, canonical_log(SPEC, rows, arrival=NOW), NOW, DAILY, key=f"log-{batch}")


def log_without_ids(db: Database, batch: int) -> None:
    rows = [{"event_time": day(batch) + timedelta(hours=3), "prediction": 2.0, "size": -1}] * ROWS
    append_log(db, SPEC, canonical_log(SPEC, rows, arrival=NOW), NOW, DAILY, key=f"anonymous-{batch}")


def label_batch(db: Database, batch: int) -> None:
    rows = [{"prediction_id": id_, "label": batch} for id_ in prediction_ids(batch)]
    append_labels(db, SPEC, canonical_labels(SPEC, rows, arrival=NOW), NOW, DAILY)


def judge(control: Control, batch: int) -> None:
    if control.watermark("m") != str(batch - 1) and batch:
        return  # judged before
    alert = {"id": f"a{batch}", "model": "m", "state": "firing"}
    message = OutboxItem(f"o{batch}", f"a{batch}", "m", "team", {"batch": batch}, NOW)
    event = {"alert_id": f"a{batch}", "at": NOW.isoformat(), "state": "firing"}
    control.commit_judgement("m", events=[(alert, event)], watermark=str(batch), outbox=[message])


def start_job(control: Control, batch: int) -> None:
    job = {
        "id": f"j{batch}-{datetime.now(UTC).timestamp()}",
        "model": "m",
        "state": "queued",
        "request_key": f"r{batch}",
    }
    found = control.start_job_once(job)
    control.append_job_event(found | {"state": "succeeded"})


def reading(batch: int) -> dict:
    names = ("value", "reference_value", "threshold", "lower", "upper", "p_value", "effect")
    flags = ("significant", "material", "harmful")
    return {
        **dict.fromkeys(names, float(batch)),
        **dict.fromkeys(flags, False),
        "model": "m",
        "model_version": "v1",
        "reference_version": 1,
        "check": "psi",
        "scope": "column",
        "column": "size",
        "segment": None,
        "window_start": day(batch),
        "window_end": day(batch + 1),
        "n": 1,
        "n_reference": 1,
        "verdict": "ok",
        "unit": "",
        "sentence": "",
        "computed_at": NOW,
        "error": None,
        "scale": 1,
        "drivers": None,
        "ci_lower": None,
        "ci_upper": None,
        "coverage": None,
    }


def work(home: Home) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield each step's name and what it does."""
    db = Database.open(home.database, clock)
    control = Control(home.control, clock)
    for batch in range(BATCHES):
        yield f"log {batch}", partial(log_batch, db, batch)
        yield f"anonymous {batch}", partial(log_without_ids, db, batch)
        yield f"label {batch}", partial(label_batch, db, batch)
        yield (
            f"reading {batch}",
            partial(append_readings, db, {name: [value] for name, value in reading(batch).items()}),
        )
        yield f"judge {batch}", partial(judge, control, batch)
        yield f"job {batch}", partial(start_job, control, batch)
        yield f"audit {batch}", partial(control.append_audit, "t", "step", str(batch), {}, "test", NOW)
    control.close()
    db.close()


def main(folder: Path, acknowledged: Path, fault: str) -> None:
    """Do all the work under a fault; a line is added to ``acknowledged`` after each step."""
    os.environ[VARIABLE] = fault
    home = Home.create(folder)
    with HomeLock(home), acknowledged.open("a", buffering=1) as told:
        for name, step in work(home):
            step()
            told.write(f"{name}\n")
