"""What JSON rows look like: for the documentation, and for references, which are frozen whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import pyarrow as pa
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    TypeAdapter,
    ValidationError,
)

from service.api.errors import ApiError

Scalar = StrictBool | StrictInt | StrictFloat | Annotated[str, Field(max_length=100_000)] | None
Identifier = Annotated[str, Field(min_length=1, max_length=512)]
Name = Annotated[str, Field(min_length=1, max_length=512)]
Scores = Annotated[dict[str, float], Field(min_length=1)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True, allow_inf_nan=False)


class LogRow(_Row):
    """One prediction that was made. Times without offset are in the model's time zone."""

    prediction_id: Identifier | None = Field(None, description="made by the server when left out")
    event_time: AwareDatetime | datetime | None = Field(None, description="needed unless the model declares none")
    model_version: Name | None = None
    latency_ms: float | None = Field(None, ge=0)
    features: dict[str, Scalar]
    context: dict[str, Scalar] | None = Field(None, description="logged and monitored, no part of the model")
    prediction: StrictFloat | StrictInt | StrictBool | str | None = None
    score: float | Scores | None = None


class LabelRow(_Row):
    """The truth about one prediction, as it became known."""

    prediction_id: Identifier
    label: StrictFloat | StrictInt | StrictBool | str | None
    label_time: AwareDatetime | datetime | None = Field(None, description="when it became known; default: now")
    event_time: AwareDatetime | datetime | None = Field(None, description="the prediction's, to find it faster")
    kind: Name | None = Field(None, description="a declared kind of feedback; default: the truth")


_FLAT = TypeAdapter(dict[Name, Scalar | Scores])


def as_table(rows: Sequence[Any]) -> pa.Table:
    """Return flat rows as a table; raises :class:`ApiError` (422) naming the row or the column that does not fit."""
    flat: list[dict[str, Any]] = []
    for index, row in enumerate(rows):
        try:
            flat.append(_FLAT.validate_python(row))
        except ValidationError as error:
            bad = _rejection(index, error)
            raise ApiError(422, f"row {index}, {bad['field']}: {bad['error']}", rejected=[bad]) from None
    columns: dict[str, pa.Array] = {}
    for name in dict.fromkeys(name for row in flat for name in row):
        try:
            columns[name] = pa.array([row.get(name) for row in flat])
        except (pa.ArrowException, OverflowError) as error:
            raise ApiError(422, f"column {name!r} holds values of several types or sizes: {error}") from None
    return pa.table(columns)


def _rejection(index: int, error: ValidationError) -> dict[str, Any]:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    location = first["loc"]
    # (features, distance, StrictInt) -> features.distance: the kinds that were tried are no part of the name
    depth = 2 if location[:1] in {("features",), ("context",), ("score",)} else 1
    return {"row": index, "field": ".".join(str(part) for part in location[:depth]), "error": first["msg"]}
