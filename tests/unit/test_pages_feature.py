"""A column's page: what its plots say, what is in its address, and that bars lead to their rows."""

import json
import re
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.charts import categories, multiples, paired, partial, ridge
from dashboard.charts.movement import missing, quantiles, runs, start_of
from dashboard.components import column_judged, column_rows
from dashboard.theme import LIGHT
from service import context
from tests.support.fake_workspace import HOSTILE, MODEL, FakeWorkspace


def _script() -> None:
    from dashboard.app import main

    main("feature")


@pytest.fixture
def workspace():
    """Make a fake workspace current, and let go of it at the end."""
    made = FakeWorkspace()
    context.set_workspace(made)
    yield made
    context.set_workspace(None)


def _open(**params: str) -> Any:
    page = AppTest.from_function(_script, default_timeout=60)
    for name, value in {"model": MODEL, **params}.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception, page.exception
    return page


def _words(page: Any) -> str:
    kinds = ("markdown", "caption", "title", "header", "subheader", "info", "warning", "error")
    return re.sub(r"\\(.)", r"\1", "\n".join(part.value for kind in kinds for part in getattr(page, kind)))


# -- the page ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_statistic_stands_beside_its_threshold_both_windows_and_both_row_counts(workspace):
    words = _words(_open(column="temp", window="2013-05-28T00:00:00-04:00"))
    assert "threshold **5.03**" in words
    assert "1 Jan – 4 Mar, **53,490 rows**" in words
    assert "28 May – 3 Jun" in words
    assert "calibrated on 9 reference weeks" in words


@pytest.mark.parametrize("shape", ["histogram", "quantiles", "cdf"])
@pytest.mark.parametrize("column", ["temp", "dest", "prediction", "precip"])
def test_every_shape_of_every_kind_of_column_is_drawn(workspace, shape, column):
    page = _open(column=column, shape=shape)
    assert page.query_params["shape"] == shape
    assert len(page.get("plotly_chart")) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("way", ["quantiles", "ridge", "missing"])
def test_the_way_over_time_is_in_the_address(workspace, way):
    words = _words(_open(column="temp", over=way))
    said = {"quantiles": "A click on the median", "ridge": "One ridge a window", "missing": "dotted: the reference"}
    assert said[way] in words


def test_an_embedding_has_a_page_of_its_readings(workspace):
    page = _open(column="title")
    words = _words(page)
    assert "title drifted: its mean vector moved." in words
    assert "An embedding has no bars" in words
    assert len(page.get("plotly_chart")) == 1
    assert len(page.dataframe[0].value) == 22 - 9


def test_an_unknown_column_says_which_there_are(workspace):
    assert "there are error given inputs, prediction, carrier" in _words(_open(column="nonsense"))


@pytest.mark.slow
def test_a_bar_in_the_address_shows_its_rows_and_forgets_them_on_all_values(workspace):
    page = _open(column="temp", bar="7")
    assert "column_rows temp 7 0 20" in workspace.calls
    assert "1 to 20 of 89 rows" in _words(page)
    page.selectbox(key="select_bar").set_value("all values").run()
    assert not page.exception
    assert "bar" not in page.query_params


def test_rows_without_a_value_can_be_asked_for(workspace):
    _open(column="temp", bar="missing")
    assert "column_rows temp None 0 20" in workspace.calls


def test_a_bar_that_is_not_there_is_taken_for_all_values(workspace):
    page = _open(column="temp", bar="no number")
    assert page.selectbox(key="select_bar").value == "all values"
    assert not any(call.startswith("column_rows") for call in workspace.calls)


@pytest.mark.slow
def test_another_column_is_one_choice_away_and_lets_go_of_the_bar(workspace):
    page = _open(column="temp", bar="7")
    page.selectbox(key="select_column").set_value("dest").run()
    assert not page.exception
    assert page.query_params["column"] == "dest"
    assert "bar" not in page.query_params


def test_the_concept_has_no_relation_to_itself(workspace):
    _open(column="error given inputs")
    assert not any(call.startswith("relation") for call in workspace.calls)


def test_the_prediction_is_held_against_the_error_alone(workspace):
    words = _words(_open(column="prediction"))
    assert "Relation to the error" in words
    assert "Relation to the prediction" not in words


def test_segments_stand_on_the_page_of_an_input_worst_first(workspace):
    assert "Most in **carrier=B6**" in _words(_open(column="distance"))


