"""The part of the local workspace that is about outcomes: mixed into :class:`service.local.LocalWorkspace`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reference_data.windows import Window
from service.local import (
    business,
    detail,
    detectors,
    estimates,
    fairness,
    sequence,
    service_health,
    versions_compared,
    why,
)
from service.local.convert import aware, iso
from service.workspace import WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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

    def concept(self, model: str) -> outcome_views.ConceptView | None:
        return sequence.concept(self.core, model)

    def detectors(self, model: str, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        return detectors.detectors(self.core, model, names)

    def estimates(self, model: str, metric: str | None = None) -> list[outcome_views.EstimatePoint]:
        return estimates.estimates(self.core, model, metric)

    def business(self, model: str) -> list[outcome_views.BusinessPoint]:
        return business.business(self.core, model)

    def business_lift(self, model: str, version: str, other: str) -> list[outcome_views.BusinessLift]:
        return versions_compared.business_lift(self.core, model, version, other)

    def service_points(self, model: str) -> list[outcome_views.ServicePoint]:
        return service_health.service_points(self.core, model)

    def report_service(self, model: str, rows: Sequence[Mapping[str, Any]]) -> int:
        return service_health.report_service(self.core, model, rows)

    def compare_versions(
        self, model: str, version: str, other: str, since: datetime | None = None, until: datetime | None = None
    ) -> outcome_views.VersionComparison:
        zone = self.core.spec(model).zone
        first, last = (None if moment is None else aware(moment, zone) for moment in (since, until))
        return versions_compared.compare_versions(self.core, model, version, other, first, last)

    def change_parts(self, model: str, since: datetime, until: datetime) -> outcome_views.ChangeParts | None:
        return why.parts(self.core, model, self._period(model, since, until))

    def slices(self, model: str, since: datetime, until: datetime, *, limit: int = 10) -> list[outcome_views.SliceView]:
        return why.slices(self.core, model, self._period(model, since, until), limit)

    def examples(
        self, model: str, since: datetime, until: datetime, *, limit: int = 20
    ) -> list[outcome_views.RowExample]:
        return why.examples(self.core, model, self._period(model, since, until), limit)

    def _period(self, model: str, since: datetime, until: datetime) -> Window:
        zone = self.core.spec(model).zone
        start, end = aware(since, zone), aware(until, zone)
        if end <= start:
            raise WorkspaceError(
                f"the stretch ends at {iso(end, zone)}, before it begins at {iso(start, zone)}; swap since and until"
            )
        return Window(start, end)

    def fairness(
        self, model: str, since: datetime | None = None, until: datetime | None = None
    ) -> list[outcome_views.FairnessView]:
        zone = self.core.spec(model).zone
        first, last = (None if moment is None else aware(moment, zone) for moment in (since, until))
        return fairness.fairness(self.core, model, first, last)
