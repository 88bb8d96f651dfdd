"""Silences stay for good, ended ones too, and those that were read are not read again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.local import LocalWorkspace, attend, quiet
from tests.support.homes import empty
from tests.support.tiny_workspace import Clock
from tests.unit.test_unmoved import declaration

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> Clock:
    made = Clock()
    made.now = NOW
    return made


@pytest.fixture
def ws(tmp_path: Path, clock: Clock) -> Iterator[LocalWorkspace]:
    with LocalWorkspace.open(empty(tmp_path / "home"), now=clock) as workspace:
        workspace.apply(declaration())
        yield workspace


def silence(ws: LocalWorkspace, words: str, hours: int = 4) -> str:
    ends = ws.core.now() + hours * HOUR
    return ws.silence(model="eta", column="km", ends=ends, comment=words, actor="ada")["id"]


def told(ws: LocalWorkspace) -> list[tuple[str, datetime, str | None]]:
    return [(each.comment, each.ends, each.ended_by) for each in quiet.made(ws.core)]


def test_a_silence_is_what_its_latest_record_says_in_the_order_in_which_they_were_made(ws: LocalWorkspace) -> None:
    first = silence(ws, "first")
    assert told(ws) == [("first", NOW + 4 * HOUR, None)]
    silence(ws, "second")
    ws.unsilence(first, actor="bob")
    assert told(ws) == [("first", NOW, "bob"), ("second", NOW + 4 * HOUR, None)]
    assert [each.comment for each in quiet.active_silences(ws.core)] == ["second"]


def test_only_new_records_are_read(ws: LocalWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    records = ws.core.control.silences

    def counted(after: int = 0) -> list[tuple[int, dict[str, object]]]:
        found = records(after)
        read.append(len(found))
        return found

    monkeypatch.setattr(ws.core.control, "silences", counted)
    silence(ws, "first")
    silence(ws, "second")
    for _ in range(3):
        quiet.active_silences(ws.core)
    assert sum(read) == 2
    silence(ws, "third")
    quiet.active_silences(ws.core)
    assert sum(read) == 3


def test_a_silence_that_ended_years_ago_is_still_told(ws: LocalWorkspace, clock: Clock, tmp_path: Path) -> None:
    silence(ws, "the supplier has been told")
    clock.now = NOW + timedelta(days=2000)
    attend.attend(ws.core)
    (view,) = ws.silences()
    assert (view["state"], view["comment"], view["actor"]) == ("over", "the supplier has been told", "ada")
    assert ws.silences(active=True) == []
    ws.close()
    with LocalWorkspace.open(tmp_path / "home", now=clock) as again:
        assert [each["comment"] for each in again.silences()] == ["the supplier has been told"]
