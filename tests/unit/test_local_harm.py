"""A model that gets worse in one segment only, in a real workspace: paged, named, stored, and taken back when labels are corrected."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.support.tiny_workspace import LIVE, START, Tiny, tiny

pytestmark = pytest.mark.slow

DECLARATION = """
[models.churn]
task = "binary"
positive = "yes"
prediction = "said"
label = "left"
segments = ["carrier"]
[models.churn.features]
carrier = "categorical"
age = "numeric"
[models.churn.monitor]
window = "1d"
multivariate = []
estimate = false
grace = "6h"
"""
DAYS, A_DAY, RIGHT = 28, 400, 0.85


def rows(first: int, count: int, *, lost: dict[str, float] | None = None) -> pd.DataFrame:
    """Return labelled days counted from START; ``lost``: points of accuracy by carrier."""
    frames = []
    for day in range(first, first + count):
        rng = np.random.default_rng([7, day])
        carrier = rng.choice(["AA", "UA", "DL", "WN"], A_DAY, p=[0.4, 0.3, 0.2, 0.1])
        said = rng.choice(["yes", "no"], A_DAY)
        right = np.full(A_DAY, RIGHT)
        for who, points in (lost or {}).items():
            right[(carrier == who) | (who == "*")] -= points
        hit = rng.random(A_DAY) < right
        frames.append(
            pd.DataFrame(
                {
                    "prediction_id": [f"{day}-{i}" for i in range(A_DAY)],
                    "event_time": [START + timedelta(days=day) + timedelta(days=1) / A_DAY * i for i in range(A_DAY)],
                    "carrier": carrier,
                    "age": rng.normal(40, 10, A_DAY),
                    "said": said,
                    "left": np.where(hit, said, np.where(said == "yes", "no", "yes")),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Tiny]:
    with tiny(tmp_path / "home", DECLARATION) as opened:
        opened.workspace.reference("churn", rows(0, DAYS))
        yield opened


def feed(ws: Tiny, frame: pd.DataFrame) -> None:
    ws.workspace.log("churn", frame.drop(columns="left"))
    label(ws, frame)


def label(ws: Tiny, frame: pd.DataFrame) -> None:
    ws.workspace.label("churn", frame[["prediction_id", "left"]])


def run(ws: Tiny, days: float) -> Any:
    ws.clock.now = LIVE + timedelta(days=days)
    return ws.workspace.run("churn")


def told(ws: Tiny) -> list[Any]:
    """The readings of performance inside segments that are stored."""
    return [r for r in ws.workspace.readings("churn", segment="*") if r["scope"] == "performance"]


def test_a_segment_that_gets_worse_pages_by_its_name(ws: Tiny) -> None:
    feed(ws, rows(DAYS, 4))
    feed(ws, rows(DAYS + 4, 4, lost={"WN": 0.45}))
    run(ws, 8.5)
    (alert,) = [alert for alert in ws.workspace.alerts("churn") if alert["severity"] == "page"]
    assert (alert["kind"], alert["segment"], alert["column"]) == ("performance", "carrier=WN", None)
    assert alert["headline"].startswith("carrier = WN: accuracy ")
    assert "2024-02-02" <= alert["window_start"][:10] <= "2024-02-04"
    harm = told(ws)
    assert {(r["segment"], r["verdict"], r["check"]) for r in harm} == {("carrier=WN", "critical", "accuracy")}
    assert all(r["value"] < r["threshold"] < r["reference_value"] for r in harm)
    inside = ws.workspace.readings("churn", segment="carrier=AA", check="accuracy")
    assert [reading["verdict"] for reading in inside] == ["ok"] * 8


def test_corrected_labels_take_back_what_was_said_of_a_segment(ws: Tiny) -> None:
    wrong = rows(DAYS, 2, lost={"WN": 0.8})
    feed(ws, wrong)
    run(ws, 2.5)
    assert [r["verdict"] for r in told(ws)] == ["critical"] * 2
    ws.clock.now += timedelta(hours=1)
    label(ws, rows(DAYS, 2))
    run(ws, 2.6)
    assert {r["verdict"] for r in told(ws)} == {"ok"}


def test_harm_of_all_rows_is_told_of_all_rows_and_names_no_segment(ws: Tiny) -> None:
    feed(ws, rows(DAYS, 3, lost={"*": 0.3}))
    run(ws, 3.5)
    (alert,) = [alert for alert in ws.workspace.alerts("churn") if alert["severity"] == "page"]
    assert alert["segment"] is None
    assert alert["headline"].startswith("Accuracy ")


def test_nothing_is_paged_when_nothing_happens(ws: Tiny) -> None:
    feed(ws, rows(DAYS, 10))
    run(ws, 10.5)
    assert [alert for alert in ws.workspace.alerts("churn") if alert["severity"] == "page"] == []
    with ws.workspace.core.db.cursor() as cursor:
        stored = cursor.execute("SELECT count(*) FROM reading WHERE segment IS NOT NULL AND scope = 'performance'")
        assert stored.fetchone() == (0,)
