"""A clock that steps back: what came later is still later."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage.control import Control
from storage.database import Database
from storage.intake import canonical_labels, canonical_log
from storage.logs import append_labels, append_log
from storage.readings import append_readings, current_readings
from tests.faults.victim import DAILY, SPEC, day, reading

NOW = datetime(2013, 3, 1, tzinfo=UTC)
STEPS = [NOW, NOW - timedelta(days=2), NOW - timedelta(days=900), NOW + timedelta(seconds=1)]


def fixed(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


def test_ids_labels_readings_and_records_keep_their_order(tmp_path: Path):
    ids: list[str] = []
    for number, moment in enumerate(STEPS):  # each in a "process" of its own
        with (
            Database.open(tmp_path / "d.duckdb", fixed(moment)) as db,
            Control(tmp_path / "c.db", fixed(moment)) as control,
        ):
            made = canonical_log(SPEC, [{"event_time": day(1), "prediction": 1}] * 3, arrival=moment)
            ids += made.table["_id"].to_pylist()
            assert append_log(db, SPEC, made, moment, DAILY).accepted == 3
            told = canonical_labels(SPEC, [{"prediction_id": ids[0], "label": number}], arrival=moment)
            assert append_labels(db, SPEC, told, moment, DAILY).accepted == 1
            written = reading(0) | {"value": float(number), "computed_at": moment}
            append_readings(db, {name: [value] for name, value in written.items()})
            control.append_audit("t", "step", str(number), {}, "test", moment)
            control.commit_judgement(
                "m", events=[({"id": "a", "model": "m", "state": str(number)}, {"at": moment.isoformat()})]
            )
            with db.cursor() as con:
                assert [row["value"] for row in current_readings(con, "m")] == [float(number)]
                labels = con.execute("SELECT _label FROM label_m ORDER BY _seq").fetchall()
                assert labels == [(float(n),) for n in range(number + 1)]
                seqs = [seq for (seq,) in con.execute("SELECT seq FROM dirty ORDER BY rowid").fetchall()]
                assert seqs == sorted(seqs)
            assert control.alert("a")["state"] == str(number)
            assert [entry["object"] for entry in control.audit()] == [str(n) for n in range(number, -1, -1)]
            control.verify_audit()
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
