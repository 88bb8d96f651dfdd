# ruff: noqa: DTZ001  (tables hold naive UTC)
import sqlite3
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from reference_data.alerting import Channel
from reference_data.bins import Bins
from reference_data.declaration import ModelSpec
from reference_data.profile import BinnedColumn, Layout
from reference_data.reference import Reference
from reference_data.schema import Column
from reference_data.windows import Window
from storage.control import Control, OutboxItem
from storage.errors import AlreadyExistsError, AuditBrokenError, MissingRecordError

T0 = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def control(tmp_path: Path):
    with Control(tmp_path / "control.db", lambda: T0) as opened:
        yield opened


def alert(alert_id: str, state: str, **more) -> dict:
    return {"id": alert_id, "model": "m", "state": state} | more


def event(alert_id: str, state: str, at: datetime = T0) -> dict:
    return {"alert_id": alert_id, "at": at.isoformat(), "state": state, "actor": "monitor", "comment": ""}


def item(item_id: str, due: datetime = T0) -> OutboxItem:
    return OutboxItem(item_id, "a1", "m", "team", {"title": "Größe ↑"}, due)


def reference(version: int) -> Reference:
    layout = Layout((BinnedColumn(Column("x", "numeric"), Bins("ordered", edges=(0.0, 1.0))),))
    profile = layout.empty(1)
    profile.counts[...] = 3
    return Reference("m", version, T0, "a file", Window(T0, T0 + HOUR), (T0,), profile, None)


def test_the_file_survives_power_loss_and_is_private(control: Control):
    assert tuple(control._rows("PRAGMA journal_mode")[0]) == ("wal",)
    assert tuple(control._rows("PRAGMA synchronous")[0]) == (2,)  # FULL
    assert tuple(control._rows("PRAGMA foreign_keys")[0]) == (1,)
    assert control.path.stat().st_mode & 0o777 == 0o600


def test_a_model_declared_anew_keeps_its_anchor_and_creation(control: Control):
    control.put_model(ModelSpec(name="m", task="binary"), "file", "cli", T0)
    control.set_anchor("m", date(2013, 1, 1))
    changed = ModelSpec(name="m", task="binary", segments=["x"], features={"x": "categorical"})
    control.put_model(changed, "dashboard", "ana", T0 + HOUR)
    record = control.model_records()["m"]
    assert record.spec == changed
    assert (record.declared_in, record.created_at, record.anchor) == ("dashboard", T0, date(2013, 1, 1))
    with pytest.raises(MissingRecordError, match=r"no model 'n'; there are \['m'\]"):
        control.set_anchor("n", date(2013, 1, 1))


def test_channels_and_settings_are_kept(control: Control):
    channel = Channel(name="team", url="json://localhost", severity=("page",))
    control.put_channel(channel, "file", "cli", T0)
    assert control.channels() == {"team": channel}
    assert control.get_setting("clock") is None
    control.put_setting("clock", {"at": "2013-06-04"})
    control.put_setting("clock", {"at": "2013-06-05"})
    assert control.get_setting("clock") == {"at": "2013-06-05"}


def test_references_are_frozen(control: Control):
    control.put_reference(reference(1))
    control.put_reference(reference(2))
    assert control.reference_versions("m") == [1, 2]
    found = control.reference("m", 2)
    assert found.version == 2
    assert np.array_equal(found.inputs.counts, reference(2).inputs.counts)
    assert control.reference("m", 2) is found
    with pytest.raises(AlreadyExistsError, match="use version 3"):
        control.put_reference(reference(1))
    with pytest.raises(MissingRecordError, match=r"no reference 9; there are \[1, 2\]"):
        control.reference("m", 9)


def test_a_judgement_is_all_or_nothing(control: Control):
    control.commit_judgement(
        "m", events=[(alert("a1", "firing"), event("a1", "firing"))], watermark="w1", outbox=[item("o1")]
    )
    broken = alert("a2", "firing", value={1, 2})  # a set is no JSON: raises in the middle
    with pytest.raises(TypeError):
        control.commit_judgement(
            "m",
            events=[(alert("a1", "resolved"), event("a1", "resolved")), (broken, event("a2", "firing"))],
            watermark="w2",
            outbox=[item("o2")],
        )
    assert control.watermark("m") == "w1"
    assert [a["state"] for a in control.alerts("m")] == ["firing"]
    assert [o.id for o in control.outbox_items()] == ["o1"]


