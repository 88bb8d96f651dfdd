"""What a local workspace knows of from a file of rows to a monitored model: one method each, answered by the module it names."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from service import setting_up_views
    from service.local.core import Core


class LocalSettingUp:
    """See :class:`service.setting_up.SettingUp`."""

    core: Core

    def keep_upload(
        self, data: Path | BinaryIO, *, name: str | None = None, actor: str = "cli"
    ) -> setting_up_views.UploadView:
        from service.local import kept_uploads

        del actor  # nothing is changed yet
        return kept_uploads.keep(self.core, data, name)

    def example_upload(self, *, actor: str = "cli") -> setting_up_views.UploadView:
        from service.wizard import example

        content = io.BytesIO(example.csv_text(self.core.now()).encode())
        return self.keep_upload(content, name=example.NAME, actor=actor)

    def propose(
        self, upload: str | Path, *, name: str | None = None, choices: setting_up_views.Choices | None = None
    ) -> setting_up_views.Proposal:
        from service.local import set_up

        if isinstance(upload, Path):
            upload = self.keep_upload(upload)["id"]
        wanted: setting_up_views.Choices = {**(choices or {})}
        if name is not None:
            wanted["name"] = name
        return set_up.proposal(self.core, upload, wanted)

    def set_up(
        self,
        upload: str,
        choices: setting_up_views.Choices | None = None,
        *,
        wait: bool = True,
        actor: str = "cli",
    ) -> setting_up_views.SetUpView:
        from service.local import set_up

        return set_up.begin(self.core, upload, choices, actor, wait=wait)

    def setting_up(self, upload: str) -> setting_up_views.SetUpView:
        from service.local import set_up

        return set_up.state(self.core, upload)

    def finish_setting_up(self) -> None:
        """Wait for what is being set up, before the home is closed."""
        import sys

        module = sys.modules.get("service.local.set_up")  # not loaded: nothing is
        if module is not None:
            module.finish(self.core)
