"""Care of a home: rows that leave the log, backups, deletion of a subject, the doctor."""

import hashlib
import json
import shutil
import stat
import tarfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from service import views
from service.local import LocalWorkspace, care
from service.workspace import WorkspaceError
from storage.errors import NewerSchemaError, StorageError

NOW = datetime(2024, 7, 1, tzinfo=UTC)
START = datetime(2024, 1, 1, tzinfo=UTC)
HOSTILE = 'O\'Hare "x"; DROP TABLE written; --'


def declaration(then: str = "archive", keep: str = "60d") -> str:
    return f"""
[models.eta]
task = "regression"
timezone = "Europe/Berlin"
subject = "customer"
retention = {{ keep = "{keep}", then = "{then}" }}

[models.eta.features]
distance = "numeric"

[models.eta.monitor]
window = "1w"
multivariate = []
"""


def rows(days: int = 182, prefix: str = "p") -> list[dict[str, Any]]:
    """Four rows a day, each customer's every seventh."""
    return [
        {
            "prediction_id": f"{prefix}{i}",
            "event_time": (START + timedelta(hours=6 * i)).isoformat(),
            "model_version": "v0",
            "distance": float(i % 17),
            "prediction": float(i % 17) * 2,
            "customer": HOSTILE if i % 7 == 3 else f"c{i % 7}",
        }
        for i in range(days * 4)
    ]


def labels(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"prediction_id": r["prediction_id"], "label": r["prediction"] + 1, "label_time": r["event_time"]}
        for r in given
    ]


def opened(home: Path, now: datetime = NOW) -> LocalWorkspace:
    return LocalWorkspace.open(home, now=lambda: now)


def filled(home: Path, then: str = "archive", *, run: bool = True) -> LocalWorkspace:
    ws = opened(home)
    ws.apply(declaration(then, "4000d"))
    ws.log("eta", rows())
    ws.label("eta", labels(rows())[:-40])
    ws.reference("eta", ("2024-01-01", "2024-02-01"))
    if run:
        ws.run("eta")
    ws.apply(declaration(then))
    return ws


def ids(ws: LocalWorkspace) -> list[str]:
    found, offset = [], 0
    while True:
        page = ws.rows("eta", START - timedelta(days=9), NOW, limit=1000, offset=offset)
        found += [row["prediction_id"] for row in page["rows"]]
        offset += 1000
        if offset >= page["total"]:
            assert len(found) == page["total"]
            return found


@pytest.mark.slow
def test_archived_rows_leave_the_log_and_stay_within_reach(tmp_path: Path) -> None:
    with filled(tmp_path / "home") as ws:
        before, readings = ids(ws), ws.readings("eta")
        span = START, START + timedelta(days=21)
        page = ws.rows("eta", *span, limit=1000)
        ws.run("eta")
        view = ws.storage("eta")
        assert view["rows"] + view["archived_rows"] == len(before)
        assert 230 < view["rows"] < 250
        assert view["archive_bytes"] > 0
        assert view["oldest"] == "2024-01-01T01:00:00+01:00"
        cut = datetime.fromisoformat(view["next_cut"] or "")
        assert (cut.hour, cut.minute, cut.utcoffset()) == (0, 0, timedelta(hours=2))  # a bucket of the model's own zone
        assert ids(ws) == before
        assert ws.rows("eta", *span, limit=1000) == page
        assert [r["value"] for r in ws.readings("eta")] == [r["value"] for r in readings]
        again = ws.reference("eta", ("2024-01-01", "2024-02-01"))
        assert again["rows"] == 124
        ws.run("eta")
        assert ws.storage("eta")["archived_rows"] == view["archived_rows"]
    files = sorted(
        path.relative_to(tmp_path / "home/archives") for path in (tmp_path / "home/archives").rglob("*.parquet")
    )
    months = [file.parts[1] for file in files]
    assert (
        months == ["month=2024-01", "month=2024-02", "month=2024-03", "month=2024-04", "month=2024-05"][: len(months)]
    )
    assert all(stat.S_IMODE((tmp_path / "home/archives" / file).stat().st_mode) == 0o600 for file in files)


