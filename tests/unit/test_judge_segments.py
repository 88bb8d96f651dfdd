"""Verdicts inside segments, from profiles alone: quiet without drift, day effects included; found where it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
import pytest
from scipy.special import ndtr

from monitors.judge_segments import SegmentDrift, beyond, found_readings, judge_segments
from monitors.segment_null import learn
from monitors.types import Reading
from reference_data.binning import nominal_bins
from reference_data.bins import Bins
from reference_data.coarse import Coarsening
from reference_data.declaration import ModelSpec
from reference_data.profile import CELLS, BinnedColumn, Layout, Profile
from reference_data.reference import Reference
from reference_data.schema import Column
from reference_data.segments import Segments, cut_column, single_space
from reference_data.windows import Window, WindowSpec

START = datetime(2024, 1, 1, tzinfo=UTC)
VALUES, COLUMNS, BEFORE, AFTER = 8, 5, 30, 28
EDGES = (-8.0, *np.linspace(-3, 3, 13).tolist(), 8.0)
NAMES = [f"x{place}" for place in range(COLUMNS)]
SPEC = ModelSpec(
    name="m",
    task="none",
    features={"shop": "categorical"} | dict.fromkeys(NAMES, "numeric"),
    segments=["shop"],
)
DAYS = WindowSpec.parse("1d")
WINDOWS = [Window(START + timedelta(days=day), START + timedelta(days=day + 1)) for day in range(BEFORE + AFTER)]
LAYOUT = Layout(
    (
        BinnedColumn(Column("shop", "categorical"), nominal_bins([f"v{place}" for place in range(VALUES)])),
        *(BinnedColumn(Column(n, "numeric"), Bins("ordered", edges=EDGES, display=EDGES[1:-1])) for n in NAMES),
    )
)
BLANK = Reading(
    model="m", model_version="v", reference_version=1, check="", scope="column", column=None, segment=None, window=WINDOWS[0],
    value=0.0, reference_value=0.0, threshold=0.0, lower=0.0, upper=0.0, p_value=0.0, effect=0.0, n=0, n_reference=0,
    verdict="ok", significant=False, material=False, harmful=False, unit="", sentence="", computed_at=START,
)  # fmt: skip


def days(seed: int, *, rows: float, jitter: float, shift: float) -> Profile:
    """Return profiles (values, days): each value has day effects of its own; the shift is in x1 of v2, after the reference."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, VALUES + 1) ** 0.7
    n = rng.poisson(rows * (share / share.sum())[:, None] * np.ones(len(WINDOWS)))
    profile = LAYOUT.empty(VALUES, len(WINDOWS))
    profile.counts[..., 0] = n
    cuts = np.array([-np.inf, *EDGES, np.inf])
    for place, name in enumerate(NAMES):
        mean = rng.normal(0, jitter, n.shape)
        if place == 1:
            mean[2, BEFORE:] += shift
        p = np.diff(ndtr(cuts - mean[..., None]), axis=-1).clip(0)
        where = LAYOUT.count_slice(name)
        profile.counts[..., where.start + CELLS : where.stop] = rng.multinomial(n, p / p.sum(axis=-1, keepdims=True))
    where = LAYOUT.count_slice("shop")
    for place in range(VALUES):
        profile.counts[place, :, where.start + CELLS + place] = n[place]
    return profile


@lru_cache(maxsize=8)
def judged(seed: int, rows: float = 2000, jitter: float = 0.05, shift: float = 0.0) -> SegmentDrift:
    every = days(seed, rows=rows, jitter=jitter, shift=shift)
    before = every[:, :BEFORE]
    whole = Profile(LAYOUT, before.counts.sum(axis=0), before.moments[0])
    reference = Reference(
        "m",
        1,
        START,
        "rows",
        Window(START, WINDOWS[BEFORE].start),
        tuple(w.start for w in WINDOWS[:BEFORE]),
        whole,
        None,
    )
    coarsening, cut = Coarsening.of(whole.total()), cut_column(whole.total(), "shop")
    assert cut is not None

    def folded(profile: Profile) -> Profile:
        empty = LAYOUT.empty(2, profile.rows.shape[1])  # other, missing
        counts = np.concatenate([profile.counts, empty.counts])
        return coarsening.fold(Profile(LAYOUT, counts, np.concatenate([profile.moments, empty.moments])))

    segments = Segments.of([single_space(cut)], coarsening, folded(before))
    null = learn(SPEC, reference, segments, DAYS)
    assert null is not None
    return judge_segments(SPEC, null, WINDOWS[BEFORE:], folded(every[:, BEFORE:]))


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "jitter"), [(2000, 0.05), (600, 0.0), (2000, 0.1)])
def test_without_drift_segments_are_quiet(rows: float, jitter: float) -> None:
    episodes = 0
    for seed in range(6):
        noisy = judged(seed, rows, jitter).drifted.any(axis=1)
        episodes += int((noisy & ~np.roll(noisy, 1)).sum()) if not noisy.all() else 1
    assert episodes <= 3  # in 168 days; two a year are allowed


def test_a_shift_inside_one_segment_is_found_there() -> None:
    found = judged(1, shift=0.5)
    readings = list(found_readings(found, BLANK))
    assert {(r.segment, r.column, r.check, r.verdict) for r in readings} == {
        ("shop=v2", "x1", "jensen_shannon", "drift")
    }
    assert readings[0].window.start <= WINDOWS[BEFORE + 2].start
    assert all(reading.value > reading.threshold for reading in readings)
    assert readings[0].sentence.startswith("In shop=v2: ")
    best = np.unravel_index(beyond(found).argmax(), found.p.shape)
    assert (found.null.pairs[best[1]].segment, found.null.pairs[best[1]].column) == ("shop=v2", "x1")


def test_every_reading_of_a_segment_holds_to_its_threshold() -> None:
    for reading in found_readings(judged(1, shift=0.5), BLANK, inside="shop=v2"):
        if reading.check == "jensen_shannon" and reading.verdict in ("ok", "drift"):
            assert (reading.value > reading.threshold) == (reading.verdict == "drift")
            assert reading.n > 0


def test_the_column_that_makes_a_segment_and_values_without_rows_are_not_judged_inside() -> None:
    pairs = judged(1).null.pairs
    assert {pair.column for pair in pairs} == {*NAMES}
    assert {pair.segment for pair in pairs} == {f"shop=v{place}" for place in range(VALUES)}


def test_few_rows_are_insufficient() -> None:
    sparse = judged(3, rows=120, jitter=0.0)
    few = sparse.n < SPEC.monitor.min_rows
    assert few.any()
    assert np.isnan(sparse.p[few]).all()
    assert not sparse.drifted[few].any()
