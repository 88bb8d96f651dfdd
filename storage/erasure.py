"""Deletion of one subject's rows, wherever rows lie: log, labels, feedback, quarantine, archives, samples, training rows.

Profiles, readings and frozen references are counts over many rows and stay: nothing that was judged is judged again.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from reference_data.declaration import ModelSpec
from storage import vector_moments
from storage.archives import ArchiveFile, archive_files, archive_folder, whole_log
from storage.buckets import naive
from storage.database import Database
from storage.faults import fault_point
from storage.home import Home
from storage.mentions import fields, mentions, unread_rows
from storage.migration_backup import sync
from storage.model_tables import label_table, log_table, prepare_model
from storage.names import SUBJECT, literal
from storage.retention import Copied, forget, new_name, record, sweep, write_file
from storage.row_samples import forget_rows
from storage.rows import registered, single

_HASH_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Erased:
    """What was deleted, by place; ``kept`` names, in words, what holds rows that could not be told apart."""

    deleted: dict[str, int]
    kept: list[str]


def subject_hash(key: bytes, model: str, stored: str) -> str:
    """Return the keyed hash by which receipts name a subject; ``stored`` is its id as the log holds it."""
    return hmac.digest(key, f"erasure\0{model}\0{stored}".encode(), "sha256").hex()[:_HASH_DIGITS]


def erase_subject(
    db: Database,
    home: Home,
    spec: ModelSpec,
    stored: str,
    now: datetime,
    *,
    sent: str | None = None,
    upto: datetime | None = None,
) -> Erased:
    """Delete every row about a subject (its id as the log holds it), only those that had arrived by ``upto`` if it is given.

    ``sent`` is its id as it was sent, where that is known: refused lines that could not be read may hold it. Call it by one thread at a time, and not while a training job runs. Doing it again deletes what was left.
    """
    prepare_model(db, spec)
    arrived = "" if upto is None else f" AND _arrival_time <= TIMESTAMP '{naive(upto).isoformat(sep=' ')}'"
    mine = f"{SUBJECT} = {literal(stored)}{arrived}"
    with db.cursor() as con:
        ids = con.sql(f"SELECT DISTINCT _id FROM {whole_log(con, spec.name)} WHERE {mine}").to_arrow_table()
        rewritten = _rewrite_archives(con, db, spec.name, mine)
    samples, kept = _erase_samples(home, spec.name, stored)
    jobs, unnamed = _erase_job_rows(home, spec.name, stored, set(ids["_id"].to_pylist()))
    reports = _erase_reports(home, spec.name)
    fault_point("erase.after_files")

    def write(con: DuckDBPyConnection) -> dict[str, int]:
        return _delete_rows(con, spec.name, _Whom(stored, sent or stored, mine, ids, upto), rewritten, now)

    deleted = db.write(write, about=spec.name)
    fault_point("erase.after_rows")
    sweep(db, spec.name)
    db.checkpoint()  # deleted rows do not stay in the write-ahead log
    return Erased(deleted | {"samples": samples, "jobs": jobs, "reports": reports}, kept + unnamed)


def without_subject(con: DuckDBPyConnection, model: str) -> int:
    """Return how many rows of a model's log do not tell whom they are about."""
    return int(single(con, f"SELECT count(*) FROM {log_table(model)} WHERE {SUBJECT} IS NULL"))


# -- in the database ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Rewritten:
    before: ArchiveFile
    name: str
    copied: Copied


@dataclass(frozen=True, slots=True)
class _Whom:
    """A subject, as stored and as sent; the SQL of its rows, their ids, and until when rows must have arrived."""

    stored: str
    sent: str
    mine: str
    ids: pa.Table
    upto: datetime | None


