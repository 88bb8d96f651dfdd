"""What NannyML says of seeded tables: the fixture that holds our preset of that name to it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.peers.running import run_peer

FIXTURE = Path(__file__).resolve().parents[2] / "tests" / "parity" / "nannyml_expected.json"
START = np.datetime64("2024-03-07T05:30:00", "us")  # a Thursday
#: case -> (seed, rows of reference, rows of current, shift, column of times, our chunk, options of the peer)
CASES: dict[str, tuple[int, int, int, float, str | None, str | None, list[str]]] = {
    "ten parts and what is left": (11, 1205, 617, 0.3, None, None, []),
    "ten parts in order of time": (12, 800, 400, 0.0, "when", None, ["--timestamp", "when"]),
    "parts of 150 rows": (13, 900, 333, 0.5, None, "150 rows", ["--chunk-size", "150"]),
    "hours": (14, 400, 200, 0.0, "when", "1h", ["--timestamp", "when", "--chunk-period", "h"]),
    "days": (15, 2000, 1000, 0.4, "when", "1d", ["--timestamp", "when", "--chunk-period", "D"]),
    "weeks": (16, 3000, 1500, 0.4, "when", "1w", ["--timestamp", "when", "--chunk-period", "W"]),
    "months": (17, 9000, 3000, 0.1, "when", "1mo", ["--timestamp", "when", "--chunk-period", "M"]),
}
MINUTES = {"hours": 3, "days": 17, "weeks": 31, "months": 60}  # between two rows; 20 elsewhere


def frames(case: str) -> tuple[pa.Table, pa.Table]:
    """Return the reference and the current table of a case. ``RandomState``: its numbers stay the same over numpy's versions."""
    seed, n_reference, n_current, shift, *_ = CASES[case]
    gap = MINUTES.get(case, 20)
    return _frame(seed, n_reference, 0.0, 0, gap), _frame(seed + 100, n_current, shift, n_reference * gap, gap)


def _frame(seed: int, rows: int, shift: float, after: int, gap: int) -> pa.Table:
    rng = np.random.RandomState(seed)
    letters = rng.choice(list("abcdef" if shift else "abcde"), rows)
    columns: dict[str, Any] = {
        "normal": rng.normal(shift, 1, rows),
        "skewed": np.exp(rng.normal(shift, 1, rows)),
        "gaps": np.where(rng.rand(rows) < 0.15, np.nan, rng.normal(0, 1, rows)),
        "constant": np.full(rows, 3.0 + shift),
        "whole": rng.randint(0, 300, rows),
        "few": rng.randint(0, 4, rows),
        "flag": rng.rand(rows) < 0.3 + shift / 4,
        "flag_gaps": pa.array((rng.rand(rows) < 0.5).tolist(), pa.bool_(), mask=rng.rand(rows) < 0.1),
        "letter": letters,
        "letter_gaps": pa.array(letters.tolist(), pa.string(), mask=rng.rand(rows) < 0.2),
        "many": [f"v{i}" for i in rng.randint(0, 80, rows)],
    }
    minutes = after + rng.permutation(rows) * gap
    columns["when"] = pa.array(START + minutes.astype("timedelta64[m]"), pa.timestamp("us"))
    return pa.table(columns)


def write() -> Path:
    """Ask NannyML about every case and write the fixture; returns its path."""
    found: dict[str, Any] = {}
    version = ""
    with tempfile.TemporaryDirectory() as folder:
        for case, (*_, options) in CASES.items():
            files = [Path(folder) / f"{side}.parquet" for side in ("reference", "current")]
            for table, file in zip(frames(case), files, strict=True):
                pq.write_table(table, file)
            document = run_peer("nannyml", ["--reference", files[0], "--current", files[1], *options])
            version = document["version"]
            columns: dict[str, Any] = {}
            for row in document["verdicts"]:
                column = columns.setdefault(row["column"], {"threshold": row["threshold"], "values": [], "alerts": []})
                column["values"].append(row["value"])
                column["alerts"].append(int(row["drift"]))
            found[case] = columns
    made_by = "python -m benchmarks.peers expected nannyml"
    FIXTURE.write_text(json.dumps({"peer": "nannyml", "version": version, "made_by": made_by, "cases": found}) + "\n")
    return FIXTURE
