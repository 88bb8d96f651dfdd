"""A week that is over is told as it stood at its end, whatever came later."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest

from service import summary_page, summary_past
from service.reporting_views import SummaryView, WeekModel
from service.views import AlertView
from tests.support.fake_workspace import MODEL, FakeWorkspace

END = datetime(2013, 5, 20, tzinfo=UTC)
DAY = timedelta(days=1)
WINDOW: Any = {"end": (END - DAY).isoformat(), "rows": 100}


def alert(*events: tuple[float, str, str], opened: float = -3, resolved: float | None = None, **more: Any) -> AlertView:
    """Return an alert with events (days from :data:`END`, state, action)."""
    history = [
        {"at": (END + days * DAY).isoformat(), "state": state, "actor": "monitor", "comment": "", "action": action}
        for days, state, action in events
    ]
    view = {
        "model": MODEL, "kind": "performance", "severity": "page", "window_start": (END - 4 * DAY).isoformat(),
        "opened_at": (END + opened * DAY).isoformat(), "headline": "it is worse", "history": history,
        "resolved_at": None if resolved is None else (END + resolved * DAY).isoformat(),
    }  # fmt: skip
    return cast("AlertView", view | more)


FIRED = (-3, "firing", "")


@pytest.mark.parametrize(
    ("found", "health", "opened"),
    [
        (alert(FIRED), "page", 1),
        (alert(FIRED, (1, "resolved", ""), resolved=1), "page", 1),
        (alert(FIRED, (-1, "resolved", ""), resolved=-1), "ok", 0),
        (alert(FIRED, (-1, "resolved", ""), (1, "firing", "return")), "ok", 0),
        (alert((1, "firing", ""), opened=1), "ok", 0),
        (alert((-1, "pending", ""), (1, "firing", ""), opened=-1), "ok", 0),
        (alert(FIRED, (-2, "firing", "silence")), "ok", 1),
        (alert(FIRED, (-2, "firing", "silence"), (-1, "firing", "unsilence")), "page", 1),
        (alert(FIRED, (1, "firing", "silence")), "page", 1),
        (alert(FIRED, (-2, "firing", "inhibit")), "ok", 1),
        (alert(FIRED, (-2, "acknowledged", ""), severity="warning"), "warning", 1),
        (alert(FIRED, kind="no_data", severity="warning"), "no_data", 1),
    ],
)  # fmt: skip
def test_health_is_what_the_alerts_of_then_say(found: AlertView, health: str, opened: int) -> None:
    stood = summary_past.standing([found], [WINDOW], END)
    assert (stood.health, stood.open) == (health, opened)
    assert stood.headline.startswith("it is worse" if health != "ok" else "no alert was open")


@pytest.mark.parametrize("windows", [[], [WINDOW | {"rows": 0}], [WINDOW | {"end": (END + DAY).isoformat()}]])
def test_a_model_that_had_no_rows_by_then_had_no_data(windows: list[Any]) -> None:
    assert summary_past.standing([], windows, END).health == "no_data"


def week(day: date) -> tuple[SummaryView, WeekModel, Any]:
    found = FakeWorkspace().summary(day)
    (model,) = (each for each in found["models"] if each["model"] == MODEL)
    (budget,) = (each for each in found["budget"] if each["model"] == MODEL)
    return found, model, budget


def test_a_week_before_the_alert_knows_nothing_of_it() -> None:
    found, model, budget = week(date(2013, 4, 2))
    assert found["as_of"] == found["end"]
    assert (model["health"], model["open"], model["sentence"]) == ("ok", 0, "no alert was open.")
    assert (budget["pages"], budget["warnings"]) == (0, 0)
    assert found["needs"] == []
    assert found["sources"] == []
    assert found["sentence"].startswith("No model needs anybody")


def test_a_week_with_the_alert_has_it_and_the_metric_of_its_own_windows() -> None:
    found, model, budget = week(date(2013, 5, 14))
    assert (model["health"], budget["pages"]) == ("page", 1)
    assert found["needs"] == ["air_time (ops): Flights arrive 14 minutes earlier than predicted"]
    now = FakeWorkspace().model(MODEL)["metric"]
    assert now is not None
    points = FakeWorkspace().performance(MODEL)
    (last,) = (point for point in points if point["start"] <= found["end"] < point["end"])
    assert model["value"] == points[points.index(last) - 1]["value"] != now["value"]


def test_the_week_under_way_is_as_of_now() -> None:
    found, model, _ = week(date(2013, 6, 4))
    view = FakeWorkspace().model(MODEL)
    assert found["as_of"] == found["written_at"] < found["end"]
    assert (model["health"], model["value"]) == (view["health"], (view["metric"] or {"value": None})["value"])
    assert [each["source"] for each in found["sources"]] == ["arrivals"]


def test_the_page_says_what_is_as_of_when() -> None:
    found, _, _ = week(date(2013, 5, 14))
    for shown in (summary_page.render(found), summary_page.markdown(found)):
        assert "failing sources are as of 20 May 00:00" in shown
        assert "the week to come as of 4 Jun 13:00" in shown
