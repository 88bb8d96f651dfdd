"""Studies, triggers, lineage, models taken in and given out: one method each, answered by the module it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from service.local import again, gate_report, pruning, studies, triggers, versions

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from service import training_views, views
    from service.local.core import Core


class LocalTraining:
    """What a local workspace knows of training (:class:`service.training.Training`)."""

    core: Core

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
        return studies.study(self.core, model, kind, since=since, until=until, actor=actor)

    def learning_curve(self, model: str) -> training_views.CurveView | None:
        return studies.learning_curve(self.core, model)

    def backtest(self, model: str) -> training_views.BacktestView | None:
        return studies.backtest(self.core, model)

    # -- triggers ------------------------------------------------------------------------------------------------------
    def triggers(self, model: str) -> list[training_views.TriggerView]:
        return triggers.triggers(self.core, model)

    def retrain_again(self, job_id: str, *, actor: str = "cli") -> views.JobView:
        return again.again(self.core, job_id, actor=actor)

    # -- gate ----------------------------------------------------------------------------------------------------------
    def gate_report(self, model: str, version: str) -> Path:
        return gate_report.gate_report(self.core, model, version)

    # -- registry ------------------------------------------------------------------------------------------------------
    def lineage(self, model: str, version: str) -> training_views.LineageView:
        return versions.lineage(self.core, model, version)

    def deployments(self, model: str) -> list[training_views.DeploymentView]:
        return versions.deployments(self.core, model)

    def import_version(
        self, model: str, path: Path, *, version: str | None = None, comment: str = "", actor: str = "cli"
    ) -> views.VersionView:
        from service.local import imports  # it brings pandas along, and hardly anybody takes in a model

        return imports.import_version(self.core, model, path, version=version, comment=comment, actor=actor)

    def export_version(self, model: str, version: str, format: Literal["artefact", "onnx", "parameters"]) -> Path:  # noqa: A002
        return versions.export_version(self.core, model, version, format)

    def prune_versions(self, model: str, *, keep: int, actor: str = "cli") -> list[dict[str, Any]]:
        return pruning.prune_versions(self.core, model, keep=keep, actor=actor)
