"""Readings of what the door saw, judged by plain fixed rules: what was refused or came otherwise than declared.

They are made only for windows in which there is something to say, and count by arrival time:

- ``refused_rows``: the share of refused rows among those that arrived; a warning from 1 % and 10 rows on.
- ``missing_columns``: declared columns that whole batches lack since rows had them; a warning while one is away.
- ``widened_columns``: declared columns that were sent a type they refuse for the first time; a notice, once for each.
- ``new_columns``: undeclared columns that came for the first time; a notice, once for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np

from monitors import explain
from monitors.types import Reading, Verdict
from reference_data.reference import Reference
from storage.door_counts import DoorCount

REFUSED_SHARE, REFUSED_ROWS = 0.01, 10  # from which on refused rows are a warning
#: Checks of this file, the gravest first, and whether they are a warning or a notice.
DOOR_CHECKS = {
    "refused_rows": "warning",
    "missing_columns": "warning",
    "widened_columns": "notice",
    "new_columns": "notice",
}
_NAMED = 5  # columns that a sentence names


def door_readings(
    reference: Reference, model_version: str, counts: Sequence[DoorCount], now: datetime
) -> list[Reading]:
    """Return the readings of windows in which the door saw anything, in order."""
    return [reading for count in counts for reading in _readings(reference, model_version, count, now)]


def _readings(reference: Reference, model_version: str, count: DoorCount, now: datetime) -> Iterator[Reading]:
    def reading(check: str, value: float, threshold: float, unit: str, sentence: str, *, warns: bool = True) -> Reading:
        verdict: Verdict = "warning" if warns else "ok"
        return Reading(
            model=reference.model, model_version=model_version, reference_version=reference.version, check=check,
            scope="traffic", column=None, segment=None, window=count.window, value=value, reference_value=0.0,
            threshold=threshold, lower=np.nan, upper=np.nan, p_value=np.nan, effect=np.nan, n=count.arrived,
            n_reference=reference.rows, verdict=verdict, significant=warns, material=warns, harmful=False, unit=unit,
            sentence=sentence, computed_at=now,
        )  # fmt: skip

    if count.refused:
        share = count.refused / count.arrived
        why = f" Most often: {count.problem}." if count.problem else ""
        sentence = f"{count.refused:,} of {count.arrived:,} rows that arrived were refused ({explain.number(share, 'share')}).{why}"
        warns = share >= REFUSED_SHARE and count.refused >= REFUSED_ROWS
        yield reading("refused_rows", share, REFUSED_SHARE, "share", sentence, warns=warns)
    if count.away:
        sentence = f"Batches came without {_listed(count.away)}, which rows had before."
        yield reading("missing_columns", float(len(count.away)), 0.0, "columns", sentence)
    if count.widened:
        sentence = f"Values of another type than declared came for {_listed(count.widened)}; their rows were refused."
        yield reading("widened_columns", float(len(count.widened)), 0.0, "columns", sentence)
    if count.appeared:
        sentence = f"Undeclared columns came along: {_listed(count.appeared)}; their values are not kept."
        yield reading("new_columns", float(len(count.appeared)), 0.0, "columns", sentence)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
