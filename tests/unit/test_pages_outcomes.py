"""Pages about how well a model does: performance, business, service, fairness, and why an alert was raised."""

import re
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.charts import around, behind, estimated, evidence, intervals, series
from dashboard.theme import DARK, LIGHT
from service import context
from service.workspace import WorkspaceError
from tests.support.fake_workspace import HOSTILE, MODEL, FakeWorkspace


def _script(name: str) -> None:
    from dashboard.app import main

    main(name)


@pytest.fixture
def serve():
    """Make a fake workspace current, and let go of it at the end."""

    def _serve(**how):
        workspace = FakeWorkspace(**how)
        context.set_workspace(workspace)
        return workspace

    yield _serve
    context.set_workspace(None)


def _open(name, **params):
    page = AppTest.from_function(_script, args=(name,), default_timeout=60)
    for key, value in ({"model": MODEL} | params).items():
        page.query_params[key] = value
    page.run()
    assert not page.exception, page.exception
    return page


def _words(page):
    kinds = ("markdown", "caption", "title", "header", "subheader", "info", "warning", "error", "success")
    parts = [part.value for kind in kinds for part in getattr(page, kind)]
    return re.sub(r"\\(.)", r"\1", "\n".join(parts))


def test_performance_shows_estimates_with_what_they_cannot_see_and_the_test_of_the_loss(serve):
    serve()
    words = _words(_open("performance"))
    assert "if the rule from inputs to labels changed, it cannot see it" in words
    assert "▲ Alarm" in words
    assert "Since about 30 April each prediction misses by 5.6 min more" in words
    assert "Without a change an alarm comes once in 400 steps or rarer" in words


def test_performance_shows_every_metric_with_its_interval_and_says_how_many_labels_are_behind(serve):
    serve()
    page = _open("performance")
    (table,) = [t.value for t in page.dataframe if "95 %" in t.value.columns]
    mae = table[table["Metric"] == "MAE"].iloc[0]
    assert (mae["Now"], mae["95 %"], mae["Reference"], mae["Against it"]) == (
        "12.6 min",
        "12.2 – 13.0",
        "7.62 min",
        "▲ worse",
    )
    assert "5,960 labelled rows, 62 % of all; by now 66 % were to be expected, so more will come" in _words(page)


@pytest.mark.slow
@pytest.mark.parametrize(("metric", "unit", "shown"), [("mape", "share", "127 %"), ("r2", "statistic", "1.27")])
def test_a_metric_is_told_in_its_own_unit_and_segments_in_that_of_the_headline(serve, metric, unit, shown):
    class Other(FakeWorkspace):
        def performance(self, model, *, metric=None, grain=None):
            points = super().performance(model, metric=metric, grain=grain)
            return [{**point, "unit": unit, "value": 1.27, "threshold": None} for point in points]

        def metric_names(self, model):
            return ["mae", metric]

    context.set_workspace(Other())
    words = _words(_open("performance", metric=metric))
    assert f"was **{shown}** in the week of" in words
    assert "statistic" not in words
    assert f"{shown} min" not in words


def test_shares_are_drawn_as_per_cent(serve):
    points: Any = [{**point, "unit": "share", "value": 0.853, "threshold": 0.8} for point in serve().performance(MODEL)]
    figure = series.over_time(series.of_performance(points), LIGHT, name="accuracy", unit="share", timezone="UTC")
    assert (figure.layout.yaxis.tickformat, figure.layout.yaxis.ticksuffix) == (".3~p", "")
    assert "threshold 80.0 %" in [note.text for note in figure.layout.annotations]
    assert all("85.3 %" in words for trace in figure.data for words in trace.text or ())


def test_an_alert_of_the_outcome_is_taken_apart(serve):
    workspace = serve()
    alert = next(a for a in workspace.alerts() if a["kind"] == "concept_drift")
    page = _open("alert", alert=alert["id"])
    words = _words(page)
    assert "0.3 min come with other inputs and 5.4 min with another rule" in words
    (slices,) = [t.value for t in page.dataframe if "slice" in t.value.columns]
    assert next(iter(slices["slice"])) == "carrier = VX"
    (rows,) = [t.value for t in page.dataframe if "loss" in t.value.columns]
    assert len(rows) == 5


@pytest.mark.slow
def test_business_shows_each_ratio_with_its_verdict_and_no_ratio_says_how_to_declare_one(serve):
    workspace = serve()
    words = _words(_open("business"))
    assert "Minutes planned wrongly a flight" in words
    assert "Flights that miss their gate" in words
    workspace.business = lambda model: []
    page = _open("business")
    assert "No ratio of the business is declared" in _words(page)
    assert any("monitor.business" in block.value for block in page.code)


