"""Models without labels: plain tables, clusters, anomaly scores; declared, logged, judged and shown like any other."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from service import context
from tests.support.tiny_workspace import LIVE, START, tiny

DECLARATION = """
[models.m]
task = "none"
segments = ["shop"]
{prediction}
[models.m.features]
x = "numeric"
shop = "categorical"
[models.m.monitor]
window = "1d"
grace = "6h"
"""
A_DAY = 300


def rows(first: int, count: int, kind: str, shift: float = 0.0) -> pd.DataFrame:
    frames = []
    for day in range(first, first + count):
        rng = np.random.default_rng(day)
        x = rng.normal(0, 1, A_DAY)
        frame = pd.DataFrame(
            {
                "prediction_id": [f"{day}-{number}" for number in range(A_DAY)],
                "event_time": [START + timedelta(days=day) + timedelta(days=1) / A_DAY * i for i in range(A_DAY)],
                "x": x,
                "shop": rng.choice(["a", "b"], A_DAY),
            }
        )
        moved = rng.normal(0, 1, A_DAY) + shift
        if kind == "clusters":
            frame["found"] = np.select([moved > 1, moved < -1], ["high", "low"], "middle")
        elif kind == "numbered clusters":
            frame["found"] = np.select([moved > 1, moved < -1], [2, 0], 1)
        elif kind in ("anomaly predictions", "anomaly scores"):
            frame["found"] = np.exp(moved)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "prediction", "column", "type_"),
    [
        ("plain table", "", None, None),
        ("clusters", 'prediction = "found"', "prediction", "categorical"),
        ("numbered clusters", 'prediction = "found"', "prediction", "categorical"),
        ("anomaly predictions", 'prediction = "found"', "prediction", "numeric"),
        ("anomaly scores", 'score = "found"', "score", "numeric"),
    ],
)
def test_what_a_model_without_labels_says_is_watched(
    tmp_path: Path, kind: str, prediction: str, column: str | None, type_: str | None
) -> None:
    with tiny(tmp_path / "home", DECLARATION.format(prediction=prediction)) as opened:
        ws = opened.workspace
        made = ws.reference("m", rows(0, 28, kind))
        assert made["outcomes"] is None
        assert {c["column"]: c["type"] for c in made["columns"]}.get(column or "") == type_
        assert ws.log("m", rows(28, 2, kind))["accepted"] == 2 * A_DAY
        opened.clock.now = LIVE + timedelta(days=2.5)
        ws.run("m")
        assert ws.alerts("m") == []
        assert ws.log("m", rows(30, 2, kind, shift=1.5))["rejected"] == []
        opened.clock.now = LIVE + timedelta(days=4.5)
        ws.run("m")
        kinds = {(alert["kind"], alert["column"]) for alert in ws.alerts("m")}
        assert kinds == ({("prediction_drift", column)} if column else set())
        assert not [r for r in ws.readings("m") if r["verdict"] == "error" or r["scope"] == "performance"]
        assert {row["column"] for row in ws.segment_drift("m")} == {"x", *([column] if column else [])}

        assert ws.model("m")["metric"] is None
        assert ws.performance("m") == []
        assert ws.metric_names("m") == []
        assert ws.segment_errors("m", LIVE, LIVE + timedelta(days=4)) == []
        shown = {row["column"] for row in ws.drift_table("m")}
        assert shown == {"x", "shop"} | ({column} if column else set())
        for name in shown:
            assert ws.feature("m", name)["error_by_value"] == []
        assert {cell["column"] for cell in ws.heatmap("m")} == shown
        assert len(ws.rows("m", LIVE, LIVE + timedelta(days=1))["rows"]) == 100
        assert isinstance(ws.labels("m"), dict)


def _script(name: str) -> None:
    from dashboard.app import main

    main(name)


@pytest.mark.slow
def test_pages_draw_a_model_without_labels(tmp_path: Path) -> None:
    with tiny(tmp_path / "home", DECLARATION.format(prediction='prediction = "found"')) as opened:
        opened.workspace.reference("m", rows(0, 28, "clusters"))
        opened.workspace.log("m", rows(28, 3, "clusters", shift=1.5))
        opened.clock.now = LIVE + timedelta(days=3.5)
        opened.workspace.run("m")
        context.set_workspace(opened.workspace)
        try:
            for name in ("overview", "model", "feature", "performance", "references", "alerts", "data"):
                page = AppTest.from_function(_script, args=(name,), default_timeout=60)
                page.query_params["model"] = "m"
                page.query_params["column"] = "x"
                page.run()
                assert not page.exception, (name, page.exception)
                assert page.title
        finally:
            context.set_workspace(None)
