"""Why performance changed, from rows whose truth is known."""

from typing import Any

import numpy as np
import pytest

from monitors.why.contributions import contributions
from monitors.why.evidence import Event, evidence_causes, gather
from monitors.why.examples import choose, kinds
from monitors.why.parts import LOW, Parts, change_parts
from monitors.why.rows import Grouping, Rows, cells, grouping
from monitors.why.slices import find_slices, holm
from reference_data.profile import BinnedColumn
from tests.support.profiles import layout_of

N = 3000
HOSTILE = 'x"; DROP TABLE log; --'


def draw(seed: int, n: int = N, shift: float = 0.0, rule: float = 0.0, **columns: Any) -> Rows:
    """A loss that grows with ``x``; ``rule`` is added to every row's."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(shift, 1, n), rng.normal(size=n)
    k = rng.choice(list("abcd"), n).astype(object)
    loss = np.abs(rng.normal(size=n)) * (1 + 0.5 * np.maximum(x, 0)) + rule
    return Rows({"x": x, "y": y, "k": k, **columns}, loss, np.arange(n) % 20)


def entries(rows: Rows) -> tuple[BinnedColumn, ...]:
    return layout_of(dict(rows.columns)).columns


def groupings(rows: Rows) -> list[Grouping]:
    return [grouping(entry, rows) for entry in entries(rows)]


def parts(reference: Rows, current: Rows, context: tuple[str, ...] = ()) -> Parts:
    every = entries(reference)
    inside = [entry for entry in every if entry.column.name not in context]
    found = change_parts(inside, [entry for entry in every if entry.column.name in context], reference, current)
    assert found is not None
    return found[0]


#: E[loss] after a shift of 1, less before: sqrt(2/pi) * 0.5 * (E max(x + 1, 0) - E max(x, 0))
MOVED = np.sqrt(2 / np.pi) * 0.5 * (1.0833 - 0.3989)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shift", "rule", "inputs"), [(0.0, 0.0, 0.0), (1.0, 0.0, MOVED), (0.0, 0.4, 0.0), (1.0, 0.4, MOVED)]
)
def test_a_change_is_taken_apart_into_other_inputs_and_another_rule(shift: float, rule: float, inputs: float) -> None:
    found = parts(draw(1), draw(2, shift=shift, rule=rule))
    assert found.inputs.value + found.rule.value == pytest.approx(found.change.value)
    assert abs(found.inputs.value - inputs) < 3 * found.inputs.error
    assert abs(found.rule.value - rule) < 3 * found.rule.error
    assert found.inputs.error < 0.05
    assert found.overlap > LOW


@pytest.mark.slow
def test_intervals_cover_what_is_true() -> None:
    inside = 0
    for seed in range(12):
        found = parts(draw(100 + seed, 400), draw(200 + seed, 400, shift=0.5))
        inside += found.rule.lower <= 0 <= found.rule.upper
    assert inside >= 10


@pytest.mark.slow
def test_inputs_that_left_the_reference_are_said_to() -> None:
    assert parts(draw(1), draw(2, shift=6.0)).overlap < LOW
    unseen = draw(2, k=np.full(N, "new", dtype=object))
    assert parts(draw(1), unseen).overlap < LOW


@pytest.mark.slow
def test_what_the_model_does_not_see_is_taken_out_of_the_rule() -> None:
    """The loss follows a context column that moves: to the model the rule has changed, and why is told beside."""
    rng = np.random.default_rng(5)

    def weather(seed: int, shift: float) -> Rows:
        rows = draw(seed)
        w = rng.normal(shift, 1, N)
        return Rows({**rows.columns, "w": w}, rows.loss + np.maximum(w, 0), rows.day)

    found = parts(weather(1, 0.0), weather(2, 0.8), context=("w",))
    assert found.rule.lower > 0.3
    assert found.context is not None
    assert abs(found.context.value - found.rule.value) < 3 * found.context.error + 0.05
    away = parts(weather(1, 0.0), weather(2, 9.0), context=("w",))
    assert away.context is None
    assert away.context_overlap is not None
    assert away.context_overlap < LOW < away.overlap


@pytest.mark.parametrize(("before", "after"), [(0, 500), (500, 99), (99, 500)])
def test_few_rows_are_not_taken_apart(before: int, after: int) -> None:
    reference, current = draw(1).take(np.arange(before)), draw(2).take(np.arange(after))
    assert change_parts(entries(draw(1)), (), reference, current) is None


def test_constant_losses_and_columns_that_hold_nothing_are_no_trouble() -> None:
    def flat(n: int, loss: float) -> Rows:
        columns = {"x": np.full(n, np.nan), "inf": np.full(n, np.inf), "k": np.array([None] * n, dtype=object)}
        return Rows(columns, np.full(n, loss))

    some = layout_of({"x": np.arange(100.0), "inf": np.arange(100.0), "k": np.array(["a", "b"] * 50)}).columns
    found = change_parts(some, (), flat(200, 1.0), flat(200, 3.0))
    assert found is not None
    assert (found[0].inputs.value, found[0].rule.value) == (0.0, 2.0)
    assert found[0].rule.clear
    cut = [grouping(entry, flat(200, 1.0)) for entry in some]
    assert find_slices(cut, flat(400, 1.0), flat(400, 3.0)) == []
    assert [one.value for one in contributions(cut, flat(200, 1.0), flat(200, 3.0))] == [0.0, 0.0, 0.0]


# -- slices ------------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_no_slice_is_told_when_nothing_changed_or_everything_did() -> None:
    told = sum(
        bool(find_slices(groupings(reference := draw(seed)), reference, draw(1000 + seed, rule=0.3 * (seed % 2))))
        for seed in range(40)
    )
    assert told <= 4


def test_the_part_of_the_rows_that_lost_is_found() -> None:
    reference, now = draw(1, 6000), draw(2, 6000)
    bad = now.columns["k"] == "c"
    current = Rows(now.columns, now.loss + np.where(bad, 0.5, 0.0), now.day)
    (found, *more) = find_slices(groupings(reference), reference, current)
    assert more == []
    assert (found.words, found.columns, found.groups) == ("k = c", ("k",), ("c",))
    assert found.lower < 0.5 < found.upper
    assert 0.3 < found.shrunk < 0.7
    assert found.p_value < 0.001
    assert found.part == pytest.approx(0.125, abs=0.04)


def test_two_columns_together_are_found_and_the_pair_says_more_than_either() -> None:
    reference, now = draw(1, 16_000), draw(2, 16_000)
    bad = (now.columns["k"] == "c") & (now.columns["y"] > 1.0)
    current = Rows(now.columns, now.loss + 2.0 * bad, now.day)
    found = find_slices(groupings(reference), reference, current)
    assert set(found[0].columns) == {"k", "y"}
    assert "k = c" in found[0].words


@pytest.mark.slow
def test_days_that_differ_by_themselves_make_no_slice() -> None:
    """A category whose loss goes up and down from day to day in the reference is not told for one such day."""
    rng = np.random.default_rng(3)

    def days(rows: Rows, n: int) -> Rows:
        day = np.arange(len(rows)) % n
        moves = rng.normal(0, 0.5, n)
        return Rows(rows.columns, rows.loss + np.where(rows.columns["k"] == "b", moves[day], 0.0), day)

    told = 0
    for seed in range(20):
        reference = days(draw(seed, 6000), 30)
        told += bool(find_slices(groupings(reference), reference, days(draw(500 + seed, 2000), 1)))
    assert told <= 3


def test_a_new_category_that_costs_more_is_a_slice_without_a_reference() -> None:
    reference, now = draw(1), draw(2)
    k = np.where(np.arange(N) % 5 == 0, "new", now.columns["k"]).astype(object)
    current = Rows({**now.columns, "k": k}, now.loss + 2.0 * (k == "new"), now.day)
    (found, *_) = find_slices(groupings(reference), reference, current)
    assert (found.words, found.reference) == ("k new", None)


def test_holm_corrects_for_how_many_were_tried() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


# -- causes ------------------------------------------------------------------------------------------------------------
def causes(reference: Rows, current: Rows, context: tuple[str, ...] = ()) -> list[tuple[str | None, str]]:
    every = entries(reference)
    evidence = gather(
        [entry for entry in every if entry.column.name not in context],
        [entry for entry in every if entry.column.name in context],
        reference, current, loss="absolute error", unit="min", tolerance=0.1,
    )  # fmt: skip
    assert evidence is not None
    return [(cause.column, cause.sentence) for cause in evidence_causes(evidence, None, "")]


@pytest.mark.slow
def test_the_column_whose_shift_costs_comes_before_one_that_only_moved() -> None:
    now = draw(2, shift=1.2)
    current = Rows({**now.columns, "y": now.columns["y"] + 2.0}, now.loss, now.day)
    (first, *more) = causes(draw(1), current)
    assert first[0] == "x"
    assert "of its rise" in first[1]
    assert "y" not in [name for name, _ in more]


def test_missing_values_that_cost_are_a_cause() -> None:
    now = draw(2)
    lost = np.arange(N) % 3 == 0
    columns = {**now.columns, "y": np.where(lost, np.nan, now.columns["y"])}
    (first, *_) = causes(draw(1), Rows(columns, now.loss + 1.0 * lost, now.day))
    assert first[0] == "y"
    assert first[1].startswith("y missing in 33.3 % of rows, 0 % in the reference")


def test_a_rule_that_changed_for_all_is_the_first_cause_even_where_values_are_new() -> None:
    now = draw(2, rule=0.6)
    current = Rows({**now.columns, "y": now.columns["y"] + 8.0}, now.loss, now.day)
    (first, *_) = causes(draw(1), current, context=("y",))
    assert first[0] is None
    assert "The same inputs now lead to other labels" in first[1]


def test_a_slice_that_lost_is_told_even_where_the_others_made_up_for_it() -> None:
    reference, now = draw(1, 6000), draw(2, 6000)
    bad = now.columns["k"] == "c"
    found = causes(reference, Rows(now.columns, now.loss + np.where(bad, 0.6, -0.2), now.day))
    assert [name for name, _ in found] == ["k"]
    assert found[0][1].startswith("k = c (2")
    assert "of the rise" not in found[0][1]


def test_names_may_be_anything() -> None:
    hostile = {HOSTILE: draw(1).columns["x"]}
    reference = Rows({**draw(1).columns, **hostile}, draw(1).loss)
    now = draw(2)
    current = Rows({**now.columns, HOSTILE: now.columns["x"]}, now.loss + 1.0 * (now.columns["k"] == "a"))
    assert any("k = a" in words for _, words in causes(reference, current))


def test_an_event_is_words_and_perhaps_a_column() -> None:
    assert Event("Version v2 became champion on 1 May 2013.").column is None


# -- cells and rows ----------------------------------------------------------------------------------------------------
def test_groups_are_about_of_one_size_and_name_what_lies_beyond() -> None:
    reference = draw(1)
    cut = next(one for one in groupings(reference) if one.name == "x")
    shares = np.bincount(cut.codes(reference)) / N
    assert shares[1:-1].max() < 0.2
    assert shares[0] == 0
    high = Rows({"x": np.array([1e9, np.nan])}, np.zeros(2))
    below_the_top, missing = (cut.words(int(code)) for code in cut.codes(high))
    assert below_the_top.startswith("x above ")
    assert missing == "x missing"


def test_cells_are_those_that_profiles_count() -> None:
    entry = layout_of({"k": np.array(["a"] * 3 + ["b"])}).columns[0]
    values = np.array(["a", "b", "zzz", None], dtype=object)
    assert cells(entry, values).tolist() == [0, 1, entry.bins.size - 1, entry.bins.size]


def test_chosen_rows_are_typical_and_not_all_of_one_kind() -> None:
    scores = np.arange(1000.0)
    scores[-1] = 1e9
    kind = np.where(np.arange(1000) >= 900, 0, np.arange(1000) % 7)
    chosen = choose(scores, kind, 8)
    assert len(chosen) == len(set(chosen)) == 8
    assert 999 not in chosen
    assert len({int(kind[row]) for row in chosen}) >= 4
    assert choose(np.full(5, np.nan), np.zeros(5, dtype=int), 3) == []


def test_kinds_are_groups_of_columns_together() -> None:
    rows = Rows({"k": np.array(["a", "a", "b", "b"], dtype=object), "x": np.array([0.0, 9.0, 0.0, 0.0])}, np.zeros(4))
    assert len(set(kinds(groupings(rows), rows).tolist())) == 3


def test_the_number_just_below_nought_is_written_as_nought() -> None:
    known = {"wind": np.concatenate([np.zeros(50), np.linspace(0.5, 360.0, 950)])}
    rows = Rows(columns=known, loss=np.ones(1000))
    (entry,) = entries(rows)
    labels = grouping(entry, rows).labels
    assert entry.bins.edges[0] < 0 < 1e-300 > -entry.bins.edges[0], "the edge below the least value, which is 0"
    assert any(label.startswith("0–") for label in labels), labels
    assert not any("e-" in label for label in labels), labels
