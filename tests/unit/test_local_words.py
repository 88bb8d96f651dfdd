"""What cannot be done is refused in words, before anything has changed."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.local import LocalWorkspace
from service.local.references import sample_path
from service.workspace import ConflictError, WorkspaceError
from tests.support.homes import empty

NOW = datetime(2024, 2, 1, tzinfo=UTC)
HOSTILE = 'it\'s "x"; DROP TABLE reading --'
DECLARATION = f"""
[models.eta]
task = "regression"
segments = [{json.dumps(HOSTILE)}]

[models.eta.features]
km = "numeric"
{json.dumps(HOSTILE)} = "categorical"

[models.eta.monitor]
window = "1d"
multivariate = []
"""


def rows(n: int = 1440) -> list[dict[str, Any]]:
    """Forty-eight rows a day."""
    return [
        {
            "prediction_id": f"p{i}",
            "event_time": (datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=30 * i)).isoformat(),
            "model_version": "v'1\"; --",
            "km": float(i % 17),
            HOSTILE: "a'b\"; DROP TABLE reading --" if i % 3 else "z\0</script>",
            "prediction": float(i % 17) + 0.5,
            "label": float(i % 17),
        }
        for i in range(n)
    ]


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[LocalWorkspace]:
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: NOW) as workspace:
        workspace.apply(DECLARATION)
        workspace.reference("eta", rows(480))
        yield workspace


@pytest.fixture
def judged(ws: LocalWorkspace) -> LocalWorkspace:
    ws.log("eta", rows()[480:])
    ws.label("eta", rows()[480:])
    ws.run("eta")
    return ws


REFUSED: list[tuple[Callable[[LocalWorkspace], object], str]] = [
    (lambda ws: ws.reference("eta", ("yesterday", "today")), "'yesterday' is no time; write one like"),
    (lambda ws: ws.reference("eta", rows(100), version=-1), "count from 1; leave it out for 2"),
    (lambda ws: ws.reference("eta", rows(100), version=1), "references are never changed; use version 2"),
    (lambda ws: ws.rows("eta", datetime(1, 1, 1, tzinfo=UTC), NOW), "is not between 1900 and 2200"),
    (lambda ws: ws.evidently_report("eta", datetime(9999, 12, 31, tzinfo=UTC)), "is not between 1900 and 2200"),
    (lambda ws: ws.performance("eta", grain="9999999w"), "is not understood; write a number up to 9999"),
    (lambda ws: ws.retrain("eta", until=datetime(2024, 1, 2, tzinfo=UTC)), "no labelled row lies between"),
    (lambda ws: ws.retrain("eta", since=datetime(2024, 3, 2, tzinfo=UTC)), "no labelled row lies between"),
    (lambda ws: ws.retrain("eta", alert_id="none"), "has no alert 'none'"),
    (lambda ws: ws.apply(DECLARATION.replace("1d", "1h")), "kept by day of UTC, and a window of 1h"),
    (lambda ws: ws.apply(DECLARATION + '[models.eta.retrain]\nholdout = "soon"'), "'soon' is not understood"),
    (lambda ws: ws.apply(DECLARATION + '[models.eta.retrain]\nholdout = "0d"'), "keeps nothing to judge"),
    (lambda ws: ws.apply(DECLARATION.replace('"1d"', '"1d"\ngrace = "99999999999d"')), "longer than time itself"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("call", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_what_cannot_be_done_is_refused_in_words(
    judged: LocalWorkspace, call: Callable[[LocalWorkspace], object], words: str
) -> None:
    with pytest.raises(WorkspaceError) as caught:
        call(judged)
    assert words in str(caught.value)
    assert judged.jobs("eta") == []


def test_a_refused_reference_leaves_the_rows_of_the_one_there_is(ws: LocalWorkspace) -> None:
    before = sample_path(ws.core, "eta", 1).read_bytes()
    with pytest.raises(ConflictError):
        ws.reference("eta", rows(100), version=1)
    assert sample_path(ws.core, "eta", 1).read_bytes() == before


def test_of_a_declaration_that_is_wrong_in_one_model_nothing_is_kept(ws: LocalWorkspace) -> None:
    new = '[models.another]\ntask = "regression"\nfeatures = { km = "numeric" }\n'
    with pytest.raises(Exception, match="give the column a new name"):
        ws.apply(new + DECLARATION.replace('km = "numeric"', 'km = "datetime"'))
    assert [model["name"] for model in ws.models()] == ["eta"]


@pytest.mark.slow
def test_hostile_names_and_values_are_names_and_values(judged: LocalWorkspace) -> None:
    assert judged.feature("eta", HOSTILE)["histogram"]["labels"][:2] == ["a'b\"; DROP TABLE reading --", "z\0</script>"]
    segments = judged.segment_errors("eta", datetime(2024, 1, 11, tzinfo=UTC), datetime(2024, 1, 30, tzinfo=UTC))
    assert {row["value"] for row in segments} == {"a'b\"; DROP TABLE reading --", "z\0</script>"}
    assert {reading["model_version"] for reading in judged.readings("eta")} == {"v'1\"; --"}
