"""The demo's whole year, played on by the product's own player from where ``driftdeck demo`` stops, and held to what the product promises.

Dates and bounds are those of the flights of 2013: on 30 April the same inputs begin to mean shorter flights, on 15 October the
first model is right again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.demo.flights import LAST_DAY, MODEL, ZONE, midnight
from service.demo.player import Player
from service.local import LocalWorkspace
from tests.support.demo_home import demo_home

__all__ = ["demo_home"]  # it has played the year up to 4 June

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # 300 days of logs, labels and runs

HARM = ("performance", "concept_drift")


@dataclass
class Year:
    """What the year left: its workspace (open), and what was seen while it was played."""

    home: Path
    workspace: LocalWorkspace
    steps: list[str]


@pytest.fixture(scope="module")
def year(demo_home: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    home = demo_home(tmp_path_factory.mktemp("year") / "home")
    steps: list[str] = []
    played = Year(home, LocalWorkspace.open(home), steps)
    try:
        Player(played.workspace, report=lambda view: steps.append(view["step"])).play_now(LAST_DAY, scripted=True)
        yield played
    finally:
        played.workspace.close()


def moment(text: str | None) -> datetime:
    assert text is not None
    return datetime.fromisoformat(text)


def between(alert: dict[str, Any], field: str, first: date, last: date) -> bool:
    """Whether a moment of an alert lies on one of the days from ``first`` to ``last``."""
    return first <= moment(alert[field]).astimezone(ZONE).date() <= last


def of_harm(workspace: LocalWorkspace) -> list[Any]:
    return [alert for alert in workspace.alerts(MODEL) if alert["kind"] in HARM]


def error(workspace: LocalWorkspace, version: str, since: date, until: date) -> tuple[float, int]:
    """Return a version's mean absolute error over the rows of the days [since, until), and how many they are."""
    points = [
        point
        for point in workspace.performance(MODEL, metric="mae", grain="1d")
        if point["model_version"] == version and midnight(since) <= moment(point["start"]) < midnight(until)
    ]
    rows = sum(point["n"] for point in points)
    return sum(point["value"] * point["n"] for point in points if point["value"] is not None) / rows, rows


def test_the_whole_year_was_played(year: Year) -> None:
    assert "replaying 31 December 2013" in year.steps
    model = year.workspace.model(MODEL)
    assert moment(model["data_until"]).astimezone(ZONE).date() == date(2013, 12, 31)
    assert model["rows"]["labels"] > 327_000
    assert model["rows"]["quarantined"] == 0


def test_the_change_of_the_thirtieth_of_april_is_found_and_no_page_comes_before(year: Year) -> None:
    alerts = of_harm(year.workspace)
    assert any(between(alert, "window_start", date(2013, 4, 26), date(2013, 5, 8)) for alert in alerts)
    early = [a for a in alerts if a["severity"] == "page" and moment(a["window_start"]) < midnight(date(2013, 4, 20))]
    assert early == []


def test_the_retrained_model_halves_the_error_that_the_first_one_goes_on_making(year: Year) -> None:
    weeks = date(2013, 6, 4), date(2013, 7, 2)
    old, old_rows = error(year.workspace, "v1", *weeks)
    new, new_rows = error(year.workspace, "v2", *weeks)
    assert old_rows == new_rows > 20_000, "both answered the same flights"
    assert new <= 0.6 * old
    roles = {(p["model_version"], p["role"]) for p in year.workspace.performance(MODEL)}
    assert {("v1", "serving"), ("v1", "shadow"), ("v2", "serving"), ("v2", "shadow")} <= roles


def test_the_second_change_is_found_in_autumn(year: Year) -> None:
    opened = [a for a in of_harm(year.workspace) if between(a, "opened_at", date(2013, 10, 10), date(2013, 12, 15))]
    first = min(opened, key=lambda alert: moment(alert["opened_at"]))
    assert (first["model_version"], first["severity"]) == ("v2", "page")
    assert between(first, "window_start", date(2013, 10, 8), date(2013, 10, 22))


def test_alerts_keep_to_their_budget(year: Year) -> None:
    """Three pages are of harm that was there; the schedule of the airlines moves a column the model leans on in April."""
    alerts = year.workspace.alerts(MODEL)
    assert len(alerts) <= 15
    assert len([alert for alert in alerts if alert["severity"] == "warning"]) <= 3
    assert len([alert for alert in alerts if alert["severity"] == "page"]) <= 4


def test_after_the_rollback_the_first_model_serves_and_its_error_is_below_the_threshold(year: Year) -> None:
    """All weeks but one: the storms of 3 to 9 December are an error of their own, 12.2 minutes where 11.8 are the limit."""
    model = year.workspace.model(MODEL)
    assert model["champion"] == "v1"
    since = moment(model["champion_since"])
    assert midnight(date(2013, 10, 10)) <= since <= midnight(date(2013, 12, 15))
    judged = [
        (point["start"][:10], point["model_version"], point["value"], point["threshold"])
        for point in year.workspace.performance(MODEL)
        if point["role"] == "serving" and moment(point["start"]) >= since - timedelta(days=8)
        if point["value"] is not None and point["threshold"] is not None
    ]
    (_, former, before, limit), *after = judged
    assert former == "v2"
    assert before > limit, "what it was rolled back for"
    assert len(after) == 10
    assert {version for _, version, _, _ in after} == {"v1"}
    assert [start for start, _, value, limit in after if value >= limit] in ([], ["2013-12-03"])
    assert [alert for alert in of_harm(year.workspace) if alert["state"] != "resolved"] == []


def test_each_version_has_its_reference(year: Year) -> None:
    assert year.workspace.core.control.reference_versions(MODEL) == [1, 2]
    versions = {version["version"]: version["reference_version"] for version in year.workspace.versions(MODEL)}
    assert versions == {"v1": 1, "v2": 2}
    assert year.workspace.model(MODEL)["reference_version"] == 1


def test_running_once_more_changes_nothing(year: Year) -> None:
    readings, alerts = year.workspace.readings(MODEL), year.workspace.alerts(MODEL)
    (run,) = year.workspace.run(MODEL)
    assert (run["windows"], run["readings"], run["alerts_opened"], run["alerts_resolved"]) == (0, 0, [], [])
    assert year.workspace.readings(MODEL) == readings
    assert year.workspace.alerts(MODEL) == alerts


def test_a_restart_finds_everything_as_it_was(year: Year) -> None:
    """Last: it closes the workspace that the others share, and leaves an open one behind."""
    readings, alerts = year.workspace.readings(MODEL), year.workspace.alerts(MODEL)
    year.workspace.close()
    year.workspace = LocalWorkspace.open(year.home)
    assert year.workspace.alerts(MODEL) == alerts
    assert year.workspace.readings(MODEL) == readings
    (run,) = year.workspace.run(MODEL)
    assert run["windows"] == 0
    assert Player(year.workspace).clock == midnight(LAST_DAY)
