"""A look at a model for which nothing has come costs nothing, and nothing that makes a window due goes by unseen for it."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference_data.windows import Window
from service.local import LocalWorkspace, care, runs, unmoved
from service.local.monitoring import run_model
from storage.due import profiled_at
from storage.errors import StorageError
from tests.support.homes import empty
from tests.unit.test_runs import register

ZERO = datetime(2024, 1, 1, tzinfo=UTC)
NOW = ZERO + timedelta(days=12, hours=5)
MODEL = """
[models.eta]
task = "regression"
features = {{ km = "numeric" }}
{more}
[models.eta.monitor]
window = "{window}"
grace = "{grace}"
min_rows = 5
multivariate = []
{checks}
"""


def day(number: float) -> datetime:
    return ZERO + timedelta(days=number)


def rows(first: int, last: int, version: str = "stranger", *, each: int = 12, prefix: str = "") -> list[dict[str, Any]]:
    rng = np.random.default_rng(first)
    made = []
    for at in range(first, last):
        for number in range(each):
            km = float(rng.normal(10, 2))
            when = day(at) + timedelta(hours=1, minutes=10 * number)
            made.append(
                {
                    "prediction_id": f"{prefix}{at}-{number}",
                    "event_time": when.isoformat(),
                    "model_version": version,
                    "km": km,
                    "prediction": 2 * km,
                    "label": 2 * km + float(rng.normal(0, 1)),
                }
            )
    return made


def declaration(*, window: str = "1d", grace: str = "0s", more: str = "", checks: str = "") -> str:
    return MODEL.format(window=window, grace=grace, more=more, checks=checks)


def tick(ws: LocalWorkspace) -> int:
    """Do what a scheduler does; returns how many windows were judged."""
    (done,) = ws.run("eta", actor="schedule", trigger="schedule")
    assert done["state"] == "done"
    return done["windows"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of a model with a week of rows behind its reference, all of them judged."""
    home = tmp_path_factory.mktemp("unmoved") / "home"
    with LocalWorkspace.open(home, now=lambda: NOW) as ws:
        ws.apply(declaration(grace="1d"))
        ws.reference("eta", rows(0, 5))
        ws.log("eta", rows(5, 13))
        ws.label("eta", [row for row in rows(5, 13) if not row["prediction_id"].startswith("9-")])
        assert tick(ws) == 6  # the twelfth day is in its grace, the thirteenth is under way
    return home


@pytest.fixture
def ws(made: Path, tmp_path: Path) -> Iterator[LocalWorkspace]:
    """The home, opened by a process that has looked once and found nothing to do."""
    shutil.copytree(made, tmp_path / "home")
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: NOW) as workspace:
        assert tick(workspace) == 0
        assert unmoved.holds(workspace.core, "eta")
        yield workspace


def late_rows(ws: LocalWorkspace) -> None:
    ws.log("eta", rows(7, 8, prefix="late"))


def late_labels(ws: LocalWorkspace) -> None:
    ws.label("eta", rows(9, 10))


def corrected_labels(ws: LocalWorkspace) -> None:
    ws.label("eta", [row | {"label": row["label"] + 5} for row in rows(8, 9)])


def rows_after_their_labels(ws: LocalWorkspace) -> None:
    early = rows(6, 7, prefix="early")
    ws.label("eta", early)
    for minutes in (15, 30, 45):
        ws.core.system_now = lambda: NOW + timedelta(minutes=minutes)  # noqa: B023
        assert tick(ws) == 0
    assert unmoved.holds(ws.core, "eta")
    ws.log("eta", early)


def other_windows(ws: LocalWorkspace) -> None:
    ws.apply(declaration(window="1w", grace="1d"))


def less_grace(ws: LocalWorkspace) -> None:
    ws.apply(declaration(grace="0s"))


def another_reference(ws: LocalWorkspace) -> None:
    ws.reference("eta", rows(0, 4, prefix="again"))


def a_version_with_a_reference_of_its_own(ws: LocalWorkspace) -> None:
    register(ws, "stranger", Window(day(5), day(8)))


def time_passes(ws: LocalWorkspace) -> None:
    ws.core.system_now = lambda: day(13)


CAUSES: list[tuple[Callable[[LocalWorkspace], None], int]] = [
    (late_rows, 1),
    (late_labels, 1),
    (corrected_labels, 1),
    (rows_after_their_labels, 1),
    (other_windows, 1),
    (less_grace, 1),
    (another_reference, 6),
    (a_version_with_a_reference_of_its_own, 3),
    (time_passes, 1),
]


