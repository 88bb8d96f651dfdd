"""The one maker of readings that say nothing yet: every check fills in what it finds."""

from __future__ import annotations

from datetime import datetime
from math import nan

from monitors.types import Reading, Scope
from reference_data.reference import Reference
from reference_data.windows import Window


def blank_reading(
    model: str, model_version: str, reference: tuple[int, int], window: Window, now: datetime, scope: Scope = "column"
) -> Reading:
    """Return a reading without a value; ``reference`` is its version and its rows."""
    version, rows = reference
    return Reading(
        model=model, model_version=model_version, reference_version=version, check="", scope=scope, column=None, segment=None,
        window=window, value=nan, reference_value=nan, threshold=nan, lower=nan, upper=nan, p_value=nan, effect=nan, n=0,
        n_reference=rows, verdict="ok", significant=False, material=False, harmful=False, unit="", sentence="", computed_at=now,
    )  # fmt: skip


def blank_of(reference: Reference, model_version: str, now: datetime) -> Reading:
    """Return what all readings of a version against a reference have in common; its window is the reference's."""
    return blank_reading(reference.model, model_version, (reference.version, reference.rows), reference.period, now)
