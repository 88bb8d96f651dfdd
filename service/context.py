"""The workspace of this process, for scripts that are run rather than called: the dashboard's pages."""

from __future__ import annotations

from typing import Protocol

from service.identity import Identity
from service.views import DemoView
from service.workspace import Workspace, WorkspaceError

_current: Workspace | None = None
_demo: DemoPlayer | None = None


def set_workspace(workspace: Workspace | None) -> None:
    """Make ``workspace`` the one that :func:`current` returns (None: there is none any more)."""
    global _current
    _current = workspace


def current() -> Workspace:
    """Return the workspace this process serves; raises :class:`WorkspaceError` when it serves none."""
    if _current is None:
        raise WorkspaceError("no workspace is open in this process; start the dashboard with `driftdeck serve`")
    return _current


class DemoPlayer(Protocol):
    """The control that lets the demo's clock run on; both calls are cheap."""

    def state(self) -> DemoView: ...
    def play(self, until: str) -> None: ...


def set_demo(player: DemoPlayer | None) -> None:
    """Make ``player`` the one that :func:`demo` returns (None: this process serves no demo)."""
    global _demo
    _demo = player


def demo() -> DemoPlayer | None:
    """Return the demo's player when this process serves the demo."""
    return _demo


#: What a websocket's handshake is given by the guard, and the guard alone: it takes whatever a client sends under this name away.
IDENTITY_HEADER = "x-driftdeck-identity"
_sign_in: KnowsWhoIsWho | None = None


class KnowsWhoIsWho(Protocol):
    """Who is behind a websocket, asked anew at every run of a page."""

    def identity(self, handle: str | None) -> Identity | None:
        """Return who it is now, None once the session behind the handle has ended."""


def set_sign_in(known: KnowsWhoIsWho | None) -> None:
    """Make ``known`` what knows who is who (None: sign-in is off, whoever reaches the process may do all)."""
    global _sign_in
    _sign_in = known


def sign_in() -> KnowsWhoIsWho | None:
    """Return what knows who is who, None where sign-in is off."""
    return _sign_in
