"""A home as a company has it: fifty models, two hundred columns each, ninety days of rows, some of them in trouble.

All goes the public way: a declaration, a reference for each model, rows and labels appended as the days go by, one run. The same seed makes
the same rows; the last day is the one before ``until``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from service.local import LocalWorkspace

SEED, A_DAY, REFERENCE_DAYS, PIECE = 8, 200, 30, 10  # rows of a day; days of a reference, of one append
NOUNS = ("churn", "fraud", "eta", "credit_risk", "demand", "returns", "pricing", "upsell", "claims", "capacity")
PLACES = ("de", "fr", "uk", "us", "jp")
BINARY = frozenset({"churn", "fraud", "credit_risk", "returns", "upsell", "claims"})
VALUES = ("north", "south", "east", "west", "web", "shop", "app", "phone", "free", "basic", "pro", "team")
EVERY_KIND, TEXTS = (
    8,
    12,
)  # of eight columns one is categorical, one boolean; how many values a categorical one has at most
WRONG_DAYS, LATE_DAYS, SILENT_DAYS = (
    20,
    14,
    10,
)  # how long trouble has lasted, how late labels come, how long nothing has come


@dataclass(frozen=True, slots=True)
class Story:
    """One model, and what is to become of it."""

    place: int
    name: str
    task: str
    trouble: str  # "", "inputs", "rule", "unlabelled", "late", "silent" or "empty"


def stories(models: int) -> list[Story]:
    """Return the models in the order in which they are declared."""
    troubles = {3: "inputs", 4: "late", 6: "rule", 8: "unlabelled"}
    found = []
    for place in range(models):
        noun = NOUNS[place % len(NOUNS)]
        name = f"{noun}_{PLACES[place // len(NOUNS) % len(PLACES)]}" + (f"_{place // 50}" if place >= 50 else "")
        trouble = "" if place // 10 % 2 and place % 10 == 6 else troubles.get(place % 10, "")
        trouble = {models - 1: "empty", models - 2: "silent"}.get(place, trouble)
        found.append(Story(place, name, "binary" if noun in BINARY else "regression", trouble))
    return found


def kinds(columns: int) -> dict[str, str]:
    """Return the type of each column by its name."""
    by_place = {6: "categorical", 7: "boolean"}
    return {f"f{number:03d}": by_place.get(number % EVERY_KIND, "numeric") for number in range(columns)}


def declaration(every: list[Story], columns: int) -> str:
    """Return all models as TOML; what trains models of its own is on for the first (rows as a whole) and every fifth (estimates).

    For all fifty it would take an hour, and show nothing else on the pages.
    """
    parts = []
    for story in every:
        head = f'[models.{story.name}]\ntask = "{story.task}"\nowner = "{story.name.rsplit("_", 1)[0]}-team"\n'
        head += 'positive = "yes"\nscore = "score"\n' if story.task == "binary" else ""
        head += 'segments = ["f006"]\n' if story.place % 5 == 0 else ""
        features = "".join(f'{name} = "{kind}"\n' for name, kind in kinds(columns).items())
        monitor = "" if story.place == 0 else "multivariate = []\n"
        monitor += "" if story.place % 5 == 0 else "estimate = false\n"
        parts.append(f"{head}[models.{story.name}.features]\n{features}[models.{story.name}.monitor]\n{monitor}")
    return "\n".join(parts)


def rows(story: Story, columns: int, start: datetime, days: int, *, a_day: int, wrong_from: datetime) -> pa.Table:
    """Return ``days`` of rows with their labels in the column ``label``; from ``wrong_from`` on, what the story says."""
    draw = np.random.default_rng([SEED, story.place, int(start.timestamp()) // 86_400])
    count = days * a_day
    micro = int(start.timestamp() * 1e6) + (np.arange(count) * (days * 86_400e6 / count)).astype(np.int64)
    wrong = micro >= int(wrong_from.timestamp() * 1e6)
    table: dict[str, object] = {
        "prediction_id": [f"{story.place}-{moment}" for moment in micro],
        "event_time": pa.array(micro, pa.timestamp("us", "UTC")),
        "model_version": pa.repeat("v1", count),
        "latency_ms": draw.gamma(4, 5, count),
    }
    signal = np.zeros(count)
    for number, (name, kind) in enumerate(kinds(columns).items()):
        moves = story.trouble == "inputs" and number in (0, 1, 6, 9) and wrong
        if kind == "numeric":
            values = draw.normal(10 * (number % 7), 1 + number % 3, count)
            values = values + np.where(wrong, 1.5 * (1 + number % 3), 0) if moves is not False else values
            if number < 4:
                signal += (values - 10 * (number % 7)) / (1 + number % 3)
            gone = draw.random(count) < (0.02 if number % 5 == 0 else 0)
            table[name] = pa.array(values, mask=gone)
        elif kind == "categorical":
            width = 3 + number % (TEXTS - 2)
            picks = draw.integers(0, width, count)
            picks = np.where(wrong & (draw.random(count) < 0.6), 0, picks) if moves is not False else picks
            table[name] = pa.DictionaryArray.from_arrays(picks.astype(np.int8), list(VALUES)).dictionary_decode()
        else:
            table[name] = draw.random(count) < 0.3
    bias = np.where(wrong, 2.5, 0.0) if story.trouble == "rule" else 0.0
    if story.task == "regression":
        table["prediction"] = 40 + 3 * signal
        table["label"] = 40 + 3 * signal + bias + draw.normal(0, 1.5, count)
    else:
        score = 1 / (1 + np.exp(-signal))
        truth = 1 / (1 + np.exp(-(signal * np.where(bias, -0.6, 1.0))))
        table["score"] = score
        table["prediction"] = np.where(score > 0.5, "yes", "no")
        table["label"] = np.where(draw.random(count) < truth, "yes", "no")
    return pa.table(table)


def fill(
    home: Path, *, models: int, columns: int, days: int, a_day: int, until: datetime, say: Callable[[str], None]
) -> None:
    """Build the home; raises ``FileExistsError`` when something lies there already."""
    if (home / "control.db").exists():
        raise FileExistsError(f"{home} holds a workspace already; name another folder, or remove it")
    every, first = stories(models), until - timedelta(days=days)
    clock = [first]
    with LocalWorkspace.open(home, now=lambda: clock[0]) as ws:
        ws.apply(declaration(every, columns))
        began = time.perf_counter()
        for story in every:
            if story.trouble != "empty":
                start = first - timedelta(days=REFERENCE_DAYS)
                table = rows(story, columns, start, REFERENCE_DAYS, a_day=a_day, wrong_from=until)
                ws.reference(story.name, table)
        say(
            f"{models} references of {REFERENCE_DAYS * a_day:,} rows × {columns} columns: {time.perf_counter() - began:.0f} s"
        )
        began, logged = time.perf_counter(), 0
        for done in range(0, days, PIECE):
            piece = min(PIECE, days - done)
            clock[0] = first + timedelta(days=done + piece)
            logged += sum(_append(ws, story, columns, clock[0], piece, a_day, until) for story in every)
        say(f"{logged:,} rows logged and labelled: {time.perf_counter() - began:.0f} s")
        clock[0] = until + timedelta(hours=7)  # the last window's grace is over
        began, judged = time.perf_counter(), 0
        for number, story in enumerate(every, 1):
            judged += sum(run["readings"] for run in ws.run(story.name))
            if number % 10 == 0 or number == len(every):
                say(f"{number} models run, {judged:,} readings: {time.perf_counter() - began:.0f} s")
        ws.core.db.checkpoint()
    size = sum(file.stat().st_size for file in home.rglob("*") if file.is_file())
    say(f"{home}: {size / 1e9:.2f} GB, {judged / max(1, len(every)):,.0f} readings a model")


def _append(
    ws: LocalWorkspace, story: Story, columns: int, end: datetime, days: int, a_day: int, until: datetime
) -> int:
    """Log the days before ``end`` and the labels that have come by then; returns the rows."""
    start = end - timedelta(days=days)
    silent = story.trouble == "silent" and end > until - timedelta(days=SILENT_DAYS)
    if story.trouble == "empty" or silent:
        return 0
    wrong_from = until - timedelta(days=WRONG_DAYS)
    table = rows(story, columns, start, days, a_day=a_day, wrong_from=wrong_from)
    ws.log(story.name, table.drop_columns(["label"]))
    if story.trouble == "unlabelled":
        return len(table)
    told = table.select(["prediction_id", "label", "event_time"])
    if story.trouble == "late":
        told = told.slice(0, max(0, min(days, int((until - timedelta(days=LATE_DAYS) - start).days))) * a_day)
    if len(told):
        ws.label(story.name, told)
    return len(table)


def midnight(now: datetime) -> datetime:
    """Return the beginning of the day in UTC."""
    return datetime(now.year, now.month, now.day, tzinfo=UTC)
