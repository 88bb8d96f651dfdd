"""Over HTTP: from a file of rows to a monitored model."""

from __future__ import annotations

import tempfile
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from service import roles, setting_up_views
from service.api.common import Actor, InWorkspace, identity_of
from service.setting_up_views import Choices

router = APIRouter(tags=["setting up"])

_IN_MEMORY = 8 << 20


@router.post(
    "/set-ups",
    status_code=201,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def keep_upload(
    request: Request,
    workspace: InWorkspace,
    actor: Actor,
    name: Annotated[str, Query(max_length=200, description="what the file is called")] = "upload",
) -> setting_up_views.UploadView:
    """Take in a file of rows (CSV, JSON lines, Parquet, Arrow; the body as it is), to be set up within a day."""
    roles.demand_everywhere(identity_of(request), "act", "keeping an upload")  # before a byte is taken in
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        async for chunk in request.stream():
            file.write(chunk)
        file.seek(0)
        return await run_in_threadpool(workspace.keep_upload, file, name=name, actor=actor)  # type: ignore[arg-type]


@router.post("/set-ups/example", status_code=201)
def example_upload(workspace: InWorkspace, actor: Actor) -> setting_up_views.UploadView:
    """Take in a made-up example, to try things with."""
    return workspace.example_upload(actor=actor)


@router.post("/set-ups/{upload}/proposal")
def propose(upload: str, workspace: InWorkspace, choices: Choices | None = None) -> setting_up_views.Proposal:
    """Say what a file holds and what would be set up, with the choices made so far; changes nothing."""
    return workspace.propose(upload, choices=choices)


@router.post("/set-ups/{upload}/start", status_code=202)
def set_up(
    upload: str, workspace: InWorkspace, actor: Actor, choices: Choices | None = None
) -> setting_up_views.SetUpView:
    """Set the model up: it goes on by itself; while it does, that is returned. Begun before, it goes on from where it ended."""
    return workspace.set_up(upload, choices, wait=False, actor=actor)


@router.get("/set-ups/{upload}")
def setting_up(upload: str, workspace: InWorkspace) -> setting_up_views.SetUpView:
    """Say how far a set-up has come."""
    return workspace.setting_up(upload)
