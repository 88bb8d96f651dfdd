"""The part of the local workspace that is about outcomes: mixed into :class:`service.local.LocalWorkspace`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.local import detail
from service.local.convert import aware

if TYPE_CHECKING:
    from datetime import datetime

    from service import outcome_views
    from service.local.core import Core


class LocalOutcomes:
    """Answers :class:`service.outcomes.Outcomes`."""

    core: Core

    def performance_detail(
        self, model: str, since: datetime, until: datetime, *, version: str | None = None
    ) -> outcome_views.DetailView:
        zone = self.core.spec(model).zone
        return detail.performance_detail(self.core, model, aware(since, zone), aware(until, zone), version)
