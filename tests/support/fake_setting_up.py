"""For the fake workspace: from a file of rows to a monitored model. All numbers are INVENTED TEST DATA."""

from __future__ import annotations

import io
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from service.setting_up_views import Choices, Proposal, SetUpView, Step, UploadView
from service.wizard import example
from service.wizard.plan import Kept, propose
from service.wizard.sample import look
from service.workspace import NotFoundError

_NOW = datetime(2013, 6, 4, tzinfo=UTC)
_STEPS = {
    "read": ("Read the file", "12,000 rows, 10 columns"),
    "declare": ("Declare the model", "example_churn, as a binary model"),
    "log": ("Take in the rows", "12,000 rows"),
    "label": ("Take in the labels", "12,000 labels"),
    "reference": ("Freeze the reference", "4,800 rows, 7 columns"),
    "run": ("Judge every window", "36 windows, 4,120 readings, 2 alerts opened"),
}


class FakeSettingUp:
    """Answers of :class:`service.setting_up.SettingUp`: files are looked at as ever, and setting up changes nothing."""

    def keep_upload(self, data: Path | BinaryIO, *, name: str | None = None, actor: str = "cli") -> UploadView:
        del actor
        content = data.read_bytes() if isinstance(data, Path) else data.read()
        called = name or (data.name if isinstance(data, Path) else "upload")
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            facts = look(file.name, called)
        self._kept = Kept({"id": "0123456789abcdef", "name": called, "bytes": len(content)}, facts)
        self._done = False
        return self._kept.upload

    def example_upload(self, *, actor: str = "cli") -> UploadView:
        return self.keep_upload(io.BytesIO(example.csv_text(_NOW).encode()), name=example.NAME, actor=actor)

    def _waiting(self, upload: str) -> Kept:
        kept: Kept | None = getattr(self, "_kept", None)
        if kept is None or kept.upload["id"] != upload:
            raise NotFoundError("this file is not kept any more: files wait a day to be set up. Drop it again")
        return kept

    def propose(self, upload: str | Path, *, name: str | None = None, choices: Choices | None = None) -> Proposal:
        if isinstance(upload, Path):
            upload = self.keep_upload(upload)["id"]
        wanted: Choices = {**(choices or {})}
        if name is not None:
            wanted["name"] = name
        return propose(self._waiting(upload), wanted, taken=["air_time"], now=_NOW)

    def set_up(
        self, upload: str, choices: Choices | None = None, *, wait: bool = True, actor: str = "cli"
    ) -> SetUpView:
        del wait, actor
        self._chosen = self.propose(upload, choices=choices)
        self._done = True
        return self.setting_up(upload)

    def setting_up(self, upload: str) -> SetUpView:
        self._waiting(upload)
        done = self._done
        steps: list[Step] = [
            {"key": key, "title": title, "state": "done" if done else "waiting", "words": words if done else "", "seconds": 0.4 if done else None}
            for key, (title, words) in _STEPS.items()
        ]  # fmt: skip
        return {
            "upload": upload,
            "state": "done" if done else "waiting",
            "steps": steps,
            "error": None,
            "model": "air_time" if done else None,  # the one that this workspace has
            "toml": self._chosen["toml"] if done else None,
            "warnings": [],
            "seconds": 2.4 if done else 0.0,
        }
