"""The overview: fifty models, filters in the address, what happened by kind and model, what of alerts was allowed and what came."""

from datetime import timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components import budget, model_table, timeline
from service import context
from tests.support.fake_workspace import HOSTILE, MODEL, FakeWorkspace


def _script(name: str) -> None:
    from dashboard.app import main

    main(name)


@pytest.fixture
def serve():
    """Make a fake workspace current, and let go of it at the end."""

    def _serve(**how: Any) -> FakeWorkspace:
        workspace = FakeWorkspace(**how)
        context.set_workspace(workspace)
        return workspace

    yield _serve
    context.set_workspace(None)


def _open(name: str = "overview", **params: str) -> Any:
    page = AppTest.from_function(_script, args=(name,), default_timeout=60)
    for key, value in params.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception, page.exception
    return page


def _words(page: Any) -> str:
    parts = [*page.markdown, *page.caption, *page.header, *page.info]
    return "\n".join(part.value for part in parts).replace("\\", "")


def _model(**more: Any) -> Any:
    view: Any = FakeWorkspace().model(MODEL)
    view["budget"] = {"pages_per_year": 1.0, "warnings_per_year": 2.0, "days": 365.0, "pages": 0, "warnings": 0}
    view["budget"].update(more)
    return view


def test_fifty_models_are_one_row_each_and_trouble_comes_first(serve: Any) -> None:
    serve(extra=49)
    page = _open()
    table = page.dataframe[0].value
    assert len(table) == 50
    order = [cell[0] for cell in table["health"]]
    assert order[0] == "▲ Page"
    assert order == sorted(order, key=["▲ Page", "◆ Warning", "● Notice", "✓ OK", "○ No data", "◔ Insufficient"].index)
    assert page.title[0].value == "8 of 50 models need you"


def test_runs_are_told_as_so_long_ago_and_so_soon(serve: Any) -> None:
    serve()
    table = _open().dataframe[0].value
    assert (table["last"][0], table["next"][0]) == ("2 min ago", "in 58 min")


def test_a_model_that_waits_for_rows_has_no_next_run(serve: Any, monkeypatch: Any) -> None:
    workspace = serve()
    models = [{**view, "next_run": None} for view in workspace.models()]
    monkeypatch.setattr(workspace, "models", lambda: models)
    assert _open().dataframe[0].value["next"].isna().all()


def test_models_are_found_by_name_owner_task_and_champion() -> None:
    models = FakeWorkspace(hostile=False).models()

    def names(**asked: str) -> list[str]:
        return [model["name"] for model in model_table.matching(models, **asked)]

    assert names(find="AIR_") == [MODEL]
    assert names(find="team 3") == ["filler-03"]
    assert names(find="regression") == [MODEL]
    assert names(find="v9") == []
    assert names(find="V8") == ["filler-06"]
    assert names(condition="no_data") == ["filler-04"]
    assert names(condition="ok", find="filler-04") == []


def test_a_search_that_finds_one_model_leads_there_without_a_pointer(serve: Any) -> None:
    serve()
    page = _open(q="filler-04")
    assert "Open filler-04 ›" in [link.label.replace("\\", "") for link in page.get("page_link")] or any(
        "filler-04" in str(link.proto) for link in page.get("page_link")
    )


@pytest.mark.parametrize(
    ("what", "kinds"),
    [
        ("all", {"page", "warning", "notice", "resolved", "deploy", "retrain", "job", "source"}),
        ("alerts", {"page", "warning", "notice"}),
        ("deployments", {"deploy"}),
        ("training", {"retrain", "job"}),
        ("sources", {"source", "resolved"}),
    ],
)
def test_what_happened_belongs_to_one_kind(what: str, kinds: set[str]) -> None:
    items = FakeWorkspace().timeline(100)
    assert {item["kind"] for item in items if what in ("all", timeline.kind_of(item))} == kinds


def test_failing_sources_and_failed_jobs_are_told(serve: Any) -> None:
    serve()
    words = _words(_open())
    assert "source arrivals failed 5 times in a row: the database did not answer" in words
    assert "training failed: the rows of 1 May to 3 May hold no label" in words


@pytest.mark.slow
def test_what_happened_is_filtered_by_the_address(serve: Any) -> None:
    serve()
    words = _words(_open(what="sources"))
    assert "source nightly works again" in words
    assert "v1 promoted" not in words
    words = _words(_open(of=HOSTILE[0]))
    assert "labels only 31 % in" in words
    assert "source nightly" not in words


def test_a_kind_that_is_chosen_is_written_into_the_address(serve: Any) -> None:
    serve()
    page = _open(events="2")
    page.segmented_control(key="choice_what").set_value("training").run()
    assert page.query_params["what"] == "training"
    assert "events" not in page.query_params


def test_the_budget_of_a_month_is_a_twelfth_of_the_years() -> None:
    found = budget.spent([_model(days=36.5, warnings=3), _model(pages=2)])
    assert (found["page"].came, found["warning"].came) == (2, 3)
    assert [found[name].allowed for name in ("page", "warning")] == pytest.approx([1.1, 2.2])


def test_the_model_furthest_beyond_its_budget_is_named_and_none_without_reason() -> None:
    quiet, loud = _model(pages=1), _model(pages=4, warnings=1)
    loud["name"] = "loud"
    assert budget.most([quiet, loud]) == loud
    assert budget.most([quiet]) is None
    assert budget.most([]) is None
    bare = _model()
    del bare["budget"]
    assert budget.most([bare]) is None
    assert budget.spent([bare])["page"] == budget.Spent(0, 0)


def test_the_overview_says_what_was_allowed_and_what_came(serve: Any) -> None:
    serve(extra=0)
    page = _open()
    words = [bar.proto.text if hasattr(bar, "proto") else str(bar) for bar in page.get("progress")]
    assert any("**1** came, budget **0.4** · beyond it" in line for line in words)
    assert "Alert budget" in _words(page)


def test_exported_rows_have_unrounded_numbers_and_every_column_of_the_table() -> None:
    row = model_table.plain_rows([FakeWorkspace().model(MODEL)])[0]
    assert (row["name"], row["value"], row["reference"], row["unit"]) == (MODEL, 12.6, 7.62, "min")
    assert {"health", "since", "label_coverage", "drifted", "rows_per_window", "champion", "last_run"} <= set(row)


def test_the_list_of_models_is_filtered_like_the_overview(serve: Any) -> None:
    serve()
    table = _open("models", health="no_data").dataframe[0].value
    assert list(table["model"]) == ["filler-04"]


def test_the_clock_of_the_fake_lies_between_its_runs() -> None:
    fake = FakeWorkspace()
    view = fake.model(MODEL)
    assert view["last_run"] == (fake.now() - timedelta(minutes=2)).isoformat()


def test_a_kind_of_which_nothing_happened_says_so(serve: Any, monkeypatch: Any) -> None:
    workspace = serve()
    monkeypatch.setattr(workspace, "timeline", lambda limit=50, *, model=None: [])
    assert "Nothing of this kind lately" in _words(_open(what="sources"))
    assert "Nothing yet: alerts, deployments" in _words(_open())
