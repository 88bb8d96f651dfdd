"""Readings made by hand, one window at a time."""

import math
from typing import Any

from monitors.types import Reading
from tests.support.profiles import NOW, days

BLANK = Reading(
    model="m",
    model_version="v1",
    reference_version=1,
    check="",
    scope="column",
    column=None,
    segment=None,
    window=days(1)[0],
    value=0.0,
    reference_value=0.0,
    threshold=0.1,
    lower=math.nan,
    upper=math.nan,
    p_value=1.0,
    effect=0.0,
    n=500,
    n_reference=5000,
    verdict="ok",
    significant=False,
    material=False,
    harmful=False,
    unit="distance",
    sentence="",
    computed_at=NOW,
)


def reading(check: str, column: str | None = None, **changes: Any) -> Reading:
    """Return a reading of the first day unless told otherwise."""
    values = {name: getattr(BLANK, name) for name in BLANK.__slots__}
    return Reading(**values | {"check": check, "column": column} | changes)


def window(
    number: int,
    *,
    harm: bool = False,
    concept: bool = False,
    drift: tuple[str, ...] = (),
    missing: tuple[str, ...] = (),
    rows: str = "ok",
    labels: str = "ok",
    version: str = "v1",
) -> list[Reading]:
    """Return the readings of one day, with what is said to be wrong with it."""
    common: dict[str, Any] = {"window": days(1, number)[0], "model_version": version}
    told: dict[str, Any] = {"significant": True, "material": True}
    found = [reading("row_count", scope="traffic", verdict=rows, unit="rows", sentence="Rows.", **common)]
    if rows == "no_data":
        return found
    for name in ("x", "k", "weather", "prediction"):
        changes = told | {"verdict": "drift", "effect": 0.4} if name in drift else {}
        verdict: dict[str, Any] = {"verdict": rows} if rows != "ok" else changes
        found.append(reading("jensen_shannon", name, sentence=f"{name} moved.", **common | verdict))
        changes = told | {"verdict": "warning", "effect": 0.3, "value": 0.3} if name in missing else {}
        found.append(reading("missing_share", name, unit="share", sentence=f"{name} has holes.", **common | changes))
    performance: dict[str, Any] = {
        "scope": "performance",
        "unit": "min",
        "reference_value": 8.05,
        "value": 8.1,
    } | common
    state: dict[str, Any] = {"verdict": labels} if rows == "ok" else {"verdict": rows}
    if harm and state["verdict"] == "ok":
        state = told | {"verdict": "critical", "value": 15.0, "harmful": True}
    found.append(reading("mae", sentence="It got worse.", **performance | state))
    bias: dict[str, Any] = {"reference_value": 0.1, "value": 14.2 if harm else 0.2}
    found.append(reading("bias", sentence="", **performance | bias | ({} if harm and "harmful" in state else state)))
    moved = told | {"verdict": "drift"} if concept else {}
    found.append(reading("jensen_shannon", "error given inputs", sentence="Errors moved.", **common | moved))
    return found
