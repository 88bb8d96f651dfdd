"""The generator of the alarms benchmark: its two paths hold the same data, and its drifts are the size they say."""

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from scipy import special

from benchmarks.alarms.days import Cell, Drift
from benchmarks.alarms.generator import DAY, REFERENCE_DAYS, START, Model, make
from reference_data.profile import Profile
from storage.freezing import freeze_layout
from storage.profiler import profile_rows

CELL = Cell("test", 200, jitter=0.05)


@pytest.fixture(scope="module")
def model() -> Model:
    return make(CELL, 0, 3)


def expressions(model: Model) -> dict[str, str]:
    return {f.name: f'"{f.name}"' for f in model.features}


def test_the_product_freezes_the_same_cells_from_the_rows(model: Model) -> None:
    con = duckdb.connect()
    con.register("rows", model.reference_table())
    columns = [entry.column for entry in model.reference.inputs.layout.columns]
    layout = freeze_layout(con, "SELECT * FROM rows", expressions(model), columns)
    for ours, theirs in zip(model.reference.inputs.layout.columns, layout.columns, strict=True):
        assert ours == theirs


def counted(model: Model, table: pa.Table) -> Profile:
    """Return the product's own profile of the rows, one a day."""
    con = duckdb.connect()
    con.execute("SET timezone = 'UTC'")
    con.register("rows", table)
    layout = model.reference.inputs.layout
    return profile_rows(con, "SELECT * FROM rows", expressions(model), layout, group=["event_time::DATE"])[1]


def test_the_rows_of_the_reference_fall_into_its_counts(model: Model) -> None:
    profile = counted(model, model.reference_table())
    assert np.array_equal(profile.counts, model.reference.inputs.counts)
    assert np.allclose(profile.moments, model.reference.inputs.moments)


def test_the_rows_of_a_day_fall_into_its_counts(model: Model) -> None:
    profile = counted(model, pa.concat_tables([model.table(day) for day in range(3)]))
    assert np.array_equal(profile.counts, model.current.counts)


def test_the_rows_of_wilder_days_fall_into_their_counts_too() -> None:
    model = make(Cell("wild", 150, jitter=0.1, additive=True, bursty=True), 4, 2, Drift("city", "new_category", 0.1, 1))
    profile = counted(model, pa.concat_tables([model.table(day) for day in range(2)]))
    assert np.array_equal(profile.counts, model.current.counts)


def test_times_of_a_day_stay_inside_its_window(model: Model) -> None:
    at = model.table(1)["event_time"].to_pylist()
    assert model.windows[1].start == START + (REFERENCE_DAYS + 1) * DAY
    assert all(model.windows[1].start <= moment < model.windows[1].end for moment in at)


def test_a_drift_leaves_the_reference_the_days_before_and_the_other_columns_as_they_are() -> None:
    plain, drifted = make(CELL, 3, 20), make(CELL, 3, 20, Drift("normal_a", "location", 0.5, start=10))
    assert np.array_equal(plain.reference.inputs.counts, drifted.reference.inputs.counts)
    assert np.array_equal(plain.current.counts[:10], drifted.current.counts[:10])
    assert not np.array_equal(
        plain.current.column("normal_a").cells[10:], drifted.current.column("normal_a").cells[10:]
    )
    assert np.array_equal(plain.current.column("city").cells, drifted.current.column("city").cells)


def large(drift: Drift, *, additive: bool = False) -> tuple[Profile, Profile]:
    model = make(Cell("large", 5_000, additive=additive), 1, 20, drift)
    return model.current[: drift.start].total(), model.current[drift.start :].total()


@pytest.mark.slow
@pytest.mark.parametrize("column", ["normal_a", "price", "return_a", "uniform_a", "waiting"])
def test_a_location_drift_has_the_stated_size(column: str) -> None:
    before, after = (part.column(column) for part in large(Drift(column, "location", 0.3, start=10), additive=True))
    means, places = [], np.flatnonzero(before.cells + after.cells)
    edges = np.array(before.entry.bins.edges)
    for part in (before, after):
        centres = (edges[np.maximum(places - 1, 0)] + edges[np.minimum(places, len(edges) - 1)]) / 2
        means.append((part.cells[places] * centres).sum() / part.valid)
    sd = next(f.sd for f in make(CELL, 0, 1).features if f.name == column)
    assert (means[1] - means[0]) / sd == pytest.approx(0.3, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("column", ["price", "uniform_a", "waiting"])
def test_skewed_and_bounded_values_move_through_the_normal_variable_behind_them(column: str) -> None:
    before, after = (part.column(column) for part in large(Drift(column, "location", 0.3, start=10)))
    below = [np.cumsum(part.cells)[len(part.cells) // 2] / part.valid for part in (before, after)]
    moved = special.ndtri(below[0]) - special.ndtri(below[1])
    assert moved == pytest.approx(0.3, abs=0.03)
    if column == "uniform_a":
        assert after.cells[-1] / after.valid < 0.001


@pytest.mark.slow
def test_counts_and_flags_move_by_their_own_standard_deviation() -> None:
    before, after = (part.column("flag") for part in large(Drift("flag", "location", 0.2, start=10)))
    share = [part.cells[1] / part.valid for part in (before, after)]
    assert share[1] - share[0] == pytest.approx(0.1, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("drift", "expected"),
    [
        (Drift("region", "share", 0.05, start=10), 0.05),
        (Drift("region", "new_category", 0.02, start=10), 0.02),
        (Drift("normal_gaps", "missing", 0.2, start=10), 0.18),
    ],
)
def test_shares_move_by_the_stated_points(drift: Drift, expected: float) -> None:
    found = []
    for part in large(drift):
        column = part.column(drift.column)
        concerned = {
            "share": column.cells[1] / column.valid,
            "new_category": column.cells[-1] / column.valid,
            "missing": column.missing / column.rows,
        }
        found.append(float(concerned[drift.change]))
    assert found[1] - found[0] == pytest.approx(expected, abs=0.006)


def test_a_correlation_flip_shows_in_the_rows_alone() -> None:
    drift = Drift("normal_a", "correlation", 1.0, start=1)
    plain, flipped = make(CELL, 2, 2), make(CELL, 2, 2, drift)
    assert np.array_equal(plain.current.counts, flipped.current.counts)
    tables = [flipped.table(day) for day in range(2)]
    rho = [np.corrcoef(t["normal_a"].to_numpy(), t["normal_b"].to_numpy())[0, 1] for t in tables]
    assert rho[0] > 0.4
    assert rho[1] < -0.4


def test_day_effects_have_the_stated_size_and_memory() -> None:
    days = make(Cell("memory", 30, jitter=0.05, memory=0.5), 0, 2000)
    move = days.moves[0][:, 0]
    assert move.std() == pytest.approx(0.05, rel=0.1)
    assert np.corrcoef(move[1:], move[:-1])[0, 1] == pytest.approx(0.5, abs=0.08)
    cycle = make(Cell("cycle", 30, weekday=0.1), 0, 1).moves[0][:28, 0]
    assert cycle.std() == pytest.approx(0.1)
    assert np.allclose(cycle[:7], cycle[7:14])


def test_weekends_have_less_traffic() -> None:
    rows = make(Cell("weekend", 100, weekend=0.4), 0, 7).current.rows
    assert sorted(set(rows.tolist())) == [40, 100]


def test_a_drift_of_an_unknown_column_names_those_there_are() -> None:
    with pytest.raises(KeyError, match="normal_a"):
        make(CELL, 0, 1, Drift("no such", "location", 1.0))
