"""Finding one subject among refused rows that could not be read: by its id, or an id of its rows, as a whole token of the text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime

import pyarrow as pa
from duckdb import DuckDBPyConnection

from storage.rows import registered, single

_BETWEEN = r"[\s,;|\"'(){}\[\]<>=]+"  # what stands between the fields of lines of any format
_FIELDS = r"[,;|\t]"
_HELD = "model = $model AND arrival_time <= $until AND (content IS NOT NULL OR value IS NOT NULL)"
#: Where a row told whom it is about, numbers in it are not taken for names: they stand in every line.
_TOLD = "(id IS NOT NULL AND (subject IS NOT NULL OR kind = 'label'))"
_TEXT = "concat_ws(' ', content, value)"


def mentions(text: str, names: Iterable[str]) -> bool:
    """Whether a text holds one of ``names`` as a whole token: ``1`` is not in ``10``, ``1.5``, ``2024-01-01`` or ``12:01``."""
    return any(
        re.search(rf"(?<!\w)(?<!\w[.@+-])(?<!\d:){re.escape(form)}(?!\w)(?![.@+-]\w)(?!:\d)", text)
        for name in names
        for form in _written(name)
    )


def _written(name: str) -> set[str]:
    """Return how a line of text may write a name: as it is, in quotes of CSV, in JSON."""
    return {name, name.replace('"', '""'), json.dumps(name)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1]}


def unread_rows(con: DuckDBPyConnection, model: str, names: Iterable[str], ids: pa.Table, until: datetime) -> list[int]:
    """Return the ``rowid`` of each refused row whose text names the subject or an id of ``ids._id``: a line may have been misread.

    ``names`` are the subject as it was sent and as it is stored. Names of digits alone are looked for only where a row does not tell
    whom it is about.
    """
    names = {name for name in names if name}
    given = {"model": model, "until": until}
    forms = sorted({form for name in names for form in _written(name)})
    named = con.execute(
        f"SELECT rowid, {_TEXT}, {_TOLD} FROM quarantine WHERE {_HELD} "
        f"AND len(list_filter($forms, lambda x: contains({_TEXT}, x))) > 0",
        given | {"forms": forms},
    ).fetchall()
    words = {name for name in names if not name.isdecimal()}
    found = {row[0] for row in named if mentions(row[1], words if row[2] else names)}
    with registered(con, ids.select(["_id"]), "ids_of_subject") as table:
        found |= {
            row[0]
            for row in con.execute(
                f"WITH t AS (SELECT rowid AS r, {_TOLD} AS told, unnest(regexp_split_to_array({_TEXT}, $between)) AS token "
                f"FROM quarantine WHERE {_HELD}) SELECT DISTINCT r FROM t SEMI JOIN {table} ON token = _id "
                r"WHERE NOT told OR NOT regexp_full_match(token, '\d+')",
                given | {"between": _BETWEEN},
            ).fetchall()
        }
        odd = con.execute(
            f"SELECT q.r, q.text, _id FROM (SELECT rowid AS r, {_TEXT} AS text FROM quarantine WHERE {_HELD}) AS q JOIN "
            f"(SELECT _id FROM {table} WHERE regexp_matches(_id, $between)) ON contains(q.text, _id)",
            given | {"between": _BETWEEN},
        ).fetchall()
    return sorted(found | {row[0] for row in odd if mentions(row[1], [row[2]])})


def unsearched(con: DuckDBPyConnection, model: str) -> int:
    """Return how many refused rows tell neither subject nor id and are kept without the line as it came, so that nobody finds them."""
    sql = "SELECT count(*) FROM quarantine WHERE model = ? AND subject IS NULL AND content IS NULL AND (id IS NULL OR kind = 'log')"
    return int(single(con, sql, [model]))


def fields(con: DuckDBPyConnection, model: str) -> set[str]:
    """Return the fields of the refused lines of a model: whoever may be named there."""
    rows = con.execute(
        f"SELECT DISTINCT content FROM quarantine WHERE {_HELD} AND content IS NOT NULL",
        {"model": model, "until": datetime.max},  # noqa: DTZ901  (naive UTC, as stored)
    ).fetchall()
    tokens: set[str] = set()
    for (content,) in rows:
        parts = [*re.split(_FIELDS, content), *re.split(_BETWEEN, content)]
        tokens |= {part.strip().strip("\"'").replace('""', '"') for part in parts}
    return tokens - {""}
