"""What the first visitor asks has been worked out before they come."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from service.local import overview, warm
from service.local.recall import Recall
from service.workspace import NotFoundError
from tests.support.tiny_workspace import DECLARATION, MODEL, REFERENCE_DAYS, Tiny, rows, tiny

PLAIN = DECLARATION.replace('segments = ["city"]\n', "")
BARE = '[models.{}]\ntask = "regression"\nprediction = "guess"\n[models.{}.features]\nx = "numeric"\n'


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Tiny]:
    with tiny(tmp_path / "home", PLAIN + BARE.format("bare", "bare") + BARE.format("zero", "zero")) as made:
        yield made


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was worked out and kept, in order."""
    kept: list[Any] = []
    put = Recall.put

    def noted(self: Recall, question: Any, *rest: Any) -> None:
        kept.append(question[1:])
        put(self, question, *rest)

    monkeypatch.setattr(Recall, "put", noted)
    return kept


def test_the_overview_and_the_page_of_a_model_in_trouble_wait_for_nothing(ws: Tiny, worked: list[Any]) -> None:
    ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
    ws.log_days(0, 3)
    ws.run_at(2.5)
    ws.reopen()
    warm.once(ws.workspace.core, Event())
    assert ws.workspace.core.recall.looked < 0, "nobody has looked"
    assert worked
    worked.clear()
    asked = ws.workspace
    asked.models()
    closed = [window for window in asked.windows(MODEL) if window["closed"] and window["rows"]]
    asked.performance(MODEL)
    assert asked.drift_table(MODEL, datetime.fromisoformat(closed[-1]["start"]))
    assert asked.heatmap(MODEL)
    assert worked == []


def test_it_goes_towards_who_asks_meanwhile_and_past_what_cannot_be(ws: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    row = overview.model

    def noted(core: Any, name: str) -> Any:
        asked.append(name)
        if name == "zero":
            raise NotFoundError("it is gone")
        return row(core, name)

    monkeypatch.setattr(overview, "model", noted)
    warm.once(ws.workspace.core, Event())
    assert asked == ["zero", MODEL, "bare"]
    stop = Event()
    stop.set()
    warm.once(ws.workspace.core, stop)
    assert len(asked) == 3, "told to stop, it begins nothing more"
