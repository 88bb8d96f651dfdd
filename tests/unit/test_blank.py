"""Readings that say nothing yet have one maker, so that they have the same in common."""

import math
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from monitors.blank import blank_of, blank_reading
from tests.unit.test_judge_quality import reference_of_nothing

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 5, tzinfo=UTC)


def test_a_blank_reading_says_nothing_and_names_its_reference() -> None:
    reference = reference_of_nothing()
    found = blank_of(reference, "v1", NOW)
    assert (found.model, found.reference_version, found.n_reference) == (
        reference.model,
        reference.version,
        reference.rows,
    )
    assert (found.window, found.scope, found.verdict, found.n) == (reference.period, "column", "ok", 0)
    assert all(math.isnan(value) for value in asdict(found).values() if isinstance(value, float))
    rows = blank_reading("m", "v1", (1, 5), reference.period, NOW, "multivariate")
    assert (rows.scope, rows.reference_version, rows.n_reference) == ("multivariate", 1, 5)


def test_nobody_else_makes_one() -> None:
    makers = [
        path.relative_to(ROOT).as_posix()
        for folder in ("monitors", "service/local")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if 'check=""' in path.read_text()
    ]
    assert makers == ["monitors/blank.py"]
