"""What columns hold at all: categories that are gone, values that are stuck, how many there are; and no alarm where chance or habit does it."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from monitors.judge_quality import QUALITY_CHECKS, quality_readings, with_ranges
from monitors.types import Reading
from reference_data.reference import Reference
from reference_data.windows import Window
from tests.support.profiles import DAILY, NOW, START, layout_of, profiles_of

LEVEL = 3e-5
DAYS = 30
Day = Callable[[np.random.Generator, int, int], dict[str, np.ndarray]]


def ordinary(rng: np.random.Generator, n: int, day: int, jitter: float = 0.1) -> dict[str, np.ndarray]:
    """Return a day of columns that vary by themselves: rare categories, one of weekdays only, a number that is mostly zero."""

    def draw(*shares: float) -> np.ndarray:
        p = np.asarray(shares) * np.exp(rng.normal(0, jitter, len(shares)))
        return rng.choice([f"k{i}" for i in range(len(p))], n, p=p / p.sum())

    return {
        "few": draw(0.6, 0.3, 0.1),
        "rare": draw(0.5, 0.3, 0.15, 0.04, 0.01),
        "many": draw(*(1 / np.arange(1, 41))),
        "weekdays": np.full(n, "k0") if day % 7 >= 5 else draw(0.6, 0.4),
        "number": rng.normal(rng.normal(0, jitter), 1, n),
        "mostly": np.where(rng.random(n) < 0.95, 0.0, rng.exponential(1, n)),
    }


def windows(days: int, first: int = 0) -> list[Window]:
    return [Window(START + timedelta(days=first + i), START + timedelta(days=first + i + 1)) for i in range(days)]


def read(
    n: int, live: Sequence[dict[str, np.ndarray]], seed: int, *, named: Sequence[str] = (), reference_days: int = DAYS
) -> list[Reading]:
    """Return the readings of live days, each a change of an ordinary one, against a reference of ordinary ones."""
    rng = np.random.default_rng(seed)
    before = [ordinary(rng, size(n, day), day) for day in range(reference_days)]
    layout = layout_of({name: np.concatenate([day[name] for day in before]) for name in before[0]})
    period = windows(reference_days)
    reference = Reference(
        "m", 1, NOW, "file", Window(period[0].start, period[-1].end), tuple(w.start for w in period), profiles_of(layout, before), None
    )  # fmt: skip
    there = windows(len(live), reference_days)
    current = profiles_of(layout, live)
    found = quality_readings(reference, DAILY, there, current, blank(reference), LEVEL, least=30, named=named)
    return list(with_ranges(found, reference.inputs.total(), there, current))


def size(n: int, day: int) -> int:
    return int(n * 0.4) if day % 7 >= 5 else n


def reference_of_nothing() -> Reference:
    empty = layout_of({"x": [1.0]}).empty(1)
    return Reference("m", 1, NOW, "file", Window(START, START), (START,), empty, None)


def blank(reference: Reference) -> Reading:
    nothing: dict[str, Any] = dict.fromkeys(
        ("value", "reference_value", "threshold", "lower", "upper", "p_value", "effect"), np.nan
    )
    return Reading(
        model="m", model_version="v", reference_version=1, check="", scope="column", column=None, segment=None,
        window=reference.period, n=0, n_reference=0, verdict="ok", significant=False, material=False, harmful=False, unit="",
        sentence="", computed_at=NOW, **nothing,
    )  # fmt: skip


def day(n: int, seed: int, at: int = DAYS, changed: dict[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
    return ordinary(np.random.default_rng(seed), n, at) | (changed or {})


@pytest.mark.slow
@pytest.mark.parametrize("n", [30, 100, 1000, 5000])
@pytest.mark.parametrize("seed", [5, 6])
def test_ordinary_days_give_no_warning(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    live = [ordinary(rng, size(n, DAYS + at), DAYS + at, jitter=0.2) for at in range(56)]
    assert read(n, live, seed + 100) == []


def test_a_solid_category_that_is_gone_is_a_warning_that_names_it() -> None:
    gone = day(1000, 1)
    gone["few"] = np.where(gone["few"] == "k1", "k0", gone["few"])
    (found,) = read(1000, [gone, day(1000, 2)], 7)
    assert (found.check, found.column, found.verdict) == ("vanished_share", "few", "warning")
    assert found.value == pytest.approx(0.3, abs=0.02)
    assert "few = k1" in found.sentence
    assert found.p_value < LEVEL


def test_what_chance_or_habit_keeps_away_is_not_missed() -> None:
    few = day(30, 3)
    few["rare"] = np.full(30, "k0")[: len(few["rare"])]
    sunday = day(400, 4, DAYS + 5)  # the category of weekdays stays away, as on other weekends
    assert [r for r in read(30, [few], 8) if r.check == "vanished_share"] == []
    assert read(1000, [sunday], 9) == []


@pytest.mark.parametrize(("column", "stuck"), [("number", np.full(500, 0.25)), ("few", np.full(500, "k1"))])
def test_a_column_that_is_stuck_is_a_warning(column: str, stuck: np.ndarray) -> None:
    found = {r.check: r for r in read(500, [day(500, 5, changed={column: stuck})], 10)}
    assert found["constant"].verdict == "warning"
    assert found["constant"].column == column
    assert ("0.250" if column == "number" else "k1") in found["constant"].sentence


def test_fewer_categories_than_so_many_rows_hold_is_a_warning() -> None:
    rng = np.random.default_rng(12)
    few = day(2000, 6, changed={"many": rng.choice([f"k{i}" for i in range(12)], 2000)})
    found = {(r.check, r.column) for r in read(2000, [few, day(2000, 7)], 11) if r.verdict == "warning"}
    assert ("cardinality", "many") in found


def test_named_checks_are_read_in_every_window_and_say_when_they_cannot() -> None:
    nothing = {name: values[:0] for name, values in day(10, 8).items()}
    found = read(500, [day(500, 8), day(10, 8), nothing], 13, named=["constant"])
    verdicts = [r.verdict for r in found if r.column == "number"]
    assert verdicts == ["ok", "insufficient", "no_data"]
    assert {r.check for r in found} == {"constant"}


def test_a_reference_of_one_window_is_careful_and_not_blind() -> None:
    all_gone = day(2000, 9)
    all_gone["few"] = np.where(all_gone["few"] == "k0", "k1", all_gone["few"])
    found = read(2000, [all_gone, day(2000, 10)], 14, reference_days=1)
    assert {(r.check, r.column) for r in found} == {("vanished_share", "few")}


def test_checks_have_a_sentence_in_every_state() -> None:
    found = read(500, [day(500, 11), day(500, 12, changed={"number": np.full(500, 1.0)})], 15, named=QUALITY_CHECKS)
    assert {r.check for r in found} == set(QUALITY_CHECKS)
    assert all(r.sentence.endswith(".") and "nan" not in r.sentence for r in found)
