"""How good a model is, and why, of a workspace that another process owns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from service import outcome_views
from service.remote_calls import RemoteCalls, part


class RemoteOutcomes(RemoteCalls):
    """What :class:`service.remote.RemoteWorkspace` answers about outcomes."""

    def performance_detail(
        self, model: str, since: datetime, until: datetime, *, version: str | None = None
    ) -> outcome_views.DetailView:
        query = {"since": since.isoformat(), "until": until.isoformat()}
        query |= {} if version is None else {"version": version}
        answer = self._call("GET", f"/models/{part(model)}/performance/detail", params=query)
        return cast("outcome_views.DetailView", answer.json())

    def concept(self, model: str) -> outcome_views.ConceptView | None:
        answer = self._call("GET", f"/models/{part(model)}/concept")
        return cast("outcome_views.ConceptView | None", answer.json())

    def detectors(self, model: str, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        query = {} if names is None else {"name": list(names)}
        answer = self._call("GET", f"/models/{part(model)}/detectors", params=query)
        return cast("list[dict[str, Any]]", answer.json())

    def estimates(self, model: str, metric: str | None = None) -> list[outcome_views.EstimatePoint]:
        query = {} if metric is None else {"metric": metric}
        answer = self._call("GET", f"/models/{part(model)}/estimates", params=query)
        return cast("list[outcome_views.EstimatePoint]", answer.json())

    def business(self, model: str) -> list[outcome_views.BusinessPoint]:
        answer = self._call("GET", f"/models/{part(model)}/business")
        return cast("list[outcome_views.BusinessPoint]", answer.json())

    def business_lift(self, model: str, version: str, other: str) -> list[outcome_views.BusinessLift]:
        query = {"version": version, "other": other}
        answer = self._call("GET", f"/models/{part(model)}/business/lift", params=query)
        return cast("list[outcome_views.BusinessLift]", answer.json())

    def service_points(self, model: str) -> list[outcome_views.ServicePoint]:
        answer = self._call("GET", f"/models/{part(model)}/service")
        return cast("list[outcome_views.ServicePoint]", answer.json())

    def report_service(self, model: str, rows: Sequence[Mapping[str, Any]]) -> int:
        plain = [{n: v.isoformat() if isinstance(v, datetime) else v for n, v in row.items()} for row in rows]
        answer = self._call("POST", f"/models/{part(model)}/service", json={"rows": plain})
        return int(answer.json()["accepted"])

    def compare_versions(
        self, model: str, version: str, other: str, since: datetime | None = None, until: datetime | None = None
    ) -> outcome_views.VersionComparison:
        query = {"version": version, "other": other}
        query |= {} if since is None else {"since": since.isoformat()}
        query |= {} if until is None else {"until": until.isoformat()}
        answer = self._call("GET", f"/models/{part(model)}/versions-compared", params=query)
        return cast("outcome_views.VersionComparison", answer.json())

    def change_parts(self, model: str, since: datetime, until: datetime) -> outcome_views.ChangeParts | None:
        query = {"since": since.isoformat(), "until": until.isoformat()}
        answer = self._call("GET", f"/models/{part(model)}/why", params=query)
        return cast("outcome_views.ChangeParts | None", answer.json())

    def slices(self, model: str, since: datetime, until: datetime, *, limit: int = 10) -> list[outcome_views.SliceView]:
        query = {"since": since.isoformat(), "until": until.isoformat(), "limit": limit}
        answer = self._call("GET", f"/models/{part(model)}/why/slices", params=query)
        return cast("list[outcome_views.SliceView]", answer.json())

    def examples(
        self, model: str, since: datetime, until: datetime, *, limit: int = 20
    ) -> list[outcome_views.RowExample]:
        query = {"since": since.isoformat(), "until": until.isoformat(), "limit": limit}
        answer = self._call("GET", f"/models/{part(model)}/why/examples", params=query)
        return cast("list[outcome_views.RowExample]", answer.json())

    def fairness(
        self, model: str, since: datetime | None = None, until: datetime | None = None
    ) -> list[outcome_views.FairnessView]:
        query = {} if since is None else {"since": since.isoformat()}
        query |= {} if until is None else {"until": until.isoformat()}
        answer = self._call("GET", f"/models/{part(model)}/fairness", params=query)
        return cast("list[outcome_views.FairnessView]", answer.json())
