"""Figures say what the views say: same bins, gaps that stay gaps, thresholds, names that cannot act."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from dashboard.charts import base, coverage, distribution, dumbbell, intervals, movement, panels, series
from dashboard.components import drift_table, export, svg
from dashboard.theme import DARK, LIGHT
from tests.support import fake_story as story
from tests.support.fake_workspace import MODEL, FakeWorkspace

ZONE = "America/New_York"
EVIL = "<img src=x onerror=alert(1)> %{x} $a$"


@pytest.fixture(scope="module")
def year():
    return FakeWorkspace(until_week=52)


def _linked(ws, **more):
    return panels.linked(
        series.of_performance(ws.performance(MODEL)),
        ws.heatmap(MODEL),
        ws.windows(MODEL),
        LIGHT,
        metric="MAE",
        unit="min",
        timezone=ZONE,
        markers=ws.markers(MODEL),
        **more,
    )


def _named(figure, words):
    return [trace for trace in figure.data if trace.name and words in trace.name]


def test_reference_and_current_share_bars(year):
    bars = year.feature(MODEL, "temp")["histogram"]
    figure = distribution.compare(
        bars, LIGHT, reference_period="1 Jan – 4 Mar", current_period="24 Dec – 30 Dec", unit="°F"
    )
    reference, current = _named(figure, "reference")[0], _named(figure, "current")[0]
    left = [x - w / 0.97 / 2 for x, w in zip(reference.x, reference.width, strict=True)]
    assert left == pytest.approx(bars["edges"][:-1])
    assert list(current.x[1:-1]) == pytest.approx(bars["edges"])
    assert list(reference.y) == bars["reference"]
    assert list(current.y[2:-3]) == bars["current"][1:-1]
    assert current.y[-2] == bars["current"][-1]


def test_what_left_the_reference_is_drawn_where_it_went(year):
    bars: Any = {**year.feature(MODEL, "distance")["histogram"], "above_current": 0.8}
    bars["current"] = [0.0] * (len(bars["reference"]) - 2) + [0.2, 0.8]
    figure = distribution.compare(bars, LIGHT, reference_period="a", current_period="b", unit="mi")
    assert list(_named(figure, "current")[0].y[2:-1]) == [*bars["current"][1:], 0.8]


def test_legend_names_window_and_row_count(year):
    bars = year.feature(MODEL, "temp")["histogram"]
    figure = distribution.compare(bars, LIGHT, reference_period="1 Jan – 4 Mar", current_period="24 Dec – 30 Dec")
    assert _named(figure, "reference")[0].name == "reference  1 Jan – 4 Mar · 53,490"
    assert _named(figure, "current")[0].name.startswith("current  24 Dec – 30 Dec · ")


def test_too_few_rows_are_counts_without_shares(year):
    bars: Any = {**year.feature(MODEL, "precip")["histogram"], "n_current": 41}
    figure = distribution.compare(bars, LIGHT, reference_period="a", current_period="b", state="insufficient")
    assert len(figure.data) == 1
    assert sum(figure.data[0].y) == pytest.approx(41, rel=0.01)
    assert figure.layout.yaxis.tickformat is None


def test_open_ended_bins_can_be_drawn():
    bars: Any = {
        "edges": [float("-inf"), 0.0, 1.0, float("inf")],
        "labels": [],
        "reference": [0.2, 0.6, 0.2],
        "current": [0.1, 0.8, 0.1],
        "n_reference": 10,
        "n_current": 10,
        "missing_reference": 0.0,
        "missing_current": 0.0,
        "unseen_current": 0.0,
        "below_current": 0.0,
        "above_current": 0.0,
    }
    figure = distribution.compare(bars, LIGHT, reference_period="a", current_period="b")
    assert list(figure.data[0].x) == [-0.5, 0.5, 1.5]
    assert "Infinity" not in figure.to_json()


def test_threshold_is_drawn_and_written(year):
    figure = series.over_time(
        series.of_performance(year.performance(MODEL)),
        LIGHT,
        name="MAE",
        unit="min",
        timezone=ZONE,
        markers=year.markers(MODEL),
    )
    dashed = [trace for trace in figure.data if trace.line.dash == "dash"]
    assert set(dashed[0].y) == {story.THRESHOLD}
    assert "threshold 11.0 min" in [note.text for note in figure.layout.annotations]
    past = _named(figure, "past threshold")[0]
    assert min(past.y) > story.THRESHOLD
    assert past.marker.symbol == "triangle-up"


def test_lines_break_where_nothing_is_known_and_say_so():
    points = [
        series.Point(
            (datetime(2013, 1, 1, tzinfo=UTC) + timedelta(weeks=i)).isoformat(),
            (datetime(2013, 1, 8, tzinfo=UTC) + timedelta(weeks=i)).isoformat(),
            "v1",
            True,
            None if i == 3 else 5.0 + i,
            100,
            9.0,
            4.0,
            8.0,
            False,
            "ok",
        )
        for i in range(5)
    ]
    figure = series.over_time(points, LIGHT, name="MAE", unit="min", timezone="UTC", missing="no labels")
    line = _named(figure, "MAE, v1")[0]
    assert line.y[3] is None
    assert line.connectgaps is False
    assert line.line.shape == "linear"  # never smoothed
    hatched = [trace for trace in figure.data if trace.type == "bar"]
    assert len(hatched[0].x) == 1
    assert "no labels" in [note.text for note in figure.layout.annotations]


def test_the_reference_is_drawn_grey_and_windows_it_covers_are_not_called_empty(year):
    history: Any = year.performance(MODEL)
    before = [p for p in history if p["start"] < "2013-03"]
    covered: Any = [{**p, "model_version": "", "role": "reference", "verdict": ""} for p in before]
    unlabelled: Any = [{**p, "model_version": "unversioned", "value": None, "verdict": ""} for p in before]
    points = series.of_performance([*covered, *unlabelled, *history[len(before) :]])
    figure = series.over_time(points, LIGHT, name="MAE", unit="min", timezone=ZONE, order=series.versions(history))
    assert _named(figure, "in the reference")[0].line.color == LIGHT.reference
    assert not _named(figure, "unversioned")
    assert not [trace for trace in figure.data if trace.type == "bar"]
    assert _named(figure, "MAE, v1")[0].marker.symbol == "circle"


def test_versions_differ_in_shape_and_keep_their_style_in_a_shorter_range(year):
    history = year.performance(MODEL)
    order = series.versions(history)
    assert order == ["v1", "v2"]
    late = [p for p in series.of_performance(history) if p.start >= "2013-07"]
    whole = series.over_time(series.of_performance(history), LIGHT, name="MAE", unit="", timezone=ZONE, order=order)
    part = series.over_time(late, LIGHT, name="MAE", unit="", timezone=ZONE, order=order)
    first, second = _named(whole, "MAE, v1")[0], _named(whole, "MAE, v2")[0]
    assert first.marker.symbol != second.marker.symbol
    assert _named(part, "MAE, v2")[0].marker.symbol == second.marker.symbol
    assert _named(part, "MAE, v2")[0].line.color == second.line.color


def test_events_run_through_all_panels_and_are_labelled_once(year):
    figure = _linked(year).figure
    verticals = [shape for shape in figure.layout.shapes if shape.type == "line"]
    assert len(verticals) == len(year.markers(MODEL))
    assert all((shape.yref, shape.y0, shape.y1) == ("paper", 0, 1) for shape in verticals)
    labels = [note.text for note in figure.layout.annotations if note.text.startswith(("▲", "⬢"))]
    assert sorted(labels) == ["▲ alert", "▲ alert", "⬢ v2 champion"]


def test_every_cell_is_drawn_with_its_verdict_and_can_be_clicked(year):
    linked = _linked(year)
    cells = {(cell["column"], cell["start"]): cell["state"] for cell in year.heatmap(MODEL)}
    colours = {
        LIGHT.page: "harmful",
        LIGHT.material: "material",
        LIGHT.significant: "significant",
        LIGHT.within: "within",
    }
    seen = {}
    for curve, meaning in linked.clicks.items():
        trace = linked.figure.data[curve] if curve < len(linked.figure.data) else None
        for position, (column, start) in enumerate(meaning):
            if column is None or trace is None:
                continue
            assert trace.x[position] == base.at(start, ZONE)
            seen[column, start] = colours.get(trace.marker.color, "insufficient")
    assert seen == {key: state for key, state in cells.items() if state != "no_data"}


def test_a_click_on_traffic_means_its_window(year):
    linked = _linked(year)
    traffic = next(i for i, trace in enumerate(linked.figure.data) if trace.type == "bar" and trace.yaxis == "y3")
    assert linked.clicks[traffic] == [(None, window["start"]) for window in year.windows(MODEL)]


def test_reference_period_is_shaded_and_named(year):
    period = [story.week(0)[0].isoformat(), story.week(9)[0].isoformat()]
    figure = _linked(year, reference_period=period).figure
    shaded = [shape for shape in figure.layout.shapes if shape.fillcolor == LIGHT.shade]
    assert [(shape.x0, shape.x1) for shape in shaded] == [("2013-01-01", "2013-03-05")]
    assert "reference" in [note.text for note in figure.layout.annotations]


def test_many_columns_and_windows_stay_light():
    cells: Any = [
        {
            "column": f"column_{c:03d}",
            "kind": "feature",
            "start": (datetime(2013, 1, 1, tzinfo=UTC) + timedelta(days=d)).isoformat(),
            "state": "material" if c == 150 else "within",
            "value": 0.1234,
            "threshold": 0.2,
        }
        for c in range(200)
        for d in range(90)
    ]
    windows: Any = [
        {
            "start": (datetime(2013, 1, 1, tzinfo=UTC) + timedelta(days=d)).isoformat(),
            "end": (datetime(2013, 1, 2, tzinfo=UTC) + timedelta(days=d)).isoformat(),
            "rows": 1000,
            "labels": 900,
            "coverage": 0.9,
            "model_version": "v1",
            "closed": True,
        }
        for d in range(90)
    ]
    linked = panels.linked([], cells, windows, LIGHT, metric="MAE", unit="", timezone="UTC")
    assert "column_150" in linked.figure.layout.yaxis2.ticktext  # the troubled one is never left out
    assert linked.hidden == 200 - len(linked.figure.layout.yaxis2.ticktext)
    assert len(linked.figure.to_json()) < 60_000


def test_the_model_page_stays_under_a_hundred_kilobytes(year):
    figure = len(_linked(year).figure.to_json())
    table = sum(len(json.dumps(drift_table._cells(row, LIGHT), default=str)) for row in year.drift_table(MODEL))
    assert figure + table < 80_000  # the frame around them takes the rest


def test_the_amount_beside_an_interval_has_room():
    short, long = (
        intervals.figure([intervals.Row("a", v, 0.0, 1.0)], LIGHT, unit=u) for v, u in ((1, ""), (0.00408, "nats"))
    )
    assert short.layout.margin.r == 64
    assert "0.00408 nats" in [note.text for note in long.layout.annotations]
    assert long.layout.margin.r > 6 + 7 * len("0.00408 nats")


def test_hostile_names_reach_figures_as_text_only(year):
    cells: Any = [{**cell, "column": EVIL} for cell in year.heatmap(MODEL) if cell["column"] == "temp"]
    renamed: Any = [{**p, "model_version": EVIL} for p in year.performance(MODEL)]
    points = series.of_performance(renamed)
    linked = panels.linked(
        points,
        cells,
        year.windows(MODEL),
        LIGHT,
        metric=EVIL,
        unit=EVIL,
        timezone=ZONE,
        markers=[{"at": story.START.isoformat(), "kind": "alert", "label": EVIL, "until": None}],
    )
    errors: Any = [{"segment": EVIL, "value": EVIL, "reference": 1.0, "current": 2.0, "n": 5}]
    bars: Any = {**year.feature(MODEL, "carrier")["histogram"], "labels": [EVIL] * 10}
    figures = [
        linked.figure,
        dumbbell.figure(errors, LIGHT, unit=EVIL, now="now"),
        distribution.compare(bars, LIGHT, reference_period="a", current_period="b"),
        movement.shares(
            year.feature(MODEL, "carrier")["shares"], bars["labels"], bars["reference"], LIGHT, timezone=ZONE
        ),
    ]
    for figure in figures:
        drawn = json.dumps(figure.to_plotly_json(), default=str)
        assert "&lt;img" in drawn
        assert "<img" not in drawn
        assert "%{x} $a$" not in drawn


def test_quantiles_are_steps_over_the_reference_band_and_break_at_gaps(year):
    steps = year.feature(MODEL, "temp")["quantiles"]
    empty = dict.fromkeys(("q05", "q25", "q50", "q75", "q95"))
    steps = [*steps[:10], {**steps[10], **empty}, *steps[11:]]
    figure = movement.quantiles(steps, steps[3], LIGHT, unit="°F", timezone=ZONE)
    medians = [trace for trace in figure.data if trace.name == "median"]
    assert [len(trace.x) for trace in medians] == [11, 42]  # windows of a stretch and its last end
    assert all(trace.line.shape == "hv" for trace in medians)
    assert [trace.showlegend for trace in medians] == [True, False]


def test_shares_are_told_against_the_reference(year):
    view = year.feature(MODEL, "origin")
    figure = movement.shares(
        view["shares"], view["histogram"]["labels"], view["histogram"]["reference"], LIGHT, timezone=ZONE
    )
    told = figure.data[0].z[0][5] / 100
    assert told == pytest.approx(view["shares"][5]["shares"][0] - view["histogram"]["reference"][0], abs=1e-4)


def _label_window(number: int, **changes: Any) -> Any:
    return {
        "start": f"2013-01-{1 + 7 * number:02d}T00:00:00",
        "end": f"2013-01-{8 + 7 * number:02d}T00:00:00",
        "rows": 100,
        "labelled": 90,
        "coverage": 0.9,
        "corrected": 2,
        "lag_p10": 1.0,
        "lag_p50": 4.0,
        "lag_p90": 30.0,
        "expected_coverage": 0.95,
        "mature": True,
    } | changes


def test_coverage_parts_windows_that_wait_and_leaves_empty_ones_empty():
    empty = _label_window(1, rows=0, labelled=0, coverage=None, expected_coverage=None)
    waiting = _label_window(2, coverage=0.4, mature=False)
    figure = coverage.over_time([_label_window(0), empty, waiting], LIGHT, timezone="UTC")
    full, outlined, expected = figure.data
    assert list(full.y) == [0.9, None]
    assert list(outlined.y) == [0.4]
    assert outlined.marker.color == LIGHT.background
    assert list(expected.y) == [0.95, 0.95]
    assert "more to come" in outlined.text[0]


def test_lags_are_drawn_in_days_when_they_take_days_and_gaps_stay_gaps():
    none = _label_window(1, lag_p10=None, lag_p50=None, lag_p90=None)
    short = coverage.lags_over_time([_label_window(0), none], LIGHT, timezone="UTC")
    assert list(short.data[-1].y) == [4.0, None]
    slow = coverage.lags_over_time([_label_window(0, lag_p50=72.0, lag_p90=96.0), none], LIGHT, timezone="UTC")
    assert list(slow.data[-1].y) == [3.0, None]
    assert slow.layout.yaxis.ticksuffix.strip() == "days"


def test_feedback_is_a_mean_or_a_share_of_each_value():
    window = {"start": "2013-01-01T00:00:00", "end": "2013-01-08T00:00:00", "n": 10, "coverage": 0.1}
    stars: Any = [window | {"kind": "stars", "mean": 4.2, "shares": {}}]
    (line,) = coverage.feedback(stars, LIGHT, timezone="UTC").data
    assert (list(line.y), line.name) == ([4.2], "mean")
    words: Any = [window | {"kind": "why", "mean": None, "shares": {"<b>": 0.7, "late": 0.3}}]
    drawn = coverage.feedback(words, LIGHT, timezone="UTC").data
    assert [(list(trace.y), trace.name) for trace in drawn] == [([0.7], "&lt;b&gt;"), ([0.3], "late")]


def test_a_restated_point_says_what_it_was_at_first():
    point: Any = {
        "start": "2013-01-01T00:00:00", "end": "2013-01-08T00:00:00", "model_version": "v1", "role": "serving", "value": 12.6,
        "n": 9, "threshold": None, "lower": None, "upper": None, "verdict": "ok", "first_value": 12.1, "restated": 3,
    }  # fmt: skip
    figure = series.over_time(series.of_performance([point]), LIGHT, name="mae", unit="min", timezone="UTC")
    assert "12.1 → 12.6 min" in figure.data[0].text[0]
    assert figure.data[0].text[0].endswith("restated 3 times")


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_small_drawings_hold_numbers_and_colours_only(palette):
    drawings = [
        svg.sparkline([1.0, 2.0, None, 3.0], palette, lower=0.5, upper=2.5, alarm=True),
        svg.histogram([0.1, 0.9], [0.4, 0.6], palette),
        svg.bullet(3.0, 1.0, palette, state="harmful"),
    ]
    assert all(drawing is not None and drawing.startswith("data:image/svg+xml,") for drawing in drawings)
    assert svg.sparkline([None, float("nan")], palette) is None
    assert svg.bullet(None, 1.0, palette) is None
    assert svg.histogram([0.5, 0.5], [0, 0], palette) is None


def test_a_sparkline_breaks_at_a_gap():
    drawing = svg.sparkline([1.0, 2.0, None, 3.0, 4.0], LIGHT)
    assert drawing is not None
    assert drawing.count("M") == 2


@pytest.mark.parametrize(
    ("one", "two"),
    [pair for palette in (LIGHT, DARK) for pair in pairwise([palette.accent, palette.second, palette.model])],
)
def test_version_colours_differ(one, two):
    assert one != two


def test_report_addresses_are_quoted():
    assert export.evidently_address("a/b?c", "2013-04-30T00:00:00-04:00") == (
        "/reports/evidently/a%2Fb%3Fc/2013-04-30T00%3A00%3A00-04%3A00"
    )
