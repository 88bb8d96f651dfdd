"""Columns of many rare categories: what is usual of a check knows that windows to come hold new values, as the reference's own do not."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from monitors.calibration import calibrate
from monitors.judge_quality import quality_readings
from monitors.judge_thresholds import unread
from monitors.new_values import rare_share, with_new_values
from monitors.registry import column_checks, column_values
from reference_data.profile import ColumnProfile, Layout
from reference_data.reference import Reference
from reference_data.windows import Window
from tests.support.profiles import DAILY, NOW, days, layout_of, profiles_of, spec_of, together
from tests.unit.test_judge_quality import blank

DAYS, ROWS = 28, 200
CHECKS = ("psi", "chi_square", "hellinger", "total_variation")
Rows = dict[str, np.ndarray]


def drawn(rng: np.random.Generator, levels: int = 10_000) -> Rows:
    """Return a day of rows whose categories never drift: many levels, each as frequent as the others, and three."""
    return {
        "many": np.array([f"v{place}" for place in rng.integers(0, levels, ROWS)]),
        "few": rng.choice(["a", "b", "c"], ROWS, p=[0.6, 0.3, 0.1]),
    }


def frozen(before: Sequence[Rows], *, counted: bool = True) -> Reference:
    """Return the reference of days, which knows how many values it held once if ``counted``."""
    every = together(before)
    columns = []
    for entry in layout_of(every).columns:
        bins, times = entry.bins, Counter(every[entry.column.name].tolist())
        once = sum(times[value] == 1 for value in bins.known) / len(every["many"])
        columns.append(replace(entry, bins=replace(bins, once=once if counted else None)))
    layout, there = Layout(tuple(columns)), days(len(before))
    period = Window(there[0].start, there[-1].end)
    return Reference("m", 1, NOW, "file", period, tuple(w.start for w in there), profiles_of(layout, before), None)


@pytest.fixture(scope="module")
def reference() -> Reference:
    rng = np.random.default_rng(3)
    return frozen([drawn(rng) for _ in range(DAYS)])


@pytest.fixture(scope="module")
def bands(reference: Reference) -> dict[str, dict[str, tuple[float, float]]]:
    spec = spec_of(features={"many": "categorical", "few": "categorical"}, monitor={"checks": list(CHECKS)})
    return {name: dict(null.bands) for name, null in calibrate(spec, reference, DAILY).columns.items()}


def later(reference: Reference, name: str, windows: int = 100) -> ColumnProfile:
    rng = np.random.default_rng(4)
    return profiles_of(reference.inputs.layout, [drawn(rng) for _ in range(windows)]).column(name)


@pytest.mark.parametrize("check", [*CHECKS, "jensen_shannon", "unseen_share"])
def test_what_is_usual_holds_for_windows_that_come_later(
    reference: Reference, bands: dict[str, dict[str, tuple[float, float]]], check: str
) -> None:
    base, now = reference.inputs.total().column("many"), later(reference, "many")
    value = column_values(column_checks()[check], base, now)
    low, high = bands["many"][check]
    assert ((value >= low) & (value <= high)).mean() > 0.8
    assert high < 2 * np.median(value)  # it is still narrow enough to say something


def test_windows_get_as_many_new_values_as_are_to_be_expected_and_vary_as_chance_has_it(reference: Reference) -> None:
    before = reference.inputs.column("many")
    found, now = with_new_values(before), later(reference, "many")
    assert found.cells.sum(axis=1).tolist() == before.cells.sum(axis=1).tolist()
    assert (found.cells[:, :-2] == before.cells[:, :-2]).all()
    assert found.cells.min() >= 0
    new, real = found.cells[:, -1], now.cells[:, -1]
    assert new.mean() == pytest.approx(rare_share(before) * ROWS, rel=0.02)
    assert new.mean() == pytest.approx(real.mean(), rel=0.05)
    assert 0.6 < new.std() / real.std() < 1.6


def test_a_reference_that_did_not_count_takes_each_unlisted_value_for_one_held_once(reference: Reference) -> None:
    rng = np.random.default_rng(3)
    older = frozen([drawn(rng) for _ in range(DAYS)], counted=False).inputs.column("many")
    assert (
        rare_share(older) == len(older.entry.bins.known) / (DAYS * ROWS) > rare_share(reference.inputs.column("many"))
    )
    assert with_new_values(older).cells[:, -1].mean() == pytest.approx(rare_share(older) * ROWS, rel=0.02)


def test_where_all_that_is_not_listed_is_new_none_of_it_stays_known() -> None:
    rng = np.random.default_rng(5)
    ids = [{"many": np.array([f"{day}-{row}" for row in range(ROWS)]), "few": drawn(rng)["few"]} for day in range(5)]
    found = with_new_values(frozen(ids).inputs.column("many"))
    assert found.cells[:, -2].tolist() == [0] * 5
    assert found.cells[:, -1].sum() == 5 * ROWS - len(found.entry.bins.categories)


def test_columns_without_unlisted_categories_are_left_as_they_are(reference: Reference) -> None:
    few = reference.inputs.column("few")
    assert with_new_values(few) is few
    number = profiles_of(layout_of({"x": [1.0, 2.0]}), [{"x": [1.0, 2.0]}]).column("x")
    assert with_new_values(number) is number
    many = reference.inputs.column("many")
    bins = replace(many.entry.bins, known_complete=False)
    unknown = replace(many, entry=replace(many.entry, bins=bins))
    assert with_new_values(unknown) is unknown  # what is not known counts as other, never as new


def test_a_relative_limit_on_a_check_that_is_read_for_it_rests_on_windows_with_new_values(reference: Reference) -> None:
    limit = {"check": "psi", "relative": True, "warning": 2.0, "column": "many"}
    spec = spec_of(features={"many": "categorical", "few": "categorical"}, monitor={"thresholds": [limit]})
    rng = np.random.default_rng(6)
    now = profiles_of(reference.inputs.layout, [drawn(rng)])
    (found,) = unread(spec, [], reference, DAILY, days(1, DAYS), now, blank(reference))
    assert found.value == pytest.approx(found.reference_value, rel=0.2)


def test_how_many_categories_there_are_says_what_is_counted(reference: Reference) -> None:
    rng = np.random.default_rng(7)
    now = profiles_of(reference.inputs.layout, [drawn(rng)])
    found = {
        reading.column: reading.sentence
        for reading in quality_readings(
            reference, DAILY, days(1, DAYS), now, blank(reference), 1e-5, least=30, named=["cardinality"]
        )
        if reading.check == "cardinality"
    }
    listed = len(reference.inputs.column("many").entry.bins.categories)
    assert (
        f"categories ({listed} are listed; other known ones count as one, and so do new ones), where" in found["many"]
    )
    assert "of 3 categories, where" in found["few"]
