"""The workspace: everything Driftdeck can do, as one protocol with two implementations.

``LocalWorkspace`` opens the folder itself; ``RemoteWorkspace`` speaks HTTP to the process that owns it. The command line,
the HTTP API and the dashboard call this and nothing below it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from service.access import Access
from service.alerting import Alerting
from service.columns import Columns
from service.comparing import Comparing
from service.outcomes import Outcomes
from service.reporting import Reporting
from service.setting_up import SettingUp
from service.training import Training

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from types import TracebackType

    from service import data_views, views
    from storage.files import Progress, Reading


class WorkspaceError(Exception):
    """Something asked of the workspace cannot be done; the message says what, why and what to do next."""


class NotFoundError(WorkspaceError):
    """The named thing does not exist; the message lists what does."""


class ConflictError(WorkspaceError):
    """The state of things forbids it (a job is running, nothing to roll back to)."""


class ForbiddenError(WorkspaceError):
    """Whoever asks may not; the message says what it takes."""


class Workspace(Outcomes, Alerting, Training, Access, Columns, Comparing, Reporting, SettingUp, Protocol):
    """A home folder with its models. Naive times are taken to be in the model's time zone."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def close(self) -> None: ...

    # -- declare ---------------------------------------------------------------------------------------------------
    def apply(
        self, toml_text: str, *, take_over: bool = False, prune: bool = False, actor: str = "cli"
    ) -> dict[str, list[str]]:
        """Declare what a TOML text holds; returns {"created": […], "changed": […], "unchanged": […]}, and "removed" and "notes" if any.

        What the dashboard owns is refused (:class:`ConflictError`) unless ``take_over``; ``prune`` takes back what files declared and this
        one does not have.
        """
        ...

    def export(self) -> str:
        """Return all declarations as TOML."""

    def models(self) -> list[views.ModelView]: ...
    def model(self, name: str) -> views.ModelView: ...
    def reference(self, model: str, data: object, *, version: int | None = None, actor: str = "cli") -> dict[str, Any]:
        """Freeze a reference from a path, Arrow table, DataFrame, list of rows or a past window ``("2013-01-01", "2013-03-05")``."""

    def references(self, model: str) -> list[data_views.ReferenceView]: ...
    def reference_diff(self, model: str, version: int, other: int) -> list[data_views.ReferenceDiffRow]: ...

    # -- data in ---------------------------------------------------------------------------------------------------
    def log(
        self,
        model: str,
        data: object,
        *,
        key: str | None = None,
        strict: bool = False,
        origin: str | None = None,
        reading: Reading | None = None,
        progress: Progress | None = None,
    ) -> views.AppendView:
        """Append predictions. ``strict``: a bad row keeps all the others out. ``reading``: how a file is to be read."""

    def label(
        self,
        model: str,
        data: object,
        *,
        key: str | None = None,
        strict: bool = False,
        origin: str | None = None,
        reading: Reading | None = None,
        progress: Progress | None = None,
    ) -> views.AppendView:
        """Append labels, or with a column ``kind`` feedback of that kind; options as in :meth:`log`."""

    def loading(self, model: str, into: Literal["logs", "labels"] = "logs") -> data_views.LoadingView:
        """Return what whoever reads a file for a model has to know: declared types, and which blocks were loaded before."""

    def quarantine(self, model: str, *, limit: int = 100, offset: int = 0) -> list[data_views.QuarantineView]:
        """Return rows that could not be taken, latest first."""

    def quarantine_groups(self, model: str) -> list[data_views.QuarantineGroup]: ...
    def repair(self, model: str, repairs: list[data_views.RepairedRow], *, actor: str = "cli") -> views.AppendView:
        """Take refused rows after all, repaired: all of them or, while one is still wrong, none."""

    def schema_events(self, model: str) -> list[data_views.SchemaEvent]: ...
    def labels(self, model: str, *, windows: int = 60) -> data_views.LabelSummary: ...
    def label_history(self, model: str, prediction_id: str) -> list[data_views.LabelEntry]: ...
    def feedback(self, model: str, kind: str | None = None) -> list[data_views.FeedbackPoint]: ...
    def sources(self) -> list[data_views.SourceView]: ...
    def source_runs(self, source: str, *, limit: int = 50) -> list[data_views.SourceRunView]: ...
    def run_source(self, source: str, *, actor: str = "cli", trigger: str = "manual") -> data_views.SourceRunView:
        """Read what is new of a source, now; returns when it is done. Raises :class:`ConflictError` while it is running."""

    def predict(self, model: str, datapoints: list[Mapping[str, Any]]) -> list[dict[str, Any]]: ...

    # -- monitors --------------------------------------------------------------------------------------------------
    def run(
        self,
        model: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        actor: str = "cli",
        trigger: str = "manual",
    ) -> list[views.RunView]:
        """Judge what is due, now; waits while another run of a model is under way."""
        ...

    def replay(self, model: str, *, warnings_per_year: float | None = None) -> views.ReplayView:
        """Play the reference through its own monitor, under another budget if one is given; changes nothing."""
        ...

    def windows(self, model: str) -> list[views.WindowView]: ...
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
        """Return current readings by window: of all rows, inside one ``segment``, or with ``*`` what is wrong inside any."""
        ...

    def multivariate(self, model: str) -> list[views.RowsReading]:
        """Return the readings of rows as a whole, of text and of embedding columns, by window, with the columns that drive each."""
        ...

    # -- what the pages show ---------------------------------------------------------------------------------------
    def performance(
        self, model: str, *, metric: str | None = None, grain: str | None = None
    ) -> list[views.PerformancePoint]:
        """Return a metric by window, or by ``grain`` "1d"; default: the task's headline metric, every version."""

    def metric_names(self, model: str) -> list[str]: ...
    def heatmap(self, model: str) -> list[views.HeatCell]: ...
    def drift_table(self, model: str, window_start: datetime | None = None) -> list[views.DriftRow]:
        """Return one row a column for a window (default: the latest judged)."""

    def feature(self, model: str, column: str, window_start: datetime | None = None) -> views.FeatureView: ...
    def segment_names(self, model: str) -> list[str]:
        """Return the segments that can be judged, as ``carrier=AA`` or ``carrier=AA × origin=JFK``."""
        ...

    def segment_drift(
        self,
        model: str,
        window_start: datetime | None = None,
        *,
        segment: str | None = None,
        column: str | None = None,
        limit: int = 100,
    ) -> list[views.SegmentDrift]:
        """Return every column (or one) inside every segment (or one) of a window (default: the latest judged), the worst first."""
        ...

    def segment_errors(
        self, model: str, since: datetime, until: datetime, *, limit: int = 12
    ) -> list[views.SegmentError]: ...
    def rows(
        self, model: str, since: datetime, until: datetime, *, limit: int = 100, offset: int = 0
    ) -> views.RowPage: ...
    def markers(self, model: str) -> list[views.Marker]: ...
    def timeline(self, limit: int = 50, *, model: str | None = None) -> list[views.TimelineItem]:
        """Return what happened in all models, or one: alerts, deployments, training and failing sources, the latest first."""
        ...

    def evidently_report(self, model: str, window_start: datetime) -> Path:
        """Write Evidently's report for a window (in a worker process; cached) and return the HTML file."""

    # -- alerts ----------------------------------------------------------------------------------------------------
    def alerts(self, model: str | None = None, *, state: str | None = None) -> list[views.AlertView]: ...
    def alert(self, alert_id: str) -> views.AlertView: ...
    def acknowledge(self, alert_id: str, *, actor: str = "cli", comment: str = "") -> views.AlertView: ...

    # -- the loop --------------------------------------------------------------------------------------------------
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
        """Start one training job; while one is queued or running for the model, that one is returned instead."""

    def jobs(self, model: str | None = None) -> list[views.JobView]: ...
    def job(self, job_id: str) -> views.JobView: ...
    def cancel_job(self, job_id: str, *, actor: str = "cli") -> views.JobView: ...
    def versions(self, model: str) -> list[views.VersionView]: ...
    def deploy(
        self, model: str, version: str, *, role: str = "champion", share: float | None = None, actor: str = "cli"
    ) -> views.VersionView: ...
    def rollback(self, model: str, *, actor: str = "cli") -> views.VersionView: ...

    # -- care ------------------------------------------------------------------------------------------------------
    def reading_history(
        self, model: str, check: str, window_start: datetime, *, column: str | None = None
    ) -> list[views.ReadingView]:
        """Return every value that was ever computed of one reading, oldest first: what late labels have restated."""

    def storage(self, model: str) -> data_views.StorageView: ...
    def backup(self, path: Path, *, actor: str = "cli") -> data_views.BackupView: ...
    def doctor(self) -> list[data_views.Finding]: ...
    def erase(self, model: str, subject: str, *, actor: str = "cli") -> data_views.ErasureReceipt:
        """Delete every row about one subject, wherever it lies, and return the receipt."""

    def erasures(self, model: str | None = None) -> list[data_views.ErasureReceipt]: ...
    def health(self) -> dict[str, Any]: ...
    def audit(self, limit: int = 200) -> list[dict[str, Any]]: ...