@pytest.mark.slow
def test_an_archived_row_that_comes_again_is_a_duplicate_and_its_late_label_restates_readings(tmp_path: Path) -> None:
    with filled(tmp_path / "home") as ws:
        ws.run("eta")
        assert ws.log("eta", rows()[:50])["duplicates"] == 50
        late = {"prediction_id": "p8", "label": 9999.0, "event_time": rows()[8]["event_time"]}
        assert ws.label("eta", [late])["accepted"] == 1
        start = datetime.fromisoformat("2024-02-05T00:00+01:00")

        def errors() -> list[views.ReadingView]:
            read = ws.readings("eta", check="mae", since=start, until=start + timedelta(hours=1))
            return [r for r in read if r["scope"] == "performance" and r["window_start"] == start.isoformat()]

        old = errors()
        corrected = [
            {"prediction_id": f"p{i}", "label": 9999.0, "event_time": rows()[i]["event_time"]} for i in range(141, 160)
        ]
        ws.label("eta", corrected)
        ws.run("eta")
        new = errors()
        was, now = old[0]["value"], new[0]["value"]
        assert was is not None
        assert now is not None
        assert now > was + 100


@pytest.mark.slow
def test_months_are_archived_piece_by_piece_and_then_merged(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home).close()
    for day in range(0, 70, 10):
        moment = NOW + timedelta(days=day)
        with opened(home, moment) as ws:
            ws.log("eta", [rows()[0] | {"prediction_id": f"n{day}", "event_time": moment.isoformat()}])
            ws.log("eta", [rows()[0] | {"prediction_id": f"late{day}", "event_time": START.isoformat()}])
            ws.run("eta")
            assert len(ids(ws)) == len(set(ids(ws)))
    with opened(home, NOW + timedelta(days=90)) as ws:
        ws.run("eta")
        per_month: dict[str, int] = {}
        for path in (home / "archives").rglob("*.parquet"):
            per_month[path.parent.name] = per_month.get(path.parent.name, 0) + 1
        assert per_month["month=2024-05"] == 1
        total = ws.rows("eta", START - timedelta(days=1), NOW + timedelta(days=99), limit=1)["total"]
        assert total == 728 + 14


@pytest.mark.slow
def test_dropped_rows_are_gone_and_what_was_judged_stays(tmp_path: Path) -> None:
    with filled(tmp_path / "home", "drop") as ws:
        readings, heat = ws.readings("eta"), ws.heatmap("eta")
        ws.run("eta")
        view = ws.storage("eta")
        assert view["archived_rows"] == 0
        assert view["rows"] + view["dropped_rows"] == 728
        assert len(ids(ws)) == view["rows"]
        assert ws.model("eta")["rows"]["labels"] == view["rows"] - 40
        assert ws.readings("eta") == readings
        assert ws.heatmap("eta") == heat
        refused = ws.log("eta", [rows()[3] | {"prediction_id": "late"}])
        assert refused["accepted"] == 0
        assert "dropped" in refused["rejected"][0]["error"]
        assert ws.quarantine("eta")[0]["error"] == refused["rejected"][0]["error"]
        with ws.core.db.cursor() as con:  # a mark that came by another way
            con.execute("INSERT INTO dirty VALUES ('eta', 'inputs', TIMESTAMP '2024-01-31 23:00:00', 1)")
            con.execute("INSERT INTO dirty VALUES ('eta', 'outcomes', TIMESTAMP '2024-01-31 23:00:00', 1)")
        ws.run("eta")
        assert ws.readings("eta") == readings


@pytest.mark.slow
def test_a_clock_that_jumped_ahead_takes_nothing(tmp_path: Path) -> None:
    filled(tmp_path / "home", "drop").close()
    with opened(tmp_path / "home", NOW + timedelta(days=4000)) as ws:
        ws.run("eta")
        assert ws.storage("eta")["rows"] > 230


