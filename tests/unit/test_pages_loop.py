"""What the pages of the loop say and draw: pure functions from views."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import pytest

from dashboard import text, theme
from dashboard.charts import dumbbell, versions
from dashboard.components import alert_tiles, alert_words, gate_table, rollout_words, tiles
from service import views
from tests.support import fake_story as story
from tests.support.fake_workspace import MODEL, FakeWorkspace


def alert(**changed: Any) -> views.AlertView:
    return cast("views.AlertView", dict(FakeWorkspace().alert("a1")) | changed)


def model(**changed: Any) -> views.ModelView:
    return cast("views.ModelView", dict(FakeWorkspace().model(MODEL)) | changed)


def version(name: str, **changed: Any) -> views.VersionView:
    made = FakeWorkspace()._version(name, 7.0, 17, 22)
    return cast("views.VersionView", dict(made) | changed)


def week(number: int) -> str:
    return story.week(number)[0].isoformat()


# -- alerts --------------------------------------------------------------------------------------------------------


def test_firing_pages_come_first_then_by_severity_then_the_newest() -> None:
    listed = [
        alert(id="resolved", state="resolved"),
        alert(id="notice", severity="notice"),
        alert(id="old page"),
        alert(id="taken", state="acknowledged"),
        alert(id="new page", window_start=week(20)),
        alert(id="warning", severity="warning"),
    ]
    order = [found["id"] for found in sorted(listed, key=alert_words.rank)]
    assert order == ["new page", "old page", "warning", "notice", "taken", "resolved"]


@pytest.mark.parametrize(
    ("states", "said", "rest"),
    [
        ([("page", "firing")], "1 alert needs you", ""),
        ([("page", "firing"), ("warning", "firing"), ("notice", "firing")], "2 alerts need you", "1 notice is open."),
        ([("page", "acknowledged"), ("page", "resolved")], "No alert needs you", "1 is taken care of."),
        (
            [("notice", "firing"), ("notice", "firing"), ("page", "pending")],
            "No alert needs you",
            "2 notices are open, 1 is pending or recovering.",
        ),
        ([], "No alert needs you", ""),
    ],
)
def test_the_title_counts_only_what_somebody_must_look_at(states: list[tuple[str, str]], said: str, rest: str) -> None:
    listed = [alert(severity=severity, state=state) for severity, state in states]
    assert alert_words.count_sentence(listed) == said
    assert alert_words.rest_sentence(listed) == rest


def test_an_open_alert_lasts_to_the_latest_data_and_a_resolved_one_to_its_end() -> None:
    assert alert_words.duration(alert(), model()) == "35 days"
    assert alert_words.duration(alert(), model(last_run=week(23))) == "42 days"
    assert alert_words.duration(alert(state="resolved", resolved_at=week(19)), model()) == "14 days"


def test_gates_tell_p_value_movement_and_harm_from_the_readings_of_the_first_window() -> None:
    readings = FakeWorkspace().readings(MODEL)
    harm = cast(
        "views.ReadingView",
        dict(readings[0])
        | {
            "scope": "performance",
            "check": "mae",
            "column": None,
            "sentence": "MAE 14.9 min, worse than 11.0",
            "window_start": week(17),
            "value": 14.9,
            "reference_value": 7.45,
            "unit": "min",
            "p_value": 1e-6,
        },
    )
    gates = alert_words.judged(alert(), [*readings, harm], "mae")
    assert [gate["name"] for gate in gates] == ["significant", "material", "harmful"]
    assert gates[0]["sentence"].startswith("p < 0.001 over")
    assert gates[1]["sentence"] == "+7.45 min (+100 %) against the reference."
    assert gates[2]["sentence"] == "MAE 14.9 min, worse than 11.0"


def test_the_gates_of_a_fixed_limit_speak_of_its_check() -> None:
    limited = alert(kind="data_drift", column="distance", limit="psi", harmful=False)
    gates = alert_words.judged(limited, [], "mae")
    assert "fixed limit" in gates[0]["sentence"]
    assert "mae" not in " ".join(gate["sentence"] for gate in gates).lower()


def test_gates_without_readings_say_so_and_keep_the_alerts_own_verdict() -> None:
    gates = alert_words.judged(alert(harmful=False), [], "mae")
    assert [gate["passed"] for gate in gates] == [True, True, False]
    assert "no longer kept" in gates[0]["sentence"]
    assert gates[2]["sentence"].startswith("No performance")


def test_excess_error_counts_rows_times_how_much_worse_in_the_metrics_own_direction() -> None:
    points = alert_tiles.during(FakeWorkspace().performance(MODEL), alert())
    assert [point["start"] for point in points] == [week(number) for number in range(17, 22)]
    ten = cast("list[views.PerformancePoint]", [{"n": 10, "value": 9.0}, {"n": 5, "value": 7.0}])
    assert alert_tiles.excess(ten, 8.0, higher_is_worse=True) == pytest.approx(5.0)
    assert alert_tiles.excess(ten, 8.0, higher_is_worse=False) == pytest.approx(-5.0)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tiles.Tile]:
    """The tiles that are drawn."""
    found: list[tiles.Tile] = []

    def row(made: list[tiles.Tile], *, key: str) -> None:
        assert key == "alert_tiles"
        found.extend(made)

    monkeypatch.setattr(tiles, "row", row)
    return found


def test_a_window_that_still_goes_on_is_neither_the_latest_value_nor_past_the_limit(shown: list[tiles.Tile]) -> None:
    fake = FakeWorkspace()
    points = fake.performance(MODEL)
    own = alert_tiles.judged(alert_tiles.during(points, alert()))
    going_on = {**own[-1], "start": own[-1]["end"], "value": 0.0, "n": 5, "verdict": ""}
    alert_tiles.draw(fake, alert(), fake.model(MODEL), [*points, cast("views.PerformancePoint", going_on)])
    with_it = list(shown)
    shown.clear()
    alert_tiles.draw(fake, alert(), fake.model(MODEL), points)
    assert with_it == shown
    assert shown[0]["value"] == text.number(own[-1]["value"], "min")


def test_an_alert_that_is_over_shows_its_worst_window(shown: list[tiles.Tile]) -> None:
    fake = FakeWorkspace()
    points = fake.performance(MODEL)
    own = alert_tiles.judged(alert_tiles.during(points, alert()))
    worst = max(own, key=lambda point: point["value"] or 0.0)
    assert worst is not own[-1]
    over = alert(state="resolved", resolved_at=own[-1]["end"])
    alert_tiles.draw(fake, over, fake.model(MODEL), points)
    assert (shown[0]["label"], shown[0]["value"]) == ("MAE, worst week", text.number(worst["value"], "min"))
    shown.clear()
    alert_tiles.draw(fake, alert(), fake.model(MODEL), points)
    assert (shown[0]["label"], shown[0]["value"]) == ("MAE, last week", text.number(own[-1]["value"], "min"))


def test_an_alert_of_a_ratio_shows_the_ratio_first(shown: list[tiles.Tile]) -> None:
    fake = FakeWorkspace()
    about = alert(kind="business", column=None, members=["late_gates"], limit=None)
    alert_tiles.draw(fake, about, fake.model(MODEL), fake.performance(MODEL))
    last = [point for point in fake.business(MODEL) if point["metric"] == "late_gates"][-1]
    assert shown[0]["label"] == "Flights that miss their gate"
    assert shown[0]["value"] == text.number(last["value"], "share")
    assert shown[0]["remark"] == "usual 2.80 % to 5.20 %"
    assert shown[0]["tone"] == "bad"
    assert len(shown) == 4
    shown.clear()
    alert_tiles.draw(fake, alert(kind="business", members=["a_check_of_ours"]), fake.model(MODEL), [])
    assert "gate" not in shown[0]["label"]


# -- training and versions -----------------------------------------------------------------------------------------


def test_the_period_since_the_alert_is_offered_first_and_holds_whole_windows() -> None:
    windows = FakeWorkspace().windows(MODEL)
    offered = rollout_words.spans(windows, alert(), week(22))
    assert offered[0].name == "Since the alert began"
    assert datetime.fromisoformat(offered[0].since) == story.week(17)[0]
    assert datetime.fromisoformat(offered[0].until) == story.week(22)[0]
    assert offered[0].labels == sum(window["labels"] for window in windows[17:22])
    assert [span.windows for span in offered] == [5, 8, 22]


def test_an_alert_too_young_to_learn_from_is_offered_last_with_a_warning() -> None:
    offered = rollout_words.spans(FakeWorkspace().windows(MODEL), alert(window_start=week(20)), week(22))
    assert offered[-1].name == "Since the alert began"
    assert "hardly enough" in offered[-1].why


def test_without_labels_nothing_is_offered() -> None:
    windows = [cast("views.WindowView", dict(window) | {"labels": 0}) for window in FakeWorkspace().windows(MODEL)]
    assert rollout_words.spans(windows, alert(), week(22)) == []


def job(state: str, **changed: Any) -> views.JobView:
    made = FakeWorkspace().retrain(MODEL)
    return cast("views.JobView", dict(made) | {"state": state} | changed)


@pytest.mark.parametrize(
    ("changed", "versions_", "jobs", "said"),
    [
        ({}, [version("v1", created_at=week(9))], [], "No job is running; v1 has served for 91 days"),
        ({}, [], [job("running")], "A new version is being trained"),
        ({}, [], [job("queued")], "A training job waits its turn"),
        ({}, [version("v2"), version("v1", created_at=week(9))], [], "v2 is trained and waits for you"),
        ({}, [version("v2", gate_verdict="failed")], [], "v2 is trained and did not pass the gate"),
        ({}, [version("v2", role="shadow")], [], "v2 runs as a shadow"),
        ({}, [version("v1", created_at=week(9))], [job("failed")], "The last training failed; v1 goes on serving"),
        ({"champion": None, "champion_since": None}, [], [], "No version serves yet"),
        ({"champion": "v2", "champion_since": week(22)}, [version("v2")], [], "v2 serves since 4 Jun 2013"),
    ],
)
def test_the_headline_is_the_state_of_the_loop(
    changed: dict[str, Any], versions_: list[views.VersionView], jobs: list[views.JobView], said: str
) -> None:
    assert rollout_words.headline(model(**changed), versions_, jobs) == said


def test_a_version_that_was_rolled_back_from_does_not_wait_again() -> None:
    both = [version("v2", role="shadow"), version("v1", role="champion", created_at=week(9))]
    rolled_back = model(champion="v1", champion_since=week(22))
    assert rollout_words.waiting(both, rolled_back) is None
    assert rollout_words.waiting([version("v3", role="candidate"), *both], rolled_back) is not None


def test_a_rollback_goes_where_the_workspace_says() -> None:
    listed = [
        version("v1", role="shadow", created_at=week(9)),
        version("v2", role="candidate", created_at=week(12)),
        version("v3", role="champion", created_at=week(20)),
        version("v4", role="candidate", created_at=week(22)),
    ]
    target = rollout_words.former_champion(listed, model(champion="v3", rollback_to="v1"))
    assert target is not None
    assert target["version"] == "v1"
    assert rollout_words.former_champion(listed, model(champion="v1", rollback_to=None)) is None


def test_gate_rows_are_counted_without_those_for_information() -> None:
    rows = [{"verdict": verdict} for verdict in ("pass", "pass", "warn", "fail", "info")]
    assert rollout_words.gate_counts(version("v2", gate=rows)) == "2 of 4 passed, 1 warning, 1 failed"
    assert rollout_words.gate_counts(version("v1", gate=[])) == "no gate"


def test_the_job_shown_is_the_one_under_way_else_the_one_that_made_the_version() -> None:
    listed = [job("succeeded", id="j3"), job("succeeded", id="j2"), job("failed", id="j1", created_at=week(9))]
    assert rollout_words.latest(listed) is listed[0]
    assert rollout_words.shown(listed, version("v2", job_id="j2")) is listed[1]
    assert rollout_words.shown([*listed, job("running", id="j4")], version("v2", job_id="j2"))["id"] == "j4"  # type: ignore[index]
    assert rollout_words.shown([], None) is None


def test_cells_of_the_gate_carry_units_and_leave_out_what_needs_a_champion() -> None:
    row = version("v2")["gate"][0]
    cells = gate_table.cells(row, against=True)
    assert (cells["Champion"], cells["Challenger"], cells["Change"]) == ("11.3 min", "7.29 min", "−4.04")
    assert cells["95 % interval"] == "−4.30 to −3.80"
    alone = gate_table.cells(cast("views.GateRow", dict(row) | {"champion": None}), against=False)
    assert list(alone) == ["Gate", "Check", "Challenger", "Allowed"]
    size = cast("views.GateRow", dict(row) | {"unit": "bytes", "champion": 1_202_138.0, "change": -310_351.0})
    assert gate_table.cells(size, against=True)["Champion"] == "1.2MB"
    assert gate_table.cells(size, against=True)["Change"] == "−310KB"


# -- figures -------------------------------------------------------------------------------------------------------


def test_a_version_keeps_its_symbol_and_is_dotted_while_it_does_not_serve() -> None:
    ws = FakeWorkspace(until_week=30)
    known = ws.versions(MODEL)
    figure = versions.figure(ws.performance(MODEL), known, theme.LIGHT, unit="min", timezone="UTC", shaded=known[0])
    lines = {trace.name: (trace.marker.symbol, trace.line.dash) for trace in figure.data}
    assert lines["v1, not serving"] == ("circle", "dot")
    assert lines["v2 champion"] == ("diamond", None)
    assert figure.layout.xaxis.type == "date"
    assert any(note.text == "v2 trained here" for note in figure.layout.annotations)


def test_segments_without_a_value_now_are_left_out_and_names_cannot_inject() -> None:
    rows = cast(
        "list[views.SegmentError]",
        [
            {"segment": "<b>carrier", "value": "%{x}", "reference": 8.0, "current": 12.0, "n": 10},
            {"segment": "origin", "value": "JFK", "reference": None, "current": 9.0, "n": 10},
            {"segment": "origin", "value": "LGA", "reference": 8.0, "current": None, "n": 0},
        ],
    )
    figure = dumbbell.figure(rows, theme.DARK, unit="min", now="30 Apr – 3 Jun")
    assert len(figure.layout.yaxis.ticktext) == 2
    assert figure.layout.yaxis.ticktext[0].startswith("&lt;b&gt;carrier")
    assert "%{" not in figure.layout.yaxis.ticktext[0]
    assert list(figure.data[0].x) == [8.0, 12.0, None]  # no bar where the reference is unknown
    assert figure.layout.xaxis.rangemode == "tozero"
