"""Reports of a model or a window, and the week, of a workspace that another process serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from service.remote_calls import RemoteCalls, model_path

if TYPE_CHECKING:
    from datetime import date, datetime

    from service import reporting_views


class RemoteReporting(RemoteCalls):
    """See :class:`service.reporting.Reporting`."""

    def report(
        self,
        model: str,
        *,
        window: datetime | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> reporting_views.ReportView:
        times = {"window": window, "since": since, "until": until}
        params = {name: moment.isoformat() for name, moment in times.items() if moment is not None}
        return cast(
            "reporting_views.ReportView", self._call("GET", f"{model_path(model)}/report", params=params).json()
        )

    def evidently_making(self, model: str, window: datetime, *, start: bool = False) -> reporting_views.MakingView:
        answer = self._call(
            "POST" if start else "GET",
            f"{model_path(model)}/reports/evidently",
            params={"window": window.isoformat()},
        )
        return cast("reporting_views.MakingView", answer.json())

    def summary(self, week: date | None = None, *, timezone: str | None = None) -> reporting_views.SummaryView:
        asked = {"week": week and week.isoformat(), "timezone": timezone}
        params = {name: value for name, value in asked.items() if value is not None}
        return cast("reporting_views.SummaryView", self._call("GET", "/summary", params=params).json())
