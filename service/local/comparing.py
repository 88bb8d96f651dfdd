"""What a local workspace knows of any two windows, versions or files held against each other: one method each, answered by the module it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service import comparing_process
from service.comparing import ALPHA
from service.local import slice_pairs

if TYPE_CHECKING:
    from service import comparing_views
    from service.comparing_views import GivenFile
    from service.local.core import Core


class LocalComparing:
    """See :class:`service.comparing.Comparing`."""

    core: Core

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
        files = {"reference": reference} if current is None else {"reference": reference, "current": current}
        options = {
            "timestamp": timestamp,
            "split": split,
            "alpha": ALPHA if alpha is None else alpha,
            "preset": preset,
            "together": together,
            "ids": ids,
        }
        return comparing_process.compare_apart(files, options, limit=self.upload_limit())

    def compare_slices(
        self, model: str, left: str, right: str, *, alpha: float | None = None
    ) -> comparing_views.SliceComparison:
        return slice_pairs.compare_slices(self.core, model, left, right, ALPHA if alpha is None else alpha)

    def upload_limit(self) -> int:
        return self.core.max_body
