"""Is the true cause among the first three? Workspaces are fed with rows whose change is known, and their alerts are read.

``python -m benchmarks.alarms.causes --models 20``. In half of the models a feature that nothing depends on moves by one standard deviation at the
same time. The model's rule is right until it changes; features' importance is not told. What counts are the causes of the page.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.alarms.generator import DAY, START
from benchmarks.alarms.report import table
from benchmarks.alarms.simulate import Workers
from benchmarks.alarms.workspace import AFTER, declaration
from service.local import LocalWorkspace

REFERENCE_DAYS = 28
TYPES = {
    "a": "numeric",
    "b": "numeric",
    "unused": "numeric",
    "noise": "numeric",
    "k": "categorical",
    "region": "categorical",
}
#: change -> its true cause: a column, or None for the rule itself
CHANGES: dict[str, str | None] = {
    "a feature that matters shifts": "a",
    "a feature is missing in 40 % of rows": "b",
    "a category is new, in 20 % of rows": "k",
    "a segment of 12 % has another rule": "region",
    "the rule changes for all": None,
}
TASKS = ("regression", "binary")
_OUTCOMES = ("performance", "concept_drift")


def rows_of(
    task: str, change: str, rng: np.random.Generator, rows: int, days: int, first: int, *, changed: bool, beside: bool
) -> pa.Table:
    """Return rows of some days, with prediction and label; ``beside``: the unused feature moves, too."""
    n = rows * days
    a, b, unused, noise = rng.standard_normal((4, n))
    k = rng.choice(list("pqrst"), n).astype(object)
    region = rng.choice([f"r{i}" for i in range(8)], n)
    if changed and beside:
        unused = unused + 1.0
    wrong = np.zeros(n)  # what the model does not know of the label
    if changed and change.startswith("a feature that matters"):
        a = a + 1.5
    if changed and change.startswith("a category"):
        new = rng.random(n) < 0.2
        k[new] = "new"
        wrong = np.where(new, 3.0, 0.0)
    if changed and change.startswith("a segment"):
        wrong = np.where(region == "r3", 4.0, 0.0)
    if changed and change.startswith("the rule"):
        wrong = np.full(n, 1.2)
    kept = np.ones(n, dtype=bool)
    if changed and change.startswith("a feature is missing"):
        kept = rng.random(n) >= 0.4
    known = 2 * a + np.where(kept, 2 * b, 0.0) + np.where(k == "p", 1.0, 0.0)
    truth = 2 * a + 2 * b + np.where(k == "p", 1.0, 0.0) + wrong
    slope = 0.6 if task == "regression" else 3.0
    spread = 1.0 + slope * np.maximum(a, 0)  # the model is worse where a is high
    truth = truth + spread * rng.standard_normal(n)
    at = [START + timedelta(seconds=86_400 * (first * rows + i) / rows) for i in range(n)]
    columns: dict[str, Any] = {
        "prediction_id": [f"{first}-{i}" for i in range(n)],
        "event_time": pa.array(at, pa.timestamp("us", "UTC")),
        "a": a, "b": pa.array(np.where(kept, b, np.nan), from_pandas=True), "unused": unused, "noise": noise,
        "k": pa.array(k.tolist()), "region": region,
    }  # fmt: skip
    if task == "regression":
        columns |= {"prediction": known, "label": truth}
    else:
        columns |= {"prediction": np.where(known > 0, "yes", "no"), "label": np.where(truth > 0, "yes", "no")}
    return pa.table(columns)


def told(task: str, rows: int, change: str, seed: int) -> dict[str, Any]:
    """Return the place of the true cause among those of the page (0: not there), None without a page."""
    rng = np.random.default_rng([seed, list(CHANGES).index(change), rows, len(task)])
    beside = seed % 2 == 1
    make = partial(rows_of, task, change, rng, rows)
    reference = make(REFERENCE_DAYS, 0, changed=False, beside=beside)
    declared = declaration("m", task, TYPES, label="label").replace(
        "[models.m.features]", 'positive = "yes"\n[models.m.features]' if task == "binary" else "[models.m.features]"
    )
    clock = [START + REFERENCE_DAYS * DAY]
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalWorkspace.open(Path(folder) / "home", now=lambda: clock[0]) as workspace,
    ):
        workspace.apply(declared)
        workspace.reference("m", reference)
        for day in range(REFERENCE_DAYS, REFERENCE_DAYS + 3):
            arrived = make(1, day, changed=True, beside=beside)
            clock[0] = START + (day + 1) * DAY + AFTER
            workspace.log("m", arrived.drop_columns(["label"]))
            workspace.label("m", arrived.select(["prediction_id", "label"]))
            workspace.run("m")
            pages = [alert for alert in workspace.alerts("m") if alert["kind"] in _OUTCOMES]
            if pages:
                break
    causes = [] if not pages else pages[0]["causes"]
    names = [cause["column"] if cause.get("kind") != "event" else "" for cause in causes]
    place = names.index(CHANGES[change]) + 1 if CHANGES[change] in names else 0
    return {"paged": bool(pages), "place": place, "causes": [cause["sentence"] for cause in causes]}


def causes_rows(
    seeds: range, workers: Workers, rows: int = 1000, *, tasks: Sequence[str] = TASKS, aloud: bool = False
) -> list[dict[str, Any]]:
    """Return one row a task and change: how often the true cause is first, and among the first three."""
    found = []
    for task in tasks:
        for change in CHANGES:
            answers = list(workers.map(partial(told, task, rows, change), seeds))
            paged = [answer for answer in answers if answer["paged"]]
            row = {
                "task": task,
                "change": change,
                "models": len(answers),
                "paged": len(paged),
                "first": sum(answer["place"] == 1 for answer in paged) / max(len(paged), 1),
                "in three": sum(1 <= answer["place"] <= 3 for answer in paged) / max(len(paged), 1),
            }
            if aloud:
                missed = next((answer["causes"] for answer in paged if not answer["place"]), None)
                print(
                    f"  {json.dumps(row)}{'' if missed is None else f' missed: {missed}'}", file=sys.stderr, flush=True
                )
            found.append(row)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alarms.causes")
    parser.add_argument("--models", type=int, default=20, help="models a change")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--rows", type=int, default=1000, help="rows a day")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--task", choices=TASKS, action="append", help="this one only")
    asked = parser.parse_args()
    rows = causes_rows(
        range(asked.first, asked.first + asked.models),
        Workers(asked.jobs),
        asked.rows,
        tasks=asked.task or TASKS,
        aloud=True,
    )
    heads = ("task", "what changes", "models", "paged", "true cause first", "among the first three")
    cells = [
        (
            row["task"],
            row["change"],
            str(row["models"]),
            str(row["paged"]),
            f"{row['first']:.0%}",
            f"{row['in three']:.0%}",
        )
        for row in rows
    ]
    print(table(heads, cells))


if __name__ == "__main__":
    main()