@pytest.mark.slow
def test_a_backup_is_restored_as_it_was(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "b.tar.zst"
    with filled(home) as ws:
        ws.run("eta")
        before, readings = ids(ws), ws.readings("eta")
        made = ws.backup(file)
        assert made["models"] == ["eta"]
        assert made["bytes"] == file.stat().st_size
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        ws.log("eta", [rows()[-1] | {"prediction_id": "after"}])
        with pytest.raises(StorageError, match="already open"):
            care.restore(home, file, lambda: NOW)
    done = care.restore(home, file, lambda: NOW)
    assert (done["models"], done["erased_again"]) == (["eta"], 0)
    assert (Path(done["replaced"]) / "driftdeck.duckdb").exists()
    with opened(home) as ws:
        assert ids(ws) == before
        assert ws.readings("eta") == readings
        assert all(finding["ok"] for finding in ws.doctor()), ws.doctor()
        assert ws.audit(1)[0]["action"] == "restore"
    other = care.restore(tmp_path / "other", file, lambda: NOW)
    assert other["replaced"] is None
    with opened(tmp_path / "other") as ws:
        assert ids(ws) == before


@pytest.mark.slow
def test_a_backup_under_load_holds_what_was_committed_before_one_moment(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with opened(home) as ws:
        ws.apply(declaration(keep="4000d"))
        stop = threading.Event()
        sent: list[int] = []

        def append() -> None:
            while not stop.is_set():
                part = [rows(1)[0] | {"prediction_id": f"b{len(sent)}-{i}"} for i in range(20)]
                ws.log("eta", part)
                sent.append(len(sent))

        thread = threading.Thread(target=append)
        thread.start()
        try:
            while len(sent) < 5:
                pass
            counts = []
            for number in range(3):
                least = len(sent)
                ws.backup(tmp_path / f"{number}.tar.zst")
                counts.append((least, len(sent) + 1))
        finally:
            stop.set()
            thread.join()
    for number, (least, most) in enumerate(counts):
        care.restore(tmp_path / f"r{number}", tmp_path / f"{number}.tar.zst", lambda: NOW)
        with opened(tmp_path / f"r{number}") as ws, ws.core.db.cursor() as con:
            found = con.execute("SELECT DISTINCT split_part(_id, '-', 1), count(*) FROM log_eta GROUP BY 1").fetchall()
        batches = sorted(int(name[1:]) for name, _ in found)
        assert {count for _, count in found} == {20}
        assert batches == list(range(len(batches)))  # a moment: nothing in between is missing
        assert least <= len(batches) <= most


def repacked(source: Path, target: Path, change: Any) -> None:
    """Write a backup anew with its members changed by ``change(name, content)``; None leaves one out."""
    with (
        pa.CompressedInputStream(pa.OSFile(str(source)), "zstd") as packed,
        tarfile.open(fileobj=packed, mode="r|") as tar,
    ):
        members = [(entry.name, tar.extractfile(entry).read()) for entry in tar]  # type: ignore[union-attr]
    with (
        pa.CompressedOutputStream(pa.OSFile(str(target), "wb"), "zstd") as out,
        tarfile.open(fileobj=out, mode="w|") as tar,
    ):
        for name, content in [*members, ("extra", None)]:
            changed = change(name, content)
            if changed is not None:
                entry = tarfile.TarInfo(changed[0])
                entry.size = len(changed[1])
                import io

                tar.addfile(entry, io.BytesIO(changed[1]))


def newer(name: str, content: bytes) -> Any:
    if name != "manifest.json":
        return content and (name, content)
    manifest = json.loads(content)
    manifest["migrations"]["duckdb"].append("9999_future")
    return name, json.dumps(manifest).encode()


BAD = {
    "flipped": (lambda n, c: c and (n, c[:-1] + bytes([c[-1] ^ 1]) if n == "control.db" else c), StorageError, "damaged: control.db"),
    "escapes": (lambda n, c: (n, c) if c else ("archives/../../x", b"y"), StorageError, "which no backup of Driftdeck does"),
    "absolute": (lambda n, c: (n, c) if c else ("/tmp/driftdeck-x", b"y"), StorageError, "which no backup of Driftdeck does"),
    "lacking": (lambda n, c: (c and n != "control.db" and (n, c)) or None, StorageError, "damaged: control.db"),
    "endless": (lambda n, c: (c and n != "manifest.json" and (n, c)) or None, StorageError, "breaks off"),
    "newer": (newer, NewerSchemaError, "9999_future.*install the newer version"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_a_backup_that_is_not_whole_changes_nothing(tmp_path: Path, kind: str) -> None:
    change, error, words = BAD[kind]
    home = tmp_path / "home"
    with opened(home) as ws:
        ws.apply(declaration())
        ws.log("eta", rows(2))
        ws.backup(tmp_path / "b")
    repacked(tmp_path / "b", tmp_path / "bad", change)
    before = sorted(path.name for path in home.iterdir())
    with pytest.raises(error, match=words):
        care.restore(home, tmp_path / "bad", lambda: NOW)
    assert sorted(path.name for path in home.iterdir()) == before
    with opened(home) as ws:
        assert len(ids(ws)) == 8


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    with pytest.raises(StorageError, match="not a backup of Driftdeck"):
        care.restore(tmp_path / "home", tmp_path / "text", lambda: NOW)
    with pytest.raises(StorageError, match="there is no file"):
        care.restore(tmp_path / "home", tmp_path / "nowhere", lambda: NOW)
    with opened(tmp_path / "home") as ws, pytest.raises(StorageError, match="give the name of a file"):
        ws.backup(tmp_path)


def holds(home: Path, subject: str) -> list[str]:
    """Return the files below a home that hold a text, packed or not."""
    import pyarrow.parquet as pq

    found = []
    for path in sorted(home.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".parquet":
                content = json.dumps(pq.read_table(path, partitioning=None).to_pylist(), default=str).encode()
            if subject.encode() in content:
                found.append(str(path.relative_to(home)))
    return found


@pytest.mark.slow
def test_a_subject_is_deleted_wherever_its_rows_lie(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with filled(home) as ws:
        ws.log("eta", [rows()[-1] | {"prediction_id": "bad", "customer": HOSTILE, "distance": "far"}])
        ws.run("eta")
        mine = {row["prediction_id"] for row in rows() if row["customer"] == HOSTILE}
        assert ws.storage("eta")["archived_rows"] > 300
        readings, before = ws.readings("eta"), ids(ws)
        ws.backup(tmp_path / "b")
        receipt = ws.erase("eta", HOSTILE)
        deleted = receipt["deleted"]
        assert deleted["logs"] + deleted["archives"] == len(mine)
        assert deleted["archives"] > 50
        assert deleted["labels"] == len(mine & {label["prediction_id"] for label in labels(rows())[:-40]})
        assert deleted["quarantine"] == 1
        assert deleted["samples"] > 10
        assert any(str(tmp_path / "b") in words for words in receipt["kept"])
        assert HOSTILE not in json.dumps(receipt)
        assert set(ids(ws)) == set(before) - mine
        ws.run("eta")
        assert ws.readings("eta") == readings
        assert ws.erasures("eta") == ws.erasures() == [receipt]
        with ws.core.db.cursor() as con:
            for table, column in (("label_eta", "_id"), ("quarantine", "id"), ("unmatched_label", "_id")):
                held = {row[0] for row in con.execute(f"SELECT {column} FROM {table}").fetchall()}
                assert not held & mine
        assert ws.erase("eta", HOSTILE)["deleted"]["logs"] == 0
        assert ws.log("eta", [rows()[-1] | {"prediction_id": "p3", "customer": HOSTILE}])["accepted"] == 1  # a new life
        assert ws.erase("eta", HOSTILE)["deleted"]["logs"] == 1
    assert holds(home / "archives", HOSTILE) == holds(home / "references", HOSTILE) == []
    done = care.restore(home, tmp_path / "b", lambda: NOW)
    assert done["erased_again"] > 90
    first = (home / "privacy.key").read_bytes()
    assert care.restore(home, tmp_path / "b", lambda: NOW + timedelta(hours=1))["erased_again"] > 90  # and once more
    assert (home / "privacy.key").read_bytes() == first
    with opened(home) as ws:
        assert not set(ids(ws)) & mine
        assert len(ws.erasures("eta")) == 3
    shutil.rmtree(home)


@pytest.mark.slow
def test_rows_that_arrived_after_an_erasure_survive_a_restore(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with opened(home) as ws:
        ws.apply(declaration())
        ws.log("eta", rows(10))
        ws.erase("eta", "c1")
    with opened(home, NOW + timedelta(days=1)) as ws:
        ws.log("eta", [rows()[-1] | {"prediction_id": "again", "customer": "c1"}])
        ws.backup(tmp_path / "b")
    care.restore(home, tmp_path / "b", lambda: NOW + timedelta(days=2))
    with opened(home, NOW + timedelta(days=2)) as ws:
        assert "again" in ids(ws)


def test_erasing_needs_a_declared_subject(tmp_path: Path) -> None:
    with opened(tmp_path / "home") as ws:
        ws.apply(declaration().replace('subject = "customer"\n', ""))
        with pytest.raises(WorkspaceError, match=r'declare subject = "COLUMN" in \[models.eta\]'):
            ws.erase("eta", "c1")


def test_a_hashed_subject_is_found(tmp_path: Path) -> None:
    with opened(tmp_path / "home") as ws:
        ws.apply(declaration() + '\n[models.eta.privacy]\ncustomer = "hash"\n')
        ws.log("eta", rows(10))
        assert ws.erase("eta", "c1")["deleted"]["logs"] == 6
        assert holds(tmp_path / "home", "DROP TABLE written") == []


@pytest.mark.slow
def test_the_doctor_finds_what_is_wrong(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with filled(home) as ws:
        ws.run("eta")
        assert [finding["check"] for finding in ws.doctor() if not finding["ok"]] == []
        archive = next((home / "archives").rglob("*.parquet"))
        archive.rename(home / "elsewhere")
        (home / "control.db").chmod(0o644)
        (home / "references" / "eta_1.parquet").unlink()
        ws.log("eta", [rows()[0] | {"prediction_id": "f", "event_time": (NOW + timedelta(days=30)).isoformat()}])
        wrong = {finding["check"]: finding for finding in ws.doctor() if not finding["ok"]}
        assert wrong.keys() == {"archives", "permissions", "reference samples", "event times"}
        assert "is missing" in wrong["archives"]["words"]
        assert wrong["permissions"]["advice"] == f"chmod 600 {home / 'control.db'}"
        assert all(finding["advice"] for finding in wrong.values())


def test_the_doctor_knows_an_artefact_by_its_hash(tmp_path: Path) -> None:
    with filled(tmp_path / "home", run=False) as ws:
        path = ws.core.home.artefacts / "eta-v1.skops"
        path.write_bytes(b"a model")
        card = {"sha256": hashlib.sha256(b"a model").hexdigest()}
        ws.core.control.put_version({"model": "eta", "version": "v1", "artefact": path.name, "card": card})

        def artefacts() -> tuple[bool, str]:
            (found,) = [finding for finding in ws.doctor() if finding["check"] == "artefacts"]
            return found["ok"], found["words"]

        assert artefacts() == (True, "1 artefacts are the ones that were registered")
        path.write_bytes(b"another")
        assert artefacts() == (False, "eta-v1.skops of eta v1 is not the file that was registered")
        path.unlink()
        assert artefacts() == (False, "eta-v1.skops of eta v1 is missing")
