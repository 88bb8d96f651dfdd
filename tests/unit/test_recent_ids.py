"""The filter of recent ids: whatever was added is held, however runs were merged and packed."""

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import recent_ids
from storage.recent_ids import RecentIds, repeated

NEVER = datetime.min  # noqa: DTZ901


def hashes(seed: int, count: int) -> recent_ids.Hashes:
    return np.random.default_rng(seed).integers(0, 2**64, count, dtype=np.uint64)


@pytest.fixture(autouse=True)
def _short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_ids, "_SHORT", 1 << 8)
    monkeypatch.setattr(recent_ids, "_LONGEST", 1 << 13)
    monkeypatch.setattr(recent_ids, "_SLICE", 1 << 9)


@given(st.lists(st.integers(0, 3000), max_size=12), st.integers(0, 1000))
@settings(deadline=None, max_examples=40)
def test_what_was_added_is_held_and_hardly_anything_else(sizes: list[int], seed: int) -> None:
    found = RecentIds(hashes(seed, sizes[0] if sizes else 0), NEVER)
    parts = [hashes(seed + 7919 * (place + 1), size) for place, size in enumerate(sizes)]
    for part in parts:
        found.add(part)
    for part in parts:
        assert found.holds(part).all()
    assert found.holds(hashes(seed + 104729, 5000)).sum() <= 1


def test_neighbouring_hashes_are_told_apart_in_the_bits_that_are_kept() -> None:
    base = np.arange(5000, dtype=np.uint64) << np.uint64(17)  # all in the first place of a packed run, every other one
    found = RecentIds(base, NEVER)
    assert found.holds(base).all()
    assert not found.holds(base + np.uint64(1 << 16)).any()


def test_the_ends_of_the_range_are_held() -> None:
    ends = np.array([0, 1 << 16, 2**64 - 1, 2**64 - (1 << 17)], dtype=np.uint64)
    found = RecentIds(np.concatenate([ends, hashes(1, 5000)]), NEVER)
    assert found.holds(ends).all()


def test_a_hash_added_twice_counts_once_when_runs_are_merged() -> None:
    found = RecentIds(hashes(1, 1000), NEVER)
    found.add(hashes(1, 1000))
    assert len(found) == 1000


def test_repeated_names_every_place() -> None:
    assert repeated(np.array([5, 1, 5, 2], dtype=np.uint64)).tolist() == [0, 2]
    assert repeated(np.array([5, 1], dtype=np.uint64)).tolist() == []
