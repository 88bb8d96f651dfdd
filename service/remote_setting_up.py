"""What a workspace that another process serves knows of from a file of rows to a monitored model."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from service.remote_calls import RemoteCalls, part
from service.workspace import WorkspaceError

if TYPE_CHECKING:
    from service import setting_up_views

_CHUNK = 1 << 20
_LOOK = 0.25  # seconds between two looks at how far it has come


class RemoteSettingUp(RemoteCalls):
    """See :class:`service.setting_up.SettingUp`."""

    def keep_upload(
        self, data: Path | BinaryIO, *, name: str | None = None, actor: str = "cli"
    ) -> setting_up_views.UploadView:
        del actor  # the owner knows who calls
        if isinstance(data, Path):
            try:
                with data.expanduser().open("rb") as file:
                    return self._keep(file, name or data.name)
            except OSError as error:
                raise WorkspaceError(f"{data} cannot be read: {error.strerror or error}; give a file of rows") from None
        return self._keep(data, name or "upload")

    def _keep(self, file: BinaryIO, name: str) -> setting_up_views.UploadView:
        def chunks() -> Iterator[bytes]:
            while chunk := file.read(_CHUNK):
                yield chunk

        headers = {"content-type": "application/octet-stream"}
        answer = self._call("POST", "/set-ups", params={"name": name}, content=chunks(), headers=headers)
        return cast("setting_up_views.UploadView", answer.json())

    def example_upload(self, *, actor: str = "cli") -> setting_up_views.UploadView:
        del actor
        return cast("setting_up_views.UploadView", self._call("POST", "/set-ups/example").json())

    def propose(
        self, upload: str | Path, *, name: str | None = None, choices: setting_up_views.Choices | None = None
    ) -> setting_up_views.Proposal:
        if isinstance(upload, Path):
            upload = self.keep_upload(upload)["id"]
        body = {**(choices or {}), **({} if name is None else {"name": name})}
        return cast(
            "setting_up_views.Proposal", self._call("POST", f"/set-ups/{part(upload)}/proposal", json=body).json()
        )

    def set_up(
        self,
        upload: str,
        choices: setting_up_views.Choices | None = None,
        *,
        wait: bool = True,
        actor: str = "cli",
    ) -> setting_up_views.SetUpView:
        del actor
        answer = self._call("POST", f"/set-ups/{part(upload)}/start", json=dict(choices or {}))
        view = cast("setting_up_views.SetUpView", answer.json())
        while wait and view["state"] == "running":
            time.sleep(_LOOK)
            view = self.setting_up(upload)
        if wait and view["error"] is not None:
            raise WorkspaceError(view["error"])
        return view

    def setting_up(self, upload: str) -> setting_up_views.SetUpView:
        return cast("setting_up_views.SetUpView", self._call("GET", f"/set-ups/{part(upload)}").json())