@pytest.mark.parametrize(("cause", "windows"), CAUSES, ids=lambda given: getattr(given, "__name__", None))
def test_what_makes_windows_due_is_noticed_by_the_next_tick(
    ws: LocalWorkspace, cause: Callable[[LocalWorkspace], None], windows: int
) -> None:
    cause(ws)
    assert not unmoved.holds(ws.core, "eta")
    assert tick(ws) == windows
    assert tick(ws) == 0


def held_against(ws: LocalWorkspace, reference: int) -> int:
    with ws.core.db.cursor() as con:
        return len(profiled_at(con, "eta", reference, "inputs"))


def test_a_deployment_is_noticed(ws: LocalWorkspace) -> None:
    """Who is champion decides which reference windows nobody's version answers are held against."""
    register(ws, "v2", Window(day(5), day(8)))
    tick(ws)
    tick(ws)
    assert unmoved.holds(ws.core, "eta")
    assert held_against(ws, 2) == 0
    ws.deploy("eta", "v2")
    assert not unmoved.holds(ws.core, "eta")
    tick(ws)
    assert held_against(ws, 2) > 0


def test_an_own_check_that_is_declared_is_read_on_past_windows(ws: LocalWorkspace) -> None:
    far = '[models.eta.monitor.custom.far]\nsql = "avg(km)"\nunit = "km"\n'
    ws.apply(declaration(grace="1d", checks=far))
    tick(ws)
    assert len(ws.readings("eta", check="far")) == 6


@pytest.mark.parametrize("hours", [-30, 30])
def test_a_clock_that_was_put_back_or_forward_makes_the_next_look_a_whole_one(ws: LocalWorkspace, hours: int) -> None:
    ws.core.system_now = lambda: NOW + timedelta(hours=hours)
    assert not unmoved.holds(ws.core, "eta")
    ws.log("eta", rows(7, 8, prefix="late"))
    assert tick(ws) == (1 if hours < 0 else 2)


def test_the_first_look_of_a_day_is_a_whole_one_though_no_window_closes(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "home")
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: NOW) as ws:
        ws.apply(declaration(window="4w", grace="1d"))
        tick(ws)
        tick(ws)
        assert unmoved.holds(ws.core, "eta")
        ws.core.system_now = lambda: NOW + timedelta(hours=18)
        assert unmoved.holds(ws.core, "eta")
        ws.core.system_now = lambda: day(13)
        assert not unmoved.holds(ws.core, "eta")


# -- what is known, and what it is good for ----------------------------------------------------------------------------
def test_a_tick_without_news_looks_at_no_rows_and_is_recorded(
    ws: LocalWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looks(*_: Any) -> None:
        raise AssertionError("there was nothing to look for")

    later = NOW + timedelta(minutes=15)
    ws.core.system_now = lambda: later
    monkeypatch.setattr("service.local.runs.run_model", looks)
    monkeypatch.setattr(ws.core.db, "cursor", looks)
    runs.run(ws.core, "eta", actor="schedule", trigger="schedule")
    assert ws.core.last_run("eta") == later
    (latest,) = ws.core.control.model_runs("eta", 1)
    assert (latest["state"], latest["windows_total"], latest["error"]) == ("done", 0, None)
    with pytest.raises(AssertionError):
        runs.run(ws.core, "eta")  # by hand it is looked for all the same


def test_what_comes_while_a_look_lasts_is_judged_by_the_next(
    ws: LocalWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws.core.unmoved.clear()

    def followed(*given: Any) -> Any:
        course = run_model(*given)
        late_rows(ws)
        return course

    monkeypatch.setattr("service.local.runs.run_model", followed)
    assert tick(ws) == 0
    monkeypatch.undo()
    assert tick(ws) == 1


def test_rows_that_could_not_leave_the_log_are_tried_again(ws: LocalWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise StorageError("no room")

    ws.core.unmoved.clear()
    monkeypatch.setattr(care, "apply_retention", full)
    assert tick(ws) == 0
    assert not unmoved.holds(ws.core, "eta")


def test_a_look_at_a_part_says_nothing_of_the_rest(ws: LocalWorkspace) -> None:
    ws.core.unmoved.clear()
    late_rows(ws)
    runs.run(ws.core, "eta", since=day(9), actor="schedule", trigger="schedule")
    runs.run(ws.core, "eta", since=day(9), actor="schedule", trigger="schedule")
    assert not unmoved.holds(ws.core, "eta")
    assert tick(ws) == 1


def test_one_model_is_not_disturbed_by_another(ws: LocalWorkspace) -> None:
    ws.apply(declaration(grace="1d") + declaration(grace="1d").replace("eta", "other"))
    tick(ws)
    assert unmoved.holds(ws.core, "eta")
    ws.log("other", rows(7, 8))
    assert unmoved.holds(ws.core, "eta")
