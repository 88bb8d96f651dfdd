"""A training job's folder: what the service puts there, what the job leaves there. Everything known of a job is in it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from reference_data.declaration import ModelSpec
from reference_data.windows import Window
from retraining.fitted import ModelCard
from retraining.registry import sync_folder, write_atomically

# Written by the service before the start.
REQUEST, ROWS = "request.json", "rows.parquet"
# Written by whoever starts or stops the job.
PROCESS, CANCEL, LAUNCHED = "process.json", "cancel.json", "launched"
# Written by the job; `result.json` comes last, so where it stands everything does.
PROGRESS, LOG, STARTED = "progress.jsonl", "log.txt", "started"
ARTEFACT, REFERENCE, RESULT, FAILURE = "model.skops", "reference.parquet", "result.json", "failure.json"

#: Columns of ``rows.parquet`` beside the declared inputs. ``prediction`` is what was answered then, by
#: ``_model_version``; ``score`` (binary) may be added.
ROW_COLUMNS = ("_id", "_event_time", "prediction", "label", "_model_version")


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The champion to compare with. ``card`` is None for a model that lives elsewhere: its logged predictions are used.

    ``trained_since`` and ``trained_until`` are the event times between which it has seen labels, where known; ``rows``: how many it
    has learned from.
    """

    version: str
    card: ModelCard | None = None
    trained_until: datetime | None = None
    rows: int = 0
    trained_since: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "version": self.version,
            "card": self.card and self.card.to_dict(),
            "trained_until": self.trained_until and self.trained_until.isoformat(),
            "rows": self.rows,
            "trained_since": self.trained_since and self.trained_since.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What to train. ``spec`` has its features spelled out; ``version`` is the name the new version will have.

    ``holdout`` (``"1w"``, …) is kept for the gate; None trains on all rows and judges predictions out of fold, which is
    for a first version, without a champion. ``code`` is the folder of the operator's own training code.

    ``kind``: ``retrain``, or a study (``learning_curve``, ``backtest``). ``learn_until``: event time from which on rows are only judged
    by, where the rows to learn from end earlier. ``size``: rows to learn from at most; with ``find_size`` a learning curve says it
    when there are very many. ``change``: when the rule changed; ``first``: the oldest version (both of a backtest). ``looked_until``: event time up to which a study that chose the rows has judged
    by them.
    """

    model: str
    version: str
    spec: ModelSpec
    period: Window
    holdout: str | None
    champion: Incumbent | None = None
    seed: int = 0
    folds: int = 5
    requested_by: str = ""
    reason: str = ""
    alert_id: str | None = None
    code: str | None = None
    kind: str = "retrain"
    learn_until: datetime | None = None
    size: int | None = None
    find_size: bool = False
    change: datetime | None = None
    first: Incumbent | None = None
    looked_until: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the request as JSON-ready values."""
        return {
            "model": self.model,
            "version": self.version,
            "spec": self.spec.model_dump(mode="json"),
            "period": [self.period.start.isoformat(), self.period.end.isoformat()],
            "holdout": self.holdout,
            "champion": self.champion and self.champion.to_dict(),
            "seed": self.seed,
            "folds": self.folds,
            "requested_by": self.requested_by,
            "reason": self.reason,
            "alert_id": self.alert_id,
            "code": self.code,
            "kind": self.kind,
            "learn_until": self.learn_until and self.learn_until.isoformat(),
            "size": self.size,
            "find_size": self.find_size,
            "change": self.change and self.change.isoformat(),
            "first": self.first and self.first.to_dict(),
            "looked_until": self.looked_until and self.looked_until.isoformat(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> JobRequest:
        """Rebuild from :meth:`to_dict`."""
        start, end = (datetime.fromisoformat(moment) for moment in data["period"])
        moments = {name: data.get(name) for name in ("learn_until", "change", "looked_until")}
        standing = {name: data.get(name) for name in ("champion", "first")}
        return cls(
            **{
                **data,
                "spec": ModelSpec.model_validate(data["spec"]),
                "period": Window(start, end),
                **{name: moment and datetime.fromisoformat(moment) for name, moment in moments.items()},
                **{name: one and _incumbent(one) for name, one in standing.items()},
            }
        )


def write_request(job_dir: Path, request: JobRequest) -> None:
    """Put a request into a job's folder (made if need be); the rows must stand there before the job is started."""
    write_json(job_dir / REQUEST, request.to_dict())


def record_process(job_dir: Path, pid: int) -> None:
    """Note which process does the job. Both who starts it and the process itself do so, whichever comes first.

    ``created`` (seconds since 1970, None when it is gone already) tells the process from a later one with its number.
    """
    if (job_dir / PROCESS).exists():
        return
    try:
        created = psutil.Process(pid).create_time()
    except psutil.Error:
        created = None
    mine = job_dir / f".{PROCESS}.{os.getpid()}"  # the other writes at the same moment, maybe
    write_json(mine, {"pid": pid, "created": created})
    mine.replace(job_dir / PROCESS)
    sync_folder(job_dir)


def clear(job_dir: Path, words: str) -> None:
    """Make a folder ready for another attempt: what was asked for and the log stay, with ``words`` at its end."""
    with (job_dir / LOG).open("a", encoding="utf-8") as file:
        file.write(f"{words}\n")
    for name in (ARTEFACT, REFERENCE, FAILURE, PROGRESS, CANCEL, STARTED, LAUNCHED, PROCESS):  # the process last
        (job_dir / name).unlink(missing_ok=True)


def read_request(job_dir: Path) -> JobRequest:
    """Return the request in a job's folder."""
    return JobRequest.from_dict(json.loads((job_dir / REQUEST).read_bytes()))


def read_result(job_dir: Path) -> dict[str, Any]:
    """Return what a succeeded job found: keys as listed in :func:`retraining.train_job.train`."""
    return dict(json.loads((job_dir / RESULT).read_bytes()))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write one JSON document, whole or not at all; NaN is refused, not written."""
    write_atomically(path, json.dumps(content, indent=1, allow_nan=False).encode())


def _incumbent(data: Mapping[str, Any]) -> Incumbent:
    until = data["trained_until"]
    card = data["card"]
    return Incumbent(
        data["version"],
        ModelCard.from_dict(card) if card else None,
        datetime.fromisoformat(until) if until else None,
        data.get("rows", 0),
        datetime.fromisoformat(data["trained_since"]) if data.get("trained_since") else None,
    )
