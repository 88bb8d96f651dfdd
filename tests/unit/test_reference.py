"""References: what is frozen comes back from bytes the same, and falls into windows."""

import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import numpy as np
import pytest

from reference_data.bins import Bins
from reference_data.profile import BinnedColumn, Layout, Profile
from reference_data.reference import Reference
from reference_data.schema import Column
from reference_data.windows import Window, WindowSpec

START = datetime(2013, 1, 1, tzinfo=UTC)
INPUTS = Layout(
    (
        BinnedColumn(
            Column("x '\"", "numeric", unit="°C"), Bins("ordered", edges=(-0.1, 0.1 + 0.2, 1e300), display=(-0.1,))
        ),
        BinnedColumn(
            Column("c", "categorical", "context"),
            Bins("nominal", categories=("é",), known=("\0", "😀"), known_complete=False),
        ),
    )
)
OUTCOMES = Layout(
    (BinnedColumn(Column("absolute error", "numeric", "outcome"), Bins("ordered", (0.0, 1.0)), "abs_error"),)
)


def profiles(layout: Layout, rows: list[int]) -> Profile:
    stacked = layout.empty(len(rows))
    stacked.counts[:, 0] = rows
    for entry in layout.columns:
        stacked.counts[:, layout.count_slice(entry.column.name).start] = rows  # all missing
    return stacked


def reference(rows: list[int], *, labels: bool = True) -> Reference:
    days = tuple(START + timedelta(days=index) for index in range(len(rows)))
    return Reference(
        model="m",
        version=3,
        created_at=datetime(2014, 1, 1, 12, 30, tzinfo=UTC),
        source="a file; with 'quotes'",
        period=Window(days[0], days[-1] + timedelta(days=1)),
        buckets=days,
        inputs=profiles(INPUTS, rows),
        outcomes=profiles(OUTCOMES, rows) if labels else None,
    )


@pytest.mark.parametrize("labels", [True, False])
def test_bytes_round_trip(labels):
    frozen = reference([10, 0, 7], labels=labels)
    frozen.inputs.moments[0, :4] = [1 / 3, np.nan, -np.inf, 5e-324]
    back = Reference.from_bytes(frozen.to_bytes())
    for name in ("model", "version", "created_at", "source", "period", "buckets"):
        assert getattr(back, name) == getattr(frozen, name)
    assert back.inputs.layout == INPUTS
    np.testing.assert_array_equal(back.inputs.counts, frozen.inputs.counts)
    np.testing.assert_array_equal(back.inputs.moments, frozen.inputs.moments)
    assert (back.outcomes is None) == (not labels)
    if frozen.outcomes is not None and back.outcomes is not None:
        assert back.outcomes.layout == OUTCOMES
        np.testing.assert_array_equal(back.outcomes.counts, frozen.outcomes.counts)
    assert back.rows == 17


def test_bytes_with_code_in_them_are_refused():
    data = BytesIO(reference([1]).to_bytes())
    evil = BytesIO()
    np.save(evil, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(data) as old, zipfile.ZipFile(out := BytesIO(), "w") as new:
        for name in old.namelist():
            new.writestr(name, evil.getvalue() if name == "inputs_counts.npy" else old.read(name))
    with pytest.raises(ValueError, match="pickle"):
        Reference.from_bytes(out.getvalue())


def test_windows_merge_buckets_and_drop_what_the_ends_cut_off():
    spec = WindowSpec.parse("1w", "UTC", START.date())
    frozen = reference([10] * 14 + [10, 10])
    windows, inputs, outcomes = frozen.windows(spec)
    assert [window.start for window in windows] == [START, START + timedelta(days=7)]
    assert inputs.rows.tolist() == [70, 70]
    assert outcomes is not None
    assert outcomes.rows.tolist() == [70, 70]
    assert replace(frozen, outcomes=None).windows(spec)[2] is None


def test_a_layout_names_what_it_has():
    with pytest.raises(KeyError, match=r"no column .*the reference has"):
        INPUTS.entry("y")
    assert INPUTS.columns[0].bins.labels[0] == "(-inf, -0.1]"
    assert INPUTS.columns[1].bins.labels == ("é", "other", "unseen")
