"""Rules, of a workspace that opens the folder and of one that speaks HTTP to its owner."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from service.workspace import NotFoundError, Workspace, WorkspaceError
from tests.contract.test_workspace_contract import DECLARATION, frame, opened

RULES = """
[models.eta.monitor.rules.moved]
when = 'shift("distance") > 1 and rows > 10'
windows = "2 of 2"
"""


@pytest.fixture(scope="module", params=["local", "remote"])
def ruled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with opened(request.param, tmp_path_factory.mktemp("ruled") / "home") as workspace:
        workspace.apply(DECLARATION + RULES)
        workspace.reference("eta", frame())
        current = frame(days=21, shift=8, start=datetime(2024, 2, 1, tzinfo=UTC), prefix="c")
        workspace.log("eta", current)
        workspace.run()
        yield workspace


@pytest.mark.slow
def test_a_rule_raises_an_alert_that_bears_its_name(ruled: Workspace) -> None:
    (alert,) = [alert for alert in ruled.alerts("eta") if alert["rule"] == "moved"]
    assert (alert["kind"], alert["severity"], alert["members"]) == ("business", "warning", ["distance"])


@pytest.mark.slow
def test_a_rule_is_tried_without_being_declared(ruled: Workspace) -> None:
    trial = ruled.try_rule("eta", 'shift("distance") > 1', windows="2 of 2", since=datetime(2024, 1, 20))  # noqa: DTZ001
    assert len(trial["firings"]) == 1
    assert trial["sentence"].startswith("It would have fired once since 20 January 2024:")
    assert {point["holds"] for point in trial["points"]} == {True}
    assert ruled.try_rule("eta", "moved")["when"] == 'shift("distance") > 1 and rows > 10'
    inside = ruled.try_rule("eta", 'psi("distance") > 0.1', clear='psi("distance") < 0.01', segment="city name=Berlin")
    assert inside["judged"] == inside["windows"]


@pytest.mark.slow
def test_what_cannot_be_tried_is_refused_in_words(ruled: Workspace) -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"when": "maee > 1"}, "did you mean 'mae'"),
        ({"when": "mae > 1", "clear": "mae <"}, "not understood"),
        ({"when": "mae > 1", "windows": "all"}, "windows 'all' is not understood"),
        ({"when": "x" * 3000}, "2,000 are the most"),
    ]
    for given, words in refused:
        with pytest.raises(WorkspaceError, match=words):
            ruled.try_rule("eta", **given)
    with pytest.raises(NotFoundError, match="no segment 'city name=Rome'"):
        ruled.try_rule("eta", "mae > 1", segment="city name=Rome")
    for call in (lambda: ruled.try_rule("nope", "mae > 1"), lambda: ruled.rule_terms("nope")):
        with pytest.raises(NotFoundError, match="no model 'nope'"):
            call()


@pytest.mark.slow
def test_the_terms_of_a_rule_come_with_their_latest_values(ruled: Workspace) -> None:
    terms = {term["term"]: term for term in ruled.rule_terms("eta")}
    assert terms['shift("distance")']["latest"] == pytest.approx(2.8, abs=0.2)
    assert terms["mae"]["latest"] is None
    assert terms["rows"]["unit"] == "rows"
