"""Comparing two tables inside each value of a column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from monitors.compare_inputs import CompareError
from monitors.compare_segments import compare_segments
from service.cli import app


def table(seed: int, *, shift: float = 0.0, n: int = 3000) -> pa.Table:
    """Rows of which those of carrier UA are moved by ``shift``, and all others the other way, so that the whole is not."""
    rng = np.random.default_rng(seed)
    carrier = rng.choice(["AA", "UA", "DL", "rare"], n, p=[0.5, 0.3, 0.195, 0.005])
    hit = carrier == "UA"
    x = rng.normal(0, 1, n) + np.where(hit, shift, -shift * hit.mean() / (1 - hit.mean()))
    texts = pa.array([None if i % 20 == 0 else str(c) for i, c in enumerate(carrier)])
    return pa.table({"carrier": texts, "x": x, "y": rng.normal(0, 1, n), "origin": rng.choice(["JFK", "EWR"], n)})


def test_what_moves_inside_one_value_is_found_there_first() -> None:
    found = compare_segments(table(1), table(2, shift=0.4), "carrier")
    assert found.drift
    name, inside = found.segments[0]
    assert (name, [c.column for c in inside.columns if c.drift]) == ("carrier=UA", ["x"])
    assert {name for name, _ in found.segments} == {"carrier=AA", "carrier=UA", "carrier=DL", "carrier=missing"}
    assert "carrier" not in {column.column for column in inside.columns}
    assert found.notes[0].startswith("of 5 values of carrier, 4 are compared")
    assert found.to_dict()["segments"][0]["segment"] == "carrier=UA"
    assert "inside carrier=UA" in str(found)


@pytest.mark.slow
@pytest.mark.parametrize("segment", ["carrier", "carrier × origin", "y"])
def test_without_drift_nothing_is_found_inside_either(segment: str) -> None:
    quiet = [compare_segments(table(seed), table(seed + 100), segment) for seed in range(10, 16)]
    assert not any(inside.drift for found in quiet for _, inside in found.segments)
    values = [name for name, _ in quiet[0].segments]
    if segment == "y":
        assert len(values) == 4
        assert any(name.startswith("y=up to") for name in values)
    if segment == "carrier × origin":
        assert "carrier=AA × origin=JFK" in values


def test_a_column_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(CompareError, match=r"segment 'city' is neither a column nor a pair.*'carrier'"):
        compare_segments(table(1), table(2), "city")


def test_on_the_command_line(tmp_path: Path) -> None:
    for name, data in (("a", table(1)), ("b", table(2, shift=0.4))):
        pq.write_table(data, tmp_path / f"{name}.parquet")
    files = [str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")]
    done = CliRunner().invoke(app, ["compare", *files, "--segment", "carrier", "--fail-on", "drift"])
    assert done.exit_code == 3
    assert "inside carrier=UA" in done.stdout
    assert CliRunner().invoke(app, ["compare", *files, "--segment", "city"]).exit_code == 2
