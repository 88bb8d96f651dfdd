"""Readings that are kept as columns are the readings that were always made one by one; many windows at once are each by itself."""

from dataclasses import fields, replace

import numpy as np
import pytest

from monitors.blank import blank_reading
from monitors.calibration import calibrate
from monitors.judge import judge, judge_columnar
from monitors.reading_blocks import FIELDS, Block, Readings
from monitors.registry import column_checks, column_values
from monitors.types import Reading
from reference_data.profile import Profile
from service.local.convert import reading_columns
from tests.support.profiles import DAILY, NOW, days, layout_of, profiles_of, reference_of, spec_of


def rows(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Return columns of every kind, with holes, ties, categories that the reference may lack, and values out of its range."""
    return {
        "wide": rng.lognormal(0, 2, n),
        "whole": rng.poisson(3, n).astype(float),
        "still": np.full(n, 4.0),
        "holes": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
        "letters": rng.choice(list("abcdefghij"), n, p=rng.dirichlet(np.ones(10))),
        "names": rng.choice([f"name {i}" for i in range(60)], n),
    }


@pytest.fixture(scope="module")
def profiles() -> tuple[Profile, Profile]:
    """Return a reference and 40 windows of it, one empty, some of a few rows."""
    rng = np.random.default_rng(0)
    before = rows(rng, 800)
    live = [rows(rng, n) for n in rng.choice([0, 1, 5, 40, 300], 40)]
    layout = layout_of(before)
    return profiles_of(layout, [before]).total(), profiles_of(layout, live)


@pytest.mark.parametrize("name", list(column_checks()))
def test_a_check_of_many_windows_is_that_of_each(name: str, profiles: tuple[Profile, Profile]) -> None:
    check, (reference, windows) = column_checks()[name], profiles
    for entry in reference.layout.columns:
        if entry.bins.kind not in check.kinds:
            continue
        base, column = reference.column(entry.column.name), windows.column(entry.column.name)
        together = column_values(check, base, column)
        alone = [
            column_values(check, base, windows[place : place + 1].column(entry.column.name)) for place in range(40)
        ]
        np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-12, atol=1e-12)
        single = column_values(check, base, windows[7].column(entry.column.name))  # without an axis of windows
        np.testing.assert_allclose(single, together[7], rtol=1e-12, atol=1e-12)


def judged() -> tuple[Readings, list[Reading]]:
    """Return what is found in 12 windows in which columns drift, lose values, are empty or new, as columns and as objects."""
    rng = np.random.default_rng(1)
    columns = {"x": "numeric", "k": "categorical", "gone": "numeric"}
    before = [
        {"x": rng.normal(size=200), "k": rng.choice(list("abc"), 200), "gone": rng.random(200)} for _ in range(20)
    ]
    live = [{"x": rng.normal(size=n), "k": rng.choice(list("abc"), n), "gone": rng.random(n)} for n in (200, 0, 9) * 4]
    live[6]["x"] += 3
    live[9]["k"] = np.repeat(["new", "a"], 100)
    live[9]["gone"] = np.full(200, np.nan)
    reference = reference_of(before)
    spec = spec_of("none", features=columns)
    current = profiles_of(reference.inputs.layout, live)
    arguments = spec, reference, calibrate(spec, reference, DAILY), days(12, 20), current, None, None, "v1", None, NOW
    return judge_columnar(*arguments), judge(*arguments)


def same(one: Reading, other: Reading) -> bool:
    return repr(one) == repr(other)  # NaN is not itself


def test_columns_are_the_readings_they_stand_for() -> None:
    columns, made = judged()
    assert len(columns) == len(made)
    for field in fields(Reading):
        assert repr(columns.values(field.name)) == repr([getattr(reading, field.name) for reading in made]), field.name
    assert {reading.verdict for reading in made} >= {"ok", "drift", "warning", "insufficient", "no_data"}
    assert all(map(same, columns, made))
    assert same(columns[5], made[5])
    assert repr(reading_columns(columns)) == repr(reading_columns(made))


def test_the_shares_of_columns_at_once_are_those_of_each_alone() -> None:
    rng = np.random.default_rng(2)
    names = [f"x{i}" for i in range(5)]
    before = [{name: rng.normal(size=100) for name in names} for _ in range(20)]
    live = [
        {name: np.where(rng.random(100) < rng.random() / 2, np.nan, rng.normal(size=100)) for name in names}
        for _ in range(9)
    ]
    reference = reference_of(before)
    spec = spec_of("none", features=dict.fromkeys(names, "numeric"))
    calibration = calibrate(spec, reference, DAILY)
    current = profiles_of(reference.inputs.layout, live)
    whole = judge(spec, reference, calibration, days(9, 20), current, None, None, "v1", None, NOW)
    assert any(reading.check == "missing_share" and reading.verdict == "warning" for reading in whole)
    broken = replace(calibration, columns={**calibration.columns, "x3": None})  # type: ignore[dict-item]
    others = judge(spec, reference, broken, days(9, 20), current, None, None, "v1", None, NOW)
    assert {reading.column for reading in others if reading.verdict == "error"} == {"x3"}
    kept = [reading for reading in whole if reading.column != "x3"]
    assert all(map(same, kept, (reading for reading in others if reading.column != "x3")))


def test_a_choice_asks_a_block_once_and_a_list_for_each() -> None:
    blank = blank_reading("m", "v1", (1, 100), days(1)[0], NOW)
    head = {"check": "psi", "scope": "column", "column": "x", "value": np.arange(3.0), "verdict": ["ok", "drift", "ok"]}
    block = Block(blank, days(3), head, lambda i: f"window {i}")
    mixed = Readings([block])
    mixed += [replace(blank, check="row_count", scope="traffic"), replace(blank, check="psi", column="y")]
    assert [reading.sentence for reading in mixed] == ["window 0", "window 1", "window 2", "", ""]
    assert [reading.check for reading in mixed.where(lambda r: r.check != "psi")] == ["row_count"]
    assert [reading.column for reading in mixed.where(lambda r: r.column != "y")] == ["x", "x", "x", None]
    changed = mixed.changed(lambda r: r.column == "x", lambda r: replace(r, unit="bits"))
    assert [reading.unit for reading in changed] == ["bits"] * 3 + [""] * 2
    assert block.has("drift")
    assert not block.has("error")
    assert len(FIELDS) == len(fields(Reading))