def test_alerts_are_what_their_latest_event_says(control: Control):
    for state in ("pending", "firing", "resolved"):
        control.commit_judgement("m", events=[(alert("a1", state), event("a1", state))])
    control.commit_judgement("m", events=[(alert("a2", "firing"), event("a2", "firing"))])
    control.commit_judgement("n", events=[(alert("a3", "firing") | {"model": "n"}, event("a3", "firing"))])
    assert [a["id"] for a in control.open_alerts("m")] == ["a2"]
    assert [a["id"] for a in control.alerts()] == ["a1", "a2", "a3"]
    history = control.alert("a1")["history"]
    assert [e["state"] for e in history] == ["pending", "firing", "resolved"]
    assert control.watermark("m") is None
    with pytest.raises(MissingRecordError, match="no alert 'zz'"):
        control.alert("zz")


def test_a_window_moves_open_alerts_and_those_resolved_lately(control: Control):
    for name, state, judged in (("old", "resolved", -1), ("late", "resolved", 0), ("open", "firing", -9)):
        judged_to = (T0 + judged * HOUR).isoformat()
        control.commit_judgement("m", events=[(alert(name, "firing") | {"judged_to": None}, event(name, "firing"))])
        control.commit_judgement("m", events=[(alert(name, state) | {"judged_to": judged_to}, event(name, state))])
    control.commit_judgement("n", events=[(alert("other", "firing") | {"model": "n"}, event("other", "firing"))])
    assert [a["id"] for a in control.alerts_to_move("m", T0)] == ["late", "open"]
    assert [a["id"] for a in control.alerts_to_move("m", T0 - HOUR)] == ["old", "late", "open"]


def test_messages_are_queued_once_and_tried_until_done_or_given_up(control: Control):
    control.commit_judgement("m", outbox=[item("o1"), item("o2", T0 + HOUR)])
    control.commit_judgement("m", outbox=[item("o1")])
    assert [o.id for o in control.outbox_due(T0)] == ["o1"]
    assert control.outbox_due(T0)[0] == item("o1")
    control.outbox_attempt("o1", ok=False, error="refused", next_at=T0 + 2 * HOUR, at=T0)
    assert [o.id for o in control.outbox_due(T0 + HOUR)] == ["o2"]
    control.outbox_attempt("o1", ok=True, at=T0 + 2 * HOUR)
    control.outbox_attempt("o2", ok=False, error="gone", next_at=None, at=T0 + 2 * HOUR)
    assert control.outbox_due(T0 + 24 * HOUR) == []
    assert {o.id: (o.state, o.attempts) for o in control.outbox_items("m")} == {"o1": ("sent", 2), "o2": ("failed", 1)}
    assert [(a["ok"], a["error"]) for a in control.outbox_attempts("o1")] == [(False, "refused"), (True, None)]
    with pytest.raises(MissingRecordError, match="no message"):
        control.outbox_attempt("zz", ok=True, at=T0)


def test_due_compares_times_and_not_their_spelling(control: Control):
    zone_time = (T0 + HOUR).astimezone(datetime.strptime("+0500", "%z").tzinfo)
    control.commit_judgement("m", outbox=[item("o1", zone_time)])
    assert control.outbox_due(T0 + HOUR - timedelta(microseconds=1)) == []
    assert [o.id for o in control.outbox_due(T0 + HOUR)] == ["o1"]
    with pytest.raises(ValueError, match="no time zone"):
        control.outbox_due(datetime(2026, 1, 1))


def job(job_id: str, state: str = "queued", model: str = "m", **more) -> dict:
    return {"id": job_id, "model": model, "state": state} | more


def test_a_model_has_one_job_at_a_time(control: Control):
    assert control.start_job_once(job("j1"))["id"] == "j1"
    control.append_job_event(job("j1", "running", progress=0.5))
    assert control.start_job_once(job("j2")) == job("j1", "running", progress=0.5)
    assert control.start_job_once(job("k1", model="n"))["id"] == "k1"
    control.append_job_event(job("j1", "succeeded"))
    assert control.start_job_once(job("j3"))["id"] == "j3"
    assert [(j["id"], j["state"]) for j in control.jobs("m")] == [("j1", "succeeded"), ("j3", "queued")]
    assert len(control.jobs()) == 3
    with pytest.raises(MissingRecordError, match="no job"):
        control.job("j2")


