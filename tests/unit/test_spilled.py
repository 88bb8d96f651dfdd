"""Rows put aside on disk, and cells frozen from more of them than memory takes at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from reference_data.schema import Column
from storage import freezing
from storage.names import quote
from storage.profiler import freeze_layout
from storage.spilled import Spilled, spilled

COLUMNS = [Column(name, "numeric") for name in ("even", "tied", "few", "gaps", "none")]


def block(seed: int, rows: int = 997) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "even": rng.normal(size=rows),
            "tied": np.round(rng.normal(size=rows), 2),
            "few": rng.integers(0, 4, rows).astype(float),
            "gaps": pa.array(rng.normal(size=rows), mask=rng.random(rows) < 0.3),
            "none": pa.nulls(rows, pa.float64()),
        }
    )


def frozen(store: Spilled) -> object:
    expressions = {column.name: quote(column.name) for column in COLUMNS}
    return freeze_layout(store.connection, f"SELECT * FROM {store.name}", expressions, COLUMNS)


@pytest.mark.parametrize("at_once", [1, 2 * 4 * 997, 3 * 4 * 997])
def test_cells_do_not_depend_on_how_much_is_held_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """One number at once sorts every column on disk, the others take two or three columns a pass."""
    with spilled(tmp_path) as store:
        for seed in range(4):
            store.append(block(seed))
        usual = frozen(store)
        monkeypatch.setattr(freezing, "_VALUES", at_once)
        assert frozen(store) == usual


def test_blocks_are_kept_in_their_order_and_gone_at_the_end(tmp_path: Path) -> None:
    with spilled(tmp_path) as store:
        parts = [block(seed, rows) for seed, rows in ((0, 3), (1, 0), (2, 5))]
        for part in parts:
            store.append(part)
        kept = store.connection.sql(f"SELECT * FROM {store.name}").to_arrow_table()
        assert kept.column("even").to_pylist() == [v for part in parts for v in part.column("even").to_pylist()]
        assert (store.rows, store.holds("few"), store.holds("none")) == (8, True, False)
        assert list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_rows_sees_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with spilled(tmp_path) as store, pytest.raises(Exception, match="disabled by configuration"):
        store.connection.execute(f"SELECT * FROM '{tmp_path / 'secret.csv'}'")
