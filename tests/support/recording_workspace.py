"""A workspace that remembers how it was called, and answers as a small one would."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from service import views
from service.uploads import Upload
from service.workspace import ConflictError, NotFoundError
from tests.support.fake_workspace import FakeWorkspace

DECLARATION = """
[models.air_time]
task = "regression"
timezone = "America/New_York"

[models.air_time.features]
distance = "numeric"
"""


class RecordingWorkspace(FakeWorkspace):
    """``calls`` holds (name, arguments) in order."""

    def __init__(self, folder: Path) -> None:
        super().__init__(extra=0)
        self.folder = folder
        self.recorded: list[tuple[str, dict[str, Any]]] = []
        self.threads: set[str] = set()
        self.dead = False

    def _record(self, name: str, **arguments: Any) -> None:
        self.recorded.append((name, arguments))
        self.threads.add(threading.current_thread().name)

    def _known(self, model: str) -> None:
        if model != "air_time":
            raise NotFoundError(f"there is no model {model!r}; this workspace has: air_time")

    def apply(self, toml_text, **how):
        self._record("apply", toml_text=toml_text, actor=how.get("actor", "cli"))
        return {"created": ["air_time"], "changed": [], "unchanged": []}

    def export(self):
        return DECLARATION

    def reference(self, model, data, *, version=None, actor="cli"):
        self._known(model)
        self._record("reference", model=model, data=data, version=version, actor=actor)
        columns = [{"column": "distance", "type": "numeric"}]
        return {"model": model, "version": version or 1, "rows": 100, "columns": columns}

    def log(self, model, data, **how) -> views.AppendView:
        return self._append("log", model, data, how)

    def label(self, model, data, **how) -> views.AppendView:
        return self._append("label", model, data, how)

    def _append(self, name: str, model: str, data: Upload, how: dict[str, Any]) -> views.AppendView:
        self._known(model)
        self._record(name, model=model, data=data, **how)
        rows = data.rows
        return {"accepted": len(rows), "duplicates": 0, "rejected": [], "rejected_rows": 0}

    def predict(self, model, datapoints):
        self._known(model)
        self._record("predict", model=model, datapoints=datapoints)
        return [{"prediction": 100.0, "prediction_id": f"p{i}", "model_version": "v1"} for i in range(len(datapoints))]

    def retrain(self, model, **arguments):
        self._known(model)
        self._record("retrain", model=model, **arguments)
        if arguments.get("alert_id") == "busy":
            raise ConflictError("a job is running for air_time; wait until it has ended")
        return super().retrain(model, **arguments)

    def run(self, model=None, *, since=None, until=None, actor="cli", trigger="manual") -> list[views.RunView]:
        self._record("run", model=model, since=since, until=until)
        return [
            {
                "model": model or "air_time",
                "windows": 2,
                "readings": 30,
                "alerts_opened": ["a1"],
                "alerts_resolved": [],
                "seconds": 0.1,
                "state": "done",
            }
        ]

    def evidently_report(self, model, window_start):
        self._known(model)
        path = self.folder / "report.html"
        path.write_text("<script>window.top.location</script>")
        return path

    def health(self):
        if self.dead:
            raise RuntimeError("the database is gone")
        return {"status": "ok"}
