"""From what the warehouse exports to what the model was trained on. Copy this file into the folder ``transforms`` of the home."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def features(rows: pa.Table) -> pa.Table:
    """Return the rows with ``age`` in years and ``spend`` in euros, instead of a birth year and cents."""
    year = pc.utf8_slice_codeunits(pc.cast(rows["scored_at"], pa.string()), 0, 4)
    age = pc.subtract(_whole(year), _whole(rows["birth_year"]))
    spend = pc.divide(pc.cast(_whole(rows["spend_cents"]), pa.float64()), 100.0)
    kept = rows.drop_columns(["birth_year", "spend_cents"])
    return kept.append_column("age", pc.cast(age, pa.float64())).append_column("spend", spend)


def _whole(values: Any) -> Any:
    """Return whole numbers, missing where there is none: an error here would hold up the whole file for one bad row."""
    text = pc.cast(values, pa.string())
    return pc.cast(pc.if_else(pc.utf8_is_digit(text), text, pa.scalar(None, pa.string())), pa.int64())
