"""Stories of a workspace whose data goes wrong: fewer rows, lost categories, stuck sensors, repeats, limits passed, own checks."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from service.workspace import NotFoundError, WorkspaceError
from tests.support.tiny_workspace import DECLARATION, LIVE, MODEL, REFERENCE_DAYS, Tiny, rows, tiny

OWN_FILE = '''
"""Mean of the finite values."""

import numpy as np

from monitors.types import Check


def typical(reference, current):
    return np.where(current.valid > 0, current.mean, np.nan).astype(float)


CHECK = Check(
    name="typical", scope="column", kinds=frozenset({"ordered"}), unit="statistic", direction="lower_is_worse",
    summary="Mean of the finite values.", citation="ours, 2026", column_function=typical,
)
'''


def declared(monitor: str = "", custom: str = "") -> str:
    """Return the declaration with more said of its monitor."""
    more = f'grace = "6h"\n{monitor}\n{custom}\n[models.eta.retrain]'
    return DECLARATION.replace('grace = "6h"\n\n[models.eta.retrain]', more)


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Tiny]:
    with tiny(tmp_path / "home", declared()) as opened:
        opened.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        yield opened


def live(ws: Tiny, days: int, habit: Any = lambda _: 60, start: int = 0) -> None:
    for day in range(start, start + days):
        ws.log_days(day, a_day=habit(day), labels=False)


def reading(ws: Tiny, day: int, check: str, column: str | None = None) -> Any:
    start = LIVE + timedelta(days=day)
    found: list[Any] = ws.workspace.readings(MODEL, since=start, until=start + timedelta(hours=1), check=check)
    return next((r for r in found if r["column"] == column and r["segment"] is None), None)


def alerts(ws: Tiny, kind: str) -> list[Any]:
    return [alert for alert in ws.workspace.alerts(MODEL) if alert["kind"] == kind]


# -- how rows arrive ---------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_tuesday_of_few_rows_is_a_warning_and_weekends_are_not(ws: Tiny) -> None:
    def habit(day: int) -> int:
        return 80 if day == 22 else 160 if day % 7 >= 5 else 400  # LIVE is a Monday, day 22 a Tuesday

    live(ws, 28, habit)
    ws.run_at(28.5)
    states = [reading(ws, day, "row_volume")["verdict"] for day in range(28)]
    assert states == ["insufficient"] * 14 + ["ok"] * 8 + ["warning"] + ["ok"] * 5
    found = reading(ws, 22, "row_volume")
    assert found["reference_value"] == pytest.approx(400, rel=0.05)
    assert "on a Tuesday" in found["sentence"]
    assert "80.0 % fewer" in found["sentence"]
    (alert,) = alerts(ws, "data_quality")
    assert (alert["severity"], alert["state"]) == ("warning", "resolved")
    assert alert["headline"] == "Fewer rows arrived than usual"


@pytest.mark.slow
def test_a_reference_of_the_same_traffic_says_what_is_usual_from_the_fourth_day_on(ws: Tiny) -> None:
    live(ws, 5, lambda day: 10 if day == 4 else 60)
    ws.run_at(5.5)
    assert [reading(ws, day, "row_volume")["verdict"] for day in range(5)] == ["insufficient"] * 3 + ["ok", "warning"]
    assert "28 windows of the reference" in reading(ws, 4, "row_volume")["sentence"]


@pytest.mark.slow
def test_a_sample_as_a_reference_says_nothing_of_volume(ws: Tiny) -> None:
    live(ws, 16, lambda _: 300)
    ws.run_at(16.5)
    assert [reading(ws, day, "row_volume")["verdict"] for day in range(16)] == ["insufficient"] * 14 + ["ok"] * 2
    assert alerts(ws, "data_quality") == []


@pytest.mark.slow
def test_sundays_without_rows_are_no_data_and_no_alarm(ws: Tiny) -> None:
    for day in range(35):
        if day % 7 != 6:
            live(ws, 1, lambda _: 60, day)
    ws.run_at(35.5)
    assert reading(ws, 34, "row_volume")["verdict"] == "no_data"
    assert "as is usual on a Sunday" in reading(ws, 34, "row_volume")["sentence"]
    assert [
        alert for alert in alerts(ws, "no_data") if alert["window_start"] > f"{LIVE + timedelta(days=28):%Y-%m-%d}"
    ] == []


@pytest.mark.slow
def test_no_rows_at_all_are_one_alert_and_no_other(ws: Tiny) -> None:
    live(ws, 20)
    ws.run_at(23.5)
    assert reading(ws, 21, "row_volume")["verdict"] == reading(ws, 21, "freshness")["verdict"] == "no_data"
    assert len(alerts(ws, "no_data")) == 1
    assert alerts(ws, "data_quality") == []


@pytest.mark.slow
@pytest.mark.parametrize("empty", [None, 8])
def test_an_outage_stays_one_alert_however_long_it_is(ws: Tiny, empty: int | None) -> None:
    """Longer than what a window is expected by reaches back, in one run, and whatever weekday looked closed before."""
    for day in range(15):
        if day != empty:
            live(ws, 1, start=day)
    ws.run_at(130.5)
    assert reading(ws, 128, "row_volume")["reference_value"] == pytest.approx(60, rel=0.05)
    assert [alert["state"] for alert in alerts(ws, "no_data")][:1] == ["firing"]
    assert len(alerts(ws, "no_data")) == (1 if empty is None else 2)


@pytest.mark.slow
def test_rows_that_stop_coming_during_the_day_are_a_warning(ws: Tiny) -> None:
    live(ws, 30)
    frame = rows(REFERENCE_DAYS + 30, 1, a_day=120).drop(columns="truth")
    ws.workspace.log(MODEL, frame[:60])
    ws.run_at(31.5)
    found = reading(ws, 30, "freshness")
    assert (found["verdict"], round(found["value"])) == ("warning", 12)
    assert reading(ws, 29, "freshness")["verdict"] == "ok"
    assert alerts(ws, "data_quality")[0]["headline"] == "Rows stopped coming"


@pytest.mark.slow
def test_rows_that_come_again_and_again_are_a_warning_for_the_window_they_happened_in(ws: Tiny) -> None:
    live(ws, 3)
    ws.log_days(0, labels=False)
    for _ in range(2):
        ws.log_days(1, labels=False)
    ws.run_at(3.5)
    assert [reading(ws, day, "repeated_rows")["verdict"] for day in (0, 1)] == ["ok", "warning"]
    assert [reading(ws, day, "repeated_rows")["value"] for day in (0, 1)] == pytest.approx([1 / 2, 2 / 3])
    assert reading(ws, 2, "repeated_rows") is None
    assert reading(ws, 1, "row_count")["value"] == 60
    assert [alert["headline"] for alert in alerts(ws, "data_quality")] == ["Rows came more than once"]


@pytest.mark.slow
def test_other_rows_under_known_ids_are_a_warning_because_they_are_lost(ws: Tiny) -> None:
    live(ws, 2)
    frame = rows(REFERENCE_DAYS + 1, 1).drop(columns="truth")[:12]
    ws.workspace.log(MODEL, frame.assign(event_time=frame["event_time"] + timedelta(minutes=1)))
    twice = rows(REFERENCE_DAYS + 1, 1, prefix="q").drop(columns="truth")[:1].assign(event_time=LIVE)
    ws.workspace.log(MODEL, pd.concat([twice, twice.assign(event_time=LIVE + timedelta(hours=1))]))
    ws.run_at(2.5)
    found = reading(ws, 1, "repeated_rows")
    assert (found["verdict"], found["value"]) == ("warning", pytest.approx(12 / 72))
    assert "12 of them were of another time" in found["sentence"]
    assert "1 of them" in reading(ws, 0, "repeated_rows")["sentence"]


# -- what columns hold -------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_category_that_is_gone_and_a_sensor_that_is_stuck_are_one_alert(ws: Tiny) -> None:
    live(ws, 2)
    frame = rows(REFERENCE_DAYS + 2, 1, a_day=200).drop(columns="truth").assign(distance=3.0)
    frame["city"] = frame["city"].where(frame["city"] != "Łódź", "Berlin")
    ws.workspace.log(MODEL, frame)
    ws.run_at(3.5)
    assert reading(ws, 2, "constant", "distance")["verdict"] == "warning"
    gone = reading(ws, 2, "vanished_share", "city")
    assert gone["value"] == pytest.approx(0.3, abs=0.03)
    (alert,) = alerts(ws, "data_quality")
    assert alert["members"] == ["distance", "city"]
    assert alert["headline"] == "distance is stuck at one value (and 1 more column)"
    assert reading(ws, 1, "constant", "distance") is None, "nothing to say"


@pytest.mark.slow
def test_late_rows_put_a_lost_category_right(ws: Tiny) -> None:
    live(ws, 1)
    frame = rows(REFERENCE_DAYS, 1, a_day=100, prefix="q").drop(columns="truth")
    ws.workspace.log(MODEL, frame.assign(event_time=frame["event_time"] + timedelta(days=1), city="Berlin"))
    ws.run_at(2.5)
    assert reading(ws, 1, "vanished_share", "city")["verdict"] == "warning"
    ws.log_days(1, a_day=100, labels=False, prefix="late")
    ws.run_at(2.6)
    assert reading(ws, 1, "vanished_share", "city")["verdict"] == "ok"


@pytest.mark.slow
def test_missing_values_from_two_to_twenty_per_cent_are_a_warning(tmp_path: Path) -> None:
    def holes(frame: Any, share: float) -> Any:
        rng = np.random.default_rng(3)
        return frame.assign(distance=frame["distance"].where(rng.random(len(frame)) >= share))

    with tiny(tmp_path / "home") as ws:
        ws.workspace.reference(MODEL, holes(rows(0, REFERENCE_DAYS, a_day=300), 0.02))
        for day, share in enumerate((0.02, 0.2)):
            ws.workspace.log(MODEL, holes(rows(REFERENCE_DAYS + day, 1, a_day=300), share).drop(columns="truth"))
        ws.run_at(2.5)
        assert [reading(ws, day, "missing_share", "distance")["verdict"] for day in (0, 1)] == ["ok", "warning"]


@pytest.mark.slow
def test_values_out_of_range_are_told_with_how_far_they_go(ws: Tiny) -> None:
    live(ws, 1)
    ws.log_days(1, shift=30.0, labels=False)
    ws.run_at(2.5)
    found = reading(ws, 1, "out_of_range_share", "distance")
    assert found["verdict"] == "warning"
    assert "above" in found["sentence"]
    assert "values now go from" in found["sentence"]


# -- fixed limits ------------------------------------------------------------------------------------------------------
LIMITS = """
[[models.eta.monitor.thresholds]]
check = "psi"
column = "distance"
warning = 2.0
critical = 5.0
[[models.eta.monitor.thresholds]]
check = "row_count"
critical = 20
[[models.eta.monitor.thresholds]]
check = "hellinger"
column = "distance"
warning = 2.0
relative = true
[[models.eta.monitor.thresholds]]
check = "mae"
warning = 1.1
relative = true
"""


@pytest.mark.slow
def test_a_fixed_limit_that_is_passed_is_a_page(tmp_path: Path) -> None:
    with tiny(tmp_path / "home", declared(custom=LIMITS)) as ws:
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        ws.log_days(0)
        ws.log_days(1, shift=9.0)
        ws.log_days(2, a_day=10)
        ws.run_at(3.5)
        assert reading(ws, 0, "psi", "distance")["verdict"] == "ok"
        found = reading(ws, 1, "psi", "distance")
        assert (found["verdict"], found["threshold"]) == ("critical", 5.0)
        assert "fixed limit of 5.00 nats (critical)" in found["sentence"]
        assert reading(ws, 1, "hellinger", "distance")["verdict"] == "warning"
        assert reading(ws, 0, "hellinger", "distance")["verdict"] == "ok"
        assert reading(ws, 0, "hellinger", "city") is None
        assert reading(ws, 2, "psi", "distance")["verdict"] == "insufficient", "too few rows pass no limit"
        assert reading(ws, 2, "row_count")["verdict"] == "critical", "unless it is about rows"
        found = {(a["kind"], a["severity"]) for a in ws.workspace.alerts(MODEL)}
        assert ("data_drift", "page") in found
        assert ("data_quality", "page") in found


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('[[models.eta.monitor.thresholds]]\ncheck = "pssi"\nwarning = 1', "no check 'pssi'; did you mean 'psi'"),
        ('[[models.eta.monitor.thresholds]]\ncheck = "psi"\ncolumn = "dist"\nwarning = 1', "no column 'dist'"),
        ('[models.eta.monitor.custom.psi]\nsql = "count(*)"', "a check of this name already"),
        ('[models.eta.monitor.custom.own]\nsql = "avg(nothing)"', "no column 'nothing'; columns are distance, city"),
    ],
)
def test_names_that_do_not_exist_are_refused(tmp_path: Path, more: str, words: str) -> None:
    with tiny(tmp_path / "home", "") as ws, pytest.raises(WorkspaceError, match=words):
        ws.workspace.apply(declared(custom=more))


def test_what_is_exported_of_checks_and_limits_is_what_was_applied(tmp_path: Path) -> None:
    with tiny(tmp_path / "home", declared('checks = ["psi", "constant"]', LIMITS + CUSTOM)) as ws:
        assert ws.workspace.apply(ws.workspace.export())["unchanged"] == ["models.eta"]


def test_checks_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    with tiny(tmp_path / "home", "") as ws, pytest.raises(WorkspaceError, match="no column check 'psii'"):
        ws.workspace.apply(declared('checks = ["psii"]'))


# -- checks of the team's own ------------------------------------------------------------------------------------------
CUSTOM = """
[models.eta.monitor.custom.far]
sql = "avg(prediction) FILTER (city <> 'Berlin') / 2"
unit = "km"
direction = "higher_is_worse"
"""


@pytest.mark.slow
def test_a_sql_check_that_drifts_is_a_business_warning(tmp_path: Path) -> None:
    with tiny(tmp_path / "home", declared(custom=CUSTOM)) as ws:
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        ws.log_days(0, 2, labels=False)
        ws.log_days(2, labels=False, shift=6.0)
        ws.run_at(3.5)
        assert [reading(ws, day, "far")["verdict"] for day in range(3)] == ["ok", "ok", "warning"]
        found = reading(ws, 2, "far")
        assert (found["scope"], found["unit"]) == ("custom", "km")
        assert found["reference_value"] == pytest.approx(10, abs=0.5)
        assert "28 windows of the reference" in found["sentence"]
        (alert,) = alerts(ws, "business")
        assert (alert["severity"], alert["headline"]) == ("warning", "far is not as usual")


@pytest.mark.slow
def test_a_sql_check_with_limits_pages_beyond_the_critical_one(tmp_path: Path) -> None:
    limited = CUSTOM + "warning = 12\ncritical = 15\n"
    with tiny(tmp_path / "home", declared(custom=limited)) as ws:
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        for day, shift in enumerate((0.0, 3.0, 7.0)):
            ws.log_days(day, labels=False, shift=shift)
        ws.run_at(3.5)
        assert [reading(ws, day, "far")["verdict"] for day in range(3)] == ["ok", "warning", "critical"]
        assert alerts(ws, "business")[0]["severity"] == "page"


@pytest.mark.slow
def test_a_check_declared_later_is_computed_for_what_is_in_the_log(ws: Tiny) -> None:
    ws.log_days(0, 3, labels=False)
    ws.run_at(3.5)
    with pytest.raises(NotFoundError, match="no check 'far'"):
        reading(ws, 1, "far")
    before = ws.workspace.alerts(MODEL)
    ws.workspace.apply(declared(custom=CUSTOM))
    assert ws.run_at(3.6)["readings"] == 3
    assert reading(ws, 1, "far")["verdict"] == "ok"
    assert ws.run_at(3.7)["readings"] == 0
    ws.workspace.apply(declared(custom=CUSTOM.replace("/ 2", "/ 4")))
    ws.run_at(3.8)
    assert reading(ws, 1, "far")["value"] == pytest.approx(5, abs=0.6)
    assert ws.workspace.alerts(MODEL) == before


@pytest.mark.slow
def test_a_check_that_reads_labels_waits_for_them(tmp_path: Path) -> None:
    custom = '[models.eta.monitor.custom.over]\nsql = "avg(prediction - label)"'
    with tiny(tmp_path / "home", declared(custom=custom)) as ws:
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        frame = ws.log_days(0, labels=False, bias=-4.0)
        ws.run_at(1.5)
        assert reading(ws, 0, "over")["verdict"] == "insufficient"
        ws.label(frame)
        ws.run_at(1.6)
        assert (reading(ws, 0, "over")["verdict"], round(reading(ws, 0, "over")["value"])) == ("warning", 4)


@pytest.mark.slow
def test_without_rows_of_the_reference_the_logs_first_windows_say_what_is_usual(tmp_path: Path) -> None:
    with tiny(tmp_path / "home", declared(custom=CUSTOM)) as ws:
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS).drop(columns="event_time"))
        ws.log_days(0, 16, labels=False)
        ws.log_days(16, labels=False, shift=8.0)
        ws.run_at(5.5)
        assert reading(ws, 4, "far")["verdict"] == "insufficient"
        ws.run_at(17.5)
        assert [reading(ws, day, "far")["verdict"] for day in (15, 16)] == ["ok", "warning"]
        assert "the log's own first 14 windows" in reading(ws, 16, "far")["sentence"]


@pytest.mark.slow
def test_a_file_of_the_homes_folder_is_a_check_and_a_broken_one_fails_alone(ws: Tiny) -> None:
    folder = ws.home / "checks"
    folder.mkdir()
    (folder / "typical.py").write_text(OWN_FILE)
    (folder / "broken.py").write_text("import nothing_of_this_name")
    (folder / "failing.py").write_text(
        OWN_FILE.replace("typical", "failing").replace("    return np", "    raise KeyError('gone')\n    return np")
    )
    (folder / "_helper.py").write_text("raise SystemExit")
    ws.log_days(0, labels=False)
    ws.log_days(1, labels=False, shift=-20.0)
    ws.run_at(2.5)
    assert [reading(ws, day, "typical", "distance")["verdict"] for day in (0, 1)] == ["ok", "warning"]
    assert reading(ws, 0, "typical", "city") is None
    broken, failing = reading(ws, 1, "broken"), reading(ws, 1, "failing", "distance")
    assert broken["verdict"] == failing["verdict"] == "error"
    assert "nothing_of_this_name" in broken["error"]
    assert "KeyError" in failing["error"]
    assert reading(ws, 1, "jensen_shannon", "distance")["verdict"] == "drift", "the others are read all the same"
    assert alerts(ws, "business")[0]["members"] == ["distance", "prediction"]
    (blind,) = [alert for alert in alerts(ws, "data_quality") if alert["rule"] == "checks that fail"]
    assert blind["members"] == ["broken", "failing of distance", "failing of prediction"]
    assert (blind["severity"], blind["state"]) == ("warning", "firing")
    (folder / "broken.py").write_text(OWN_FILE.replace("typical", "broken"))
    os.utime(folder / "broken.py", ns=(1, 1))
    ws.log_days(2, labels=False)
    ws.run_at(3.5)
    assert reading(ws, 2, "broken", "distance")["verdict"] == "ok", "a file that changed is read again"


@pytest.mark.slow
def test_a_file_may_have_limits_and_stand_in_a_declaration(ws: Tiny) -> None:
    folder = ws.home / "checks"
    folder.mkdir()
    (folder / "typical.py").write_text(OWN_FILE)
    limit = '[[models.eta.monitor.thresholds]]\ncheck = "typical"\ncolumn = "distance"\ncritical = 0.5'
    ws.workspace.apply(declared(custom=limit))
    ws.log_days(0, labels=False, shift=-20.0)
    ws.run_at(1.5)
    assert reading(ws, 0, "typical", "distance")["verdict"] == "critical"
    assert reading(ws, 0, "typical", "prediction")["verdict"] == "warning"
    assert alerts(ws, "business")[0]["severity"] == "page"


@pytest.mark.slow
def test_a_file_that_ends_the_process_fails_alone(ws: Tiny) -> None:
    folder = ws.home / "checks"
    folder.mkdir()
    (folder / "stop.py").write_text("import sys\nsys.exit(3)\n")
    stopping = OWN_FILE.replace("typical", "late").replace("    return np", "    raise SystemExit(3)\n    return np")
    (folder / "late.py").write_text(stopping)
    ws.log_days(0, labels=False)
    ws.run_at(1.5)
    assert reading(ws, 0, "stop")["verdict"] == reading(ws, 0, "late", "distance")["verdict"] == "error"
    assert "SystemExit" in reading(ws, 0, "stop")["error"]


# -- what is usual of a check of the team's own ------------------------------------------------------------------------
OVER = '[models.eta.monitor.custom.over]\nsql = "avg(prediction - label)"'


def own_readings(ws: Tiny, check: str) -> list[Any]:
    found: list[Any] = ws.workspace.readings(MODEL, check=check)
    for each in found:
        del each["computed_at"]
    return found


@pytest.mark.slow
def test_a_handful_of_labels_says_nothing_yet(tmp_path: Path) -> None:
    with tiny(tmp_path / "home", declared(custom=OVER)) as ws:
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        frame = ws.log_days(0, labels=False, a_day=150)
        ws.label(frame[:40])
        ws.run_at(1.5)
        found = reading(ws, 0, "over")
        assert (found["verdict"], found["n"]) == ("insufficient", 40)
        assert "Only 40 of 150 rows have a label" in found["sentence"]
        ws.label(frame[40:100])
        ws.run_at(1.6)
        assert (reading(ws, 0, "over")["verdict"], reading(ws, 0, "over")["n"]) == ("ok", 100)


@pytest.mark.slow
def test_what_is_usual_waits_for_the_labels_of_the_logs_first_windows(tmp_path: Path) -> None:
    with tiny(tmp_path / "home", declared(custom=OVER)) as ws:
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS).drop(columns="event_time"))
        frame = ws.log_days(0, 17, labels=False)
        ws.run_at(17.5)
        assert ws.workspace.core.control.get_setting("own_check/eta/1/over") is None
        ws.label(frame)
        ws.run_at(17.6)
        assert [reading(ws, day, "over")["verdict"] for day in range(17)] == ["insufficient"] * 14 + ["ok"] * 3


@pytest.mark.slow
def test_what_was_kept_of_a_measurement_that_failed_is_measured_anew(tmp_path: Path) -> None:
    with tiny(tmp_path / "home", declared(custom=CUSTOM)) as ws:
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        control, key = ws.workspace.core.control, "own_check/eta/1/far"
        ws.log_days(0, labels=False)
        ws.run_at(1.5)
        kept = control.get_setting(key)
        control.put_setting(key, kept | {"values": [None] * len(kept["values"])})
        ws.log_days(1, labels=False)
        ws.run_at(2.5)
        assert reading(ws, 1, "far")["verdict"] == "ok"
        assert control.get_setting(key) == kept


@pytest.mark.slow
def test_the_windows_that_say_what_is_usual_are_judged_alike_however_runs_are_cut(tmp_path: Path) -> None:
    found = []
    for cuts in ([day + 1.5 for day in range(17)], [17.5]):
        with tiny(tmp_path / f"home{len(cuts)}", declared(custom=CUSTOM)) as ws:
            ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS).drop(columns="event_time"))
            ws.log_days(0, 17, labels=False)
            for cut in cuts:
                ws.run_at(cut)
            found.append(own_readings(ws, "far"))
    assert [each["verdict"] for each in found[0]] == ["insufficient"] * 14 + ["ok"] * 3
    assert found[0] == found[1]


@pytest.mark.slow
def test_a_check_declared_from_the_start_is_read_once_and_one_declared_later_is_held_to_the_same(
    tmp_path: Path,
) -> None:
    found = []
    for late in (False, True):
        with tiny(tmp_path / f"home{late}", declared(custom="" if late else CUSTOM)) as ws:
            (ws.home / "checks").mkdir()
            (ws.home / "checks" / "typical.py").write_text(OWN_FILE)
            ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
            ws.log_days(0, 2, labels=False)
            ws.run_at(2.5)
            ws.workspace.apply(declared(custom=CUSTOM))
            ws.run_at(2.6)
            assert ws.stored("reading WHERE \"check\" = 'far'") == 2
            found.append(own_readings(ws, "far"))
    assert found[0] == found[1]
