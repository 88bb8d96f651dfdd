"""What the columns of a model are: names, types, roles and units, declared or inferred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

ColumnType = Literal["numeric", "categorical", "boolean", "datetime", "text", "embedding"]
Role = Literal["feature", "context", "prediction", "score", "label", "outcome", "latency"]
Task = Literal["binary", "multiclass", "regression", "ranking", "none"]

COLUMN_TYPES: tuple[str, ...] = get_args(ColumnType)
TASKS: tuple[str, ...] = get_args(Task)

#: Column types whose values have an order, so that they are summarised on bin edges.
ORDERED: frozenset[str] = frozenset({"numeric", "datetime", "text"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a model.

    ``feature`` columns go into the model, ``context`` columns are only logged beside it; ``outcome`` columns are
    derived from prediction and label (see :data:`reference_data.profile.Derivation`).
    """

    name: str
    type: ColumnType
    role: Role = "feature"
    unit: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the column as JSON-ready values."""
        return {"name": self.name, "type": self.type, "role": self.role, "unit": self.unit}
