"""Data in: predictions, labels, references, and predictions made here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pyarrow as pa
from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from service import roles
from service.api.admission import Admission
from service.api.bodies import ARROW, JSON, LINES, PARQUET, Body, admitted, parse_json, to_upload
from service.api.common import Actor, InWorkspace, identity_of, limited
from service.api.errors import ApiError
from service.api.gather import Gatherer
from service.api.rows import LabelRow, LogRow, as_table
from service.views import AppendView
from service.workspace import Workspace

router = APIRouter(tags=["data in"])

Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)]
Strict = Annotated[bool, Query(description="a row that is refused keeps all the others out")]


def _body_docs(shape: type[BaseModel] | None) -> dict[str, Any]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    row: dict[str, Any] = {"type": "object", "description": "a flat row: values by the names that the model declares"}
    if shape is not None:
        row = {"anyOf": [shape.model_json_schema(), row]}
    several = {"type": "array", "items": row}
    rows = {"type": "object", "properties": {"rows": several}, "required": ["rows"]}
    forms = [rows, several] if shape is None else [rows, several, row]
    content = {JSON: {"schema": {"anyOf": forms}}, LINES: {"schema": row}, ARROW: binary, PARQUET: binary}
    return {"requestBody": {"required": True, "content": content}}


@router.post("/models/{model}/logs", openapi_extra=_body_docs(LogRow), response_model=AppendView)
async def append_logs(model: str, request: Request, *, key: Key = None, strict: Strict = False) -> Response:
    """Append predictions; answered once they are committed.

    Rows that cannot be taken come back in `rejected` with `row`, `field`, `value`, `expected` and `error` and lie in quarantine, the
    others are kept; when no row could be taken the status is 422. With `strict=1` one such row keeps all of them out (422), and nothing is
    stored. Ids that are already there count as duplicates. An `Idempotency-Key` that comes again is answered as it was the first time.
    Arrow and Parquet carry the columns that the model's declaration names.
    """
    return await append(request, model, "logs", key, strict=strict)


@router.post("/models/{model}/labels", openapi_extra=_body_docs(LabelRow), response_model=AppendView)
async def append_labels(model: str, request: Request, *, key: Key = None, strict: Strict = False) -> Response:
    """Append labels, joined to predictions by id; the latest label of an id counts, earlier ones are kept."""
    return await append(request, model, "labels", key, strict=strict)


async def append(
    request: Request, model: str, into: Literal["logs", "labels"], key: str | None, *, strict: bool
) -> Response:
    """Read a body, store its rows and answer. Raises :class:`ApiError` and what the workspace raises."""
    workspace: Workspace = limited(request, request.app.state.workspace)
    admission: Admission = request.app.state.admission
    gatherer: Gatherer | None = request.app.state.gatherer
    roles.permit(workspace, identity_of(request), "log" if into == "logs" else "label", model)
    async with admitted(request) as body:
        if gatherer is not None and into == "logs" and not strict and gatherer.takes(body):
            return _answer(await gatherer.append(model, body, key), strict=False)

        def work() -> AppendView:
            rows = to_upload(body, keyed=key is not None)
            write = workspace.log if into == "logs" else workspace.label
            return write(model, rows, key=key, strict=strict, origin="http")

        found = await to_thread.run_sync(work, limiter=admission.lane(len(body.data)))
    return _answer(found, strict=strict)


def _answer(found: AppendView, *, strict: bool) -> Response:
    answer: dict[str, Any] = {**found}
    refused = bool(found["rejected"]) and (strict or not (found["accepted"] or found["duplicates"]))
    if refused:
        first = found["rejected"][0]
        none = (
            "strict=1: nothing was stored, send all rows again once it is mended" if strict else "no row could be taken"
        )
        answer = {"error": f"row {first['row']}, {first['field']}: {first['error']}; {none}", **answer}
    return Response(msgspec.json.encode(answer), 422 if refused else 200, media_type=JSON)


@router.post("/models/{model}/references", openapi_extra=_body_docs(None))
async def make_reference(
    model: str,
    request: Request,
    workspace: InWorkspace,
    actor: Actor,
    version: Annotated[int | None, Query(ge=1)] = None,
) -> dict[str, Any]:
    """Freeze a reference from the rows sent, or from logged ones.

    Logged rows: `{"window": ["2013-01-01", "2013-03-05"]}`, or `{"before_deployment": "4w"}`, with `"of": "v2"` that of another version
    than the champion. `{"training": "v2"}` answers with the reference that a version trained here brought. The answer's `warnings` say
    what the reference is too small for.
    """
    roles.permit(workspace, identity_of(request), "reference", model)
    admission: Admission = request.app.state.admission
    async with admitted(request) as body:

        def work() -> dict[str, Any]:
            return workspace.reference(model, _reference_data(body), version=version, actor=actor)

        return await to_thread.run_sync(work, limiter=admission.large)


def _reference_data(body: Body) -> object:
    """Return what a reference is to be made of: a table, or words about rows that are logged."""
    if body.kind == JSON:
        content = parse_json(body.content())
        window = content.get("window") if isinstance(content, dict) else None
        if window is not None:
            if not isinstance(window, list) or [type(end) for end in window] != [str, str]:
                raise ApiError(422, "window must be two times, the first included, the second not")
            return window[0], window[1]
        if isinstance(content, dict) and content.keys() & {"before_deployment", "training"}:
            return content
    rows = to_upload(body, single=False).rows
    return rows if isinstance(rows, pa.Table) else as_table(rows)


class PredictBody(BaseModel):
    """One datapoint or many: the model's features by name."""

    model_config = ConfigDict(extra="forbid")

    datapoint: dict[str, Any] | None = None
    datapoints: list[dict[str, Any]] | None = Field(None, max_length=10_000)

    @model_validator(mode="after")
    def _one(self) -> PredictBody:
        if (self.datapoint is None) == (self.datapoints is None):
            raise ValueError("send either datapoint or datapoints")
        return self


@router.post("/models/{model}/predict")
def predict(model: str, body: PredictBody, workspace: InWorkspace) -> dict[str, Any]:
    """Predict with the champion and log it; a single datapoint is answered with its fields at the top as well."""
    points = body.datapoints if body.datapoint is None else [body.datapoint]
    predictions = workspace.predict(model, [*(points or [])])
    return {"predictions": predictions} | (predictions[0] if body.datapoint is not None else {})
