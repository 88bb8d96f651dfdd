"""The windows before those that are judged: small lasting changes show only in several windows together.

However long the history, no more than the longest scale's windows (28 days) are read before a window that is due. A window whose rows or
labels have changed is judged again by itself; the later ones that took it into their means keep their readings, for what was known then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from reference_data.reference import Reference
from reference_data.windows import Window, WindowSpec
from service.local.series import held_against

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service.local.core import Core

_HOURS = {"h": 1, "d": 24, "w": 168}
_DAYS = 28  # of windows of one season, which are not neighbours, that are read before one that is due


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive windows; ``judged`` are the places of those that are due."""

    windows: list[Window]
    judged: list[int]


def blocks(core: Core, spec: ModelSpec, reference: Reference, due: Sequence[Window], *, fair: bool) -> list[Block]:
    """Return windows that are due (ascending) with those before them, in as few stretches without gaps as reading little allows.

    ``fair``: whether the reference's own windows, which are not held against it, are part of the log.
    """
    if not due:
        return []
    window_spec = core.window_spec(spec.name)
    lead = _lead(core, spec, reference, due[0], window_spec)
    length = timedelta(hours=_HOURS[window_spec.unit] * window_spec.length)
    found: list[Block] = []
    for window in due:
        since = window.start - lead * length
        if found and since <= found[-1].windows[-1].end:
            between = window_spec.between(found[-1].windows[-1].end, window.start)
            block = found[-1]
        else:
            block, between = Block([], []), window_spec.between(since, window.start)
            found.append(block)
        block.windows.extend(
            w for w in between if w.end <= window.start and not (fair and w.start < reference.period.end)
        )
        block.judged.append(len(block.windows))
        block.windows.append(window)
    return found


def _lead(core: Core, spec: ModelSpec, reference: Reference, first: Window, window_spec: WindowSpec) -> int:
    """Return how many windows before one that is due its scales reach."""
    if spec.reference.kind == "rolling":  # those before are what it is held against
        return 0
    if spec.reference.kind == "seasonal":
        return max(_DAYS * 24 // (_HOURS[window_spec.unit] * window_spec.length), 1)
    ((baseline, _),) = held_against(core, spec, reference, [first])
    late = baseline.calibration.outcomes
    return max(baseline.calibration.inputs.scales[-1], late.scales[-1] if late is not None else 1) - 1
