"""Data in: predictions, labels, references, and predictions made here."""

from __future__ import annotations

from typing import Annotated, Any

import pyarrow as pa
from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.api.bodies import ARROW, JSON, LINES, PARQUET, Body, parse_json, parse_rows, read_body
from service.api.common import Actor, InWorkspace
from service.api.errors import ApiError
from service.api.rows import LabelRow, LogRow, as_table, check_rows
from service.views import AppendView
from service.workspace import Workspace

router = APIRouter(tags=["data in"])

Rows = Annotated[Body, Depends(read_body)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)]


def _body_docs(shape: type[BaseModel] | None) -> dict[str, Any]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    row: dict[str, Any] = {"type": "object"} if shape is None else shape.model_json_schema()
    rows = {"type": "object", "properties": {"rows": {"type": "array", "items": row}}, "required": ["rows"]}
    content = {JSON: {"schema": rows}, LINES: {"schema": row}, ARROW: binary, PARQUET: binary}
    return {"requestBody": {"required": True, "content": content}}


@router.post("/models/{model}/logs", openapi_extra=_body_docs(LogRow))
def append_logs(model: str, body: Rows, workspace: InWorkspace, response: Response, *, key: Key = None) -> AppendView:
    """Append predictions; answered once they are committed.

    Rows that cannot be taken come back in `rejected` with their index and field, the others are kept; when every row is
    bad, nothing is kept and the status is 422. Ids that are already there count as duplicates.
    Arrow and Parquet carry the columns that the model's declaration names.
    """
    return _append(workspace, model, body, LogRow, response, key=key)


@router.post("/models/{model}/labels", openapi_extra=_body_docs(LabelRow))
def append_labels(model: str, body: Rows, workspace: InWorkspace, response: Response, *, key: Key = None) -> AppendView:
    """Append labels, joined to predictions by id; the latest label of an id counts, earlier ones are kept."""
    return _append(workspace, model, body, LabelRow, response, key=key)


def _append(
    workspace: Workspace,
    model: str,
    body: Body,
    shape: type[LogRow | LabelRow],
    response: Response,
    *,
    key: str | None,
) -> AppendView:
    write = workspace.log if shape is LogRow else workspace.label
    rows = parse_rows(body)
    if isinstance(rows, pa.Table):
        return _answer(write(model, rows, key=key), response)
    good, places, rejected = check_rows(rows, shape)
    if rejected and not good:
        raise ApiError(
            422,
            f"row {rejected[0]['row']}, {rejected[0]['field']}: {rejected[0]['error']}; nothing was kept",
            accepted=0,
            duplicates=0,
            rejected=rejected,
            rejected_rows=len(rejected),
        )
    result = write(model, good, key=key)
    rejected += [{**item, "row": places[item["row"]]} for item in result["rejected"]]
    rejected.sort(key=lambda item: item["row"])
    return _answer(
        AppendView(
            accepted=result["accepted"],
            duplicates=result["duplicates"],
            rejected=rejected,
            rejected_rows=len({item["row"] for item in rejected}),
        ),
        response,
    )


def _answer(result: AppendView, response: Response) -> AppendView:
    if result["rejected"] and not result["accepted"] and not result["duplicates"]:
        response.status_code = 422
    return result


@router.post("/models/{model}/references", openapi_extra=_body_docs(None))
def make_reference(
    model: str, body: Rows, workspace: InWorkspace, actor: Actor, version: Annotated[int | None, Query(ge=1)] = None
) -> dict[str, Any]:
    """Freeze a reference from the rows sent, or from logged ones.

    Logged rows: `{"window": ["2013-01-01", "2013-03-05"]}`, or `{"before_deployment": "4w"}`, with `"of": "v2"` that of another version
    than the champion. `{"training": "v2"}` answers with the reference that a version trained here brought. The answer's `warnings` say
    what the reference is too small for.
    """
    if body.kind == JSON:
        content = parse_json(body.data)
        window = content.get("window") if isinstance(content, dict) else None
        if window is not None:
            if not isinstance(window, list) or [type(end) for end in window] != [str, str]:
                raise ApiError(422, "window must be two times, the first included, the second not")
            return workspace.reference(model, (window[0], window[1]), version=version, actor=actor)
        if isinstance(content, dict) and content.keys() & {"before_deployment", "training"}:
            return workspace.reference(model, content, version=version, actor=actor)
    rows = parse_rows(body)
    table = rows if isinstance(rows, pa.Table) else as_table(rows)
    return workspace.reference(model, table, version=version, actor=actor)


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
