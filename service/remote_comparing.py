"""What a workspace that another process serves knows of any two windows, versions or files held against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from service.remote_calls import RemoteCalls, model_path

if TYPE_CHECKING:
    from service import comparing_views
    from service.comparing_views import GivenFile


class RemoteComparing(RemoteCalls):
    """See :class:`service.comparing.Comparing`."""

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
        sides = {"reference": reference} | ({} if current is None else {"current": current})
        files = {side: (_sendable(file.name), file.data, "application/octet-stream") for side, file in sides.items()}
        given = {"timestamp": timestamp, "split": split, "alpha": alpha, "preset": preset}
        query = {name: value for name, value in given.items() if value is not None}
        answer = self._call("POST", "/compare", files=files, params={**query, "together": together, "ids": ids})
        return cast("comparing_views.FileComparison", answer.json())

    def compare_slices(
        self, model: str, left: str, right: str, *, alpha: float | None = None
    ) -> comparing_views.SliceComparison:
        query = {"left": left, "right": right} | ({} if alpha is None else {"alpha": alpha})
        answer = self._call("GET", f"{model_path(model)}/compare", params=query)
        return cast("comparing_views.SliceComparison", answer.json())

    def upload_limit(self) -> int:
        return int(self._call("GET", "/compare/limit").json()["bytes"])


def _sendable(name: str) -> str:
    """Return a file's name as it can stand in the head of a part."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name)[:200] or "file"
