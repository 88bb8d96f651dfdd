"""Why performance changed, asked of a workspace."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from reference_data.windows import Window
from service.cli.why import _human
from service.local import LocalWorkspace, why
from service.local.references import sample_path
from service.workspace import NotFoundError, WorkspaceError
from tests.support.homes import empty

pytestmark = pytest.mark.slow
START = datetime(2024, 1, 1, tzinfo=UTC)
LIVE = START + timedelta(days=20)
NOW = datetime(2024, 3, 1, tzinfo=UTC)
HOSTILE = "a\"b'; DROP TABLE x; --"
PERIOD = (LIVE, LIVE + timedelta(days=5))
DECLARED = """
[models.m]
task = "{task}"
units = {{ label = "min" }}
label = "label"
prediction = "prediction"
{more}
[models.m.features]
x = "numeric"
{hostile} = "categorical"
_id = "numeric"
[models.m.context]
weather = "numeric"
[models.m.monitor]
window = "1d"
multivariate = []
"""


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[LocalWorkspace]:
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: NOW) as workspace:
        yield workspace


def declaration(task: str = "regression", more: str = "") -> str:
    return DECLARED.format(task=task, more=more, hostile='"' + HOSTILE.replace('"', '\\"') + '"')


def rows(seed: int, days: int, start: datetime, rule: float = 0.0, a_day: int = 150) -> pd.DataFrame:
    """``rule`` is added to the labels of all rows; those of category "b" get twice that."""
    rng = np.random.default_rng(seed)
    n = days * a_day
    x, k = rng.normal(size=n), rng.choice(["a", "b", "Łódź"], n)
    return pd.DataFrame(
        {
            "prediction_id": [f"{seed}-{i}" for i in range(n)],
            "event_time": [start + timedelta(days=days * i / n) for i in range(n)],
            "x": x, HOSTILE: k, "_id": rng.normal(size=n), "weather": rng.normal(size=n), "prediction": 10 + x,
            "label": 10 + x + rng.normal(size=n) + rule * (1 + (k == "b")),
        }
    )  # fmt: skip


def fed(ws: LocalWorkspace, rule: float, **options: Any) -> LocalWorkspace:
    ws.apply(declaration())
    ws.reference("m", rows(1, 20, START))
    arrived = rows(2, 5, LIVE, rule, **options)
    ws.log("m", arrived.drop(columns="label"))
    ws.label("m", arrived[["prediction_id", "label"]])
    return ws


def test_a_changed_rule_is_named_with_its_part_its_slice_and_its_rows(ws: LocalWorkspace) -> None:
    fed(ws, 3.0)
    found = ws.change_parts("m", *PERIOD)
    assert found is not None
    assert (found["loss"], found["unit"], found["n"], found["n_reference"]) == ("absolute error", "min", 750, 3000)
    assert found["rule_lower"] > 0.9 * found["change"] - 0.3
    assert found["inputs_lower"] <= 0.1
    assert "The changed rule is the larger part." in found["sentence"]
    assert "weather, which the model does not see" in found["sentence"]
    (worst, *_) = ws.slices("m", *PERIOD)
    assert worst["name"] == f"{HOSTILE} = b"
    assert "on rows that were held out" in worst["sentence"].lower()
    shown = ws.examples("m", *PERIOD, limit=5)
    assert len(shown) == 5
    assert set(shown[0]["values"]) == {"x", HOSTILE, "_id", "weather"}
    for row in shown:
        assert row["loss"] == pytest.approx(abs(row["prediction"] - row["label"]))  # type: ignore[operator]
        assert LIVE <= datetime.fromisoformat(row["at"]) < PERIOD[1]


def test_the_alert_is_told_what_rows_say(ws: LocalWorkspace) -> None:
    fed(ws, 3.0)
    ws.run("m")
    (alert,) = [alert for alert in ws.alerts("m") if alert["kind"] in ("performance", "concept_drift")]
    first = alert["causes"][0]
    assert (first["column"], first["kind"]) == (None, "rule")
    assert re.search(r"of the rise of [\d.]+ min in mean absolute error", first["sentence"])


def test_no_alert_fails_for_its_causes(
    ws: LocalWorkspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(why, "gather", broken)
    fed(ws, 3.0)
    ws.run("m")
    (alert,) = [alert for alert in ws.alerts("m") if alert["kind"] in ("performance", "concept_drift")]
    assert alert["causes"][0]["column"] is None
    assert "no input that the model leans on moved enough" in alert["causes"][0]["sentence"]
    assert "no causes from rows" in caplog.text


def test_few_labels_are_said_in_words_and_a_stretch_ends_after_it_begins(ws: LocalWorkspace) -> None:
    fed(ws, 0.0, a_day=10)
    assert ws.change_parts("m", *PERIOD) is None
    assert ws.slices("m", *PERIOD) == []
    assert ws.examples("m", *PERIOD) == []
    told = _human("m", {"start": PERIOD[0], "end": PERIOD[1], "parts": None, "causes": []}, ranked=False)
    assert "100 labelled rows in this stretch" in told
    assert "no closed window with labels" in _human("m", {"start": None}, ranked=False)
    with pytest.raises(WorkspaceError, match="before it begins"):
        ws.slices("m", PERIOD[1], PERIOD[0])
    with pytest.raises(NotFoundError):
        ws.change_parts("other", *PERIOD)


def test_an_absurd_prediction_leaves_answers_that_can_be_sent(ws: LocalWorkspace) -> None:
    ws.apply(declaration())
    ws.reference("m", rows(1, 20, START))
    arrived = rows(2, 5, LIVE)
    arrived.loc[7, "prediction"] = 1e200
    ws.log("m", arrived.drop(columns="label"))
    ws.label("m", arrived[["prediction_id", "label"]])
    found = {"parts": ws.change_parts("m", *PERIOD), "slices": ws.slices("m", *PERIOD)}
    assert found["parts"] is not None
    json.dumps(found | {"examples": ws.examples("m", *PERIOD)}, allow_nan=False)


def test_a_reference_without_rows_or_labels_says_nothing(ws: LocalWorkspace) -> None:
    fed(ws, 3.0)
    sample_path(ws.core, "m", 1).unlink()
    assert ws.change_parts("m", *PERIOD) is None
    assert why.window_evidence(ws.core, ws.core.spec("m"), Window(*PERIOD), "", []) is None


def test_what_happened_at_the_same_time_is_told(ws: LocalWorkspace) -> None:
    fed(ws, 0.0)
    arrived = rows(3, 1, LIVE + timedelta(days=5)).drop(columns=["label", "x"])
    ws.log("m", arrived)
    ws.log("m", arrived.assign(prediction_id=[f"again{i}" for i in range(len(arrived))], stranger=1.0))
    found = why.events(ws.core, ws.core.spec("m"), Window(LIVE + timedelta(days=5), LIVE + timedelta(days=6)))
    assert any(event.column == "stranger" and "came along undeclared" in event.words for event in found)
    assert why.events(ws.core, ws.core.spec("m"), Window(START, START + timedelta(days=1))) == []


@pytest.mark.parametrize(("task", "scored", "loss"), [("binary", True, "log loss"), ("multiclass", False, "error")])
def test_classifiers_are_judged_by_their_loss(ws: LocalWorkspace, task: str, scored: bool, loss: str) -> None:
    more = ('score = "score"\n' if scored else "") + ('positive = "yes"' if task == "binary" else "")
    ws.apply(declaration(task, more))

    def answers(seed: int, days: int, start: datetime, wrong: float) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        table = rows(seed, days, start)
        score = 1 / (1 + np.exp(-2 * table["x"]))
        label = rng.random(len(table)) < score
        label = np.where(rng.random(len(table)) < wrong, ~label, label)
        table["prediction"], table["label"] = np.where(score > 0.5, "yes", "no"), np.where(label, "yes", "no")
        return table.assign(score=score) if scored else table

    ws.reference("m", answers(1, 20, START, 0.0))
    assert ("score" in pq.read_schema(sample_path(ws.core, "m", 1)).names) == scored
    arrived = answers(2, 5, LIVE, 0.4)
    ws.log("m", arrived.drop(columns="label"))
    ws.label("m", arrived[["prediction_id", "label"]])
    found = ws.change_parts("m", *PERIOD)
    assert found is not None
    assert found["loss"] == loss
    assert found["rule_lower"] > 0.05
    assert found["rule"] > abs(found["inputs"])
