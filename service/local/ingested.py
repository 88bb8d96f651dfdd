"""How many rows came through the door since the process began."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service import views


class Ingested:
    """Counts rows by model, kind (logs, labels) and outcome; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: Counter[tuple[str, str, str]] = Counter()

    def count(self, model: str, kind: str, found: views.AppendView) -> views.AppendView:
        """Count what became of an append, and return it."""
        with self._lock:
            self._rows[model, kind, "accepted"] += found["accepted"]
            self._rows[model, kind, "duplicate"] += found["duplicates"]
            self._rows[model, kind, "refused"] += found["rejected_rows"]
        return found

    def rows(self) -> dict[tuple[str, str, str], int]:
        """Return the counts."""
        with self._lock:
            return dict(self._rows)
