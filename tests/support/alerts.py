"""Alerts made by hand."""

from __future__ import annotations

from itertools import count
from typing import Any

from monitors.types import Alert
from tests.support.profiles import NOW, days

_IDS = count(1)


def alert_of(kind: str, **changes: Any) -> Alert:
    """Return an open alert, a firing warning of model ``m`` unless told otherwise."""
    values: dict[str, Any] = {
        "id": f"a{next(_IDS)}", "model": "m", "severity": "warning", "state": "firing", "column": None, "segment": None,
        "window": days(1)[0], "opened_at": NOW, "changed_at": NOW, "significant": True, "material": True, "harmful": False,
        "causes": (), "members": (), "message": "", "headline": kind,
    }  # fmt: skip
    return Alert(kind=kind, **values | changes)  # type: ignore[arg-type]
