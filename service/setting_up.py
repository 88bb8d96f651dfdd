"""What a workspace knows of from a file of rows to a monitored model."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from service import setting_up_views


class SettingUp(Protocol):
    """From a file of rows to a monitored model. A file that is kept waits a day to be set up."""

    def keep_upload(
        self, data: Path | BinaryIO, *, name: str | None = None, actor: str = "cli"
    ) -> setting_up_views.UploadView:
        """Take a file in, unread; ``name`` is what it is called (of a path: its own)."""
        ...

    def example_upload(self, *, actor: str = "cli") -> setting_up_views.UploadView:
        """Take in a made-up example: two months of customers, predictions and labels, of which the last days go wrong."""
        ...

    def propose(
        self,
        upload: str | Path,
        *,
        name: str | None = None,
        choices: setting_up_views.Choices | None = None,
    ) -> setting_up_views.Proposal:
        """Say what a kept file (its id) or a file (its path, which is kept then) holds, and what would be set up; changes nothing.

        ``choices`` are a person's, in the place of guesses. Raises :class:`WorkspaceError` for a file that cannot be read, and for
        choices that name what is not there.
        """
        ...

    def set_up(
        self,
        upload: str,
        choices: setting_up_views.Choices | None = None,
        *,
        wait: bool = True,
        actor: str = "cli",
    ) -> setting_up_views.SetUpView:
        """Declare the model, take in rows and labels, freeze the reference, and judge; begun before, go on from where that ended.

        Without ``wait`` it goes on by itself, to be asked of with :meth:`setting_up`; while it does, asking for it again starts nothing.
        Raises :class:`WorkspaceError` for what has to be settled first, and (with ``wait``) for what went wrong.
        """
        ...

    def setting_up(self, upload: str) -> setting_up_views.SetUpView:
        """Return how far a set-up has come. Raises :class:`NotFoundError` for a file that is not kept (any more)."""
        ...
