"""Files and slices against each other, of a workspace that opens the folder and of one that speaks HTTP to its owner."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.comparing_views import GivenFile
from service.workspace import NotFoundError, Workspace, WorkspaceError
from tests.contract.test_workspace_contract import DECLARATION, frame, opened

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["local", "remote"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Four weeks of version v0, then three of v1, whose answers are two off."""
    with opened(request.param, tmp_path_factory.mktemp("compared") / "home") as workspace:
        workspace.apply(DECLARATION)
        workspace.reference("eta", frame())
        workspace.log("eta", frame(days=28))
        later = frame(days=21, start=datetime(2024, 1, 29, tzinfo=UTC), prefix="q")
        workspace.log("eta", later.assign(model_version="v1", guess=later["guess"] + 2))
        for rows in (frame(days=28), later):
            workspace.label("eta", rows[["prediction_id", "truth"]].rename(columns={"truth": "label"}))
        workspace.run()
        yield workspace


def file(shift: float, name: str) -> GivenFile:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame(days=10, shift=shift)[["distance", "city name"]]), sink)
    return GivenFile(name, sink.getvalue())


def test_two_files_are_compared_without_a_model(filled: Workspace) -> None:
    found = filled.compare_files(file(0, "a.parquet"), file(3, "Łódź <x>.parquet"))
    assert [column["column"] for column in found["columns"]] == ["distance", "city name"]
    assert [column["verdict"] for column in found["columns"]] == ["drift", "ok"]
    assert (found["reference"]["name"], found["current"]["rows"]) == ("a.parquet", 400)
    assert found["current"]["name"] == "Łódź <x>.parquet"


def test_files_that_cannot_be_compared_are_refused_in_words(filled: Workspace) -> None:
    with pytest.raises(WorkspaceError, match=r"b\.csv has 1 column and no rows"):
        filled.compare_files(file(0, "a.parquet"), GivenFile("b.csv", b"distance\n"))
    with pytest.raises(WorkspaceError, match="no column of dates or times"):
        filled.compare_files(file(0, "a.parquet"))


def test_the_limit_of_files_is_known(filled: Workspace) -> None:
    assert filled.upload_limit() == 64 * 2**20


def test_two_periods_of_one_version_are_alike(filled: Workspace) -> None:
    found = filled.compare_slices("eta", "2024-01-01..2024-01-15", "2024-01-15..2024-01-29")
    assert (found["drift"], found["drifted"]) == (False, 0)
    assert (found["reference"]["rows"], found["current"]["rows"]) == (559, 560)
    assert found["reference"]["start"] == "2024-01-01T00:00:00+01:00"
    headline = found["metrics"][0]
    assert headline["headline"]
    assert (headline["apart"], headline["better"]) == (False, None)
    assert headline["lower"] is not None
    assert headline["upper"] is not None
    assert headline["lower"] < 0 < headline["upper"]


def test_two_versions_differ_in_what_they_answered_and_how_well(filled: Workspace) -> None:
    found = filled.compare_slices("eta", "version:v0", "version:v1")
    assert found["current"]["versions"] == ["v1"]
    moved = {column["column"] for column in found["columns"] if column["verdict"] == "drift"}
    assert moved == {"error given inputs", "prediction"}
    headline = found["metrics"][0]
    assert (headline["metric"], headline["apart"], headline["better"]) == ("mae", True, "reference")
    assert headline["difference"] == pytest.approx(1.2, abs=0.3)  # E|2 + z| - E|z| of standard normal errors
    assert any("did not answer on the same days" in note for note in found["notes"])


def test_a_segment_and_the_reference_are_slices_too(filled: Workspace) -> None:
    segment = "city name=Berlin"
    found = filled.compare_slices("eta", f"reference,segment:{segment}", f"all,segment:{segment}")
    assert (found["reference"]["segment"], found["current"]["segment"]) == (segment, segment)
    assert found["drift"] is False or {c["column"] for c in found["columns"] if c["verdict"] == "drift"} <= {
        "prediction"
    }
    assert 0 < found["current"]["rows"] < 1960


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        ("soon", "all", "'soon' is not understood; write 2013-05-01..2013-05-08"),
        ("2024-02-01..2024-01-01", "all", "ends before it begins"),
        ("2024-01,2024-02", "all", "names two periods"),
        ("last:7d,2024-01", "all", "names two periods"),
        ("reference,version:v0", "all", "a reference is whole"),
        ("reference:1", "reference:2", "two references have different cells"),
        ("all", "version:v9", "versions that answered anything: v0, v1"),
        ("2019-01", "all", "the log runs from 2024-01-01"),
        ("all", "segment:city name=Rome", "has no segment 'city name=Rome'"),
        ("reference:7", "all", "has no reference 7"),
    ],
)
def test_slices_that_are_not_there_are_refused_in_words(filled: Workspace, left: str, right: str, words: str) -> None:
    with pytest.raises(WorkspaceError) as caught:
        filled.compare_slices("eta", left, right)
    assert words in str(caught.value)


def test_an_unknown_model_is_named(filled: Workspace) -> None:
    with pytest.raises(NotFoundError, match="there is no model 'eat'; this workspace has: eta"):
        filled.compare_slices("eat", "all", "all")
