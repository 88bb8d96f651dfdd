"""Reports and the week: the numbers of the pages, nothing in them that runs or reaches out, and words for what is not there."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from service import exporting, html_page, report_data, report_drawings, report_page, summary_page, words
from service.workspace import NotFoundError, WorkspaceError
from tests.support.fake_workspace import HOSTILE, MODEL, FakeWorkspace

NASTY = [
    *HOSTILE,
    '"><svg onload=alert(1)>',
    "</title></style><script>alert(1)</script>",
    "' onmouseover='alert(1)",
    "=HYPERLINK(1)",
    "\u202etxt.exe\x00\x1b[31m",
    "javascript:alert(1)//http://evil.example/x.js",
]
#: All a report may be made of; a name that became an element or an attribute would be another.
ELEMENTS = {
    "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "span", "i", "ul", "li",
    "div", "table", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd", "details", "summary", "svg", "rect",
    "line", "text", "path", "polyline", "circle", "g",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "class", "scope", "role", "aria-label", "tabindex",
    "viewbox", "width", "height", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "d", "points",
    "text-anchor",
}  # fmt: skip


class Reader(HTMLParser):
    """Everything a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: set[str] = set()
        self.attributes: dict[str, set[str]] = {}
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def harmless(page: str) -> Reader:
    found = Reader(page)
    assert found.elements <= ELEMENTS
    assert set(found.attributes) <= ATTRIBUTES
    assert "default-src 'none'" in page.split("<style>")[0]
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    return found


