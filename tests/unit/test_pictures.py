"""The chart of an alert: a PNG of a fixed size that shows what the alert is about; names in it are only text."""

import struct
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from reference_data.windows import Window
from service.local import chart_image, pictures
from service.local.chart_image import Chart, Point
from service.local.convert import reading_columns
from service.workspace import NotFoundError
from storage.readings import append_readings
from tests.support.alert_home import START, AlertHome, alert_home
from tests.support.readings import reading

DAY = timedelta(days=1)


def size(png: bytes) -> tuple[int, int]:
    """Return width and height, from the header of a PNG."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", png[16:24])


def chart(title: str = "distance drifted", n: int = 30) -> Chart:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    points = [Point(at + i * DAY, 1.0 + (i > 20), 1.5, 0.8, 1.2, past=i > 20, reference=i < 5) for i in range(n)]
    return Chart(title, "Distance of x", "eta · page", points, (at + 20 * DAY, None), "page", ZoneInfo("UTC"))


@pytest.mark.slow
def test_a_chart_is_a_picture_of_a_fixed_size_and_the_same_each_time() -> None:
    assert size(chart_image.draw(chart())) == (1000, 500)
    assert chart_image.draw(chart()) == chart_image.draw(chart())
    assert chart_image.draw(chart()) != chart_image.draw(chart("another"))


@pytest.mark.parametrize("name", ["$\\frac{", "$x$ ^ _ {", "<b>", "\u202e\x00\n\t", "名前 😀", "x" * 5000, ""])
def test_names_are_only_text(name: str) -> None:
    assert size(chart_image.draw(replace(chart(name), subtitle=name, footer=name))) == (1000, 500)


@pytest.mark.parametrize(
    "points",
    [
        [],
        [Point(datetime(2026, 1, 1, tzinfo=UTC), None, None, None, None, past=True)],
        [Point(datetime(2026, 1, 1, tzinfo=UTC), 3.0, None, None, None, past=True)],
        [Point(datetime(2026, 1, 1, tzinfo=UTC) + i * DAY, 1e300 * i, None, 0.0, None, past=False) for i in range(3)],
    ],
)
def test_little_to_show_is_still_a_picture(points: list[Point]) -> None:
    assert size(chart_image.draw(replace(chart(), points=points))) == (1000, 500)


def keep(home: AlertHome, check: str, column: str | None, verdicts: str, **changes: Any) -> None:
    """Keep a reading a day up to now, such as "ook": ok, ok, drift."""
    found = []
    for place, letter in enumerate(verdicts):
        start = START - (len(verdicts) - place) * DAY
        verdict = {"k": "drift", "o": "ok"}[letter]
        at = {"window": Window(start, start + DAY), "value": float(place), "verdict": verdict, "computed_at": START}
        found.append(reading(check, column, **{"model": "eta", **at, **changes}))
    append_readings(home.core.db, reading_columns(found))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[AlertHome]:
    with alert_home(tmp_path / "home") as made:
        made.declare()
        yield made


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Chart]:
    """What is drawn."""
    charts: list[Chart] = []
    real = chart_image.draw

    def draw(chart: Chart) -> bytes:
        charts.append(chart)
        return real(chart)

    monkeypatch.setattr(chart_image, "draw", draw)
    return charts


@pytest.mark.slow
def test_what_is_drawn_is_what_the_alert_is_about(home: AlertHome, drawn: list[Chart]) -> None:
    keep(home, "jensen_shannon", "distance", "oooookkk")
    keep(home, "psi", "distance", "kkkkkkkk")
    keep(home, "jensen_shannon", "other", "kkkkkkkk")
    keep(home, "missing_share", "distance", "oooooook")
    home.fire(window=Window(START - 3 * DAY, START - 2 * DAY), judged_to=START)
    assert size(home.workspace.alert_picture("a0")) == (1000, 500)
    (chart,) = drawn
    assert "of distance" in chart.subtitle
    assert "Jensen-Shannon" in chart.subtitle
    assert [point.past for point in chart.points] == [False] * 5 + [True] * 3
    assert [point.value for point in chart.points] == [float(place) for place in range(8)]
    assert chart.span == (START - 3 * DAY, None)
    home.fire(1, limit="psi")
    home.workspace.alert_picture("a1")
    assert drawn[1].subtitle == "Psi of distance, distance"
    home.fire(2, kind="data_quality", limit=None)
    home.workspace.alert_picture("a2")
    assert drawn[2].subtitle == "Psi of distance, distance"


def test_a_window_that_still_goes_on_is_no_point_of_a_metric(
    home: AlertHome, drawn: list[Chart], monkeypatch: pytest.MonkeyPatch
) -> None:
    def point(day: int, verdict: str, role: str = "serving") -> dict[str, Any]:
        start = START + day * DAY
        limits = (
            {"threshold": 3.0, "lower": 0.0, "upper": 2.0}
            if verdict
            else dict.fromkeys(("threshold", "lower", "upper"))
        )
        times = {"start": start.isoformat(), "end": (start + DAY).isoformat()}
        return {"value": float(day), "verdict": verdict, "role": role, "unit": "min", **limits, **times}

    points = [point(-2, "", "reference"), point(-1, "ok"), point(0, "critical"), point(1, "")]
    monkeypatch.setattr("service.local.performance.performance", lambda *_: points)
    monkeypatch.setattr("service.local.performance.metric", lambda *_: (SimpleNamespace(name="mae", label="Mae"),))
    home.fire(kind="performance")
    home.workspace.alert_picture("a0")
    assert [(p.value, p.past, p.reference) for p in drawn[0].points] == [
        (-2, False, True),
        (-1, False, False),
        (0, True, False),
    ]


@pytest.mark.slow
def test_inside_a_segment_its_own_readings_are_drawn_or_else_those_of_all_rows(
    home: AlertHome, drawn: list[Chart]
) -> None:
    keep(home, "jensen_shannon", "distance", "okkkk")
    keep(home, "jensen_shannon", "distance", "kkkk", segment="city=Oslo")
    keep(home, "jensen_shannon", "distance", "k", segment="city=Rome")
    home.fire(1, segment="city=Oslo")
    home.fire(2, segment="city=Rome")
    for alert in ("a1", "a2"):
        home.workspace.alert_picture(alert)
    assert [len(chart.points) for chart in drawn] == [4, 5]
    assert "inside city=Oslo" in drawn[0].subtitle
    assert "inside" not in drawn[1].subtitle


def test_of_what_was_never_read_there_is_no_picture(home: AlertHome) -> None:
    home.fire(kind="job", column=None, members=())
    with pytest.raises(NotFoundError, match="no chart"):
        home.workspace.alert_picture("a0")
    with pytest.raises(NotFoundError, match="no alert"):
        home.workspace.alert_picture("none")
    assert pictures.safely(home.core, "a0") is None


def test_rows_that_do_not_come_are_drawn(home: AlertHome, drawn: list[Chart]) -> None:
    keep(home, "row_count", None, "oooo", scope="traffic", unit="rows")
    home.fire(kind="no_data", column=None, members=())
    home.workspace.alert_picture("a0")
    assert drawn[0].subtitle == "Row count, rows"
