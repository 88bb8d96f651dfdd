"""The sequential test in a whole workspace: steps in the order of labels, readings, alerts, views; late and corrected labels; cut-off runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from service.cli import app
from service.local import sequence
from service.workspace import NotFoundError, WorkspaceError
from storage import faults
from storage.faults import InjectedFaultError
from storage.loss_steps import LossStep, loss_steps
from storage.loss_stream import loss_stream
from tests.support.tiny_workspace import A_DAY, DECLARATION, LIVE, MODEL, REFERENCE_DAYS, START, Tiny, rows, tiny

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _passages() -> None:
    faults.reset()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Tiny]:
    with tiny(tmp_path / "home") as opened:
        opened.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        yield opened


def send(
    home: Tiny, first: int, count: int = 1, *, lag: float = 0.1, only: slice = slice(None), **changes: Any
) -> pd.DataFrame:
    """Log days and bring the labels of some of their rows, known ``lag`` days after the event."""
    frame = rows(REFERENCE_DAYS + first, count, **changes)
    home.clock.now = LIVE + timedelta(days=first + count + lag)
    home.workspace.log(MODEL, frame.drop(columns="truth"))
    if len(frame[only]):
        labelled(home, frame[only], lag)
    return frame


def labelled(home: Tiny, frame: pd.DataFrame, lag: float) -> None:
    known = frame.assign(label_time=frame["event_time"] + timedelta(days=lag))
    home.workspace.label(MODEL, known[["prediction_id", "truth", "label_time"]])


def steps(home: Tiny) -> list[LossStep]:
    with home.workspace.core.db.cursor() as cursor:
        return loss_steps(cursor, MODEL)


def counted(home: Tiny) -> dict[int, int]:
    """Return the labels counted by day of label time, from the first live day."""
    return {(step.window.start - LIVE).days: step.n for step in steps(home)}


def test_a_step_holds_the_labels_that_became_known_in_it(home: Tiny) -> None:
    frame = send(home, 0, 3, lag=0.0)
    home.run_at(3.5)
    assert counted(home) == {0: A_DAY, 1: A_DAY, 2: A_DAY}
    error = (frame["guess"] - frame["truth"]).abs()
    first = steps(home)[0]
    assert first.loss == pytest.approx(error[:A_DAY].sum())
    assert first.loss_squares == pytest.approx((error[:A_DAY] ** 2).sum())
    assert first.events.start == START + timedelta(days=REFERENCE_DAYS)
    assert first.events.end <= LIVE + timedelta(days=1)


def test_a_step_that_is_not_over_waits(home: Tiny) -> None:
    send(home, 0, 2, lag=0.0)
    home.run_at(1.9)  # the second day is not over
    assert counted(home) == {0: A_DAY}
    home.run_at(2.1)  # nor has its grace passed
    assert counted(home) == {0: A_DAY}
    home.run_at(2.3)
    assert counted(home) == {0: A_DAY, 1: A_DAY}


def test_labels_that_come_late_go_into_the_present_step(home: Tiny) -> None:
    frame = send(home, 0, 1, lag=0.0, only=slice(0, 40))
    home.run_at(1.5)
    assert counted(home) == {0: 40}
    labelled(home, frame[40:], 0.0)  # their label time lies in a step that is closed
    send(home, 1, 1, lag=0.0)
    home.run_at(2.5)
    assert counted(home) == {0: 40, 1: A_DAY + 20}


def test_a_correction_is_not_counted_again(home: Tiny) -> None:
    frame = send(home, 0, 1, lag=0.0)
    home.run_at(1.5)
    before = steps(home)
    labelled(home, frame.assign(truth=frame["truth"] + 100), 1.2)
    send(home, 1, 1, lag=0.0)
    home.run_at(3.5)
    assert steps(home)[: len(before)] == before, "what was counted is never restated"
    assert counted(home) == {0: A_DAY, 1: A_DAY}


def test_a_history_at_once_gives_the_steps_of_its_days(home: Tiny, tmp_path: Path) -> None:
    send(home, 0, 1, lag=0.4)
    home.run_at(1.3)
    send(home, 1, 2, lag=0.4)
    home.run_at(3.3)
    send(home, 3, 2, lag=0.4)
    home.run_at(6.5)
    with tiny(tmp_path / "other") as other:
        other.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        send(other, 0, 5, lag=0.4)
        other.run_at(6.5)
        there = [(step.window, step.n, step.loss) for step in steps(other)]
    assert [(step.window, step.n) for step in steps(home)] == [(window, n) for window, n, _ in there]
    assert [step.loss for step in steps(home)] == pytest.approx([loss for _, _, loss in there])


def test_labels_of_long_ago_are_found_in_the_whole_log(home: Tiny) -> None:
    send(home, 0, 1, lag=60.0)
    home.run_at(61.5)
    assert sum(step.n for step in steps(home)) == A_DAY


def test_labels_that_came_before_their_predictions_are_counted_once(home: Tiny) -> None:
    send(home, 0, 1, lag=0.0)
    early = rows(REFERENCE_DAYS + 1, 1)
    home.clock.now = LIVE + timedelta(days=1.1)
    labelled(home, early[:40], 0.0)
    home.run_at(2.5)
    assert counted(home) == {0: A_DAY}
    home.clock.now = LIVE + timedelta(days=2.7)  # the predictions of that day come at last, and the rest of its labels
    home.workspace.log(MODEL, early.drop(columns="truth"))
    labelled(home, early[40:], 0.0)
    send(home, 2, 1, lag=0.0)
    home.run_at(3.5)
    assert sum(counted(home).values()) == 3 * A_DAY
    home.clock.now = LIVE + timedelta(days=3.6)
    late = rows(REFERENCE_DAYS + 3, 1)
    labelled(home, late, 0.0)
    send(home, 4, 1, lag=0.0)
    home.run_at(5.5)
    home.clock.now = LIVE + timedelta(days=5.6)
    home.workspace.log(MODEL, late.drop(columns="truth"))  # nothing else is new
    home.run_at(6.5)
    assert sum(counted(home).values()) == 5 * A_DAY
    send(home, 6, 1, lag=0.0)
    home.run_at(7.5)
    home.run_at(8.5)
    assert sum(counted(home).values()) == 6 * A_DAY


def test_columns_may_have_any_name(tmp_path: Path) -> None:
    names = ["first", "known", "counted", "step", "loss", "label_time"]
    declaration = DECLARATION.replace(
        'distance = "numeric"', "\n".join(f'{n} = "numeric"' for n in ["distance", *names])
    )
    with tiny(tmp_path / "home", declaration) as opened:
        more = dict.fromkeys(names, 1.0)
        opened.workspace.reference(MODEL, rows(0, REFERENCE_DAYS).assign(**more))
        frame = rows(REFERENCE_DAYS, 1)
        opened.workspace.log(MODEL, frame.drop(columns="truth").assign(**more))
        opened.label(frame)
        opened.run_at(1.5)
        assert sum(counted(opened).values()) == A_DAY
        core = opened.workspace.core
        source = sequence.loss_sources(core, core.spec(MODEL))["v0"]
        with core.db.cursor() as cursor:
            assert loss_stream(cursor, MODEL, "v0", source, 1000).num_rows == A_DAY


def test_running_again_changes_nothing(home: Tiny) -> None:
    send(home, 0, 3, lag=0.0)
    home.run_at(3.5)
    before, readings = steps(home), home.stored("reading")
    home.run_at(3.5)
    assert steps(home) == before
    assert home.stored("reading") == readings


def test_a_run_that_is_cut_off_between_steps_and_readings_is_made_good(
    home: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(home, 0, 3, lag=0.0)
    monkeypatch.setenv("DRIFTDECK_FAULT", "run.after_steps=error")
    with pytest.raises(InjectedFaultError):
        home.run_at(3.5)
    monkeypatch.delenv("DRIFTDECK_FAULT")
    before = steps(home)
    assert len(before) == 3
    home.reopen()
    home.run_at(3.6)
    assert steps(home) == before
    assert len(home.workspace.readings(MODEL, check="sequential_loss")) == 3


def test_steps_of_windows_that_were_judged_before_are_read_after_a_cut(
    home: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = rows(REFERENCE_DAYS, 3)
    home.workspace.log(MODEL, frame.drop(columns="truth"))
    home.run_at(3.5)  # windows are judged without labels
    home.clock.now = LIVE + timedelta(days=3.6)
    labelled(home, frame, 0.0)
    monkeypatch.setenv("DRIFTDECK_FAULT", "run.after_steps=error")
    with pytest.raises(InjectedFaultError):
        home.run_at(3.7)
    monkeypatch.delenv("DRIFTDECK_FAULT")
    home.run_at(3.8)
    assert len(home.workspace.readings(MODEL, check="sequential_loss")) == 3


def test_a_lasting_rise_is_told_dated_and_resolved(home: Tiny) -> None:
    send(home, 0, 10, lag=0.0)
    send(home, 10, 4, lag=0.0, bias=3.0)
    home.run_at(14.5)
    view = home.workspace.concept(MODEL)
    assert view is not None
    assert view["alarmed_at"] is not None
    assert view["shape"] == "sudden"
    assert view["onset"] == (LIVE + timedelta(days=10)).isoformat()
    assert view["onset_lower"] is not None
    assert view["onset_lower"] <= view["onset"] < str(view["onset_upper"])
    assert view["size"] is not None
    assert view["size"] == pytest.approx(2.2, abs=0.3)  # of |3 + noise| against |noise|
    assert "Since about 8 February 2024 each prediction misses by" in view["sentence"]
    fired = [r for r in home.workspace.readings(MODEL, check="sequential_loss") if r["verdict"] == "critical"]
    assert fired
    send(home, 14, 6, lag=0.0, bias=3.0)
    send(home, 20, 10, lag=0.0)
    assert all(r["harmful"] and r["material"] and r["significant"] and r["scope"] == "sequence" for r in fired)
    home.run_at(31)
    view = home.workspace.concept(MODEL)
    assert view is not None
    assert view["alarmed_at"] is None
    assert [step["alarm"] for step in view["steps"]][-8:] == [False] * 8
    pages = [alert for alert in home.workspace.alerts(MODEL) if alert["severity"] == "page"]
    assert [alert["state"] for alert in pages] == ["resolved"]


def test_labels_that_come_weeks_late_still_page(home: Tiny) -> None:
    """No window has labels of its own when it closes; the order of labels is all there is."""
    send(home, 0, 10, only=slice(0, 0))
    send(home, 10, 10, bias=3.0, only=slice(0, 0))
    home.run_at(20.2)
    for first, bias in ((0, 0.0), (10, 3.0)):
        home.clock.now = LIVE + timedelta(days=first + 30)
        labelled(home, rows(REFERENCE_DAYS + first, 10, bias=bias), 20.0)
        home.run_at(first + 30.3)
    pages = [alert for alert in home.workspace.alerts(MODEL) if alert["severity"] == "page"]
    assert len(pages) == 1


def test_another_reference_starts_anew(home: Tiny) -> None:
    send(home, 0, 6, lag=0.0, bias=3.0)
    home.run_at(6.5)
    first = home.workspace.concept(MODEL)
    assert first is not None
    assert first["alarmed_at"] is not None
    home.workspace.reference(MODEL, rows(0, REFERENCE_DAYS, bias=3.0))
    send(home, 6, 2, lag=0.0, bias=3.0)
    home.run_at(8.5)
    second = home.workspace.concept(MODEL)
    assert second is not None
    assert second["alarmed_at"] is None
    assert [step["n"] for step in second["steps"]] == [A_DAY, A_DAY]


def test_without_labels_there_is_nothing_to_test(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as opened:
        opened.workspace.reference(MODEL, rows(0, REFERENCE_DAYS).drop(columns="truth"))
        assert opened.workspace.concept(MODEL) is None
        assert opened.workspace.detectors(MODEL) == []


def test_before_any_label_the_view_says_what_it_waits_for(home: Tiny) -> None:
    view = home.workspace.concept(MODEL)
    assert view is not None
    assert view["steps"] == []
    assert "No labels have been counted yet" in view["sentence"]


def test_rivers_detectors_find_the_row_and_name_themselves(home: Tiny) -> None:
    send(home, 0, 12, lag=0.0)
    send(home, 12, 8, lag=0.0, bias=4.0)
    home.run_at(20.5)
    found = {each["detector"]: each for each in home.workspace.detectors(MODEL)}
    assert sorted(found) == ["adwin", "ddm", "eddm", "hddm_a", "hddm_w", "kswin", "page_hinkley"]
    for name in ("adwin", "ddm", "hddm_a", "hddm_w", "page_hinkley"):
        after = [
            alarm for alarm in found[name]["alarms"] if alarm["event_time"] >= (LIVE + timedelta(days=12)).isoformat()
        ]
        assert after, name
        assert after[0]["event_time"] < (LIVE + timedelta(days=15)).isoformat(), name
    assert found["adwin"]["rows"] == 20 * A_DAY
    assert found["ddm"]["watches"].startswith("absolute error above")
    with pytest.raises(NotFoundError, match="no detector 'adwen'; there are adwin, kswin"):
        home.workspace.detectors(MODEL, ["adwen"])


def test_the_command_shows_steps_words_and_detectors(home: Tiny) -> None:
    send(home, 0, 3, lag=0.0)
    home.run_at(3.5)
    home.workspace.close()
    asked = ["--home", str(home.home), "concept", MODEL, "--detector", "adwin, ddm"]
    told = CliRunner().invoke(app, asked)
    assert told.exit_code == 0, told.output
    assert "an alarm at 3,0" in told.output
    assert "The mean absolute error is" in told.output
    assert "adwin" in told.output
    assert "absolute error above" in told.output
    as_json = json.loads(CliRunner().invoke(app, ["--json", *asked]).output)
    assert [step["n"] for step in as_json["concept"]["steps"]] == [A_DAY] * 3
    assert [each["detector"] for each in as_json["detectors"]] == ["adwin", "ddm"]


def test_without_river_the_extra_is_named(home: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    send(home, 0, 1, lag=0.0)
    home.run_at(1.5)
    monkeypatch.setitem(sys.modules, "river.drift", None)
    with pytest.raises(WorkspaceError, match=r"pip install 'driftdeck\[streams\]'"):
        home.workspace.detectors(MODEL, ["adwin"])


def test_steps_are_days_unless_windows_are_counted_in_hours() -> None:
    from reference_data.windows import WindowSpec

    assert str(sequence.step_spec(WindowSpec.parse("1w"))) == "1d"
    assert str(sequence.step_spec(WindowSpec.parse("6h"))) == "6h"
