"""Care of a workspace that another process owns."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import cast

import httpx

from service import data_views
from service.remote_calls import RemoteCalls, part
from service.workspace import WorkspaceError


class RemoteCare(RemoteCalls):
    """What :class:`service.remote.RemoteWorkspace` answers about storage, backups, deletion and health."""

    def storage(self, model: str) -> data_views.StorageView:
        return cast("data_views.StorageView", self._call("GET", f"/models/{part(model)}/storage").json())

    def backup(self, path: Path, *, actor: str = "cli") -> data_views.BackupView:
        """Have the owner make a backup, and write it here: whole or not at all, readable by this user only."""
        del actor  # the owner knows who calls
        started = time.monotonic()
        target = Path(path).expanduser().absolute()
        if target.is_dir() or not target.parent.is_dir():
            raise WorkspaceError(
                f"a backup cannot be written to {target}: give the name of a file in a folder that exists"
            )
        draft = target.with_name(f".{target.name}.{os.getpid()}.draft")
        try:
            plain = {"accept-encoding": "identity"}  # it is packed already
            with self._http.stream("POST", "/backup", params={"name": target.name}, headers=plain) as answer:
                if not answer.is_success:
                    answer.read()
                    raise WorkspaceError(_words(answer))
                told = json.loads(answer.headers["x-driftdeck-backup"])
                descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    for block in answer.iter_bytes():
                        file.write(block)
                    file.flush()
                    os.fsync(file.fileno())
            draft.replace(target)
        except httpx.HTTPError as error:
            raise WorkspaceError(f"the process at {self._url} broke off ({error}); no backup was written") from None
        except OSError as error:
            raise WorkspaceError(f"the backup cannot be written to {target}: {error.strerror}") from None
        finally:
            draft.unlink(missing_ok=True)
        return {
            "path": str(target),
            "bytes": target.stat().st_size,
            "created_at": told["created_at"],
            "models": told["models"],
            "seconds": time.monotonic() - started,
        }

    def doctor(self) -> list[data_views.Finding]:
        return cast("list[data_views.Finding]", self._call("GET", "/doctor").json())

    def erase(self, model: str, subject: str, *, actor: str = "cli") -> data_views.ErasureReceipt:
        del actor
        answer = self._call("POST", f"/models/{part(model)}/erasures", json={"subject": subject})
        return cast("data_views.ErasureReceipt", answer.json())

    def erasures(self, model: str | None = None) -> list[data_views.ErasureReceipt]:
        answer = self._call("GET", "/erasures", params={} if model is None else {"model": model})
        return cast("list[data_views.ErasureReceipt]", answer.json())


def _words(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"the owner answered {answer.status_code}; see its log"