@pytest.mark.slow
def test_service_shows_what_is_known_and_what_was_not_reported(serve):
    workspace = serve()
    page = _open("service")
    assert {m.label: m.value for m in page.metric}["Errors"] == "0.2 %"
    points = workspace.service_points(MODEL)
    workspace.service_points = lambda model: [{**point, "error_share": None, "cpu": None} for point in points]
    page = _open("service")
    assert "Errors" not in {m.label for m in page.metric}
    assert "Not reported by the serving process: errors, processor." in _words(page)
    workspace.service_points = lambda model: []
    assert "Nothing is known of the service" in _words(_open("service"))


def test_fairness_names_the_gap_and_without_columns_says_how_to_declare_one(serve):
    workspace = serve()
    words = _words(_open("fairness"))
    assert "Predictions for VX miss by 8.5 min more than those for EV." in words
    assert "Widest: VX against EV, 8.50 min (7.30 to 9.70) · ratio 1.77" in words
    workspace.fairness = lambda *_: []
    assert "No column is declared by which people are told apart" in _words(_open("fairness"))


@pytest.mark.parametrize("name", ["performance", "business", "service", "fairness"])
def test_a_workspace_that_fails_says_so_in_words(serve, name):
    workspace = serve()

    def fails(*_args, **_named):
        raise WorkspaceError("the log is being repaired")

    for call in ("performance_detail", "business", "service_points", "fairness"):
        setattr(workspace, call, fails)
    assert "the log is being repaired" in _words(_open(name))


# -- charts ------------------------------------------------------------------------------------------------------------
def test_an_estimate_that_was_wrong_is_crossed_and_said_on_hover():
    fake = FakeWorkspace()
    figure = series.over_time([], LIGHT, name="MAE", unit="min", timezone="UTC")
    estimated.add(figure, fake.estimates(MODEL), LIGHT, unit="min", timezone="America/New_York")
    line = figure.data[-1]
    wrong = [symbol == "x-thin-open" for symbol in line.marker.symbol]
    assert wrong == [point["gap_significant"] for point in fake.estimates(MODEL)]
    assert all(("a sign of concept drift" in text) == cross for text, cross in zip(line.text, wrong, strict=True))
    assert line.line.dash == "dot"


def test_evidence_that_overflows_stays_on_the_chart_and_hostile_words_do_nothing():
    view = FakeWorkspace().concept(MODEL)
    assert view is not None
    view["steps"][-1]["evidence"] = 1e300
    view["unit"] = HOSTILE[0]
    figure = evidence.over_time(view, DARK, timezone="UTC")
    assert max(figure.data[0].y) <= 1e12
    assert "<script>" not in figure.to_json()


def test_intervals_reach_to_both_sides_and_names_are_made_harmless():
    rows = [intervals.Row(HOSTILE[3], 2.0, 1.0, 4.0), intervals.Row("alone", -1.0, None, None)]
    figure = intervals.figure(rows, LIGHT, unit="min", bars=True)
    points = figure.data[1]
    assert (list(points.error_x.array), list(points.error_x.arrayminus)) == ([2.0, 0], [1.0, 0])
    assert "onerror" not in figure.to_json() or "<img" not in figure.to_json()


def test_many_classes_show_the_largest():
    classes = [f"c{i}" for i in range(20)]
    counts = [[10 * i if i == j else 1 for j in range(20)] for i in range(20)]
    figure = behind.confusion(classes, counts, LIGHT)
    assert len(figure.data[0].x) == 12
    assert "c19" in figure.data[0].x
    assert "c1" not in figure.data[0].x


def test_a_panel_is_drawn_only_for_what_is_known():
    fake = FakeWorkspace()
    points: Any = [{**point, "cpu": None, "memory": None} for point in fake.service_points(MODEL)]
    figure = around.panels(points, fake.performance(MODEL), LIGHT, timezone="UTC", metric="MAE", unit="min")
    labels = [note.text for note in figure.layout.annotations]
    assert any("Latency" in label for label in labels)
    assert not any("Processor" in label or "Memory" in label for label in labels)


@pytest.mark.slow
def test_rivers_detectors_run_when_they_are_asked_for_and_a_missing_package_is_told(serve):
    workspace = serve()
    asked: list[Any] = []
    answer = workspace.detectors

    def detectors(model: str, names: Any = None) -> Any:
        asked.append(names)
        return answer(model, names)

    workspace.detectors = detectors
    _open("performance")
    assert not asked
    page = _opened("performance", "detectors_panel")
    assert len(asked) == 1
    assert "kswin" not in asked[0]
    (table,) = [t.value for t in page.dataframe if "Detector" in t.value.columns]
    assert dict(zip(table["Detector"], table["Alarms"], strict=True))["adwin"] == 1

    def missing(*_):
        raise WorkspaceError("river is not installed; install driftdeck[streams]")

    workspace.detectors = missing
    assert "install driftdeck[streams]" in _words(_opened("performance", "detectors_panel"))


def _opened(name, panel):
    """Open a page with one of its expanders open."""
    page = AppTest.from_function(_script, args=(name,), default_timeout=60)
    page.query_params["model"] = MODEL
    page.session_state[panel] = True
    page.run()
    assert not page.exception, page.exception
    return page
