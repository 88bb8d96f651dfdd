"""The demo's player, cut off at every step and started again, on a workspace that only remembers what it was asked."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest

from service.demo import player as demo
from service.demo.flights import FIRST_MODEL, LAST_DAY, MODEL, STORY, Flights, midnight
from service.local import LocalWorkspace
from service.workspace import ConflictError, WorkspaceError


class CutOffError(Exception):
    """The process died here."""


class Memory:
    """A home that outlives its processes: rows by id, trainings by key, versions, the champion and the kept clock."""

    def __init__(self) -> None:
        self.logged: dict[str, datetime] = {}
        self.labelled: dict[str, datetime] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.deployed: list[str] = []
        self.clock: datetime | None = None
        self.cut: str | None = None

    def workspace(self) -> LocalWorkspace:
        return cast("LocalWorkspace", FakeWorkspace(self))


class FakeWorkspace:
    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.core = SimpleNamespace(
            replayed=memory.clock,
            set_clock=self.set_clock,
            roles=lambda _: SimpleNamespace(champion=memory.deployed[-1] if memory.deployed else None),
            versions=lambda _: {job["version"]: job for job in memory.jobs.values()},
        )

    def cut(self, place: str) -> None:
        if self.memory.cut == place:
            self.memory.cut = None
            raise CutOffError

    def set_clock(self, moment: datetime) -> None:
        self.cut("clock")
        self.memory.clock = self.core.replayed = moment.astimezone(UTC)

    def models(self) -> list[dict[str, str]]:
        return [{"name": MODEL}]

    def _keep(self, kind: str, rows: pd.DataFrame) -> None:
        self.cut(f"before {kind}")
        kept: dict[str, datetime] = getattr(self.memory, kind)
        for name in rows["prediction_id"]:
            kept.setdefault(name, self.core.replayed)
        self.cut(f"after {kind}")

    def log(self, _: str, rows: pd.DataFrame) -> None:
        self._keep("logged", rows)

    predict_rows = log

    def label(self, _: str, rows: pd.DataFrame) -> None:
        self._keep("labelled", rows)

    def run(self, _: str, **__: Any) -> None:
        self.cut("run")

    def alerts(self, _: str) -> list[Any]:
        return []

    def retrain(self, _: str, *, request_key: str, **__: Any) -> dict[str, Any]:
        number = len(self.memory.jobs) + 1
        job = {"id": f"j{number}", "state": "succeeded", "version": f"v{number}", "error": None, "log": ""}
        found = self.memory.jobs.setdefault(request_key, job)
        self.cut("after training")
        return found

    def deploy(self, _: str, version: str, **__: Any) -> None:
        if self.memory.deployed and self.memory.deployed[-1] == version:
            raise ConflictError(f"{version} is the champion already")
        self.memory.deployed.append(version)
        self.cut("after deploying")


def play(memory: Memory, until: date, *, scripted: bool = False) -> None:
    demo.Player(memory.workspace()).play_now(until, scripted=scripted)


@pytest.fixture(scope="module", autouse=True)
def flights() -> Iterator[None]:
    """Read the year's table once."""
    table = Flights()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "Flights", lambda: table)
        yield


@pytest.fixture(scope="module")
def march(flights: None) -> Memory:
    """What two days without any accident leave."""
    memory = Memory()
    play(memory, date(2013, 3, 7))
    return memory


@pytest.mark.slow
@pytest.mark.parametrize(
    "place",
    [
        "clock",
        *(f"{when} {kind}" for when in ("before", "after") for kind in ("logged", "labelled")),
        "run",
        "after training",
        "after deploying",
    ],
)
def test_a_step_that_was_cut_off_is_repeated_whole(march: Memory, place: str) -> None:
    memory = Memory()
    memory.cut = place
    with pytest.raises(CutOffError):
        play(memory, date(2013, 3, 7))
    play(memory, date(2013, 3, 7))
    assert memory.logged == march.logged
    assert memory.labelled == march.labelled
    assert memory.deployed == ["v1"]
    assert memory.clock == midnight(date(2013, 3, 7))


@pytest.mark.parametrize("place", ["before labelled", "clock", "run"])
def test_a_day_is_whole_before_the_clock_passes_it(place: str) -> None:
    memory = Memory()
    play(memory, date(2013, 3, 6))
    memory.cut = place
    with pytest.raises(CutOffError):
        play(memory, date(2013, 3, 7))
    assert memory.clock == midnight(date(2013, 3, 6))


@pytest.mark.parametrize("place", ["after training", "after deploying", "after logged", "clock"])
def test_the_story_retrains_once_however_often_it_is_started(place: str) -> None:
    memory = Memory()
    play(memory, FIRST_MODEL)
    memory.clock = midnight(STORY)
    memory.cut = place
    with pytest.raises(CutOffError):
        play(memory, date(2013, 6, 5), scripted=True)
    play(memory, date(2013, 6, 5), scripted=True)
    play(memory, date(2013, 6, 6), scripted=True)
    assert memory.deployed == ["v1", "v2"]
    assert len(memory.jobs) == 2


@pytest.mark.parametrize(
    ("text", "reached"),
    [
        ("2013-06-04", midnight(STORY)),
        ("2013-06-04T00:00:00-04:00", midnight(STORY)),
        ("2013-03-05", midnight(FIRST_MODEL)),
        ("2031-01-01", midnight(LAST_DAY)),
    ],
)
def test_the_year_ends_where_its_flights_do(text: str, reached: datetime) -> None:
    assert demo.target(text) == reached


@pytest.mark.parametrize(("text", "words"), [("June", "'June' is no date"), ("2013-02-01", "from 2013-03-05 to")])
def test_a_day_that_cannot_be_played_to_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(WorkspaceError, match=words):
        demo.target(text)
