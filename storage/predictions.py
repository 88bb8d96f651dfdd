"""What predictions are, where the task does not say it: numbers, such as anomaly scores, or names, such as clusters."""

from __future__ import annotations

from reference_data.binning import MAX_DISTINCT
from storage.row_source import RowSource


def is_measured(rows: RowSource, name: str) -> bool:
    """Whether every value of a logical column is a number, and there are more different ones than names would have."""
    value = f"TRY_CAST(({rows.expressions[name]}) AS DOUBLE)"
    sql = (
        f"SELECT count({value}), count({rows.expressions[name]}), approx_count_distinct({value}) "
        f"FROM ({rows.relation}) AS r"
    )
    numbers, values, different = rows.cursor.execute(sql).fetchall()[0]
    return bool(values) and numbers == values and different > 2 * MAX_DISTINCT
