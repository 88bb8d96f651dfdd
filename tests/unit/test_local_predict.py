"""Answering: whoever asks is answered once or told why not, whatever becomes of shadows."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from retraining.fitted import ModelCard
from retraining.predictor import Predictor
from retraining.registry import ArtefactError
from retraining.types import Predictions
from service.local import LocalWorkspace
from service.workspace import ConflictError, WorkspaceError
from tests.support.homes import empty

NOW = datetime(2024, 2, 1, tzinfo=UTC)
DECLARATION = """
[models.eta]
task = "regression"
id = "order"
prediction = "guess"
features = { km = "numeric" }
"""


class Stub(Predictor):
    """Version vN says N times the distance; those in ``broken`` raise."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: dict[str, Exception] = {}

    def predict(self, card: ModelCard, frame: pd.DataFrame) -> Predictions:
        if card.version in self.broken:
            raise self.broken[card.version]
        return Predictions(np.asarray(frame["km"], dtype=np.float64) * int(card.version[1:]))


@pytest.fixture
def stub() -> Stub:
    return Stub()


@pytest.fixture
def ws(tmp_path: Path, stub: Stub) -> Iterator[LocalWorkspace]:
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: NOW) as workspace:
        workspace.core.predictor = stub
        workspace.apply(DECLARATION)
        for number in (1, 2, 3):
            register(workspace, f"v{number}")
        workspace.deploy("eta", "v1")
        yield workspace


def register(ws: LocalWorkspace, version: str) -> None:
    (ws.core.home.artefacts / "stub").write_bytes(b"")  # a version without its artefact is given no role
    card = ModelCard(version, "", hashlib.sha256(b"").hexdigest(), "regression", ws.core.spec("eta").columns)
    ws.core.control.put_version(
        {
            "model": "eta",
            "version": version,
            "reference_version": None,
            "created_at": NOW.isoformat(),
            "created_by": "test",
            "period": [NOW.isoformat(), NOW.isoformat()],
            "holdout": None,
            "rows": 0,
            "trainer": "stub",
            "card": card.to_dict(),
            "artefact": "stub",
            "alert_id": None,
            "job_id": None,
            "gate": {"rows": [], "verdict": "first", "sentence": ""},
            "metrics": {},
            "importance": {},
        }
    )


def logged(ws: LocalWorkspace) -> list[tuple[str, str, str, float]]:
    rows = ws.rows("eta", datetime(2024, 1, 1), datetime(2024, 3, 1), limit=1000)["rows"]  # noqa: DTZ001 - the model's zone
    return sorted((r["prediction_id"], r["model_version"], r["role"], r["prediction"]) for r in rows)


def point(name: str, km: float = 2.0, **more: Any) -> dict[str, Any]:
    return {"prediction_id": name, "km": km} | more


def test_a_shadow_that_fails_is_not_heard_and_the_answer_stands(ws: LocalWorkspace, stub: Stub) -> None:
    ws.deploy("eta", "v2", role="shadow")
    ws.deploy("eta", "v3", role="shadow")
    stub.broken["v2"] = RuntimeError("out of its depth")
    (answer,) = ws.predict("eta", [point("a")])
    assert answer == {"prediction_id": "a", "prediction": 2.0, "model_version": "v1"}
    assert logged(ws) == [("a", "v1", "serving", 2.0), ("a", "v3", "shadow", 6.0)]


def test_a_champion_that_fails_says_so(ws: LocalWorkspace, stub: Stub) -> None:
    stub.broken["v1"] = ArtefactError("v1.skops was changed since")
    with pytest.raises(WorkspaceError, match="version v1 of model 'eta' cannot answer: v1"):
        ws.predict("eta", [point("a")])
    assert logged(ws) == []


def test_a_canary_answers_its_share_and_answers_come_in_order(ws: LocalWorkspace) -> None:
    ws.deploy("eta", "v2", role="canary", share=0.3)
    answers = ws.predict("eta", [point(f"id {i}", km=float(i + 1)) for i in range(400)])
    assert [answer["prediction_id"] for answer in answers] == [f"id {i}" for i in range(400)]
    for i, answer in enumerate(answers):
        assert answer["prediction"] == (i + 1) * int(answer["model_version"][1:])
    assert 0.2 < sum(answer["model_version"] == "v2" for answer in answers) / 400 < 0.4
    assert len(logged(ws)) == 400


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([point("a"), point("b", km="far")], "datapoint 1, field 'km'"),  # type: ignore[arg-type]
        ([point("a"), point("b", height=1)], "datapoint 1, field 'height': unknown feature"),
        ([point("a"), point("b", event_time="soon")], "datapoint 1, field 'event_time': 'soon'"),
        ([point("a"), point("b", event_time="0001-01-01")], "datapoint 1, field 'event_time'"),
        ([point("a"), point("b"), point("a")], "datapoint 2, field 'prediction_id': 'a' is that of datapoint 0"),
        (["a"], "a datapoint is an object"),
    ],
)
def test_a_bad_datapoint_is_named_and_none_is_answered(ws: LocalWorkspace, points: list[Any], words: str) -> None:
    ws.deploy("eta", "v2", role="canary", share=0.5)
    ws.deploy("eta", "v3", role="shadow")
    with pytest.raises(WorkspaceError) as caught:
        ws.predict("eta", points)
    assert words in str(caught.value)
    assert logged(ws) == []


def test_asking_again_answers_again_and_logs_once(ws: LocalWorkspace) -> None:
    first = ws.predict("eta", [point("a", event_time=NOW.isoformat())])
    assert ws.predict("eta", [point("a", event_time=NOW.isoformat())]) == first
    assert len(logged(ws)) == 1


def test_nothing_asked_is_nothing_answered(ws: LocalWorkspace) -> None:
    assert ws.predict("eta", []) == []
    assert ws.predict_rows("eta", pd.DataFrame({"km": [], "prediction_id": [], "event_time": []})).empty


def test_without_a_champion_there_is_no_answer(tmp_path: Path) -> None:
    with LocalWorkspace.open(tmp_path / "other", now=lambda: NOW) as workspace:
        workspace.apply(DECLARATION)
        with pytest.raises(ConflictError, match="has no champion to answer"):
            workspace.predict("eta", [point("a")])