def _delete_rows(
    con: DuckDBPyConnection, model: str, whom: _Whom, rewritten: list[_Rewritten], now: datetime
) -> dict[str, int]:
    forget_rows(con, model, whole_log(con, model), whom.mine)
    vector_moments.forget_rows(con, model, whole_log(con, model), whom.mine)
    deleted = {"logs": _deleted(con, f"DELETE FROM {log_table(model)} WHERE {whom.mine}")}
    forget(con, model, [change.before for change in rewritten])
    for change in rewritten:
        record(con, model, change.name, change.before.covers, change.copied, now)
    deleted["archives"] = sum(change.before.rows - change.copied.rows for change in rewritten)
    with _named_ids(con, model, whom.ids) as name:
        theirs = f"_id IN (SELECT _id FROM {name})"
        deleted["labels"] = _deleted(con, f"DELETE FROM {label_table(model)} WHERE {theirs}")
        deleted["feedback"] = _deleted(con, f"DELETE FROM feedback WHERE model = ? AND {theirs}", [model])
        con.execute(f"DELETE FROM unmatched_label WHERE model = ? AND {theirs}", [model])
        until = datetime.max if whom.upto is None else naive(whom.upto)  # noqa: DTZ901  (naive UTC, as stored)
        gone = con.sql(f"SELECT _id FROM {name}").to_arrow_table()
        unread = unread_rows(con, model, {whom.stored, whom.sent}, gone, until)
        deleted["quarantine"] = _deleted(
            con,
            "DELETE FROM quarantine WHERE model = $model AND arrival_time <= $until AND (subject = $stored "
            f"OR id IN (SELECT _id FROM {name}) OR rowid IN (SELECT unnest($unread::BIGINT[])))",
            {"model": model, "until": until, "stored": whom.stored, "unread": unread},
        )
    _clean_answers(con, model, whom, set(gone["_id"].to_pylist()), until)
    return deleted


def _deleted(con: DuckDBPyConnection, sql: str, parameters: list[Any] | dict[str, Any] | None = None) -> int:
    return int(single(con, sql, parameters or []))


@contextmanager
def _named_ids(con: DuckDBPyConnection, model: str, ids: pa.Table) -> Any:
    """Name the ids of deleted rows that no other subject's row has too."""
    with registered(con, ids, "erased_ids") as name:
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE gone AS SELECT _id FROM {name} ANTI JOIN {whole_log(con, model)} AS l USING (_id)"
        )
        try:
            yield "gone"
        finally:
            con.execute("DROP TABLE temp.gone")


def _clean_answers(con: DuckDBPyConnection, model: str, whom: _Whom, ids: set[str], until: datetime) -> None:
    """Take the subject's refused rows, and no others, out of the answers that are kept for repeated appends."""
    rows = con.execute(
        "SELECT rowid, result FROM append_key WHERE model = ? AND written_at <= ? AND NOT contains(result, ?)",
        [model, until, '"rejected": []'],
    ).fetchall()
    for row, result in rows:
        answer = json.loads(result)
        left = [entry for entry in answer["rejected"] if not _about(entry, whom, ids)]
        if len(left) < len(answer["rejected"]):
            con.execute(
                "UPDATE append_key SET result = ? WHERE rowid = ?", [json.dumps(answer | {"rejected": left}), row]
            )


def _about(entry: dict[str, Any], whom: _Whom, ids: set[str]) -> bool:
    """Whether a refused row, as an answer keeps it, is about the subject, or may be and tells of nobody else."""
    if entry.get("subject") is not None:
        return bool(entry["subject"] == whom.stored)
    person, value = entry.get("id"), entry.get("value") or ""
    return person in ids or mentions(value, [whom.stored, whom.sent]) or (person is None and value in ids)


