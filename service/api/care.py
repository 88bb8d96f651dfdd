"""Care: what a model occupies, backups, the doctor, and deletion of one subject's rows."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.background import BackgroundTask

from service import data_views
from service.api.common import Actor, InWorkspace

router = APIRouter(tags=["care"])

Name = Annotated[str, Query(max_length=200, description="what the file is to be called")]
Model = Annotated[str | None, Query(description="of this model only")]


class ErasureBody(BaseModel):
    """Whose rows are to be deleted: the id as it was sent in the column that the model declares as `subject`."""

    model_config = ConfigDict(extra="forbid")
    subject: str = Field(min_length=1, max_length=2000)


@router.get("/models/{model}/storage")
def storage(model: str, workspace: InWorkspace) -> data_views.StorageView:
    """Say what a model occupies, what its retention has done, and what leaves next."""
    return workspace.storage(model)


@router.post(
    "/backup",
    response_class=FileResponse,
    responses={200: {"content": {"application/zstd": {}}, "description": "the backup"}},
)
def backup(workspace: InWorkspace, actor: Actor, name: Name = "driftdeck-backup.tar.zst") -> FileResponse:
    """Make a backup of everything, and send it; it holds all rows and the key of hidden columns, so keep it as safe as the home."""
    home = workspace.health().get("home")
    folder = Path(tempfile.mkdtemp(prefix=".backup-", dir=home))
    try:
        made = workspace.backup(folder / (PurePosixPath(name).name or "backup.tar.zst"), actor=actor)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    told = {"created_at": made["created_at"], "models": made["models"]}
    return FileResponse(
        made["path"],
        media_type="application/zstd",
        filename=Path(made["path"]).name,
        headers={"x-driftdeck-backup": json.dumps(told)},
        background=BackgroundTask(shutil.rmtree, folder, ignore_errors=True),
    )


@router.get("/doctor")
def doctor(workspace: InWorkspace) -> list[data_views.Finding]:
    """Look whether the home is in order: files, hashes, clock, disk, versions. Reads every row once."""
    return workspace.doctor()


@router.post("/models/{model}/erasures")
def erase(model: str, body: ErasureBody, workspace: InWorkspace, actor: Actor) -> data_views.ErasureReceipt:
    """Delete every row about one subject, wherever it lies, and return the receipt."""
    return workspace.erase(model, body.subject, actor=actor)


@router.delete("/models/{model}/subjects/{subject:path}")
def erase_by_path(model: str, subject: str, workspace: InWorkspace, actor: Actor) -> data_views.ErasureReceipt:
    """Delete every row about one subject; for ids of odd characters use `POST …/erasures`."""
    return workspace.erase(model, subject, actor=actor)


@router.get("/erasures")
def erasures(workspace: InWorkspace, model: Model = None) -> list[data_views.ErasureReceipt]:
    """List the receipts of deletions, latest first."""
    return workspace.erasures(model)
