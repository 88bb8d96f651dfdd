"""The part of the workspace's protocol that is about training: studies before it, lineage after it, models taken in and given out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from service import training_views, views


class Studies(Protocol):
    """What can be found out before a retrain."""

    def study(
        self,
        model: str,
        kind: Literal["learning_curve", "backtest"],
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        actor: str = "cli",
    ) -> views.JobView:
        """Start a study as a job: queued, limited, cancelled and followed like a retrain; while one is under way, that one is returned."""
        ...

    def learning_curve(self, model: str) -> training_views.CurveView | None:
        """Return the latest learning curve, None when there is none."""
        ...

    def backtest(self, model: str) -> training_views.BacktestView | None:
        """Return the latest backtest of periods, None when there is none."""
        ...


class Triggers(Protocol):
    """What starts a retrain when nobody does."""

    def triggers(self, model: str) -> list[training_views.TriggerView]:
        """Return what would start a retrain by itself, and what holds it back."""
        ...


class Registry(Protocol):
    """Where versions come from, and models taken in, given out and let go."""

    def lineage(self, model: str, version: str) -> training_views.LineageView:
        """Return where a version comes from."""
        ...

    def deployments(self, model: str) -> list[training_views.DeploymentView]:
        """Return which version was given which role, when and by whom, latest first."""
        ...

    def import_version(
        self, model: str, path: Path, *, version: str | None = None, comment: str = "", actor: str = "cli"
    ) -> views.VersionView:
        """Take in a model that was trained elsewhere: skops, ONNX, an MLflow folder; joblib and pickle by the operator's switch only."""
        ...

    def export_version(self, model: str, version: str, format: Literal["artefact", "onnx", "parameters"]) -> Path:  # noqa: A002
        """Write a version to a file: its artefact, ONNX, or (linear models) its parameters as JSON; returns the file."""
        ...

    def prune_versions(self, model: str, *, keep: int, actor: str = "cli") -> list[dict[str, Any]]:
        """Delete the artefacts of archived versions but the latest ``keep``; their records stay."""
        ...


class Again(Protocol):
    """Whether a version can be made again."""

    def retrain_again(self, job_id: str, *, actor: str = "cli") -> views.JobView:
        """Train once more on a job's own rows, by its own request; the same artefact comes of it where the trainer is deterministic."""
        ...


class Training(Studies, Triggers, Again, Registry, Protocol):
    """What a workspace knows of training beside the retrain itself. Every action is audited with its actor."""

    def gate_report(self, model: str, version: str) -> Path:
        """Write the gate of a version as one HTML file that needs no network, and return it."""
        ...
