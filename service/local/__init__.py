"""The workspace of a folder on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from reference_data.windows import Window
from service.declaration_file import dump
from service.load_files import How
from service.local import (
    asked_readings,
    attend,
    care,
    declare,
    drift,
    feature,
    job_queue,
    jobs,
    labels,
    load,
    loop,
    outbox,
    overview,
    performance,
    predict,
    quarantine,
    reference_making,
    reference_views,
    replay,
    report,
    row_checks,
    rows,
    runs,
    schema,
    segment_views,
    sources,
    story,
    timeline,
    together,
)
from service.local.access import LocalAccess
from service.local.alerting import LocalAlerting
from service.local.columns import LocalColumns
from service.local.comparing import LocalComparing
from service.local.convert import aware, reading_view, row_to_reading
from service.local.core import CLOCK_SETTING, Core
from service.local.outcomes import LocalOutcomes
from service.local.reporting import LocalReporting
from service.local.setting_up import LocalSettingUp
from service.local.training import LocalTraining
from storage.backup import refuse_unfinished
from storage.control import Control
from storage.database import Database, Limits
from storage.home import Home, HomeLock
from storage.readings import ANY_SEGMENT, current_readings

if TYPE_CHECKING:
    import pandas as pd

    from service import data_views, views
    from service.uploads import Sent
    from storage.files import Progress, Reading


def system_clock() -> datetime:
    """Return the time, aware, in UTC."""
    return datetime.now(UTC)


def _limits(memory: str | None) -> Limits:
    """Rows that wait in the write-ahead log are held in memory too, so with little of it they must not be many."""
    return Limits() if memory is None else Limits(memory=memory, wal_autocheckpoint="64MB")


class LocalWorkspace(
    LocalOutcomes,
    LocalAlerting,
    LocalTraining,
    LocalAccess,
    LocalColumns,
    LocalReporting,
    LocalComparing,
    LocalSettingUp,
):
    """Opens a home folder and holds it until closed; see :class:`service.workspace.Workspace` for what it does."""

    def __init__(self, core: Core) -> None:
        """Use :meth:`open`."""
        self.core = core

    @classmethod
    def open(cls, home: Path, *, now: Callable[[], datetime] | None = None, memory: str | None = None) -> Self:
        """Open ``home``, making it if need be. ``memory``, such as "400MB", is what the database may hold at most.

        Raises :class:`storage.errors.HomeLockedError` when another process holds it and
        :class:`storage.errors.NewerSchemaError` when a newer Driftdeck has written it.
        """
        clock = now or system_clock
        place = Home.create(Path(home))
        lock = HomeLock(place)
        try:
            refuse_unfinished(place)
            care.tidy(place)
            core = Core(
                home=place,
                lock=lock,
                db=Database.open(place.database, clock, limits=_limits(memory)),
                control=Control(place.control, clock),
                system_now=clock,
            )
        except BaseException:
            lock.release()
            raise
        stands = core.control.get_setting(CLOCK_SETTING)
        core.replayed = datetime.fromisoformat(stands) if stands else None
        jobs.lose_orphans(core)
        sources.lose_runs(core)
        runs.lose_runs(core)
        return cls(core)

    def __enter__(self) -> Self:
        """Return the workspace itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Finish what is being written and let go of the folder."""
        outbox.finish(self.core)
        runs.end_all(self.core)
        self.finish_setting_up()
        job_queue.finish_preparing(self.core)
        self.core.db.close()
        self.core.control.close()
        self.core.lock.release()

    # -- declare ---------------------------------------------------------------------------------------------------
    def apply(
        self, toml_text: str, *, take_over: bool = False, prune: bool = False, actor: str = "cli"
    ) -> dict[str, list[str]]:
        return declare.apply(self.core, toml_text, actor, take_over=take_over, prune=prune)

    def export(self) -> str:
        return dump(declare.declaration(self.core))

    def models(self) -> list[views.ModelView]:
        return overview.models(self.core)

    def model(self, name: str) -> views.ModelView:
        return overview.model(self.core, name)

    def reference(self, model: str, data: object, *, version: int | None = None, actor: str = "cli") -> dict[str, Any]:
        return reference_making.make(self.core, model, data, version, actor)

    def references(self, model: str) -> list[data_views.ReferenceView]:
        return reference_views.references(self.core, model)

    def reference_diff(self, model: str, version: int, other: int) -> list[data_views.ReferenceDiffRow]:
        return reference_views.reference_diff(self.core, model, version, other)

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
        return load.append(self.core, model, "logs", data, How(key, strict, origin, reading, progress))

    def log_together(self, model: str, sent: Sequence[Sent]) -> list[views.AppendView | Exception]:
        return together.append_together(self.core, model, sent)

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
        return load.append(self.core, model, "labels", data, How(key, strict, origin, reading, progress))

    def loading(self, model: str, into: Literal["logs", "labels"] = "logs") -> data_views.LoadingView:
        return load.loading(self.core, model, into)

    def quarantine(self, model: str, *, limit: int = 100, offset: int = 0) -> list[data_views.QuarantineView]:
        return quarantine.page(self.core, model, limit, offset)

    def quarantine_groups(self, model: str) -> list[data_views.QuarantineGroup]:
        return quarantine.groups(self.core, model)

    def repair(self, model: str, repairs: list[data_views.RepairedRow], *, actor: str = "cli") -> views.AppendView:
        return quarantine.repair(self.core, model, repairs, actor)

    def schema_events(self, model: str) -> list[data_views.SchemaEvent]:
        return schema.events(self.core, model)

    def sources(self) -> list[data_views.SourceView]:
        return sources.sources(self.core)

    def source_runs(self, source: str, *, limit: int = 50) -> list[data_views.SourceRunView]:
        return sources.source_runs(self.core, source, limit)

    def run_source(self, source: str, *, actor: str = "cli", trigger: str = "manual") -> data_views.SourceRunView:
        return sources.run(self.core, source, actor, trigger)

    def labels(self, model: str, *, windows: int = 60) -> data_views.LabelSummary:
        return labels.summary(self.core, model, windows)

    def label_history(self, model: str, prediction_id: str) -> list[data_views.LabelEntry]:
        return labels.history(self.core, model, prediction_id)

    def feedback(self, model: str, kind: str | None = None) -> list[data_views.FeedbackPoint]:
        return labels.feedback(self.core, model, kind)

    def predict(self, model: str, datapoints: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return predict.predict(self.core, model, datapoints)

    def predict_rows(self, model: str, frame: pd.DataFrame) -> pd.DataFrame:
        """Answer and log many rows at once; see :func:`service.local.predict.predict_rows`."""
        return predict.predict_rows(self.core, model, frame)

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
        names = [model] if model is not None else list(self.core.control.model_records())
        found = []
        for name in names:
            zone = self.core.spec(name).zone
            bounds = [aware(moment, zone) if moment else None for moment in (since, until)]
            found.append(runs.run(self.core, name, *bounds, actor=actor, trigger=trigger))
        attend.attend(self.core)
        return found

    def replay(self, model: str, *, warnings_per_year: float | None = None) -> views.ReplayView:
        return replay.replay(self.core, model, warnings_per_year)

    def windows(self, model: str) -> list[views.WindowView]:
        return overview.windows(self.core, model)

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
        zone = self.core.spec(model).zone
        if segment not in (None, ANY_SEGMENT):
            bounds = [aware(moment, zone) if moment else None for moment in (since, until)]
            every = segment_views.segment_readings(self.core, model, str(segment), *bounds)
            asked = {"check": check, "column": column, "verdict": verdict}
            mine = [r for r in every if all(w is None or getattr(r, name) == w for name, w in asked.items())]
            if not mine:
                asked_readings.known_names(self.core, model, check, column)
            return [reading_view(reading, zone) for reading in mine[offset : offset + limit]]
        with self.core.db.cursor() as cursor:
            found = current_readings(
                cursor,
                model,
                check=check,
                column=column,
                verdict=verdict,
                segment=segment,
                since=aware(since, zone) if since else None,
                until=aware(until, zone) if until else None,
            )
        if not found:
            asked_readings.known_names(self.core, model, check, column)
        return [reading_view(row_to_reading(row), zone) for row in found[offset : offset + limit]]

    def reading_history(
        self, model: str, check: str, window_start: datetime, *, column: str | None = None
    ) -> list[views.ReadingView]:
        return labels.reading_history(self.core, model, check, window_start, column)

    def multivariate(self, model: str) -> list[views.RowsReading]:
        return row_checks.multivariate(self.core, model)

    # -- what the pages show ---------------------------------------------------------------------------------------
    def performance(
        self, model: str, *, metric: str | None = None, grain: str | None = None
    ) -> list[views.PerformancePoint]:
        return performance.performance(self.core, model, metric, grain)

    def metric_names(self, model: str) -> list[str]:
        return performance.metric_names(self.core, model)

    def heatmap(self, model: str) -> list[views.HeatCell]:
        return drift.heatmap(self.core, model)

    def drift_table(self, model: str, window_start: datetime | None = None) -> list[views.DriftRow]:
        return drift.drift_table(self.core, model, window_start)

    def feature(self, model: str, column: str, window_start: datetime | None = None) -> views.FeatureView:
        return feature.feature(self.core, model, column, window_start)

    def segment_names(self, model: str) -> list[str]:
        return segment_views.segment_names(self.core, model)

    def segment_drift(
        self,
        model: str,
        window_start: datetime | None = None,
        *,
        segment: str | None = None,
        column: str | None = None,
        limit: int = 100,
    ) -> list[views.SegmentDrift]:
        return segment_views.segment_drift(self.core, model, window_start, segment, limit, column=column)

    def segment_errors(
        self, model: str, since: datetime, until: datetime, *, limit: int = 12
    ) -> list[views.SegmentError]:
        zone = self.core.spec(model).zone
        return performance.segment_errors(self.core, model, aware(since, zone), aware(until, zone), limit)

    def rows(self, model: str, since: datetime, until: datetime, *, limit: int = 100, offset: int = 0) -> views.RowPage:
        zone = self.core.spec(model).zone
        return rows.page(self.core, model, Window(aware(since, zone), aware(until, zone)), limit, offset)

    def markers(self, model: str) -> list[views.Marker]:
        return story.markers(self.core, model)

    def timeline(self, limit: int = 50, *, model: str | None = None) -> list[views.TimelineItem]:
        return timeline.timeline(self.core, limit, model)

    def evidently_report(self, model: str, window_start: datetime) -> Path:
        return report.evidently(self.core, model, aware(window_start, self.core.spec(model).zone))

    # -- alerts ----------------------------------------------------------------------------------------------------
    def alerts(self, model: str | None = None, *, state: str | None = None) -> list[views.AlertView]:
        return story.alerts(self.core, model, state)

    def alert(self, alert_id: str) -> views.AlertView:
        return story.alert(self.core, alert_id)

    def acknowledge(self, alert_id: str, *, actor: str = "cli", comment: str = "") -> views.AlertView:
        return story.acknowledge(self.core, alert_id, actor, comment)

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
        return loop.retrain(
            self.core, model, since=since, until=until, alert_id=alert_id, actor=actor, request_key=request_key
        )

    def jobs(self, model: str | None = None) -> list[views.JobView]:
        return jobs.jobs(self.core, model)

    def job(self, job_id: str) -> views.JobView:
        return jobs.job(self.core, job_id)

    def cancel_job(self, job_id: str, *, actor: str = "cli") -> views.JobView:
        return jobs.cancel(self.core, job_id, actor)

    def versions(self, model: str) -> list[views.VersionView]:
        return loop.versions(self.core, model)

    def deploy(
        self, model: str, version: str, *, role: str = "champion", share: float | None = None, actor: str = "cli"
    ) -> views.VersionView:
        return loop.deploy(self.core, model, version, role=role, share=share, actor=actor)

    def rollback(self, model: str, *, actor: str = "cli") -> views.VersionView:
        return loop.rollback(self.core, model, actor)

    # -- care ------------------------------------------------------------------------------------------------------
    def storage(self, model: str) -> data_views.StorageView:
        return care.storage(self.core, model)

    def backup(self, path: Path, *, actor: str = "cli") -> data_views.BackupView:
        return care.backup(self.core, path, actor)

    def doctor(self) -> list[data_views.Finding]:
        return care.doctor(self.core)

    def erase(self, model: str, subject: str, *, actor: str = "cli") -> data_views.ErasureReceipt:
        return care.erase(self.core, model, subject, actor)

    def erasures(self, model: str | None = None) -> list[data_views.ErasureReceipt]:
        return care.erasures(self.core, model)

    def health(self) -> dict[str, Any]:
        return declare.health(self.core)

    def audit(self, limit: int = 200) -> list[dict[str, Any]]:
        return self.core.control.audit(limit)
