"""The tile of the ratio of the business that needs a look most: one in trouble, else the first that is declared."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard import text
from dashboard.components import health, tiles
from service.outcome_views import BusinessPoint

_TROUBLE = ("warning", "critical")


def tile(points: Sequence[BusinessPoint], start: str, about: str) -> tiles.Tile | None:
    """Return the tile of the window that begins at ``start``, None when no ratio was measured in it; ``about`` names the window."""
    here = [point for point in points if point["start"] == start and point["role"] == "serving"]
    if not here:
        return None
    shown = max(
        here, key=lambda point: (point["verdict"] in _TROUBLE, point["value"] is not None)
    )  # the first of equals
    found: tiles.Tile = {
        "label": text.plain(shown["label"], 40),
        "value": text.number(shown["value"], shown["unit"]),
        "remark": _remark(shown),
        "tone": "bad" if shown["verdict"] in _TROUBLE else "neutral",
        "help": f"{about}. {text.plain(shown['sentence'], 300)}",
    }
    change = _change(shown)
    if change:
        found["arrow"] = "up" if change > 0 else "down"
    return found


def _change(point: BusinessPoint) -> float | None:
    value, usual = point["value"], point["reference"]
    return None if value is None or usual is None or point["verdict"] == "insufficient" else value - usual


def _remark(point: BusinessPoint) -> str:
    """Return the change against what is usual; in its place what keeps it from being judged."""
    change = _change(point)
    if change is None:
        state = health.state_of(point["verdict"]) if point["value"] is not None else "no_data"
        return health.words(health.DRIFT, state)
    size = (
        f"{text.number(100 * change, signed=True)} pts"
        if point["unit"] == "share"
        else text.number(change, signed=True)
    )
    return f"{size} vs ref."