def test_others_are_set_against_our_verdict(workspace):
    view: Any = workspace.feature(MODEL, "temp")
    opinion = {"statistic": "PSI", "value": 1.0, "threshold": "0.2"}
    ours = {**opinion, "rule": "Driftdeck", "verdict": "no drift"}
    theirs = [{**opinion, "rule": name, "verdict": verdict} for name, verdict in (("a", "drift"), ("b", "no drift"))]
    say: Any = column_judged._against
    assert say({**view, "peers": [ours, *theirs]}).startswith("1 of 2 would alert. Driftdeck does not")
    assert say({**view, "peers": [{**ours, "verdict": "drift"}, *theirs]}) == "1 of 2 agree that it drifted."
    assert say({**view, "peers": [ours, theirs[1]]}) == "All agree that it did not drift."
    assert say({**view, "peers": theirs}) == ""


# -- figures -------------------------------------------------------------------------------------------------------


def _frozen(**changes: Any) -> Any:
    return {
        "edges": [], "labels": ["a", "b", "other", "unseen"], "reference": [0.6, 0.3, 0.1, 0.0], "current": [0.5, 0.2, 0.1, 0.2],
        "n_reference": 100, "n_current": 50, "missing_reference": 0.0, "missing_current": 0.25, "unseen_current": 0.2,
        "below_current": 0.0, "above_current": 0.0,
    } | changes  # fmt: skip


def test_missing_and_never_seen_are_bars_of_their_own():
    rows = categories.rows_of(_frozen())
    assert [(row.name, row.place, row.apart) for row in rows] == [
        ("a", 0, False),
        ("b", 1, False),
        ("rarer ones", 2, False),
        ("never seen before", 3, True),
        ("missing", categories.MISSING, True),
    ]
    assert [row.current for row in rows][-2:] == [0.2, 0.25]


def test_categories_beyond_the_most_common_are_counted_not_drawn():
    count = categories.MOST + 5
    bars = _frozen(
        labels=[f"c{i}" for i in range(count)] + ["other", "unseen"],
        reference=[1 / count] * count + [0.0, 0.0],
        current=[0.0] * 5 + [1 / (count - 5)] * (count - 5) + [0.0, 0.0],
    )
    rows = categories.rows_of(bars)
    assert len([row for row in rows if not row.apart]) == categories.MOST
    assert [row.place for row in rows if not row.apart] == sorted(row.place for row in rows if not row.apart)
    assert categories.left_out(bars, rows) == f"5 more hold {'24 %'} → 0 %."


def test_hostile_categories_are_text():
    bars = _frozen(labels=[HOSTILE[0], HOSTILE[3], "other", "unseen"])
    figure = categories.compare(categories.rows_of(bars), bars, LIGHT, reference_period="r", current_period="c")
    drawn = json.dumps(figure.to_plotly_json(), default=str)
    assert "<script>" not in drawn
    assert "<img" not in drawn


def test_the_chosen_bar_is_marked():
    bars = _frozen()
    figure = categories.compare(
        categories.rows_of(bars), bars, LIGHT, reference_period="r", current_period="c", chosen=1
    )
    assert figure.layout.yaxis.ticktext[1] == "<b>b</b>"


def test_quantiles_are_paired_on_equal_terms():
    pairs: Any = [{"p": p, "reference": 10 * p, "current": 10 * p + 3} for p in (0.1, 0.5, 0.9)]
    figure = paired.quantiles(pairs, LIGHT, unit="min")
    diagonal, line = figure.data
    assert list(diagonal.x) == list(diagonal.y) == [1.0, 12.0]
    assert list(line.y) == [4.0, 8.0, 12.0]


def test_ridges_keep_the_latest_and_the_chosen_window():
    steps: Any = [{"start": f"{n}", "end": f"{n + 1}", "shares": [1.0], "n": 5, "missing": 0.0} for n in range(60)]
    shown = ridge.shown(steps, "7")
    assert {"59", "7"} <= {step["start"] for step in shown}
    assert len(shown) <= ridge.MOST + 1
    empty: Any = [{**steps[0], "n": 0}]
    assert ridge.shown(empty, "0") == []


