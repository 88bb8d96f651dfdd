"""Single columns, of a workspace that opens the folder and of one that speaks HTTP to its owner."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from service.workspace import NotFoundError, Workspace, WorkspaceError
from tests.contract.test_workspace_contract import DECLARATION, frame, opened

pytestmark = pytest.mark.slow
WINDOW = datetime(2024, 1, 22, tzinfo=UTC)
WEEK = (WINDOW, WINDOW + timedelta(days=7))


@pytest.fixture(scope="module", params=["local", "remote"])
def judged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Eight weeks of reference, four of rows with labels."""
    with opened(request.param, tmp_path_factory.mktemp("columns") / "home") as workspace:
        workspace.apply(DECLARATION)
        workspace.reference("eta", frame())
        rows = frame(days=28)
        workspace.log("eta", rows)
        workspace.label("eta", rows[["prediction_id", "truth"]].rename(columns={"truth": "label"}))
        workspace.run()
        yield workspace


def test_columns_are_listed_in_the_order_of_the_declaration(judged: Workspace) -> None:
    found = judged.columns("eta")
    assert [(column["name"], column["kind"]) for column in found] == [
        ("distance", "feature"),
        ("city name", "feature"),
        ("prediction", "prediction"),
        ("error given inputs", "concept"),
    ]


def test_a_column_s_relation_to_the_error_and_the_rows_of_one_of_its_bars(judged: Workspace) -> None:
    relation = judged.relation("eta", "city name", WINDOW)
    assert relation is not None
    assert (relation["prediction_name"], relation["error_name"]) == ("mean prediction", "mean absolute error")
    (bar,) = [bar for bar in relation["bars"] if bar["label"] == "Łódź"]
    reference = bar["error_reference"]["value"]
    assert reference is not None
    assert 0.5 < reference < 1.2  # of normal errors with a standard deviation of one: 0.8
    week = [datetime.fromisoformat(relation[end]) for end in ("window_start", "window_end")]
    page = judged.column_rows("eta", "city name", *week, place=bar["place"], limit=3)
    assert (page["total"], len(page["rows"])) == (bar["n"], 3)
    assert {row["city name"] for row in page["rows"]} == {"Łódź"}
    assert judged.column_rows("eta", "distance", *WEEK)["total"] == 0  # no value is missing
    assert judged.relation("eta", "error given inputs", WINDOW) is None


def test_what_is_not_there_is_named_with_what_is(judged: Workspace) -> None:
    with pytest.raises(NotFoundError, match="has no bar 99: the bars are 0"):
        judged.column_rows("eta", "city name", *WEEK, place=99)
    with pytest.raises(NotFoundError, match="columns that have: distance, city name"):
        judged.column_rows("eta", "town", *WEEK)
    with pytest.raises(NotFoundError, match="are judged: "):
        judged.relation("eta", "town", WINDOW)
    with pytest.raises(WorkspaceError, match="a page has 1 to"):
        judged.column_rows("eta", "city name", *WEEK, limit=100_000)


def test_segments_can_be_asked_of_one_column(judged: Workspace) -> None:
    assert {row["column"] for row in judged.segment_drift("eta", WINDOW, column="distance")} == {"distance"}
