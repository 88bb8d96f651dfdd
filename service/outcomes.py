"""The part of the workspace's protocol that is about outcomes: how good a model is, since when, why, and for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from service import outcome_views


class Outcomes(Protocol):
    """What a workspace says of outcomes. ``since`` and ``until`` are event times; naive ones are in the model's time zone."""

    def performance_detail(
        self, model: str, since: datetime, until: datetime, *, version: str | None = None
    ) -> outcome_views.DetailView:
        """Return every metric of a period with its interval, and the confusion, calibration or errors by range behind them."""
        ...

    def concept(self, model: str) -> outcome_views.ConceptView | None:
        """Return what the sequential test on the champion's loss says; None without labels to test."""
        ...

    def detectors(self, model: str, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Run river's named detectors over the losses in the order in which labels came; by default all of them."""
        ...

    def estimates(self, model: str, metric: str | None = None) -> list[outcome_views.EstimatePoint]:
        """Return performance as it was estimated before labels came, by window, with what came of it."""
        ...

    def change_parts(self, model: str, since: datetime, until: datetime) -> outcome_views.ChangeParts | None:
        """Take the change of the loss since the reference apart: other inputs, and another rule; None where it cannot be said."""
        ...

    def slices(self, model: str, since: datetime, until: datetime, *, limit: int = 10) -> list[outcome_views.SliceView]:
        """Return the parts of the rows that lost most, each confirmed on rows held out."""
        ...

    def examples(
        self, model: str, since: datetime, until: datetime, *, limit: int = 20
    ) -> list[outcome_views.RowExample]:
        """Return rows that stand for the change."""
        ...

    def business(self, model: str) -> list[outcome_views.BusinessPoint]:
        """Return the declared ratios of the business by window and version."""
        ...

    def business_lift(self, model: str, version: str, other: str) -> list[outcome_views.BusinessLift]:
        """Return the ratios of one version against another's over the time in which both answered."""
        ...

    def service_points(self, model: str) -> list[outcome_views.ServicePoint]:
        """Return latency, throughput, errors and what the serving process reports of itself, by window."""
        ...

    def report_service(self, model: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Take in what a serving process says of itself; returns how many reports were taken."""
        ...

    def compare_versions(
        self, model: str, version: str, other: str, since: datetime | None = None, until: datetime | None = None
    ) -> outcome_views.VersionComparison:
        """Compare two versions on the rows that both answered (a shadow's), or side by side (a canary's)."""
        ...

    def fairness(
        self, model: str, since: datetime | None = None, until: datetime | None = None
    ) -> list[outcome_views.FairnessView]:
        """Return metrics by group of each column declared for it, with the widest gaps."""
        ...
