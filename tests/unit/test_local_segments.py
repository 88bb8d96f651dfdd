"""Segments in a real workspace: frozen, profiled, judged, told of; declared late; with values nobody expects."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from service.local import segment_profiles
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
multivariate = []
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


@pytest.mark.slow
def test_drift_of_one_carrier_is_a_notice_that_names_it(ws: Tiny) -> None:
    ws.workspace.log("flights", rows(DAYS, 3))
    ws.workspace.log("flights", rows(DAYS + 3, 3, moved={("DL", "*"): 12.0}))
    run(ws, 6.5)
    (alert,) = ws.workspace.alerts("flights")
    assert (alert["severity"], alert["kind"], alert["column"]) == ("notice", "data_drift", "seats")
    assert alert["segment"] is not None
    assert alert["segment"].startswith("carrier=DL")
    assert "2024-02-01" <= alert["window_start"][:10] <= "2024-02-03"
    assert "seats drifted inside carrier=DL" in alert["headline"]
    assert all(reading["segment"] is None for reading in ws.workspace.readings("flights"))


@pytest.mark.slow
def test_without_drift_nothing_is_said_and_nothing_stored(ws: Tiny) -> None:
    ws.workspace.log("flights", rows(DAYS, 8, seed=5))
    run(ws, 8.5)
    assert ws.workspace.alerts("flights") == []
    with ws.workspace.core.db.cursor() as cursor:
        assert cursor.execute("SELECT count(*) FROM reading WHERE segment IS NOT NULL").fetchone() == (0,)


@pytest.mark.slow
def test_every_row_is_in_one_value_of_each_segment(ws: Tiny) -> None:
    frame = rows(DAYS, 2)
    frame.loc[::7, "carrier"] = None
    frame.loc[1::7, "carrier"] = "never seen"
    frame.loc[2::7, "distance"] = np.nan
    ws.workspace.log("flights", frame)
    run(ws, 2.5)
    with ws.workspace.core.db.cursor() as cursor:
        sums = dict(
            cursor.execute(
                "SELECT split_part(segment, '=', 1) || (segment LIKE '%×%'), sum(n_rows) FROM profile "
                "WHERE part = 'segments' GROUP BY 1"
            ).fetchall()
        )
        kept = {
            name
            for (name,) in cursor.execute("SELECT DISTINCT segment FROM profile WHERE part = 'segments'").fetchall()
        }
    of_pairs = sum(rows for name, rows in sums.items() if name.endswith("true"))
    assert (sums["carrierfalse"], sums["distancefalse"], of_pairs) == (2 * A_DAY,) * 3
    assert {"carrier=AA", "carrier=missing", "carrier=other", "distance=missing", "carrier=x=y"} <= kept


@pytest.mark.slow
def test_a_pair_of_segments_is_named_when_only_that_cell_moves(ws: Tiny) -> None:
    ws.workspace.log("flights", rows(DAYS, 4, moved={("UA", "JFK"): 12.0}))
    run(ws, 4.5)
    worst = ws.workspace.segment_drift("flights")[0]
    assert (worst["segment"], worst["column"], worst["verdict"]) == ("carrier=UA × origin=JFK", "seats", "drift")
    assert worst["space"] == "carrier × origin"
    assert worst["shift"] is not None
    assert 0.3 < worst["shift"] < 1.0
    assert worst["value"] is not None
    assert worst["threshold"] is not None
    assert worst["value"] > worst["threshold"]
    assert "carrier=UA × origin=JFK" in worst["sentence"]
    for row in ws.workspace.segment_drift("flights", limit=10_000):
        beyond = row["value"] is not None and row["threshold"] is not None and row["value"] > row["threshold"]
        assert beyond == (row["verdict"] == "drift") or row["check"] == "missing_share"


@pytest.mark.slow
def test_readings_inside_a_segment_are_there_for_every_window(ws: Tiny) -> None:
    ws.workspace.log("flights", rows(DAYS, 5, moved={("DL", "*"): 15.0}))
    run(ws, 5.5)
    inside = ws.workspace.readings("flights", segment="carrier=DL", column="seats", check="jensen_shannon")
    assert [reading["verdict"] for reading in inside][-3:] == ["drift"] * 3
    assert len(inside) == 5
    stored = ws.workspace.readings("flights", segment="*")
    assert {(r["segment"], r["column"]) for r in stored} >= {("carrier=DL", "seats")}
    assert {r["verdict"] for r in stored} <= {"drift", "warning"}
    with pytest.raises(Exception, match="has no segment 'carrier=ZZ'; it has: carrier=AA"):
        ws.workspace.readings("flights", segment="carrier=ZZ")


@pytest.mark.slow
def test_missing_values_inside_one_segment_are_told(ws: Tiny) -> None:
    frame = rows(DAYS, 1)
    gone = (frame["carrier"] == "DL") & (np.arange(len(frame)) % 3 == 0)
    frame.loc[gone, "seats"] = np.nan
    ws.workspace.log("flights", frame)
    run(ws, 1.5)
    found = [row for row in ws.workspace.segment_drift("flights") if row["verdict"] == "warning"]
    assert ("carrier=DL", "seats", "missing_share") in {(row["segment"], row["column"], row["check"]) for row in found}


@pytest.mark.slow
def test_too_few_rows_are_no_alarm(ws: Tiny) -> None:
    frame = rows(DAYS, 1, moved={("DL", "*"): 60.0})
    few = frame[frame["carrier"] == "DL"].head(20)
    ws.workspace.log("flights", pd.concat([frame[frame["carrier"] != "DL"], few]))
    run(ws, 1.5)
    ours = [r for r in ws.workspace.segment_drift("flights", segment="carrier=DL") if r["column"] == "seats"]
    assert [row["verdict"] for row in ours] == ["insufficient"]


@pytest.mark.slow
def test_a_verdict_that_late_rows_take_back_is_restated(ws: Tiny) -> None:
    moved = rows(DAYS, 1, moved={("DL", "*"): 20.0})
    ws.workspace.log("flights", moved[moved["carrier"] == "DL"])
    ws.workspace.log("flights", rows(DAYS, 1, seed=3)[lambda f: f["carrier"] != "DL"])
    run(ws, 1.5)
    assert ws.workspace.readings("flights", segment="*")
    late = pd.concat([rows(DAYS, 1, seed=seed) for seed in range(10, 30)])
    ws.workspace.log("flights", late[late["carrier"] == "DL"])
    run(ws, 1.6)
    kept = [
        r
        for r in ws.workspace.readings("flights", segment="*")
        if (r["segment"], r["column"]) == ("carrier=DL", "seats")
    ]
    assert [r["verdict"] for r in kept] == ["ok"]


@pytest.mark.slow
@pytest.mark.parametrize("kept", ["log", "sample"])
def test_a_segment_declared_later_is_judged_as_far_as_the_rows_are_there(tmp_path: Path, kept: str) -> None:
    bare = DECLARATION.replace('segments = ["carrier", ["carrier", "origin"], "distance"]', "")
    with tiny(tmp_path / "home", bare) as ws:
        if kept == "sample":
            ws.workspace.reference("flights", rows(0, DAYS))
        else:
            ws.workspace.log("flights", rows(0, DAYS))
            ws.workspace.reference("flights", (START, LIVE))
        ws.workspace.log("flights", rows(DAYS, 3, moved={("DL", "*"): 15.0}))
        run(ws, 3.5)
        assert ws.workspace.segment_names("flights") == []
        assert ws.workspace.segment_drift("flights") == []
        ws.workspace.apply(DECLARATION)
        run(ws, 3.6)
        assert "carrier=DL × origin=JFK" in ws.workspace.segment_names("flights")
        worst = ws.workspace.segment_drift("flights")[0]
        assert (worst["column"], worst["verdict"]) == ("seats", "drift")
        assert "carrier=DL" in worst["segment"]


@pytest.mark.slow
def test_a_segment_whose_reference_rows_are_gone_starts_with_the_next_reference(tmp_path: Path) -> None:
    bare = DECLARATION.replace('segments = ["carrier", ["carrier", "origin"], "distance"]', "")
    with tiny(tmp_path / "home", bare) as ws:
        ws.workspace.reference("flights", rows(0, DAYS))
        for path in ws.workspace.core.home.references.glob("*.parquet"):
            path.unlink()
        ws.workspace.apply(DECLARATION)
        ws.workspace.log("flights", rows(DAYS, 1))
        run(ws, 1.5)
        assert ws.workspace.segment_names("flights") == []
        (view,) = ws.workspace.references("flights")
        assert any("carrier × origin was declared after reference 1" in words for words in view["warnings"])


ODD = ["", "=", "a × b", " padded ", "other", "missing", "x" * 500, 'quo"te', "carrier=AA", "\x00\n"]


@pytest.mark.slow
def test_values_nobody_expects_are_segments_like_any_other(tmp_path: Path) -> None:
    with tiny(tmp_path / "home", DECLARATION) as ws:
        for first, count in ((0, DAYS), (DAYS, 1)):
            frame = rows(first, count)
            values = np.array([*ODD, None], dtype=object)
            frame["carrier"] = values[np.random.default_rng(first).integers(0, len(values), len(frame))]
            if first == 0:
                ws.workspace.reference("flights", frame)
            else:
                ws.workspace.log("flights", frame)
        run(ws, 1.5)
        names = ws.workspace.segment_names("flights")
        assert len(names) == len({*names})
        carriers = [name for name in names if name.startswith("carrier=") and "×" not in name.replace("a × b", "")]
        assert len(carriers) == len(ODD) + 2
        odd = {'carrier=""', "carrier==", 'carrier="a × b"', 'carrier="other"', "carrier=other", "carrier=missing"}
        assert odd <= {*names}
        for name in carriers:
            assert isinstance(ws.workspace.segment_drift("flights", segment=name), list)
        with ws.workspace.core.db.cursor() as cursor:
            sql = "SELECT sum(n_rows) FROM profile WHERE part = 'segments' AND segment LIKE 'carrier=%' AND segment NOT LIKE '% × origin%'"
            assert cursor.execute(sql).fetchone() == (A_DAY,)


@pytest.mark.slow
def test_the_references_own_windows_are_in_no_mean_of_later_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[datetime] = []
    whole = segment_profiles.segment_series

    def noted(core: Any, reference: Any, frozen: Any, windows: Any, version: str) -> Any:
        seen.extend(window.start for window in windows)
        return whole(core, reference, frozen, windows, version)

    monkeypatch.setattr(segment_profiles, "segment_series", noted)
    with tiny(tmp_path / "home", DECLARATION) as ws:
        ws.workspace.log("flights", rows(0, DAYS + 3))
        ws.workspace.reference("flights", (START, LIVE))
        run(ws, 3.5)
    assert sorted(seen) == [LIVE + timedelta(days=day) for day in range(3)]
