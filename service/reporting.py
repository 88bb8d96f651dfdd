"""What a workspace knows of reports to keep and to send: of a model or window, and the week in one page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import date, datetime

    from service import reporting_views


class Reporting(Protocol):
    """Reports of a model or a window, and the week in one page."""

    def report(
        self,
        model: str,
        *,
        window: datetime | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> reporting_views.ReportView:
        """Return the report of the window that holds a time, or of all between two (the latest 180); :mod:`service.report_page` draws it.

        Raises :class:`NotFoundError` when no window lies there.
        """
        ...

    def evidently_making(self, model: str, window: datetime, *, start: bool = False) -> reporting_views.MakingView:
        """Say whether Evidently's report of a window stands; ``start``: begin it if it does not, without waiting.

        It takes 10 to 60 seconds, in a process of its own. Afterwards :meth:`Workspace.evidently_report` returns it at once.
        """
        ...

    def summary(self, week: date | None = None, *, timezone: str | None = None) -> reporting_views.SummaryView:
        """Return the week (Monday to Sunday) that holds a day, of all models; None: the latest that is over.

        ``timezone``: where the week begins; None: that of the models if they share one, else UTC.
        """
        ...
