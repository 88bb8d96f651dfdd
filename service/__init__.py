"""What programs call: the workspace, the HTTP API, the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from service.workspace import Workspace

__all__ = ["open_workspace"]


def open_workspace(home: str | Path, *, memory: str | None = None) -> Workspace:
    """Open a home folder, made if need be.

    When another process serves the folder, the answer speaks HTTP to it; otherwise this process owns the folder until the
    workspace is closed; ``memory``, such as "400MB", is then what the database may hold at most. Raises :class:`service.workspace.WorkspaceError` when neither is possible.
    """
    from pathlib import Path

    from service import endpoint

    folder = Path(home)
    serving = endpoint.find(folder)
    if serving is not None:
        from service.remote import RemoteWorkspace

        return RemoteWorkspace(serving.url, secret=serving.secret)
    from service.local import LocalWorkspace

    return LocalWorkspace.open(folder, memory=memory)
