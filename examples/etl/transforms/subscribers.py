"""From what the warehouse exports to what the model was trained on. Copy this file into the folder ``transforms`` of the home."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def features(rows: pa.Table) -> pa.Table:
    """Return the rows with ``age`` in years and ``spend`` in euros, instead of a birth year and cents."""
    year = pc.cast(pc.utf8_slice_codeunits(pc.cast(rows["scored_at"], pa.string()), 0, 4), pa.int64())
    age = pc.subtract(year, pc.cast(rows["birth_year"], pa.int64()))
    spend = pc.divide(pc.cast(rows["spend_cents"], pa.float64()), 100.0)
    kept = rows.drop_columns(["birth_year", "spend_cents"])
    return kept.append_column("age", pc.cast(age, pa.float64())).append_column("spend", spend)
