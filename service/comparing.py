"""What a workspace knows of any two windows, versions or files held against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from service import comparing_views
    from service.comparing_views import GivenFile

ALPHA = 0.01  # of a whole comparison, unless another is asked for


class Comparing(Protocol):
    """Any two windows, versions or files held against each other."""

    def compare_files(
        self,
        reference: GivenFile,
        current: GivenFile | None = None,
        *,
        timestamp: str | None = None,
        split: str | None = None,
        alpha: float | None = None,
        preset: str | None = None,
        together: bool = False,
        ids: bool = False,
    ) -> comparing_views.FileComparison:
        """Compare two files column by column; nothing is kept of them, and they are read by a process with limits.

        ``current`` None: the one file is cut at ``split`` (ISO time; by default where half of its rows lie before). ``timestamp``: the
        column that says when a row was; None: the only one that can be, if the sides lie apart in it; "": none. ``alpha``: error rate of
        the whole comparison. ``preset``: decide as evidently or nannyml does. ``together``: all columns as one as well, which takes longer.
        ``ids``: compare columns too that only tell rows apart; by default they are left out, and named.
        Raises :class:`service.workspace.WorkspaceError` in words for files that cannot be read or compared.
        """
        ...

    def compare_slices(
        self, model: str, left: str, right: str, *, alpha: float | None = None
    ) -> comparing_views.SliceComparison:
        """Hold slice ``right`` of a model against slice ``left``: inputs, predictions and outcomes, from profiles; no row is read.

        A slice is written as parts with commas between them: ``2013-05-01..2013-05-08`` or ``2013-05-01`` or ``2013-05`` (days of the
        model's time zone, the end excluded), ``last:7d``, ``version:v2``, ``role:shadow``, ``reference`` or ``reference:2``, and as the
        last one ``segment:carrier=AA``. Raises :class:`service.workspace.WorkspaceError` naming what can be written.
        """
        ...

    def upload_limit(self) -> int:
        """Return how many bytes the files of one comparison may have together."""
        ...
