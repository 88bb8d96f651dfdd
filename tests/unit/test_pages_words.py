"""What pages say in words: durations and schedules, the tile of a ratio of the business, and what stands on charts."""

from __future__ import annotations

from typing import Any, cast

import pytest

from dashboard import text
from dashboard.charts import around, base, dumbbell, intervals, series
from dashboard.components import business_tile, model_tiles, tiles, timeline
from dashboard.theme import LIGHT
from reference_data.windows import WindowSpec
from service import outcome_views, views
from tests.support import fake_story as story
from tests.support.fake_workspace import MODEL, FakeWorkspace

WEEK = story.week(20)[0].isoformat()


# -- durations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("every 15m", "every 15 minutes"),
        ("every 1h", "every hour"),
        ("every 500 rows", "every 500 rows"),
        ("*/15 * * * *", "every 15 minutes"),
        ("*/7 * * * *", "*/7 * * * *"),  # not every seven minutes: each hour begins anew
        ("30 8 * * *", "daily at 08:30"),
        ("0 6 * * 1", "0 6 * * 1"),
        ("weekly", "weekly"),
    ],
)
def test_a_schedule_is_said_in_words_where_words_are_true(declared: str, said: str) -> None:
    assert text.schedule(declared) == said


@pytest.mark.parametrize(
    ("window", "word", "one"),
    [("1w", "week", "a week"), ("1h", "hour", "an hour"), ("6h", "6 hours", "6 hours")],
)
def test_a_window_is_said_in_words(window: str, word: str, one: str) -> None:
    assert (text.window_word(window), text.a_window(window)) == (word, one)


def test_a_number_of_windows_is_said_by_their_length() -> None:
    assert WindowSpec.parse("1w").many(5) == "5 weekly windows"
    assert WindowSpec.parse("1d").many(1) == "1 daily window"
    assert WindowSpec.parse("6h").many(3) == "3 windows of 6 hours"


# -- the tile of a ratio -------------------------------------------------------------------------------------------


def ratio(**changed: Any) -> outcome_views.BusinessPoint:
    found = next(p for p in FakeWorkspace().business(MODEL) if p["start"] == WEEK)
    return cast(
        "outcome_views.BusinessPoint", dict(found) | {"verdict": "ok", "value": 8.0, "reference": 7.6} | changed
    )


def tile(*points: outcome_views.BusinessPoint) -> tiles.Tile:
    found = business_tile.tile(points, WEEK, "In the week of 21 May")
    assert found is not None
    return found


def test_the_first_ratio_that_is_declared_has_the_tile_with_its_change() -> None:
    shown = tile(ratio(label="first"), ratio(label="second"))
    assert (shown["label"], shown["value"], shown["remark"]) == ("first", "8.00 min", "+0.400 vs ref.")
    assert (shown["arrow"], shown["tone"]) == ("up", "neutral")


def test_a_ratio_in_trouble_comes_before_the_first_and_is_marked() -> None:
    shown = tile(ratio(), ratio(label="late", unit="share", value=0.09, reference=0.04, verdict="warning"))
    assert (shown["label"], shown["value"], shown["remark"]) == ("late", "9.00 %", "+5.00 pts vs ref.")
    assert shown["tone"] == "bad"


def test_a_ratio_that_cannot_be_judged_says_why_and_shows_no_change() -> None:
    few = tile(ratio(verdict="insufficient"))
    assert (few["remark"], "arrow" in few, few["tone"]) == ("◔ Insufficient", False, "neutral")
    none = tile(ratio(value=None, verdict="no_data"))
    assert (none["value"], none["remark"]) == ("—", "○ No data")


def test_a_window_or_a_model_without_ratios_has_no_tile() -> None:
    assert business_tile.tile([], WEEK, "now") is None
    assert business_tile.tile([ratio(start="2030-01-01T00:00:00+00:00")], WEEK, "now") is None


def test_the_names_of_ratios_are_text() -> None:
    assert "<img" not in tile(ratio(label="<img src=x>"))["label"].replace("\\<", "")