def _bar(place: int, n: int, value: float | None, half: float = 1.0) -> Any:
    mean = {
        "n": n,
        "value": value,
        "lower": None if value is None else value - half,
        "upper": None if value is None else value + half,
    }
    return {
        "place": place, "label": f"{place}", "low": None, "high": None, "position": float(place), "n": n, "n_reference": 100,
        "prediction": mean, "prediction_reference": {**mean, "n": 100}, "error": mean, "error_reference": {**mean, "n": 100},
    }  # fmt: skip


def test_a_bar_of_three_rows_is_hollow_and_does_not_stretch_the_axis():
    bars = [_bar(0, 50, 10.0), _bar(1, 60, 12.0), _bar(2, 3, 40.0, half=300.0)]
    bars[2]["error_reference"] = {"n": 100, "value": 11.0, "lower": 10.0, "upper": 12.0}
    figure = partial.figure(bars, LIGHT, kind="error", unit="min", ordered=True)
    low, high = figure.layout.yaxis.range
    assert low == 0
    assert 13 <= high < 20
    hollow = [trace for trace in figure.data if trace.type == "scatter" and trace.marker.symbol == "square-open"]
    assert [list(trace.x) for trace in hollow] == [[2.0]]
    assert hollow[0].mode == "markers"
    assert "3 rows, too few to go by" in hollow[0].text[0]


def test_the_prediction_has_an_axis_of_its_own():
    bars = [_bar(0, 50, 100.0), _bar(1, 60, 104.0)]
    low, _ = partial.figure(bars, LIGHT, kind="prediction", unit="min", ordered=True).layout.yaxis.range
    assert low > 90


def test_small_multiples_mark_the_segments_that_drifted(workspace):
    found = workspace.segment_drift(MODEL, column="distance")
    figure = multiples.figure(found, LIGHT, unit="mi")
    named = [note.text for note in figure.layout.annotations]
    assert named[0].startswith("<b>■ carrier=B6")
    assert len(named) == min(len(found), multiples.MOST)
    assert sum("too few rows" in words for words in named) == 1


def test_a_click_on_a_median_means_its_window(workspace):
    steps = workspace.feature(MODEL, "temp")["quantiles"]
    gap: Any = [*steps[:5], {**steps[5], "q50": None}, *steps[6:]]
    figure = quantiles(gap, None, LIGHT, unit="", timezone="UTC")
    stretches = runs(gap)
    windows = [place for place, trace in enumerate(figure.data) if trace.name == "windows"]
    assert start_of(figure, stretches, windows[1], 2) == steps[8]["start"]
    assert start_of(figure, stretches, windows[1], 99) is None
    assert start_of(figure, stretches, windows[0] - 1, 0) is None


def test_missing_values_are_drawn_from_zero_with_the_reference(workspace):
    steps = workspace.feature(MODEL, "temp")["quantiles"]
    figure = missing(steps, 0.02, LIGHT, timezone="UTC")
    assert figure.layout.yaxis.rangemode == "tozero"
    assert list(figure.data[1].y) == [0.02, 0.02]
    assert figure.data[1].name == "reference 2 %"


def test_bars_offered_carry_the_place_that_the_reference_froze(workspace):
    view: Any = workspace.feature(MODEL, "temp")
    view["histogram"]["first"] = 4
    offered = column_rows.options(view)
    assert list(offered)[:2] == ["all values", "4"]
    assert list(offered)[-1] == "missing"
    assert offered["4"].startswith("13 to 17.4 °F")


def test_hostile_values_units_and_segments_are_text_in_every_figure(workspace):
    evil = HOSTILE[3]
    bar: Any = {**_bar(0, 50, 10.0), "label": evil, "position": None}
    found: Any = [{**one, "segment": evil} for one in workspace.segment_drift(MODEL, column="distance")]
    pairs: Any = [{"p": 0.5, "reference": 1.0, "current": 2.0}]
    steps: Any = [
        {"start": "2013-01-01T00:00:00", "end": "2013-01-08T00:00:00", "shares": [1.0], "n": 5, "missing": 0.0}
    ]
    figures = [
        partial.figure([bar], LIGHT, kind="error", unit=evil, ordered=False),
        multiples.figure(found, LIGHT, unit=evil),
        paired.quantiles(pairs, LIGHT, unit=evil),
        ridge.figure(steps, [0.0, 1.0], [1.0], LIGHT, unit=evil, timezone="UTC", chosen=""),
    ]
    for figure in figures:
        assert "<img" not in json.dumps(figure.to_plotly_json(), default=str)