def _rewrite_archives(con: DuckDBPyConnection, db: Database, model: str, mine: str) -> list[_Rewritten]:
    """Write the files that hold the subject anew, without it; nothing reads them yet."""
    found: list[_Rewritten] = []
    for file in archive_files(con, model):
        path = archive_folder(db.path) / file.path
        source = f"read_parquet({literal(str(path))}, hive_partitioning = false)"
        columns = {row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
        if SUBJECT not in columns or not single(con, f"SELECT count(*) FROM {source} WHERE {mine}"):
            continue
        month = file.path.split("/")[1].removeprefix("month=")
        name = new_name(con, model, month)
        taken = [change.name for change in found]
        while name in taken:
            stem = name.rpartition("/")
            name = f"{stem[0]}/{int(stem[2].partition('.')[0]) + 1:06d}.parquet"
        copied = write_file(con, db.path, name, f"SELECT * FROM {source} WHERE ({mine}) IS NOT TRUE")
        found.append(_Rewritten(file, name, copied))
    return found


# -- in files ----------------------------------------------------------------------------------------------------------
def _erase_samples(home: Home, model: str, stored: str) -> tuple[int, list[str]]:
    """Delete from the rows that are kept of references; names those whose rows do not tell whom they are about."""
    count, kept = 0, []
    for path in sorted(home.references.glob(f"{model}_*.parquet")):
        version = path.stem.removeprefix(f"{model}_")
        if not version.isdecimal():
            continue
        if SUBJECT not in pq.read_schema(path).names:
            kept.append(
                f"the sample of reference {version}: it was kept before subjects were, and its rows do not tell whom they are "
                "about; freeze a new reference and delete this file"
            )
            continue
        count += _filter_file(path, SUBJECT, [stored])
        nobody = pq.read_table(path, columns=[SUBJECT], partitioning=None)[SUBJECT].null_count
        if nobody:
            kept.append(
                f"{nobody:,} rows in the sample of reference {version} do not tell whom they are about; they were not touched"
            )
    return count, kept


def _erase_job_rows(home: Home, model: str, stored: str, ids: set[str]) -> tuple[int, list[str]]:
    """Delete from the rows that training jobs of the model were given, and from the references they brought; names what it cannot tell."""
    count, kept = 0, []
    for folder in sorted(home.jobs.glob("*")):
        try:
            asked = json.loads((folder / "request.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        for name in ("rows.parquet", "reference.parquet") if asked.get("model") == model else ():
            path = folder / name
            if not path.exists():
                continue
            count += _filter_file(path, "_id", ids)  # rows of when nobody was told yet, too
            if SUBJECT in pq.read_schema(path).names:
                count += _filter_file(path, SUBJECT, [stored])
            else:
                kept.append(
                    f"jobs/{folder.name}/{name}, as far as its rows have left the log: it was written before subjects were, and "
                    "does not tell whom its rows are about; delete it when it is not needed"
                )
    return count, kept


def _erase_reports(home: Home, model: str) -> int:
    """Delete Evidently's reports of the model, which quote rows; they are made again when they are asked for."""
    found = [path for path in home.reports.glob(f"{model}-*") if path.is_file()]
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def _filter_file(path: Path, column: str, values: Iterable[str]) -> int:
    """Take the rows with these values out of a Parquet file; returns how many there were."""
    table = pq.read_table(path, partitioning=None)
    hit = pc.is_in(table[column].cast(pa.string()), pa.array(list(values), pa.string()))
    rest = table.filter(pc.invert(hit))
    gone = table.num_rows - rest.num_rows
    if gone:
        draft = path.with_name(f".{path.name}.draft")
        pq.write_table(rest, draft)
        draft.chmod(0o600)
        sync(draft)
        draft.replace(path)
        sync(path.parent)
    return int(gone)


def new_receipt(
    model: str, hashed: str, requested_at: datetime, actor: str, deleted: dict[str, int], kept: list[str]
) -> dict[str, Any]:
    """Return the receipt of an erasure, JSON-ready."""
    return {
        "id": secrets.token_hex(8),
        "model": model,
        "subject_hash": hashed,
        "requested_at": requested_at.astimezone(UTC).isoformat(),
        "actor": actor,
        "deleted": deleted,
        "kept": kept,
    }


# -- after a restore ---------------------------------------------------------------------------------------------------
def erase_again(
    db: Database, home: Home, specs: dict[str, ModelSpec], receipts: Iterable[dict[str, Any]], key: bytes, now: datetime
) -> int:
    """Delete anew whom earlier receipts name (made with ``key``) and a backup has brought back; returns rows deleted.

    Rows that arrived after the request are another matter and stay.
    """
    total = 0
    by_model: dict[str, dict[str, datetime]] = {}
    for receipt in receipts:
        at = datetime.fromisoformat(receipt["requested_at"])
        named = by_model.setdefault(receipt["model"], {})
        named[receipt["subject_hash"]] = max(at, named.get(receipt["subject_hash"], at))
    for model, named in by_model.items():
        spec = specs.get(model)
        if spec is None:
            continue
        prepare_model(db, spec)
        for stored in _subjects(db, spec):
            at_ = named.get(subject_hash(key, model, stored))
            if at_ is not None:
                total += sum(erase_subject(db, home, spec, stored, now, upto=at_).deleted.values())
    return total


def _subjects(db: Database, spec: ModelSpec) -> list[str]:
    with db.cursor() as con:
        logged = f"SELECT DISTINCT {SUBJECT} AS s FROM {whole_log(con, spec.name)}"
        refused = f"SELECT DISTINCT subject AS s FROM quarantine WHERE model = {literal(spec.name)}"
        rows = con.execute(f"SELECT DISTINCT s FROM ({logged} UNION ALL {refused}) WHERE s IS NOT NULL").fetchall()
        return sorted({row[0] for row in rows} | fields(con, spec.name))
