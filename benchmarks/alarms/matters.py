"""Harmful against harmless: pages are for harm alone. Classifiers whose labels come with the rows, and changes whose cost is known.

The label is drawn with a probability that follows from two features; the model knows that rule until it changes. Harmless changes move
a feature that nothing depends on, or the share of missing values of one, or leave the rule's accuracy as it was.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.alarms.ours import DAILY
from benchmarks.alarms.simulate import Workers
from benchmarks.alarms.tables import watched
from reference_data.declaration import ModelSpec, Monitor

REFERENCE_DAYS, QUIET, CHANGED = 30, 14, 14
WITHIN = 7  # days of labels
ROWS = 1000
IMPORTANCE = {"a": 0.55, "b": 0.45, "unused": 0.0, "noise": 0.0}
#: words -> (kind, size): points of accuracy lost for ``concept`` and ``segment``, standard deviations for ``unused``
CHANGES: dict[str, tuple[str, float]] = {
    "nothing": ("nothing", 0.0),
    "an unused feature moves by 1 sd": ("unused", 1.0),
    "an unused feature is missing in 30 % of rows": ("gaps", 0.3),
    "accuracy rises by 4 points": ("concept", -0.04),
    "accuracy falls by 3 points": ("concept", 0.03),
    "accuracy falls by 5 points": ("concept", 0.05),
    "accuracy falls by 10 points": ("concept", 0.10),
    "a segment of 10 % loses 20 points": ("segment", 0.20),
}


def harmful(change: str) -> bool:
    """Return whether a change costs 3 points of accuracy or more, over all rows."""
    kind, size = CHANGES[change]
    return kind == "concept" and size >= 0.03


def _pages(change: str, jitter: float, seed: int) -> bool:
    """Return whether a page was sent within the days allowed after a change (or at any time after, where it is harmless)."""
    kind, size = CHANGES[change]
    rng = np.random.default_rng([seed, list(CHANGES).index(change), int(1000 * jitter)])
    days = REFERENCE_DAYS + QUIET + CHANGED
    start = REFERENCE_DAYS + QUIET
    n = days * ROWS
    day = np.repeat(np.arange(days), ROWS)
    after = day >= start
    effects = jitter * rng.standard_normal((days, 4))
    a, b, unused, noise = (rng.standard_normal(n) + effects[day, column] for column in range(4))
    segment = rng.choice([f"s{i}" for i in range(10)], n)
    prediction = a + 0.8 * b > 0
    right = np.full(n, 0.85)
    right += jitter * 0.2 * rng.standard_normal(days)[day]  # accuracy has days, too: 1 point for a jitter of 0.05
    if kind == "concept":
        right[after] -= size
    if kind == "segment":
        right[after & (segment == "s3")] -= size
    label = np.where(rng.random(n) < right, prediction, ~prediction)
    if kind == "unused":
        unused[after] += size
    if kind == "gaps":
        unused[after & (rng.random(n) < size)] = np.nan
    rows = pa.table(
        {
            "a": a, "b": b, "unused": pa.array(unused, from_pandas=True), "noise": noise, "segment": segment,
            "prediction": np.where(prediction, "yes", "no"), "label": np.where(label, "yes", "no"),
        }
    )  # fmt: skip
    features = {"a": "numeric", "b": "numeric", "unused": "numeric", "noise": "numeric", "segment": "categorical"}
    spec = ModelSpec(name="harm", task="binary", features=features, positive="yes", monitor=Monitor())
    model = watched(spec, rows, day, REFERENCE_DAYS)
    found = [e for e in model.episodes(DAILY, IMPORTANCE) if e.kind in ("performance", "concept_drift")]
    last = QUIET + (WITHIN if harmful(change) else CHANGED)
    return any(QUIET <= episode.day < last for episode in found)


def matters_rows(seeds: range, workers: Workers, jitter: float) -> list[dict[str, Any]]:
    """Return one row a change, and precision and recall of pages over all of them."""
    rows, paged = [], {}
    for change in CHANGES:
        found = list(workers.map(partial(_pages, change, jitter), seeds))
        paged[change] = sum(found)
        rows.append(
            {
                "change": change,
                "jitter": jitter,
                "harmful": harmful(change),
                "models": len(found),
                "paged": sum(found) / len(found),
            }
        )
    counted = [change for change in CHANGES if CHANGES[change][0] != "segment"]
    true = sum(paged[change] for change in counted if harmful(change))
    false = sum(paged[change] for change in counted if not harmful(change))
    wanted = len(seeds) * sum(map(harmful, counted))
    rows.append(
        {
            "change": "precision of pages",
            "jitter": jitter,
            "harmful": None,
            "models": true + false,
            "paged": true / max(true + false, 1),
        }
    )
    rows.append(
        {
            "change": "recall of 3 points or more",
            "jitter": jitter,
            "harmful": None,
            "models": wanted,
            "paged": true / wanted,
        }
    )
    return rows
