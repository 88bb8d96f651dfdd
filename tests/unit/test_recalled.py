"""How answers are remembered: once for all who ask, not after a write, and no more than there is room for."""

import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from reference_data.windows import Window
from service.local import recall
from service.local.core import Core
from service.local.recall import Basis, Recall, recalled
from service.workspace import NotFoundError
from storage.database import Database, Limits
from tests.support.homes import empty_database
from tests.support.tiny_workspace import LIVE, Clock

DAY = timedelta(days=1)


class Written:
    """A database as far as marks go, and what else a basis asks."""

    def __init__(self, path: Path) -> None:
        self.db = Database.open(empty_database(path / "x.duckdb"), lambda: LIVE, limits=Limits(threads=1))
        self.recall, self.clock = Recall(), Clock()
        self.declared = SimpleNamespace(monitor=SimpleNamespace(grace="6h"))
        every = SimpleNamespace(containing=lambda at: Window(at.replace(hour=0, minute=0), at.replace(hour=0) + DAY))
        self.control = SimpleNamespace(
            changes=0, reference_versions=lambda _: [1], versions=lambda _: [], deployment_events=lambda _: []
        )
        self.record = lambda _: SimpleNamespace(spec=self.declared)
        self.window_spec, self.now = lambda _: every, self.clock

    @property
    def core(self) -> Core:
        return cast("Core", self)

    def write(self, about: str | None = "m", *, came: bool = False) -> None:
        self.db.write(lambda _: None, about=about, came=came)


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Written]:
    made = Written(tmp_path)
    yield made
    made.db.close()


@pytest.mark.parametrize(
    ("about", "came", "anew"),
    [("m", True, {"rows"}), ("m", False, {"rows", "judged"}), (None, False, {"rows", "judged"}), ("other", False, set()),
     ("other", True, set()), (None, True, {"rows", "judged"})],
)  # fmt: skip
def test_rows_that_come_leave_alone_what_rests_on_runs(
    bare: Written, about: str | None, came: bool, anew: set[str]
) -> None:
    worked: list[str] = []

    @recalled("rows")
    def counted(core: Core, model: str) -> None:
        worked.append("rows")

    @recalled("judged")
    def judged(core: Core, model: str) -> None:
        worked.append("judged")

    counted(bare.core, "m"), judged(bare.core, "m")
    worked.clear()
    counted(bare.core, "m"), judged(bare.core, "m")
    assert worked == []
    bare.write(about, came=came)
    counted(bare.core, "m"), judged(bare.core, "m")
    assert set(worked) == anew


def test_a_new_day_is_looked_at_anew_though_no_window_closes(bare: Written) -> None:
    """Rows of the future wait for their day, in windows of any length."""
    worked: list[datetime] = []
    bare.window_spec = lambda _: SimpleNamespace(containing=lambda _: Window(LIVE - 50 * DAY, LIVE + 50 * DAY))

    @recalled("rows")
    def counted(core: Core, model: str) -> None:
        worked.append(core.now())

    times = [LIVE + hours * DAY / 24 for hours in (0, 23, 24, 47, 25, 23)]
    for bare.clock.now in times:
        counted(bare.core, "m")
    assert worked == [times[0], times[2], times[5]]


def test_a_checkpoint_and_a_copy_of_the_file_are_no_change_of_data(bare: Written, tmp_path: Path) -> None:
    worked: list[str] = []

    @recalled("rows")
    def counted(core: Core, model: str) -> None:
        worked.append("rows")

    counted(bare.core, "m")

    def copy(con: Any) -> None:
        con.execute("CHECKPOINT")
        shutil.copyfile(bare.db.path, tmp_path / "copy")

    bare.db.exclusive(copy)
    bare.db.checkpoint()
    counted(bare.core, "m")
    assert worked == ["rows"]


