"""Serve the fake workspace with hostile text wherever a user, a file or a model may have chosen it."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Any, cast

import uvicorn

from service import data_views, views
from service.workspace import ConflictError
from tests.browser.hostile_alerting import DRAWING, IMAGE, LINK, NAMES, SCRIPT, HostileAlerting
from tests.support import fake_story, fake_workspace
from tests.support.serve_fake import app

COLUMN = IMAGE


class HostileWorkspace(HostileAlerting):
    """The fake workspace; every word that is not Driftdeck's own is an attack."""

    def model(self, name: str) -> views.ModelView:
        return self._poisoned(super().model(name))

    def models(self) -> list[views.ModelView]:
        return [self._poisoned(view) for view in super().models()]

    @staticmethod
    def _poisoned(view: views.ModelView) -> views.ModelView:
        view.update({"owner": SCRIPT, "headline": f"{IMAGE} {LINK}" if view["headline"] else None})
        return view

    def alerts(self, model: str | None = None, *, state: str | None = None) -> list[views.AlertView]:
        found = super().alerts(model, state=state)
        for view in found:
            view.update(
                {
                    "headline": IMAGE,
                    "message": f"{SCRIPT} {LINK}",
                    "owner": DRAWING,
                    "segment": LINK,
                    "members": [COLUMN, "temp"],
                }
            )
            view["causes"] = [
                {"column": COLUMN, "score": 0.5, "sentence": DRAWING},
                {"column": None, "score": 0.3, "sentence": SCRIPT},
            ]
            for event in view["history"]:
                event.update({"actor": SCRIPT, "comment": IMAGE})
        return found

    def timeline(self, limit: int = 50, *, model: str | None = None) -> list[views.TimelineItem]:
        found = super().timeline(limit, model=model)
        for item in found:
            item.update({"sentence": IMAGE})
        return found

    def readings(self, model: str, **filters: Any) -> list[views.ReadingView]:
        found = super().readings(model, **filters)
        for reading in found:
            reading.update({"sentence": IMAGE})
        return found

    def markers(self, model: str) -> list[views.Marker]:
        found = super().markers(model)
        for marker in found:
            marker.update({"label": IMAGE})
        return found

    def segment_errors(
        self, model: str, since: datetime, until: datetime, *, limit: int = 12
    ) -> list[views.SegmentError]:
        found = super().segment_errors(model, since, until, limit=limit)
        for row, name in zip(found, NAMES, strict=False):
            row.update({"segment": name, "value": IMAGE})
        return found

    def feature(self, model: str, column: str, window_start: datetime | None = None) -> views.FeatureView:
        view = super().feature(model, column, window_start)
        view.update({"sentence": SCRIPT, "threshold_origin": IMAGE, "unit": DRAWING, "error_unit": IMAGE})
        for gate in view["gates"]:
            gate.update({"sentence": DRAWING})
        return view

    def sources(self) -> list[data_views.SourceView]:
        found = super().sources()
        for view, name in zip(found, NAMES, strict=True):
            view.update({"place": name, "schedule": IMAGE, "position": SCRIPT, "kind": LINK})
        return found

    def source_runs(self, source: str, *, limit: int = 50) -> list[data_views.SourceRunView]:
        return [self._poisoned_run(run) for run in super().source_runs(source, limit=limit)]

    def run_source(self, source: str, *, actor: str = "cli", trigger: str = "manual") -> data_views.SourceRunView:
        if source == "nightly":
            raise ConflictError(f"{IMAGE} {LINK}")
        return self._poisoned_run(super().run_source(source, actor=actor, trigger=trigger))

    @staticmethod
    def _poisoned_run(run: data_views.SourceRunView) -> data_views.SourceRunView:
        return {**run, "error": f"{DRAWING} {LINK}", "position": IMAGE, "trigger": SCRIPT}

    def quarantine(self, model: str, *, limit: int = 100, offset: int = 0) -> list[data_views.QuarantineView]:
        found = super().quarantine(model, limit=limit, offset=offset)
        for row in found:
            row.update(
                {
                    "origin": IMAGE,
                    "field": SCRIPT,
                    "value": DRAWING,
                    "expected": LINK,
                    "error": IMAGE,
                    "content": SCRIPT,
                }
            )
        return found

    def quarantine_groups(self, model: str) -> list[data_views.QuarantineGroup]:
        found = super().quarantine_groups(model)
        for group in found:
            group.update({"field": DRAWING, "error": IMAGE, "origin": LINK})
        return found

    def schema_events(self, model: str) -> list[data_views.SchemaEvent]:
        found = super().schema_events(model)
        for event in found:
            event.update({"column": IMAGE, "event": LINK, "type": SCRIPT, "words": DRAWING})
        return found

    def storage(self, model: str) -> data_views.StorageView:
        return {**super().storage(model), "keep": IMAGE}

    def erasures(self, model: str | None = None) -> list[data_views.ErasureReceipt]:
        return [{**receipt, "deleted": {SCRIPT: 1, LINK: 2}} for receipt in super().erasures(model)]

    def jobs(self, model: str | None = None) -> list[views.JobView]:
        return [self._poisoned_job(view) for view in super().jobs(model)]

    def job(self, job_id: str) -> views.JobView:
        return self._poisoned_job(super().job(job_id))

    @staticmethod
    def _poisoned_job(view: views.JobView) -> views.JobView:
        poisoned = dict(view) | {"log": f"{view['log']}\n{IMAGE}{SCRIPT}", "reason": LINK, "requested_by": IMAGE}
        if view["state"] == "running":
            poisoned |= {"step": SCRIPT}
        return cast("views.JobView", poisoned)

    def versions(self, model: str) -> list[views.VersionView]:
        found = super().versions(model)
        for view in found:
            view.update({"created_by": IMAGE, "trainer": SCRIPT, "gate_sentence": f"{DRAWING} {LINK}"})
            for row in view["gate"]:
                row.update({"name": IMAGE, "allowed": SCRIPT, "unit": LINK})
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    fake_workspace.HOSTILE[:] = NAMES
    fake_story.COLUMNS[COLUMN] = ("feature", "categorical", None, 0, 0)
    fake_story.CATEGORIES[COLUMN] = ([*NAMES, "tame"], [4, 3, 2, 1, 5])
    uvicorn.run(app(HostileWorkspace(), demo=True), host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()
