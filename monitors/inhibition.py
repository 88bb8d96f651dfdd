"""Inhibition: an alert that another open one brings about is shown beside it, and nobody is told of both. Pure.

From what breaks first to what follows: a source that fails or is late; no rows, or rows that come otherwise than usual; columns whose
values are wrong; drift. What follows never outranks what it follows from, and whether the model got worse is told in any case.
"""

from __future__ import annotations

from collections.abc import Sequence

from monitors.conditions import ARRIVAL, STANDING, alert_group, severity_rank
from monitors.types import Alert

_SOURCE, _ROWS, _COLUMNS, _DRIFT = range(4)
_HARMLESS = frozenset({"new_columns"})  # what comes along undeclared changes nothing of what is declared
_ANSWERS = frozenset({"prediction", "score"})  # they follow from whatever column


def inhibitors(alerts: Sequence[Alert]) -> dict[str, str]:
    """Return, of one model's open alerts, which are brought about by which: id by id, the earliest cause in the chain."""
    causes = sorted(
        (alert for alert in alerts if alert.state not in ("pending", "resolved") and _causes(alert)),
        key=lambda alert: (_place(alert) or 0, alert.opened_at, alert.id),
    )
    found: dict[str, str] = {}
    for alert in alerts:
        cause = next((cause for cause in causes if _brings_about(cause, alert)), None)
        if cause is not None and alert.state not in ("pending", "resolved"):
            found[alert.id] = cause.id
    return found


def _place(alert: Alert) -> int | None:
    """Return where an alert stands in the chain; None: outside it."""
    if alert.rule is not None:
        return None  # a team asked to be told of it
    if alert.kind in STANDING:
        return _SOURCE if alert.source is not None else None
    if alert.kind == "no_data" or alert_group(alert) == ARRIVAL:
        return _ROWS
    return {"data_quality": _COLUMNS, "data_drift": _DRIFT, "prediction_drift": _DRIFT}.get(alert.kind)


def _causes(alert: Alert) -> bool:
    place = _place(alert)
    return (
        place is not None
        and place < _DRIFT
        and not (place == _ROWS and set(alert.members) and set(alert.members) <= _HARMLESS)
    )


def _brings_about(cause: Alert, alert: Alert) -> bool:
    first, then = _place(cause), _place(alert)
    if first is None or then is None or first >= then or severity_rank(cause.severity) < severity_rank(alert.severity):
        return False
    if first != _COLUMNS:
        return True
    return bool(alert.members) and set(alert.members) <= {*cause.members, *_ANSWERS}