def renamed(value: Any, name: str) -> Any:
    """Return a report in which every name and sentence of a user's is ``name``."""
    users = {"model", "owner", "column", "sentence", "headline", "message", "origin", "error", "words", "unit", "version",
             "model_version", "labels", "changes", "judged", "needs", "often", "source", "name", "member"}  # fmt: skip
    if isinstance(value, dict):
        return {
            key: ([name] * len(inner) if isinstance(inner, list) else name)
            if key in users
            and (isinstance(inner, str) or (isinstance(inner, list) and inner and isinstance(inner[0], str)))
            else renamed(inner, name)
            for key, inner in value.items()
        }
    return [renamed(inner, name) for inner in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def workspace() -> FakeWorkspace:
    return FakeWorkspace()


@pytest.fixture(scope="module")
def whole(workspace: FakeWorkspace) -> Any:
    return workspace.report(MODEL)


@pytest.fixture(scope="module")
def week(workspace: FakeWorkspace) -> Any:
    return workspace.summary(date(2013, 6, 4))


# -- what is told ------------------------------------------------------------------------------------------------------
def test_a_report_opens_with_the_verdict_and_has_every_part(whole: Any) -> None:
    page = harmless(report_page.render(whole))
    order = ["Flights arrive 14 minutes earlier than predicted, since 30 Apr 2013.", "What changed", "Performance: MAE", "What moved, when",
             "Drift, week of 28 May 2013", "The columns that moved most", "Alerts", "Data quality", "Versions", "How it was judged"]  # fmt: skip
    places = [page.text.index(words) for words in order]
    assert places == sorted(places)
    assert "Held against reference 1: 53,490 rows of 1 Jan – 4 Mar 2013." in page.text


def test_the_numbers_are_those_of_the_pages(workspace: FakeWorkspace, whole: Any) -> None:
    page = Reader(report_page.render(whole)).text
    for row in workspace.drift_table(MODEL):
        unit = row["unit"] if row["kind"] == "concept" else ""
        assert words.number(row["value"], unit or "") in page
        assert row["column"] in page
    for point in workspace.performance(MODEL):
        assert words.number(point["value"], "min") in page


def test_the_csv_has_every_number_unrounded(workspace: FakeWorkspace, whole: Any) -> None:
    lines = list(csv.DictReader(io.StringIO(exporting.as_csv(report_data.lines(whole)), newline="")))
    drift = {line["name"]: line for line in lines if line["section"] == "drift"}
    assert {name: float(line["value"]) for name, line in drift.items() if line["value"]} == {
        row["column"]: row["value"] for row in workspace.drift_table(MODEL) if row["value"] is not None
    }
    values = [float(line["value"]) for line in lines if line["section"] == "performance"]
    assert values == [point["value"] for point in workspace.performance(MODEL)]
    assert [line["name"] for line in lines if line["section"] == "alert"] == [alert["id"] for alert in whole["alerts"]]


def test_a_window_is_told_with_the_eleven_before_it(workspace: FakeWorkspace) -> None:
    windows = workspace.windows(MODEL)
    chosen = windows[15]
    inside = datetime.fromisoformat(chosen["start"]).replace(hour=13)
    report = workspace.report(MODEL, window=inside)
    assert (report["start"], report["end"], report["scope"]) == (chosen["start"], chosen["end"], "window")
    assert [point["start"] for point in report["performance"]] == [each["start"] for each in windows[4:16]]
    assert report["windows"] == [chosen]
    assert report == workspace.report(MODEL, window=inside.replace(tzinfo=None))  # in the model's time zone


def test_a_range_holds_the_windows_that_touch_it(workspace: FakeWorkspace) -> None:
    windows = workspace.windows(MODEL)
    since, until = (datetime.fromisoformat(windows[place]["start"]) for place in (3, 6))
    report = workspace.report(MODEL, since=since, until=until)
    assert report["windows"] == windows[3:6]
    assert report["health"] == "ok"
    assert report["alerts"] == []
    assert "None touches this period." in report_page.render(report)


def test_what_is_not_there_is_said_in_words(workspace: FakeWorkspace) -> None:
    with pytest.raises(NotFoundError, match=r"no window of 'air_time' lies at 1999.*its windows go from 2013-01-01"):
        workspace.report(MODEL, window=datetime(1999, 1, 1, tzinfo=UTC))
    with pytest.raises(WorkspaceError, match="give one of the two"):
        workspace.report(MODEL, window=datetime(2013, 6, 1, tzinfo=UTC), since=datetime(2013, 5, 1, tzinfo=UTC))


def test_a_report_is_json(whole: Any) -> None:
    assert json.loads(exporting.as_json_text(whole)) == whole


# -- nothing runs ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NASTY)
def test_no_name_becomes_more_than_text(whole: Any, name: str) -> None:
    page = harmless(report_page.render(renamed(whole, name)))
    shown = "".join(letter if letter.isprintable() else " " for letter in name)
    assert " ".join(shown.split()) in page.text


@pytest.mark.parametrize("name", NASTY)
def test_no_name_becomes_more_than_text_in_the_week(week: Any, name: str) -> None:
    page = harmless(summary_page.render(renamed(week, name)))
    shown = "".join(letter if letter.isprintable() else " " for letter in name)
    assert " ".join(shown.split()) in page.text


@pytest.mark.parametrize("name", NASTY)
def test_no_name_means_anything_in_markdown(week: Any, name: str) -> None:
    found = summary_page.markdown(renamed(week, name))
    assert not re.search(r"(?<!\\)[<>`\[\]]", found)
    assert "://" not in found
    assert "//evil" in found or "evil" not in name


def test_a_page_is_sent_into_a_sandbox_in_which_it_can_do_nothing() -> None:
    rules = html_page.HEADERS["content-security-policy"].split("; ")
    assert rules[0] == "sandbox"
    assert "default-src 'none'" in rules
    assert not any(rule.startswith("script-src") for rule in rules)


# -- pictures ----------------------------------------------------------------------------------------------------------
def test_gaps_stay_gaps_and_what_is_past_the_threshold_is_a_triangle(whole: Any) -> None:
    points = [dict(point) for point in whole["performance"]]
    points[10]["value"] = None
    drawn = report_drawings.over_time(points, unit="min", timezone="UTC", higher_is_worse=True, label="x")  # type: ignore[arg-type]
    assert drawn.count("<polyline") == 2
    beyond = sum(p["value"] is not None and p["value"] > p["threshold"] for p in points)
    assert drawn.count('class="past"') == beyond > 0


def test_the_threshold_is_named_where_no_line_runs(whole: Any) -> None:
    """A shadow runs just above the threshold where that begins, as it may; later the room is free."""
    points: Any = [dict(point) | {"threshold": 12.0} for point in whole["performance"]]
    early = points[: len(points) // 2]
    shadow: Any = [
        dict(p) | {"role": "shadow", "model_version": "v9", "value": 12.3, "ci_lower": None, "ci_upper": None}
        for p in early
    ]
    drawn = report_drawings.over_time([*points, *shadow], unit="min", timezone="UTC", higher_is_worse=True, label="x")
    axes = report_drawings._axes([*points, *shadow], higher_is_worse=True)
    x, y = map(float, re.findall(r'class="said" x="([\d.]+)" y="([\d.]+)"', drawn)[0])
    inked = report_drawings._inked([*points, *shadow], axes)
    assert len(inked) > 100
    assert not [place for place in inked if x < place[0] < x + 110 and y - 11 < place[1] < y + 3]


def test_a_metric_that_never_was_is_not_drawn(whole: Any) -> None:
    points = [dict(point) | {"value": None} for point in whole["performance"]]
    assert report_drawings.over_time(points, unit="min", timezone="UTC", higher_is_worse=True, label="x") == ""  # type: ignore[arg-type]


def test_one_flat_point_can_be_drawn() -> None:
    point: Any = {"start": "2013-01-01T00:00:00+00:00", "end": "2013-01-08T00:00:00+00:00", "value": 0.0, "threshold": None, "lower": None,
                  "upper": None, "role": "serving", "model_version": "v1", "n": 1, "verdict": "ok"}  # fmt: skip
    for worse in (True, False):
        drawn = report_drawings.over_time([point], unit="share", timezone="UTC", higher_is_worse=worse, label="x")
        assert drawn.count("<circle") == 1
        assert "nan" not in drawn


def test_the_map_has_the_columns_that_moved_and_counts_the_others(whole: Any) -> None:
    moved = {cell["column"] for cell in whole["heat"] if cell["state"] in ("significant", "material", "harmful")}
    drawn, quiet = report_drawings.heat(whole["heat"], "UTC")
    assert drawn.count('class="name"') == len(moved)
    assert quiet == len({cell["column"] for cell in whole["heat"]} - moved)
    assert report_drawings.heat([cell for cell in whole["heat"] if cell["state"] == "within"], "UTC")[0] == ""


# -- the week ----------------------------------------------------------------------------------------------------------
def test_the_week_says_who_needs_somebody_and_what_is_outstanding(workspace: FakeWorkspace, week: Any) -> None:
    assert (week["start"][:10], week["end"][:10]) == ("2013-06-03", "2013-06-10")
    assert week["sentence"].startswith("2 of 8 models need somebody;")
    assert week["models"][0]["model"] == MODEL
    assert week["needs"][0].startswith("air_time (ops): ")
    ended = [w for w in workspace.windows(MODEL) if "2013-06-03" < w["end"][:10] <= "2013-06-10"]
    outstanding = sum(w["rows"] - w["labels"] for w in ended)
    assert week["models"][0]["outstanding"] == outstanding > 0
    assert [source["source"] for source in week["sources"]] == ["arrivals"]
    page = harmless(summary_page.render(week)).text
    for part in (
        "Who needs somebody",
        "Models",
        "What happened",
        "Sources that fail",
        "Alert budget",
        "The week to come",
    ):
        assert part in page
        assert part in summary_page.markdown(week)


def test_only_what_happened_in_the_week_is_told(workspace: FakeWorkspace) -> None:
    for day in (date(2013, 5, 2), date(2013, 5, 20), date(2013, 6, 4)):
        found = workspace.summary(day, timezone="America/New_York")
        start, end = datetime.fromisoformat(found["start"]), datetime.fromisoformat(found["end"])
        times = [datetime.fromisoformat(item["at"]) for item in workspace.timeline(2000)]
        assert len(found["events"]) == sum(start <= at < end for at in times)
        assert start.weekday() == 0
        assert start.hour == 0


def test_left_out_it_is_the_week_that_is_over(workspace: FakeWorkspace) -> None:
    assert workspace.summary()["start"][:10] == "2013-05-27"  # it is the 4th of June there


@pytest.mark.parametrize("day", [date(9999, 12, 31), date(1, 1, 1)])
def test_a_week_at_the_end_of_the_calendar_is_refused_in_words(workspace: FakeWorkspace, day: date) -> None:
    with pytest.raises(WorkspaceError, match="1900 to 2200"):
        workspace.summary(day, timezone="Pacific/Kiritimati")


def test_a_week_in_which_a_clock_is_put_forward_ends_at_midnight(workspace: FakeWorkspace) -> None:
    found = workspace.summary(date(2013, 3, 10), timezone="America/New_York")
    assert (found["start"], found["end"]) == ("2013-03-04T00:00:00-05:00", "2013-03-11T00:00:00-04:00")


def test_a_time_zone_that_is_not_known_is_refused(workspace: FakeWorkspace) -> None:
    with pytest.raises(WorkspaceError, match=r"'Mars/Olympus' is not known"):
        workspace.summary(timezone="Mars/Olympus")


def test_without_a_model_the_week_says_so() -> None:
    found = FakeWorkspace(empty=True).summary()
    assert found["sentence"] == "There is no model yet."
    harmless(summary_page.render(found))


def test_causes_are_told_of_the_window_that_their_alert_began_in(workspace: FakeWorkspace) -> None:
    alert = next(each for each in workspace.alerts(MODEL) if each["causes"])
    cause, begun = alert["causes"][0]["sentence"], datetime.fromisoformat(alert["window_start"])
    windows = workspace.windows(MODEL)
    there = workspace.report(MODEL, window=begun)["changes"]
    other = [w for w in windows if datetime.fromisoformat(w["start"]) > begun][-1]
    assert cause in there
    assert cause not in workspace.report(MODEL, window=datetime.fromisoformat(other["start"]))["changes"]
    whole = workspace.report(MODEL)["changes"]
    assert any(line.endswith(f": {cause}") and line[0].isdigit() for line in whole), "a report of many says when"


def test_a_version_keeps_its_colour_and_mark_in_every_role() -> None:
    drawn = report_drawings.looks([("", "serving"), ("v1", "serving"), ("v2", "serving"), ("v1", "shadow")])
    assert drawn["v1", "serving"] == ("s0", True)
    assert drawn["v1", "shadow"] == ("s0 aside", True), "a shadow is the same version, thin and dotted"
    assert drawn["v2", "serving"] == ("s1", False)
    assert drawn["", "serving"] == ("s2", True), "rows without a version stand apart from those of a version"
    assert report_drawings.looks([("", "serving")]) == {("", "serving"): ("s0", True)}
