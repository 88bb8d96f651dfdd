"""What one request brought: rows as they were sent, before anybody has looked at them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A line that is no JSON; it stands among the rows, in its place."""

    text: str
    error: str


@dataclass(frozen=True, slots=True)
class Upload:
    """Rows of a request: JSON values of any shape, or a table.

    ``digest`` is that of the body, so that an idempotency key is not taken for another body's; ``lines`` has the line of each row where
    the body came in lines, counted from 1.
    """

    rows: list[Any] | pa.Table
    digest: str | None = None
    lines: list[int] | None = None
