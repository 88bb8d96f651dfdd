"""What JSON rows look like: for the documentation, and for references, which are frozen whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import pyarrow as pa
from pydantic import (
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
from storage.intake import MAX_ID_BYTES

_BYTES = f"at most {MAX_ID_BYTES:,} bytes of UTF-8"
Number = StrictInt | StrictFloat
Scalar = StrictBool | StrictInt | StrictFloat | str | None
Identifier = Annotated[str, Field(min_length=1, max_length=MAX_ID_BYTES, description=_BYTES)] | StrictInt
Name = Annotated[str, Field(min_length=1)]
Scores = Annotated[dict[str, float], Field(min_length=1)]
Time = Annotated[str, Field(description="ISO 8601; without an offset in the model's time zone")]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class LogRow(_Row):
    """One prediction that was made. Times without offset are in the model's time zone."""

    prediction_id: Identifier | None = Field(None, description=f"made by the server when left out; {_BYTES}")
    event_time: Time | None = Field(None, description="needed unless the model declares none")
    model_version: Annotated[str, Field(max_length=MAX_ID_BYTES)] | None = Field(None, description=_BYTES)
    latency_ms: float | None = Field(None, ge=0)
    features: dict[str, Scalar | list[Number | None]] = Field(description="lists are for columns of type embedding")
    context: dict[str, Scalar | list[Number | None]] | None = Field(
        None, description="logged and monitored, no part of the model"
    )
    prediction: Scalar = None
    score: float | dict[str, float | None] | None = None


class LabelRow(_Row):
    """The truth about one prediction, as it became known."""

    prediction_id: Identifier
    label: StrictBool | Number | str
    label_time: Time | None = Field(None, description="when it became known; default: now")
    event_time: Time | None = Field(None, description="the prediction's, to find it faster")
    kind: str | None = Field(None, description="a declared kind of feedback; default: the truth")


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
