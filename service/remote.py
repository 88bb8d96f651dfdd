"""The workspace of another process, spoken to over HTTP: what the command line needs, with the same errors in the same words."""

from __future__ import annotations

import tempfile
import urllib.parse
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import httpx

from service import views
from service.remote_care import RemoteCare
from service.remote_door import RemoteDoor
from service.remote_files import RemoteFiles
from service.remote_labels import RemoteLabels
from service.remote_references import RemoteReferences
from service.remote_sources import RemoteSources
from service.workspace import ConflictError, NotFoundError, WorkspaceError

_PAGE = 10_000
_TIMEOUT = httpx.Timeout(600.0, connect=5.0)  # a run over a long history answers when it is done
_ERRORS: dict[int, type[WorkspaceError]] = {404: NotFoundError, 409: ConflictError}


class RemoteWorkspace(RemoteFiles, RemoteLabels, RemoteDoor, RemoteSources, RemoteReferences, RemoteCare):
    """A workspace owned by the process at ``url``. ``secret`` is that process's own, or its token."""

    def __init__(self, url: str, *, secret: str | None = None) -> None:
        headers = {} if secret is None else {"authorization": f"Bearer {secret}"}
        self._url = url
        # what HTTP_PROXY says has no say between two processes of one machine
        self._http = httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=_TIMEOUT, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    # -- declare -------------------------------------------------------------------------------------------------------
    def apply(self, toml_text: str, *, actor: str = "cli") -> dict[str, list[str]]:
        del actor  # the owner knows who calls
        answer = self._call("POST", "/apply", content=toml_text.encode(), headers={"content-type": "application/toml"})
        return cast("dict[str, list[str]]", answer.json())

    def export(self) -> str:
        return self._call("GET", "/declaration").text

    def models(self) -> list[views.ModelView]:
        return cast("list[views.ModelView]", self._all("/models"))

    def model(self, name: str) -> views.ModelView:
        return cast("views.ModelView", self._call("GET", f"/models/{_part(name)}").json())

    # -- data in -------------------------------------------------------------------------------------------------------
    def predict(self, model: str, datapoints: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        body = {"datapoints": [dict(point) for point in datapoints]}
        answer = self._call("POST", f"/models/{_part(model)}/predict", json=body).json()
        return cast("list[dict[str, Any]]", answer["predictions"])

    # -- monitors ------------------------------------------------------------------------------------------------------
    def run(
        self, model: str | None = None, *, since: datetime | None = None, until: datetime | None = None
    ) -> list[views.RunView]:
        path = "/run" if model is None else f"/models/{_part(model)}/run"
        return cast("list[views.RunView]", self._call("POST", path, json=_given(since=since, until=until)).json())

    def windows(self, model: str) -> list[views.WindowView]:
        return cast("list[views.WindowView]", self._all(f"/models/{_part(model)}/windows"))

    def readings(
        self,
        model: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        check: str | None = None,
        column: str | None = None,
        verdict: str | None = None,
        limit: int = 100_000,
        offset: int = 0,
    ) -> list[views.ReadingView]:
        query = {**_given(since=since, until=until), "check": check, "column": column, "verdict": verdict}
        found = self._all(f"/models/{_part(model)}/readings", query, limit=limit, offset=offset)
        return cast("list[views.ReadingView]", found)

    def performance(
        self, model: str, *, metric: str | None = None, grain: str | None = None
    ) -> list[views.PerformancePoint]:
        found = self._all(f"/models/{_part(model)}/performance", {"metric": metric, "grain": grain})
        return cast("list[views.PerformancePoint]", found)

    def metric_names(self, model: str) -> list[str]:
        return cast("list[str]", self._call("GET", f"/models/{_part(model)}/metrics").json())

    def heatmap(self, model: str) -> list[views.HeatCell]:
        return cast("list[views.HeatCell]", self._all(f"/models/{_part(model)}/heatmap"))

    def drift_table(self, model: str, window_start: datetime | None = None) -> list[views.DriftRow]:
        answer = self._call("GET", f"/models/{_part(model)}/drift", params=_given(window=window_start))
        return cast("list[views.DriftRow]", answer.json())

    def feature(self, model: str, column: str, window_start: datetime | None = None) -> views.FeatureView:
        path = f"/models/{_part(model)}/columns/{_part(column)}"
        return cast("views.FeatureView", self._call("GET", path, params=_given(window=window_start)).json())

    def segment_errors(
        self, model: str, since: datetime, until: datetime, *, limit: int = 12
    ) -> list[views.SegmentError]:
        query = {**_given(since=since, until=until), "limit": limit}
        answer = self._call("GET", f"/models/{_part(model)}/segments", params=query)
        return cast("list[views.SegmentError]", answer.json())

    def rows(self, model: str, since: datetime, until: datetime, *, limit: int = 100, offset: int = 0) -> views.RowPage:
        query = {**_given(since=since, until=until), "limit": limit, "offset": offset}
        return cast("views.RowPage", self._call("GET", f"/models/{_part(model)}/rows", params=query).json())

    def markers(self, model: str) -> list[views.Marker]:
        return cast("list[views.Marker]", self._all(f"/models/{_part(model)}/markers"))

    def timeline(self, limit: int = 50) -> list[views.TimelineItem]:
        return cast("list[views.TimelineItem]", self._all("/timeline", limit=limit))

    def evidently_report(self, model: str, window_start: datetime) -> Path:
        """Fetch the report into a file of its own, which is the caller's to delete."""
        path = f"{self._url}/reports/evidently/{_part(model)}/{_part(window_start.isoformat())}"
        content = self._call("GET", path).content
        with tempfile.NamedTemporaryFile(prefix="driftdeck-", suffix=".html", delete=False) as file:
            file.write(content)
        return Path(file.name)

    # -- alerts --------------------------------------------------------------------------------------------------------
    def alerts(self, model: str | None = None, *, state: str | None = None) -> list[views.AlertView]:
        return cast("list[views.AlertView]", self._all("/alerts", {"model": model, "state": state}))

    def alert(self, alert_id: str) -> views.AlertView:
        return cast("views.AlertView", self._call("GET", f"/alerts/{_part(alert_id)}").json())

    def acknowledge(self, alert_id: str, *, actor: str = "cli", comment: str = "") -> views.AlertView:
        del actor
        answer = self._call("POST", f"/alerts/{_part(alert_id)}/ack", json={"comment": comment})
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
        answer = self._call("POST", f"/models/{_part(model)}/retrain", json=body, headers=headers)
        return cast("views.JobView", answer.json())

    def jobs(self, model: str | None = None) -> list[views.JobView]:
        return cast("list[views.JobView]", self._all("/jobs", {"model": model}))

    def job(self, job_id: str) -> views.JobView:
        return cast("views.JobView", self._call("GET", f"/jobs/{_part(job_id)}").json())

    def cancel_job(self, job_id: str, *, actor: str = "cli") -> views.JobView:
        del actor
        return cast("views.JobView", self._call("POST", f"/jobs/{_part(job_id)}/cancel").json())

    def versions(self, model: str) -> list[views.VersionView]:
        return cast("list[views.VersionView]", self._all(f"/models/{_part(model)}/versions"))

    def deploy(
        self, model: str, version: str, *, role: str = "champion", share: float | None = None, actor: str = "cli"
    ) -> views.VersionView:
        del actor
        body = {"version": version, "role": role, "share": share}
        answer = self._call("POST", f"/models/{_part(model)}/deployments", json=body)
        return cast("views.VersionView", answer.json())

    def rollback(self, model: str, *, actor: str = "cli") -> views.VersionView:
        del actor
        return cast("views.VersionView", self._call("POST", f"/models/{_part(model)}/rollback").json())

    # -- care ----------------------------------------------------------------------------------------------------------
    def health(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self._call("GET", "/health").json())

    def audit(self, limit: int = 200) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", self._call("GET", "/audit", params={"limit": limit}).json())

    # -- HTTP ----------------------------------------------------------------------------------------------------------
    def _call(self, method: str, path: str, *, accept: tuple[int, ...] = (), **request: Any) -> httpx.Response:
        """Return the answer; its error becomes the exception that the owner raised."""
        try:
            answer = self._http.request(method, path, **request)
        except httpx.TimeoutException:
            raise WorkspaceError(f"the process at {self._url} did not answer in time; see its log") from None
        except httpx.HTTPError as error:
            raise WorkspaceError(
                f"the process at {self._url} does not answer ({error}); is it still running?"
            ) from None
        if answer.is_success or answer.status_code in accept:
            return answer
        try:
            words = str(answer.json()["error"])
        except (ValueError, KeyError, TypeError):
            words = f"the process at {self._url} answered {answer.status_code}; see its log"
        raise _ERRORS.get(answer.status_code, WorkspaceError)(words)

    def _all(
        self, path: str, query: Mapping[str, Any] | None = None, *, limit: int | None = None, offset: int = 0
    ) -> list[Any]:
        """Return a whole list, page by page."""
        wanted = {key: value for key, value in (query or {}).items() if value is not None}
        found: list[Any] = []
        while limit is None or len(found) < limit:
            size = _PAGE if limit is None else min(_PAGE, limit - len(found))
            page = self._call("GET", path, params={**wanted, "limit": size, "offset": offset + len(found)}).json()
            found += page
            if len(page) < size:
                break
        return found


def _part(name: str) -> str:
    return urllib.parse.quote(name, safe="")


def _given(**times: datetime | None) -> dict[str, str]:
    """Return the times that were given, as text."""
    return {name: moment.isoformat() for name, moment in times.items() if moment is not None}
