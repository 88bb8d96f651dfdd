"""The workspace of another process, spoken to over HTTP: what the command line needs, with the same errors in the same words."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from service import views
from service.remote_access import RemoteAccess
from service.remote_alerting import RemoteAlerting
from service.remote_calls import part
from service.remote_care import RemoteCare
from service.remote_columns import RemoteColumns
from service.remote_comparing import RemoteComparing
from service.remote_door import RemoteDoor
from service.remote_files import RemoteFiles
from service.remote_labels import RemoteLabels
from service.remote_outcomes import RemoteOutcomes
from service.remote_references import RemoteReferences
from service.remote_reporting import RemoteReporting
from service.remote_segments import RemoteSegments
from service.remote_setting_up import RemoteSettingUp
from service.remote_sources import RemoteSources
from service.remote_training import RemoteTraining


class RemoteWorkspace(
    RemoteFiles,
    RemoteLabels,
    RemoteDoor,
    RemoteSources,
    RemoteReferences,
    RemoteSegments,
    RemoteOutcomes,
    RemoteAlerting,
    RemoteAccess,
    RemoteReporting,
    RemoteComparing,
    RemoteColumns,
    RemoteSettingUp,
    RemoteTraining,
    RemoteCare,
):
    """A workspace owned by the process at ``url``. ``secret`` is that process's own, or its token."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- declare -------------------------------------------------------------------------------------------------------
    def apply(
        self, toml_text: str, *, take_over: bool = False, prune: bool = False, actor: str = "cli"
    ) -> dict[str, list[str]]:
        del actor  # the owner knows who calls
        query = {name: "1" for name, asked in (("take_over", take_over), ("prune", prune)) if asked}
        kind = {"content-type": "application/toml"}
        answer = self._call("POST", "/apply", content=toml_text.encode(), params=query, headers=kind)
        return cast("dict[str, list[str]]", answer.json())

    def export(self) -> str:
        return self._call("GET", "/declaration").text

    def models(self) -> list[views.ModelView]:
        return cast("list[views.ModelView]", self._all("/models"))

    def model(self, name: str) -> views.ModelView:
        return cast("views.ModelView", self._call("GET", f"/models/{part(name)}").json())

    # -- data in -------------------------------------------------------------------------------------------------------
    def predict(self, model: str, datapoints: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        body = {"datapoints": [dict(point) for point in datapoints]}
        answer = self._call("POST", f"/models/{part(model)}/predict", json=body).json()
        return cast("list[dict[str, Any]]", answer["predictions"])

    # -- monitors ------------------------------------------------------------------------------------------------------
    def run(
        self,
        model: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        actor: str = "cli",
        trigger: str = "manual",
    ) -> list[views.RunView]:
        del actor, trigger  # the owner knows who calls
        path = "/run" if model is None else f"/models/{part(model)}/run"
        return cast("list[views.RunView]", self._call("POST", path, json=_given(since=since, until=until)).json())

    def replay(self, model: str, *, warnings_per_year: float | None = None) -> views.ReplayView:
        query = {} if warnings_per_year is None else {"warnings_per_year": warnings_per_year}
        return cast("views.ReplayView", self._call("GET", f"/models/{part(model)}/replay", params=query).json())

    def windows(self, model: str) -> list[views.WindowView]:
        return cast("list[views.WindowView]", self._all(f"/models/{part(model)}/windows"))

    def readings(
        self,
        model: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        check: str | None = None,
        column: str | None = None,
        verdict: str | None = None,
        segment: str | None = None,
        limit: int = 100_000,
        offset: int = 0,
    ) -> list[views.ReadingView]:
        query = {**_given(since=since, until=until), "check": check, "column": column, "verdict": verdict}
        query["segment"] = segment
        found = self._all(f"/models/{part(model)}/readings", query, limit=limit, offset=offset)
        return cast("list[views.ReadingView]", found)

    def multivariate(self, model: str) -> list[views.RowsReading]:
        return cast("list[views.RowsReading]", self._all(f"/models/{part(model)}/multivariate"))

    def performance(
        self, model: str, *, metric: str | None = None, grain: str | None = None
    ) -> list[views.PerformancePoint]:
        found = self._all(f"/models/{part(model)}/performance", {"metric": metric, "grain": grain})
        return cast("list[views.PerformancePoint]", found)

    def metric_names(self, model: str) -> list[str]:
        return cast("list[str]", self._call("GET", f"/models/{part(model)}/metrics").json())

    def heatmap(self, model: str) -> list[views.HeatCell]:
        return cast("list[views.HeatCell]", self._all(f"/models/{part(model)}/heatmap"))

    def drift_table(self, model: str, window_start: datetime | None = None) -> list[views.DriftRow]:
        answer = self._call("GET", f"/models/{part(model)}/drift", params=_given(window=window_start))
        return cast("list[views.DriftRow]", answer.json())

    def feature(self, model: str, column: str, window_start: datetime | None = None) -> views.FeatureView:
        path = f"/models/{part(model)}/columns/{part(column)}"
        return cast("views.FeatureView", self._call("GET", path, params=_given(window=window_start)).json())

    def segment_errors(
        self, model: str, since: datetime, until: datetime, *, limit: int = 12
    ) -> list[views.SegmentError]:
        query = {**_given(since=since, until=until), "limit": limit}
        answer = self._call("GET", f"/models/{part(model)}/segments", params=query)
        return cast("list[views.SegmentError]", answer.json())

    def rows(self, model: str, since: datetime, until: datetime, *, limit: int = 100, offset: int = 0) -> views.RowPage:
        query = {**_given(since=since, until=until), "limit": limit, "offset": offset}
        return cast("views.RowPage", self._call("GET", f"/models/{part(model)}/rows", params=query).json())

    def markers(self, model: str) -> list[views.Marker]:
        return cast("list[views.Marker]", self._all(f"/models/{part(model)}/markers"))

    def timeline(self, limit: int = 50, *, model: str | None = None) -> list[views.TimelineItem]:
        return cast("list[views.TimelineItem]", self._all("/timeline", {"model": model}, limit=limit))

    def evidently_report(self, model: str, window_start: datetime) -> Path:
        """Fetch the report into a file of its own, which is the caller's to delete."""
        path = f"{self._url}/reports/evidently/{part(model)}/{part(window_start.isoformat())}"
        content = self._call("GET", path).content
        with tempfile.NamedTemporaryFile(prefix="driftdeck-", suffix=".html", delete=False) as file:
            file.write(content)
        return Path(file.name)

    # -- alerts --------------------------------------------------------------------------------------------------------
    def alerts(self, model: str | None = None, *, state: str | None = None) -> list[views.AlertView]:
        return cast("list[views.AlertView]", self._all("/alerts", {"model": model, "state": state}))

    def alert(self, alert_id: str) -> views.AlertView:
        return cast("views.AlertView", self._call("GET", f"/alerts/{part(alert_id)}").json())

    def acknowledge(self, alert_id: str, *, actor: str = "cli", comment: str = "") -> views.AlertView:
        del actor
        answer = self._call("POST", f"/alerts/{part(alert_id)}/ack", json={"comment": comment})
        return cast("views.AlertView", answer.json())

    # -- the loop ------------------------------------------------------------------------------------------------------
    def retrain(
        self,
        model: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        alert_id: str | None = None,
        actor: str = "cli",
        request_key: str | None = None,
    ) -> views.JobView:
        del actor
        headers = {} if request_key is None else {"idempotency-key": request_key}
        body = {**_given(since=since, until=until), "alert_id": alert_id}
        answer = self._call("POST", f"/models/{part(model)}/retrain", json=body, headers=headers)
        return cast("views.JobView", answer.json())

    def jobs(self, model: str | None = None) -> list[views.JobView]:
        return cast("list[views.JobView]", self._all("/jobs", {"model": model}))

    def job(self, job_id: str) -> views.JobView:
        return cast("views.JobView", self._call("GET", f"/jobs/{part(job_id)}").json())

    def cancel_job(self, job_id: str, *, actor: str = "cli") -> views.JobView:
        del actor
        return cast("views.JobView", self._call("POST", f"/jobs/{part(job_id)}/cancel").json())

    def versions(self, model: str) -> list[views.VersionView]:
        return cast("list[views.VersionView]", self._all(f"/models/{part(model)}/versions"))

    def deploy(
        self, model: str, version: str, *, role: str = "champion", share: float | None = None, actor: str = "cli"
    ) -> views.VersionView:
        del actor
        body = {"version": version, "role": role, "share": share}
        answer = self._call("POST", f"/models/{part(model)}/deployments", json=body)
        return cast("views.VersionView", answer.json())

    def rollback(self, model: str, *, actor: str = "cli") -> views.VersionView:
        del actor
        return cast("views.VersionView", self._call("POST", f"/models/{part(model)}/rollback").json())

    # -- care ----------------------------------------------------------------------------------------------------------
    def health(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self._call("GET", "/health").json())

    def audit(self, limit: int = 200) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", self._call("GET", "/audit", params={"limit": limit}).json())

    # -- HTTP ----------------------------------------------------------------------------------------------------------


def _given(**times: datetime | None) -> dict[str, str]:
    """Return the times that were given, as text."""
    return {name: moment.isoformat() for name, moment in times.items() if moment is not None}
