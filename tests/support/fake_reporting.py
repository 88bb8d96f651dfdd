"""Reports and the week of the fake workspace: gathered from its own answers, as the real one's are; Evidently's is never made."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, cast

from service import report_data, reporting_views, summary_data

if TYPE_CHECKING:
    from service.workspace import Workspace


class FakeReporting:
    """Answers of :class:`service.reporting.Reporting`."""

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
        if start:
            return {"state": "failed", "seconds": 0.0, "error": "the fake workspace writes no report"}
        return {"state": "none", "seconds": None, "error": None}

    def summary(self, week: date | None = None, *, timezone: str | None = None) -> reporting_views.SummaryView:
        return summary_data.collect(cast("Workspace", self), week, timezone)
