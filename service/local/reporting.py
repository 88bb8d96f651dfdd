"""What a local workspace knows of reports: one method each, answered by the module it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from service import report_data, summary_data
from service.local import report
from service.local.convert import aware

if TYPE_CHECKING:
    from datetime import date, datetime

    from service import reporting_views
    from service.local.core import Core
    from service.workspace import Workspace


class LocalReporting:
    """See :class:`service.reporting.Reporting`."""

    core: Core

    def report(
        self,
        model: str,
        *,
        window: datetime | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> reporting_views.ReportView:
        return report_data.collect(cast("Workspace", self), model, window=window, since=since, until=until)

    def evidently_making(self, model: str, window: datetime, *, start: bool = False) -> reporting_views.MakingView:
        return report.making(self.core, model, aware(window, self.core.spec(model).zone), start=start)

    def summary(self, week: date | None = None, *, timezone: str | None = None) -> reporting_views.SummaryView:
        return summary_data.collect(cast("Workspace", self), week, timezone)
