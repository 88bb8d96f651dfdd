"""Over HTTP: any two windows, versions or files held against each other."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from python_multipart.exceptions import FormParserError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException

from service import comparing_views, roles
from service.api.admission import Admission
from service.api.common import InWorkspace, identity_of
from service.api.errors import ApiError
from service.comparing_views import GivenFile

router = APIRouter(tags=["comparing"])

Alpha = Annotated[float | None, Query(gt=0, lt=1, description="error rate of the whole comparison; 0.01 by default")]

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["reference"],
                    "properties": {
                        "reference": {"type": "string", "format": "binary", "description": "what normal is"},
                        "current": {
                            "type": "string",
                            "format": "binary",
                            "description": "what is held against it; left out: the one file is cut in time",
                        },
                    },
                }
            }
        },
    }
}


@router.get("/compare/limit")
def upload_limit(workspace: InWorkspace) -> dict[str, int]:
    """Return how many bytes the files of one comparison may have together."""
    return {"bytes": workspace.upload_limit()}


@router.post("/compare", openapi_extra=_BODY)
async def compare_files(
    request: Request,
    workspace: InWorkspace,
    timestamp: Annotated[str | None, Query(description="column that says when a row was; empty: none")] = None,
    split: Annotated[str | None, Query(description="ISO time at which one file is cut")] = None,
    alpha: Alpha = None,
    preset: Annotated[str | None, Query(description="decide as evidently or nannyml does")] = None,
    together: Annotated[bool, Query(description="compare all columns as one as well")] = False,  # noqa: FBT002 - a query
    ids: Annotated[bool, Query(description="compare columns too that only tell rows apart")] = False,  # noqa: FBT002 - a query
) -> comparing_views.FileComparison:
    """Compare two files column by column, or one cut in time: CSV, TSV, JSON, Parquet or Arrow, as parts of a form. Nothing is kept."""
    who = identity_of(request)
    roles.demand(who, "read", "comparing files")  # before a byte is taken in
    admission: Admission = request.app.state.admission
    with admission.arrive(who.name):
        form = await _form(request)
    try:
        with admission.compare():  # a place is for work: who sends slowly holds none
            files = await _files(form)
            return await run_in_threadpool(
                workspace.compare_files,
                files["reference"],
                files.get("current"),
                timestamp=timestamp,
                split=split,
                alpha=alpha,
                preset=preset,
                together=together,
                ids=ids,
            )
    finally:
        await form.close()


async def _form(request: Request) -> FormData:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        words = f"the body came as {kind or 'no content type'}; send a form: curl -F reference=@before.csv -F current=@after.csv"
        raise ApiError(415, words)
    try:
        return await request.form(max_files=2, max_fields=0)
    except (MultiPartException, FormParserError) as error:
        raise ApiError(400, f"the body is not a form of one or two files: {error}") from None


async def _files(form: FormData) -> dict[str, GivenFile]:
    """Read the parts of a form, which have waited on disk, into memory."""
    found = {
        side: GivenFile(value.filename or side, await value.read())
        for side, value in form.multi_items()
        if isinstance(value, UploadFile)
    }
    unknown = sorted(found.keys() - {"reference", "current"})
    if unknown or "reference" not in found:
        said = f"not {unknown[0][:80]!r}" if unknown else "and reference is missing"
        raise ApiError(422, f"the parts of the form are called reference and current, {said}")
    return found


@router.get("/models/{model}/compare")
def compare_slices(
    model: str,
    workspace: InWorkspace,
    left: Annotated[str, Query(max_length=1000, description="such as 2013-05-01..2013-05-08, version:v1, reference")],
    right: Annotated[str, Query(max_length=1000, description="the slice that is held against it")],
    alpha: Alpha = None,
) -> comparing_views.SliceComparison:
    """Hold one slice of a model against another: inputs, predictions and outcomes, from profiles.

    A slice is written as parts with commas between them: `2013-05-01..2013-05-08`, `2013-05-01`, `2013-05`, `last:7d`, `version:v2`,
    `role:shadow`, `reference`, and as the last one `segment:carrier=AA`.
    """
    return workspace.compare_slices(model, left, right, alpha=alpha)
