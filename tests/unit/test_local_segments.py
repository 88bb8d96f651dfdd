"""Segments in a real workspace: frozen, profiled, judged, told of; declared late; with values nobody expects."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.support.tiny_workspace import LIVE, START, Tiny, tiny

DECLARATION = """
[models.flights]
task = "none"
segments = ["carrier", ["carrier", "origin"], "distance"]
[models.flights.features]
carrier = "categorical"
origin = "categorical"
distance = "numeric"
seats = "numeric"
[models.flights.monitor]
window = "1d"
grace = "6h"
"""
DAYS, A_DAY = 28, 400


def rows(first: int, count: int, *, seed: int = 0, moved: dict[tuple[str, str], float] | None = None) -> pd.DataFrame:
    """Return days counted from START; ``moved`` shifts the seats of a (carrier, origin), and all others' the other way."""
    frames = []
    for day in range(first, first + count):
        rng = np.random.default_rng([seed, day])
        carrier = rng.choice(["AA", "UA", "DL", "x=y"], A_DAY, p=[0.4, 0.3, 0.2, 0.1])
        origin = rng.choice(["JFK", "EWR"], A_DAY)
        seats = rng.normal(150, 20, A_DAY)
        for (who, where), by in (moved or {}).items():
            hit = (carrier == who) & ((origin == where) | (where == "*"))
            seats += np.where(hit, by, -by * hit.sum() / (~hit).sum())
        frames.append(
            pd.DataFrame(
                {
                    "prediction_id": [f"{seed}-{day}-{i}" for i in range(A_DAY)],
                    "event_time": [START + timedelta(days=day) + timedelta(days=1) / A_DAY * i for i in range(A_DAY)],
                    "carrier": carrier,
                    "origin": origin,
                    "distance": rng.gamma(2, 500, A_DAY),
                    "seats": seats,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Tiny]:
    with tiny(tmp_path / "home", DECLARATION) as opened:
        opened.workspace.reference("flights", rows(0, DAYS))
        yield opened


def run(ws: Tiny, days: float) -> Any:
    ws.clock.now = LIVE + timedelta(days=days)
    return ws.workspace.run("flights")


def test_drift_of_one_carrier_is_a_notice_that_names_it(ws: Tiny) -> None:
    ws.workspace.log("flights", rows(DAYS, 3))
    ws.workspace.log("flights", rows(DAYS + 3, 3, moved={("DL", "*"): 12.0}))
    run(ws, 6.5)
    (alert,) = ws.workspace.alerts("flights")
    assert (alert["severity"], alert["kind"], alert["column"]) == ("notice", "data_drift", "seats")
    assert alert["segment"] is not None and alert["segment"].startswith("carrier=DL")
    assert "2024-02-01" <= alert["window_start"][:10] <= "2024-02-03"
    assert "seats drifted inside carrier=DL" in alert["headline"]
    assert all(reading["segment"] is None for reading in ws.workspace.readings("flights"))


def test_without_drift_nothing_is_said_and_nothing_stored(ws: Tiny) -> None:
    ws.workspace.log("flights", rows(DAYS, 8, seed=5))
    run(ws, 8.5)
    assert ws.workspace.alerts("flights") == []
    with ws.workspace.core.db.cursor() as cursor:
        assert cursor.execute("SELECT count(*) FROM reading WHERE segment IS NOT NULL").fetchone() == (0,)
