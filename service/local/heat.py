"""Readings as people look at them: states by column and window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_data.profile import RESERVED

if TYPE_CHECKING:
    from monitors.types import Reading
    from reference_data.declaration import ModelSpec


def state_of(reading: Reading) -> str:
    """Return within, significant, material, harmful, insufficient or no_data."""
    if reading.verdict in ("insufficient", "no_data"):
        return reading.verdict
    if reading.verdict == "error":
        return "insufficient"
    if reading.harmful:
        return "harmful"
    if reading.significant and reading.material:
        return "material"
    return "significant" if reading.significant else "within"


def kind_of(column: str, spec: ModelSpec) -> str:
    """Return feature, context, prediction, score or concept."""
    if column in ("prediction", "score"):
        return column
    if column in RESERVED:
        return "concept"
    return "context" if column in spec.context else "feature"


#: From worst to best, for sorting.
STATES = ("harmful", "material", "significant", "within", "insufficient", "no_data")
