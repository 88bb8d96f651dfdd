"""The one path on which changes of alerts are kept: silences and inhibition first, then events and messages in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from monitors import standing
from monitors.conditions import Condition
from monitors.overrides import of_what_stands
from monitors.settle import settle
from service.local import outbox
from service.local.convert import alert_to_row, event_to_row, row_to_alert
from service.local.quiet import active_silences

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from monitors.shown import Change
    from monitors.types import Alert
    from service.local.core import Core


def settled(core: Core, before: Mapping[str, Alert], changes: Sequence[Change]) -> list[Change]:
    """Return the changes of one model's alerts with what silences and other open alerts make of them; ``before`` holds all that are open."""
    return settle(before, changes, active_silences(core), core.now()) if changes else []


def keep(core: Core, model: str, changes: Sequence[Change], watermark: str | None = None) -> None:
    """Commit changes that are settled, with the messages that tell of them. Hold ``core.alerting``."""
    if not changes and watermark is None:
        return
    core.control.commit_judgement(
        model,
        events=[(alert_to_row(alert), event_to_row(event)) for alert, event in changes],
        watermark=watermark,
        outbox=outbox.messages(core, changes),
    )


def stand(core: Core, model: str, facts: Sequence[Condition], over: Collection[str]) -> list[Change]:
    """Open, keep and resolve the alerts of a model that rest on no window; see :func:`monitors.standing.stand`.

    What is the same as before changes nothing, so it may be called at any time.
    """
    with core.alerting:
        now = core.now()
        rows = core.control.recent_alerts(model, now - standing.COMES_BACK)
        before = {row["id"]: row_to_alert(row) for row in rows}
        spec = core.spec(model)
        facts, over = of_what_stands(facts, spec, over)
        found = standing.stand(list(before.values()), facts, model, now, lambda: uuid4().hex[:12], over, spec.owner)
        changes = settled(core, before, found)
        keep(core, model, changes)
    return changes