def test_there_are_never_more_tiles_than_stand_in_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tiles.Tile] = []
    monkeypatch.setattr(tiles, "row", lambda shown, key: drawn.extend(shown))
    ws = FakeWorkspace()
    window = next(w for w in ws.windows(MODEL) if w["start"] == WEEK)
    model_tiles.draw(ws.model(MODEL), window, ws.performance(MODEL), ws.drift_table(MODEL), (), ws.business(MODEL))
    assert len(drawn) == model_tiles.MOST
    assert drawn[1]["label"] == "Minutes planned wrongly a flight"
    assert not any(one["label"].startswith("Rows") for one in drawn)
    drawn.clear()
    model_tiles.draw(ws.model(MODEL), window, ws.performance(MODEL), ws.drift_table(MODEL))
    assert drawn[-1]["label"] == "Rows / week"
    assert not any(one["value"].startswith("□") for one in drawn)


# -- charts --------------------------------------------------------------------------------------------------------


def _points(**changed: Any) -> list[views.PerformancePoint]:
    return [cast("views.PerformancePoint", dict(point) | changed) for point in FakeWorkspace().performance(MODEL)]


def test_the_quality_beside_a_service_is_that_of_the_version_that_answered() -> None:
    ws = FakeWorkspace()
    silent = _points(model_version="v0", value=None)
    figure = around.panels(
        ws.service_points(MODEL), [*silent, *_points(), *silent], LIGHT, timezone="UTC", metric="mae", unit="min"
    )
    assert list(figure.data[0].y) == [p["value"] for p in _points() if p["role"] in ("serving", "reference")]


def test_few_rows_are_told_by_the_hour() -> None:
    point = FakeWorkspace().service_points(MODEL)[0]
    slow, fast = (cast("outcome_views.ServicePoint", dict(point) | {"rows_per_second": rate}) for rate in (0.01, 20.0))
    assert (around.hourly([slow]), around.hourly([slow, fast]), around.hourly([])) == (True, False, False)
    assert around.rate(slow, an_hour=True) == pytest.approx(36)
    assert around.rate(fast, an_hour=False) == 20.0


def test_the_legend_stands_above_the_labels_of_events() -> None:
    markers: list[views.Marker] = [
        {"at": story.week(week)[0].isoformat(), "kind": "alert", "label": "a long label indeed", "until": None}
        for week in (5, 6, 20)
    ]
    points = series.of_performance(_points())
    figure = series.over_time(points, LIGHT, name="MAE", unit="min", timezone="UTC", markers=markers, letters=base.HALF)
    plot = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
    assert (figure.layout.legend.y - 1) * plot > 12 * 2
    assert figure.layout.margin.t > (figure.layout.legend.y - 1) * plot + 20


def test_the_value_of_a_segment_stands_beyond_both_of_its_marks() -> None:
    rows = cast(
        "list[views.SegmentError]",
        [
            {"segment": "carrier", "value": "UA", "reference": 10.0, "current": 8.17, "n": 10},
            {"segment": "carrier", "value": "US", "reference": None, "current": 7.15, "n": 10},
        ],
    )
    notes = dumbbell.figure(rows, LIGHT, unit="min", now="now").layout.annotations
    assert [(note.x, note.text) for note in notes] == [(10.0, "8.17"), (7.15, "7.15")]


def test_amounts_below_each_other_have_the_same_decimals() -> None:
    rows = [intervals.Row(name, value, None, None) for name, value in (("a", 2.7), ("b", -0.000918), ("c", 12.25))]
    shown = [note.text for note in intervals.figure(rows, LIGHT, unit="min", signed=True).layout.annotations]
    assert shown == ["+2.7 min", "0.0 min", "+12.2 min"]


# -- the timeline --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "sentence", "said"),
    [
        ("resolved", "air_time resolved: air_time predictions are 7.7 min too low", "predictions are 7.7 min too low"),
        ("page", "air_time: Mean absolute error 12.2 min", "Mean absolute error 12.2 min"),
        ("rollback", "air_time rolled back to v1, by demo", "rolled back to v1, by demo"),
        ("resolved", "source nightly works again", "source nightly works again"),
    ],
)
def test_what_happened_does_not_repeat_the_model_and_the_state(kind: str, sentence: str, said: str) -> None:
    item = cast("views.TimelineItem", {"model": "air_time", "kind": kind, "sentence": sentence})
    assert timeline._words(item) == said
