"""What one request brought: rows as they were sent, before anybody has looked at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from service.views import AppendView


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


@dataclass(frozen=True, slots=True)
class Sent:
    """One small upload of predictions in JSON, and the idempotency key that came with it."""

    upload: Upload
    key: str | None = None


@runtime_checkable
class Together(Protocol):
    """A workspace that stores several uploads at once."""

    def log_together(self, model: str, sent: Sequence[Sent]) -> list[AppendView | Exception]:
        """Append predictions as :meth:`service.workspace.Workspace.log` would one by one, in one commit; answers or errors, in order."""
