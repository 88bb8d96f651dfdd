"""The model page: panels on one axis, the map of many columns, the drift table and its opened row."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.charts import base, heat, panels, series
from dashboard.components import drift_detail, drift_table
from dashboard.theme import LIGHT
from service import context
from tests.support import fake_story as story
from tests.support.fake_workspace import MODEL, FakeWorkspace

START = datetime(2026, 1, 1, tzinfo=UTC)


def _script(name: str) -> None:
    from dashboard.app import main

    main(name)


@pytest.fixture
def serve():
    """Make a fake workspace current, and let go of it at the end."""

    def _serve(workspace: Any) -> Any:
        context.set_workspace(workspace)
        return workspace

    yield _serve
    context.set_workspace(None)


def _open(**params: str) -> Any:
    page = AppTest.from_function(_script, args=("model",), default_timeout=60)
    for key, value in {"model": MODEL, **params}.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception, page.exception
    return page


def _words(page: Any) -> str:
    return "\n".join(part.value for part in [*page.markdown, *page.caption, *page.info])


class Wide(FakeWorkspace):
    """The flights model with two hundred columns more."""

    def drift_table(self, model: str, window_start: datetime | None = None) -> Any:
        rows = super().drift_table(model, window_start)
        return [*rows, *({**rows[2], "column": f"extra {i:03d}", "state": "within"} for i in range(200))]

    def heatmap(self, model: str) -> Any:
        cells = super().heatmap(model)
        some = [cell for cell in cells if cell["column"] == "carrier"]
        return [*cells, *({**c, "column": f"extra {i:03d}", "state": "within"} for i in range(200) for c in some)]


def _hours(amount: int, **more: Any) -> Any:
    return [
        {
            "start": (START + timedelta(hours=i)).isoformat(),
            "end": (START + timedelta(hours=i + 1)).isoformat(),
            "rows": 10,
            "labels": 0,
            "coverage": 0.0,
            "model_version": "v1",
            "closed": True,
            **more,
        }
        for i in range(amount)
    ]


def _row(column: str, state: str, value: float | None, **more: Any) -> Any:
    bars = {"edges": [0, 1], "labels": [], "reference": [1.0], "current": [1.0], "n_reference": 9, "n_current": 7}
    bars |= dict.fromkeys(
        ("missing_reference", "missing_current", "unseen_current", "below_current", "above_current"), 0.0
    )
    row = {"column": column, "kind": "feature", "type": "numeric", "unit": None, "state": state, "check": "psi"}
    return {
        **row,
        "value": value,
        "threshold": 1.0,
        "p_value": None,
        "trend": [],
        "histogram": bars,
        "sentence": "",
        **more,
    }


ROWS = [
    _row("b", "within", 0.5, trend=[0.1, 0.1, 0.5]),
    _row("A", "material", 1.5, type="categorical", trend=[1.5, 1.5, 1.5]),
    _row("c", "harmful", 1.2, kind="concept", trend=[]),
    _row("d", "no_data", None),
]


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({}, "cAbd"),
        ({"sort": "ratio"}, "Acbd"),
        ({"sort": "name"}, "Abcd"),
        ({"sort": "moved"}, "bcAd"),
        ({"sort": "nonsense"}, "cAbd"),
        ({"verdict": "material"}, "A"),
        ({"kind": "numeric"}, "cbd"),
        ({"kind": "concept"}, "c"),
        ({"find": "a"}, "A"),
        ({"find": "zebra"}, ""),
    ],
)
def test_rows_are_searched_filtered_and_sorted(asked: Any, shown: str) -> None:
    found = drift_table.arranged(ROWS, **asked)
    assert "".join(row["column"] for row in found) == shown


def test_facts_of_a_row_name_only_what_there_is() -> None:
    row = _row("a", "within", 0.5)
    assert drift_detail.facts(row) == ["PSI 0.500 against 1.00", "7 rows against 9", "none missing"]
    row["histogram"] |= {"missing_current": 0.25, "unseen_current": 0.1, "below_current": 0.02, "above_current": 0.03}
    assert drift_detail.facts(row)[2:] == [
        "missing 25 %, in the reference 0 %",
        "unseen values 10 %",
        "outside of the reference's range 5 %",
    ]


def test_the_model_itself_comes_first_then_the_most_troubled_columns() -> None:
    def cell(column: str, kind: str, state: str) -> Any:
        return {"column": column, "kind": kind, "start": START.isoformat(), "state": state, "value": 1, "threshold": 1}

    cells = [
        cell("quiet", "feature", "within"),
        cell("air", "context", "harmful"),
        cell("moved", "feature", "material"),
        cell("score", "score", "within"),
        cell("rule", "concept", "within"),
        cell("calm", "context", "within"),
    ]
    assert heat.ranked(cells) == ["rule", "score", "air", "moved", "quiet", "calm"]


def _linked(windows: Any, cells: Any = (), **more: Any) -> panels.Linked:
    return panels.linked([], cells, windows, LIGHT, metric="MAE", unit="", timezone="UTC", **more)


def test_panels_share_one_axis_that_zooms_sideways_only() -> None:
    ws = FakeWorkspace(until_week=52)
    figure = panels.linked(
        series.of_performance(ws.performance(MODEL)),
        ws.heatmap(MODEL),
        ws.windows(MODEL),
        LIGHT,
        metric="MAE",
        unit="min",
        timezone="America/New_York",
        estimates=ws.estimates(MODEL),
        keep="air_time all",
    ).figure
    assert {trace.xaxis or "x" for trace in figure.data} == {"x"}
    assert figure.layout.dragmode == "zoom"
    assert figure.layout.uirevision == "air_time all"
    axes = [figure.layout[name] for name in ("yaxis", "yaxis2", "yaxis3", "yaxis4")]
    assert all(axis.fixedrange for axis in axes)
    tops = sorted((axis.domain for axis in axes), reverse=True)
    assert all(above[0] > below[1] for above, below in pairwise(tops))  # none lies on another
    assert (figure.layout.xaxis.showspikes, figure.layout.xaxis.spikemode) == (True, "across")
    assert any(trace.name and trace.name.startswith("estimated without labels") for trace in figure.data)


def test_latency_has_a_panel_only_where_it_was_logged() -> None:
    bare = _linked(_hours(3)).figure
    assert not any("Latency" in note.text for note in bare.layout.annotations)
    timed = _linked(_hours(3, latency_p50=4.0, latency_p95=21.5)).figure
    slow = next(trace for trace in timed.data if trace.yaxis == "y5" and trace.text)
    assert slow.y == (21.5, 21.5, 21.5)
    assert (slow.text[0], slow.customdata[0]) == ("1 Jan 2026 00:00", "4.00 ms")
    assert timed.layout.height > bare.layout.height


def test_the_map_is_drawn_page_by_page_and_never_grows() -> None:
    windows = _hours(100)
    cells: Any = [
        {"column": f"c{c:03d}", "kind": "feature", "start": w["start"], "state": "within", "value": 0, "threshold": 1}
        for c in range(200)
        for w in windows
    ]
    at_once = heat.room(len(windows))
    first, second = _linked(windows, cells), _linked(windows, cells, page=2)
    names = [linked.figure.layout.yaxis2.ticktext for linked in (first, second)]
    assert [len(shown) for shown in names] == [at_once, at_once]
    assert not set(names[0]) & set(names[1])
    assert first.hidden == 200 - at_once
    assert first.figure.layout.height < 900
    assert len(first.figure.to_json()) < 60_000


def test_a_tile_ends_where_its_tick_is_so_that_hover_names_the_column() -> None:
    ws = FakeWorkspace()
    figure = panels.linked(
        [], ws.heatmap(MODEL), ws.windows(MODEL), LIGHT, metric="", unit="", timezone="America/New_York"
    ).figure
    ticks = dict(zip(figure.layout.yaxis2.tickvals, figure.layout.yaxis2.ticktext, strict=True))
    harmful = next(trace for trace in figure.data if trace.yaxis == "y2" and trace.marker.color == LIGHT.page)
    assert {ticks[bottom + size] for bottom, size in zip(harmful.base, harmful.y, strict=True)} == {
        "error given inputs"
    }
    assert harmful.hovertemplate.startswith("%{y} · ")


def test_labels_of_events_that_would_touch_stand_above_each_other() -> None:
    figure = base.new(LIGHT, 300)
    marks: Any = [
        {"at": (START + timedelta(days=d)).isoformat(), "kind": "alert", "label": "Page", "until": None}
        for d in (0, 1, 2, 3, 50)
    ]
    span = [START.isoformat(), (START + timedelta(days=100)).isoformat()]
    assert base.events(figure, marks, LIGHT, "UTC", span=span, levels=3) == 3
    assert [(note.text, note.yshift) for note in figure.layout.annotations] == [
        ("▲ Page", 0),
        ("▲ Page", 12),
        ("▲ Page", 24),
        ("▲", 0),  # no room for words is left
        ("▲ Page", 0),
    ]
    assert base.events(base.new(LIGHT, 300), [], LIGHT, "UTC") == 0


@pytest.mark.slow
def test_filters_of_the_drift_table_come_from_the_address(serve: Any) -> None:
    serve(FakeWorkspace())
    page = _open(verdict="material")
    assert {cell[0] for cell in page.dataframe[0].value["verdict"]} == {"■ Material"}
    page = _open(type="categorical", sort="name")
    assert list(page.dataframe[0].value["column"]) == ["carrier", "dest", "origin"]
    page = _open(find="wind")
    assert set(page.dataframe[0].value["column"]) == {"wind_speed", "wind_dir"}
    page = _open(find="zebra")
    assert "No column matches" in _words(page)


@pytest.mark.slow
def test_a_filter_of_the_drift_table_is_written_into_the_address(serve: Any) -> None:
    serve(FakeWorkspace())
    page = _open(page="1")
    page.segmented_control(key="choice_verdict").set_value("material").run()
    assert page.query_params["verdict"] == "material"
    page.selectbox(key="select_sort").set_value("name").run()
    assert page.query_params["sort"] == "name"


@pytest.mark.slow
def test_an_opened_row_says_its_sentence_and_leads_to_its_page(serve: Any) -> None:
    serve(FakeWorkspace())
    page = _open(open="temp", window=story.week(17)[0].isoformat())
    words = _words(page).replace("\\", "")
    assert "temp is" in words
    assert "rows against" in words
    assert page.button(key="drift_detail_close")
    page.button(key="drift_detail_close").click().run()
    assert "open" not in page.query_params
    assert "Choose a cell to open its row" in _words(page)


def test_an_unknown_row_is_as_if_none_were_opened(serve: Any) -> None:
    serve(FakeWorkspace())
    assert "Choose a cell to open its row" in _words(_open(open="<script>"))


@pytest.mark.slow
def test_two_hundred_columns_are_paged_in_table_and_map(serve: Any) -> None:
    serve(Wide())
    page = _open()
    assert len(page.dataframe[0].value) == drift_table.PAGE_SIZE
    assert "Columns 1 to 24 of 215, the most troubled first" in _words(page)
    deep = _open(page="3", map="9", columns="extra")
    assert all(name.startswith("extra") for name in deep.dataframe[0].value["column"])
    assert "Columns 193 to 200 of 200" in _words(deep)
    assert "no column matches: all 215 are shown" in _words(_open(columns="zebra"))
    assert len(json.dumps(deep.dataframe[0].value.to_dict("records"), default=str)) < 60_000


@pytest.mark.slow
def test_a_page_beyond_the_last_is_the_last(serve: Any) -> None:
    serve(Wide())
    for nonsense in ("999", "0", "-1", "²", "x"):
        assert len(_open(page=nonsense).dataframe[0].value) in (drift_table.PAGE_SIZE, 215 % drift_table.PAGE_SIZE)


@pytest.mark.slow
def test_a_search_that_finds_one_column_leads_to_its_page_without_a_pointer(serve: Any) -> None:
    serve(FakeWorkspace())
    links = [str(link.proto) for link in _open(find="temp").get("page_link")]
    assert any("Open temp" in link and "column" in link for link in links)
    assert not any("Open temp" in str(link.proto) for link in _open().get("page_link"))
