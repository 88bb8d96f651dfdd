"""What every part of the local workspace shares: the two stores, the clock, and the look-ups by name."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Condition, Event, Lock, RLock, Thread
from typing import TYPE_CHECKING, Any

from reference_data.windows import WindowSpec
from retraining import rollout
from retraining.artefacts import Trust
from retraining.job_runner import JobRunner
from retraining.predictor import Predictor
from service.local.figures import Figures
from service.local.ingested import Ingested
from service.local.postman import Postman
from service.local.recall import Recall
from service.workspace import ConflictError, NotFoundError
from storage.privacy import load_key, needs_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitors.types import Silence
    from reference_data.declaration import ModelSpec, Source
    from reference_data.reference import Reference
    from service.local.unmoved import Unmoved
    from storage.control import Control, ModelRecord
    from storage.database import Database
    from storage.home import Home, HomeLock

CLOCK_SETTING = "clock"
_KEY_PRINT = "privacy_key"  # not the key itself: enough of its digest to know it again
_PUT_BACK = "put back the one of your latest backup, or new rows and labels will not match the stored ones"


@dataclass(slots=True)
class Core:
    """One open home folder."""

    home: Home
    lock: HomeLock
    db: Database
    control: Control
    system_now: Callable[[], datetime]
    predictor: Predictor = field(default_factory=Predictor)
    runner: JobRunner = field(default_factory=JobRunner)
    mutex: RLock = field(default_factory=RLock)  # one run, deployment or declaration at a time
    alerting: RLock = field(
        default_factory=RLock
    )  # one change of alerts at a time; held for moments, also inside of a run
    replayed: datetime | None = None  # a replay's clock stands where its player put it
    next_run: Callable[[str], datetime | None] = field(default=lambda _model: None)
    next_source_run: Callable[[str], datetime | None] = field(default=lambda _source: None)
    ingested: Ingested = field(default_factory=Ingested)
    recall: Recall = field(default_factory=Recall)  # what pages ask, for as long as nothing it rests on changes
    segments: Recall = field(
        default_factory=lambda: Recall(8)
    )  # the same of windows judged inside segments: large ones
    silences: tuple[int, dict[str, Silence]] = (
        0,
        {},
    )  # the latest record that was read, and what all of them say, by id
    unmoved: dict[str, Unmoved] = field(default_factory=dict)  # models of which the latest run found nothing to judge
    figures: Figures = field(default_factory=Figures)  # what is remembered from one look of /metrics to the next
    declared_file: Callable[[], dict[str, Any] | None] = field(default=lambda: None)  # how the watched file is doing
    source_runs: dict[str, dict[str, Any]] = field(default_factory=dict)  # that are under way, by source
    runs: dict[str, Any] = field(default_factory=dict)  # of monitors, that are under way, by model
    running: Condition = field(default_factory=Condition)  # held to begin and end one of them
    max_runs: int = 2  # that are at work at once
    max_body: int = 64 * 2**20  # bytes that people may send at once
    allow_pickle: bool | None = None  # as the process that serves was told; None: as the settings of the home say
    #: Since when a scheduler has kept its times without a break; None: there is none.
    awake_since: Callable[[], datetime | None] = field(default=lambda: None)
    catching_up: set[str] = field(
        default_factory=set
    )  # models that wait for, or are at, what was due while nothing ran
    max_jobs: int = 2  # that are at work at once; others wait for their turn
    queueing: RLock = field(default_factory=RLock)  # held to see whose turn it is
    preparing: dict[str, Thread] = field(default_factory=dict)  # jobs that this process has begun to start
    refused: dict[str, tuple[float, str]] = field(
        default_factory=dict
    )  # by model: why a trigger started nothing, and when
    watched: float = 0.0  # when the watchdog looked last, on the clock that is never put back
    postman: Postman = field(default_factory=Postman)
    attending: Lock = field(default_factory=Lock)  # held while what is periodic is looked after
    well: Callable[[], bool] = field(default=lambda: True)  # whether what runs beside the stores does, as the scheduler
    making: dict[str, Any] = field(default_factory=dict)  # reports of Evidently's that somebody waits for
    closing: Event = field(default_factory=Event)  # set when sources had better come to an end

    def __post_init__(self) -> None:
        """Let the predictor ask what the operator trusts whenever it opens an artefact."""
        self.predictor.trust = self.trust

    def trust(self) -> Trust:
        """Return what the operator has turned on of artefacts; settings and key are asked for only by what needs them."""
        return Trust(self._pickle_allowed, self.key)

    def _pickle_allowed(self) -> bool:
        if self.allow_pickle is None:
            from service import settings

            self.allow_pickle = settings.load(self.home.root, {}, os.environ).allow_pickle
        return self.allow_pickle

    def now(self) -> datetime:
        """Return the time it is for this home: the replay's clock if it has one, else the system's."""
        return self.replayed or self.system_now()

    def set_clock(self, moment: datetime) -> None:
        """Put the replay's clock forward; it is kept in the home, so a restart goes on from there."""
        self.control.put_setting(CLOCK_SETTING, moment.astimezone(UTC).isoformat())
        self.replayed = moment.astimezone(UTC)

    def last_run(self, model: str) -> datetime | None:
        """Return when a model was looked at last, by whichever process."""
        at = self.control.get_setting(f"last_run/{model}")
        return datetime.fromisoformat(at) if at else None

    def record(self, model: str) -> ModelRecord:
        """Return a model's declaration; raises :class:`NotFoundError` naming the models there are."""
        record = self.control.model_record(model)
        if record is None:
            known = (
                ", ".join(sorted(self.control.model_records())) or "none yet; declare one with `driftdeck apply FILE`"
            )
            raise NotFoundError(f"there is no model {model!r}; this workspace has: {known}")
        return record

    def spec(self, model: str) -> ModelSpec:
        """Return what was declared of a model."""
        return self.record(model).spec

    def privacy_key(self, spec: ModelSpec) -> bytes | None:
        """Return what hidden columns of a model are hashed with, None when it hashes none."""
        return self.key() if needs_key(spec) else None

    def key(self) -> bytes:
        """Return the home's key; raises :class:`ConflictError` when it is gone or is not the one that hashed what is stored."""
        path, known = self.home.privacy_key, self.control.get_setting(_KEY_PRINT)
        if known is not None and not path.exists():
            raise ConflictError(f"{path} is gone, and with it what hidden values were hashed with: {_PUT_BACK}")
        key = load_key(path)
        print_ = hashlib.sha256(key).hexdigest()[:16]
        if known is None:
            self.control.put_setting(_KEY_PRINT, print_)
        elif known != print_:
            raise ConflictError(f"{path} is not the key that hidden values were hashed with: {_PUT_BACK}")
        return key

    def source(self, name: str) -> Source:
        """Return what was declared of a source; raises :class:`NotFoundError` naming the sources there are."""
        records = self.control.source_records()
        if name not in records:
            known = ", ".join(records) or "none yet; declare one under [sources.…] with `driftdeck apply FILE`"
            raise NotFoundError(f"there is no source {name!r}; this workspace has: {known}")
        return records[name].spec

    def window_spec(self, model: str) -> WindowSpec:
        """Return the model's windows, counted from its first reference's start."""
        record = self.record(model)
        return WindowSpec.parse(record.spec.monitor.window, record.spec.timezone, record.anchor)

    def roles(self, model: str) -> rollout.Roles:
        """Return who is champion, shadow and canary."""
        return rollout.roles(self.deployments(model))

    def deployments(self, model: str) -> list[rollout.Deployment]:
        """Return every change of roles, oldest first."""
        return [
            rollout.Deployment(
                at=datetime.fromisoformat(event["at"]),
                version=event["version"],
                action=event["role"],
                actor=event["actor"],
                share=event["share"],
                reference_version=event["reference_version"],
                comment=event["note"],
            )
            for event in self.control.deployment_events(model)
        ]

    def versions(self, model: str) -> dict[str, dict[str, Any]]:
        """Return the registered versions by name, oldest first."""
        return {record["version"]: record for record in self.control.versions(model)}

    def version(self, model: str, version: str) -> dict[str, Any]:
        """Return one registered version; raises :class:`NotFoundError` naming those there are."""
        known = self.versions(model)
        if version not in known:
            names = ", ".join(known) or "none yet; train one with `driftdeck retrain`"
            raise NotFoundError(f"model {model!r} has no version {version!r}; it has: {names}")
        return known[version]

    def reference_for(self, model: str, model_version: str | None) -> Reference | None:
        """Return the reference a version is held against.

        A version trained here brings its own (the rows it learned from); anything else is held against the model's newest.
        """
        versions = self.control.reference_versions(model)
        if not versions:
            return None
        record = self.versions(model).get(model_version or "")
        number = record["reference_version"] if record and record.get("reference_version") else None
        return self.control.reference(model, number if number in versions else self._newest_declared(model, versions))

    def _newest_declared(self, model: str, versions: list[int]) -> int:
        bound = {record.get("reference_version") for record in self.versions(model).values()}
        free = [number for number in versions if number not in bound]
        return max(free or versions)

    def active_reference(self, model: str) -> Reference | None:
        """Return the champion's reference, or the newest."""
        return self.reference_for(model, self.roles(model).champion)