def test_twenty_at_once_wait_for_one(bare: Written) -> None:
    worked: list[int] = []
    begun, go = threading.Event(), threading.Event()

    @recalled("judged")
    def slow(core: Core, model: str) -> list[dict[str, int]]:
        worked.append(1)
        begun.set()
        go.wait()
        return [{"a": 1}]

    found: list[list[dict[str, int]]] = []
    threads = [threading.Thread(target=lambda: found.append(slow(bare.core, "m"))) for _ in range(20)]
    for thread in threads:
        thread.start()
    begun.wait()
    while sum(wanted for _, wanted in bare.recall._asked.values()) < len(threads):
        pass
    go.set()
    for thread in threads:
        thread.join()
    assert worked == [1]
    assert found == [[{"a": 1}]] * len(threads)
    assert len({id(one) for one in found}) == len({id(one[0]) for one in found}) == len(threads)
    assert not bare.recall._asked


def test_an_error_is_not_remembered_and_keeps_nobody_waiting(bare: Written) -> None:
    said: list[Exception] = [NotFoundError("no window yet"), KeyError("x")]

    @recalled("judged")
    def fails(core: Core, model: str) -> str:
        if said:
            raise said.pop(0)
        return "well"

    with pytest.raises(NotFoundError, match="no window yet"):
        fails(bare.core, "m")
    assert not bare.recall._asked
    other: list[BaseException] = []

    def ask() -> None:
        try:
            fails(bare.core, "m")
        except KeyError as error:
            other.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(10)
    assert len(other) == 1
    assert fails(bare.core, "m") == "well"


def test_a_write_during_the_work_leaves_no_old_answer(bare: Written) -> None:
    """Whether it was read before or after the write: nobody who asks later gets what was read before."""
    value = [0]

    @recalled("judged")
    def read(core: Core, model: str) -> int:
        found = value[0]
        if found == 0:
            value[0] = 1
            bare.write()
        return found

    assert read(bare.core, "m") == 0
    assert read(bare.core, "m") == 1
    assert read(bare.core, "m") == 1


def test_an_answer_of_another_declaration_is_not_kept_under_the_one_that_comes_back(bare: Written) -> None:
    first, second = bare.declared, SimpleNamespace(monitor=SimpleNamespace(grace="6h"))

    @recalled("judged")
    def said(core: Core, model: str) -> str:
        if during:
            bare.declared = second
            bare.control.changes += 1
        return "second" if bare.declared is second else "first"

    during = True
    assert said(bare.core, "m") == "second"
    during, bare.declared = False, first
    bare.control.changes += 1
    assert said(bare.core, "m") == "first"


def test_what_is_remembered_has_a_bound(bare: Written) -> None:
    bare.recall = Recall(1000)

    @recalled("judged")
    def large(core: Core, model: str, place: int, count: int) -> dict[str, list[dict[str, list[float]]]]:
        worked.append(place)
        return {"rows": [{"values": [0.5] * 10} for _ in range(count)]}

    worked: list[int] = []
    for place in range(50):
        large(bare.core, "m", place, 10)
        assert bare.recall.size <= 1000
        assert bare.recall.size == sum(kept.size for kept in bare.recall._kept.values())
    assert 5 <= len(bare.recall._kept) <= 10
    large(bare.core, "m", 49, 10)
    assert worked == list(range(50)), "the latest is kept"
    large(bare.core, "m", 0, 10)
    assert worked[-1] == 0, "the least wanted went"
    large(bare.core, "m", 99, 1000)
    assert all(question[3] != (99, 1000) for question in cast("Any", bare.recall._kept)), "larger than all may be"
    assert bare.recall.size <= 1000


def test_what_a_new_answer_replaces_is_not_counted_any_more() -> None:
    kept, spec = Recall(100), cast("Any", None)
    for place in range(30):
        basis = Basis((place,), 0, (), (), 0, (), datetime(2024, 1, 1, tzinfo=UTC).date())
        kept.put("question", basis, spec, "answer", 40)
    assert (kept.size, len(kept._kept)) == (40, 1)


@pytest.mark.parametrize(
    ("value", "size"),
    [(1.5, 1), ("text", 1), ([], 1), ([1, 2, 3], 4), ({"a": [1, {"b": 2}]}, 5), ((1, [2]), 4), (Window(LIVE, LIVE), 2)],
)
def test_the_size_of_an_answer_counts_what_is_in_it(value: Any, size: int) -> None:
    assert recall._size(value) == size