def test_a_repeated_request_gets_its_job_even_when_that_is_done(control: Control):
    control.start_job_once(job("j1", request_key="click-1"))
    control.append_job_event(job("j1", "failed"))
    assert control.start_job_once(job("j2", request_key="click-1")) == job("j1", "failed")
    assert control.start_job_once(job("j3", request_key="click-2"))["id"] == "j3"


def test_ten_clicks_at_once_start_one_job(control: Control):
    gate = threading.Barrier(10)
    found: list[str] = []

    def click(number: int) -> None:
        gate.wait()
        found.append(control.start_job_once(job(f"j{number}"))["id"])

    threads = [threading.Thread(target=click, args=(n,)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 10
    assert len(set(found)) == 1
    assert len(control.jobs()) == 1


def test_versions_and_deployments_are_appended(control: Control):
    control.put_version({"model": "m", "version": "v1", "sha256": "00"})
    control.put_version({"model": "m", "version": "v2", "sha256": "11"})
    with pytest.raises(AlreadyExistsError, match="v1 of model m is registered already"):
        control.put_version({"model": "m", "version": "v1", "sha256": "ff"})
    assert [v["sha256"] for v in control.versions("m")] == ["00", "11"]
    control.append_deployment_event("m", "v1", "champion", actor="cli", at=T0, note="first")
    control.append_deployment_event("m", "v2", "canary", share=0.1, reference_version=2, actor="ana", at=T0)
    first, second = control.deployment_events("m")
    assert (first["version"], first["role"], first["share"], first["note"]) == ("v1", "champion", None, "first")
    assert (second["share"], second["reference_version"], second["actor"]) == (0.1, 2, "ana")


def test_the_audit_trail_shows_any_change(control: Control):
    for number in range(3):
        control.append_audit("ana", "deploy", f"m/v{number}", {"share": number, "why": "ü"}, "cli", T0)
    control.verify_audit()
    assert [entry["object"] for entry in control.audit(2)] == ["m/v2", "m/v1"]
    control._connection.execute("DROP TRIGGER audit_keeps")
    control._connection.execute("UPDATE audit SET detail = replace(detail, '1', '2') WHERE seq = 2")
    with pytest.raises(AuditBrokenError, match=r"entry 2 .* was changed"):
        control.verify_audit()
    control._connection.execute("DROP TRIGGER audit_stays")
    control._connection.execute("DELETE FROM audit WHERE seq = 2")
    with pytest.raises(AuditBrokenError, match="entry 2 is missing"):
        control.verify_audit()


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("alert_event", "state"),
        ("job_event", "state"),
        ("model_version", "record"),
        ("deployment_event", "role"),
        ("audit", "actor"),
    ],
)
def test_records_cannot_be_rewritten_by_mistake(control: Control, table: str, column: str):
    control.commit_judgement("m", events=[(alert("a1", "firing"), event("a1", "firing"))])
    control.append_job_event(job("j1"))
    control.put_version({"model": "m", "version": "v1"})
    control.append_deployment_event("m", "v1", "champion", actor="cli", at=T0)
    control.append_audit("ana", "deploy", "m", {}, "cli", T0)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        control._connection.execute(f"UPDATE {table} SET {column} = 'x'")


def test_everything_is_there_after_opening_again(tmp_path: Path):
    path = tmp_path / "control.db"
    with Control(path, lambda: T0) as control:
        control.put_model(ModelSpec(name="m", task="none"), "file", "cli", T0)
        control.put_reference(replace(reference(1)))
        control.commit_judgement("m", events=[(alert("a1", "firing"), event("a1", "firing"))], watermark="w")
    with Control(path, lambda: T0) as again:
        assert list(again.model_records()) == ["m"]
        assert again.reference("m", 1).source == "a file"
        assert [a["id"] for a in again.open_alerts("m")] == ["a1"]
        assert again.watermark("m") == "w"
