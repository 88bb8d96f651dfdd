"""Other tools' decisions, made again: a file each, with its definition as ``PRESET``.

A preset answers one question of a team that moves over: "does it say what our tool says?" It knows no budget, no natural variation
and no correction for the number of columns; what it finds is what the other tool finds on its defaults.
"""

from __future__ import annotations

from collections.abc import Sequence

from monitors.compare_inputs import CompareError
from monitors.presets._types import Chunking, Preset, PresetComparison, Request
from reference_data.plugins import discover
from storage.column_values import Columns

__all__ = ["Preset", "PresetComparison", "judge_as", "presets"]


def presets() -> dict[str, Preset]:
    """Return all presets by name."""
    return discover("monitors.presets", "PRESET")


def judge_as(
    name: str | None,
    reference: Columns,
    current: Columns,
    columns: Sequence[str],
    *,
    timestamp: str | None = None,
    chunk: str | None = None,
    refused: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> PresetComparison:
    """Hold ``current`` against ``reference`` by the rules of the preset ``name``.

    ``refused``: names of arguments given that say how Driftdeck's own verdict is made. Raises :class:`CompareError` for a preset
    that does not exist, and for arguments that make no sense for it.
    """
    if name is None:
        raise CompareError("chunk is for presets that cut rows into chunks; give one with preset, such as 'nannyml'")
    if name not in presets():
        raise CompareError(f"preset {name!r} is not known; there are {', '.join(presets())}")
    preset = presets()[name]
    if refused:
        raise CompareError(
            f"preset {name!r} decides by the defaults of {preset.title}; leave out {' and '.join(refused)}"
        )
    if chunk is not None and not preset.chunked:
        raise CompareError(f"preset {name!r} holds all rows against all rows; leave out chunk")
    asked = Request(
        reference,
        current,
        [column for column in columns if column != timestamp],
        timestamp,
        Chunking.parse(chunk, timestamp),
    )
    return preset.judge(preset, asked, tuple(notes))
