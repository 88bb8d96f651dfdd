"""Studies, triggers, lineage, models taken in and given out of a workspace that another process serves."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from service.remote_calls import RemoteCalls, model_path, part
from service.workspace import ConflictError

if TYPE_CHECKING:
    from datetime import datetime

    from service import training_views, views


class RemoteTraining(RemoteCalls):
    """What a remote workspace knows of training (:class:`service.training.Training`)."""

    # -- studies -------------------------------------------------------------------------------------------------------
    def study(
        self,
        model: str,
        kind: Literal["learning_curve", "backtest"],
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        actor: str = "cli",
    ) -> views.JobView:
        del actor  # the owner knows who calls
        times = {"since": since, "until": until}
        body = {"kind": kind} | {name: moment and moment.isoformat() for name, moment in times.items()}
        return cast("views.JobView", self._call("POST", f"{model_path(model)}/studies", json=body).json())

    def learning_curve(self, model: str) -> training_views.CurveView | None:
        answer = self._call("GET", f"{model_path(model)}/learning-curve")
        return cast("training_views.CurveView | None", answer.json())

    def backtest(self, model: str) -> training_views.BacktestView | None:
        answer = self._call("GET", f"{model_path(model)}/backtest")
        return cast("training_views.BacktestView | None", answer.json())

    # -- triggers ------------------------------------------------------------------------------------------------------
    def triggers(self, model: str) -> list[training_views.TriggerView]:
        return cast("list[training_views.TriggerView]", self._call("GET", f"{model_path(model)}/triggers").json())

    def retrain_again(self, job_id: str, *, actor: str = "cli") -> views.JobView:
        del actor
        return cast("views.JobView", self._call("POST", f"/jobs/{part(job_id)}/again").json())

    # -- gate ----------------------------------------------------------------------------------------------------------
    def gate_report(self, model: str, version: str) -> Path:
        """Fetch the report into a file of its own, which is the caller's to delete."""
        content = self._call("GET", f"{model_path(model)}/versions/{part(version)}/report").content
        with tempfile.NamedTemporaryFile(prefix="driftdeck-", suffix=".html", delete=False) as file:
            file.write(content)
        return Path(file.name)

    # -- registry ------------------------------------------------------------------------------------------------------
    def lineage(self, model: str, version: str) -> training_views.LineageView:
        answer = self._call("GET", f"{model_path(model)}/versions/{part(version)}/lineage")
        return cast("training_views.LineageView", answer.json())

    def deployments(self, model: str) -> list[training_views.DeploymentView]:
        return cast("list[training_views.DeploymentView]", self._all(f"{model_path(model)}/deployments"))

    def import_version(
        self, model: str, path: Path, *, version: str | None = None, comment: str = "", actor: str = "cli"
    ) -> views.VersionView:
        """Refuse: a file is opened by the operator's own command, never because somebody asks over HTTP."""
        del version, comment, actor
        raise ConflictError(
            f"{path} was not taken in to {model!r}: a process serves this home ({self._url}), and models are never taken in over HTTP; "
            "stop it, import the model, and start it again"
        )

    def export_version(self, model: str, version: str, format: Literal["artefact", "onnx", "parameters"]) -> Path:  # noqa: A002
        """Have the owner write the file into its home, which is on this machine, and return it."""
        path = f"{model_path(model)}/versions/{part(version)}/export"
        answer = self._call("POST", path, params={"format": format})
        return Path(str(answer.json()["path"]))

    def prune_versions(self, model: str, *, keep: int, actor: str = "cli") -> list[dict[str, Any]]:
        del actor  # the owner knows who calls
        answer = self._call("POST", f"{model_path(model)}/versions/prune", json={"keep": keep})
        return cast("list[dict[str, Any]]", answer.json())
