"""What references there are, and how two of them differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from service import data_views
from service.api.common import InWorkspace, Paged

router = APIRouter(tags=["what is there"])

Version = Annotated[int, Query(ge=1)]


@router.get("/models/{model}/references")
def references(model: str, workspace: InWorkspace, page: Paged) -> Sequence[data_views.ReferenceView]:
    """List references, latest first: period, rows, which versions are held against each, and what it is too small for."""
    return page.of(workspace.references(model))


@router.get("/models/{model}/references/diff")
def reference_diff(
    model: str, workspace: InWorkspace, version: Version, other: Version
) -> list[data_views.ReferenceDiffRow]:
    """Return what changed from reference `version` to `other`, column by column, what moved most first."""
    return workspace.reference_diff(model, version, other)
