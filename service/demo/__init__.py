"""The demo: one real year, replayed through the product's own public paths."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from service.workspace import WorkspaceError

if TYPE_CHECKING:
    from service import views
    from service.local import LocalWorkspace
    from service.settings import Settings
    from service.workspace import Workspace


def serve_demo(home: Path, settings: Settings, *, until: str | None, scripted: bool, speed: float | None) -> None:
    """Build the flights workspace in ``home`` (once) and serve it; the page stands while the year is still being replayed."""
    from service import server
    from service.demo.flights import STORY
    from service.demo.player import Player, target
    from service.local import LocalWorkspace

    stop = target(until or STORY.isoformat())

    @contextmanager
    def playing(workspace: Workspace) -> Iterator[object]:
        from service import context

        if not isinstance(workspace, LocalWorkspace):
            raise WorkspaceError("the demo plays only in the process that owns its folder")
        player = Player(workspace, report=Terminal(), speed=speed)
        context.set_demo(player)
        player.start(stop, scripted=scripted)
        try:
            yield player
        finally:
            player.stop()
            context.set_demo(None)

    server.run(home, settings, _open, companions=[playing])


def _open(home: Path) -> LocalWorkspace:
    """Open the demo's home; a folder that watches real models is left alone, because the demo turns its clock back."""
    from service.demo.flights import MODEL
    from service.local import LocalWorkspace

    workspace = LocalWorkspace.open(home)
    others = sorted(workspace.core.control.model_records().keys() - {MODEL})
    if others:
        workspace.close()
        raise WorkspaceError(
            f"{home} watches {', '.join(others)}, and the demo sets its home's clock to 2013; give it a folder of its own "
            "with --home"
        )
    return workspace


class Terminal:
    """Shows the replay's progress on the terminal: a bar on a screen, a line now and then in a log."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True)
        self._said = 0.0

    def __call__(self, view: views.DemoView) -> None:
        """Show one step."""
        done = view["progress"] >= 1
        if not done and time.monotonic() - self._said < (0.2 if self._console.is_terminal else 5.0):
            return
        self._said = time.monotonic()
        eta = view["eta_seconds"]
        left = f", about {eta:.0f} s left" if eta is not None and not done else ""
        line = f"{view['progress']:4.0%}  {view['step']}{left}"
        if self._console.is_terminal and not done:
            self._console.print(line.ljust(78), end="\r", highlight=False)
        else:
            self._console.print(line.ljust(78) if self._console.is_terminal else line, highlight=False)
