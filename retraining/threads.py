"""How many threads scikit-learn may use."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

#: Rows that keep one thread busy. Fewer are done sooner by one: on a busy machine OpenMP's threads wait for each other
#: at every node of a tree, and a fit of half a second took twenty.
ROWS_PER_THREAD = 100_000


def threads_for(rows: int) -> AbstractContextManager[Any]:
    """Limit OpenMP to as many threads as ``rows`` keep busy, at most one a processor, within the context."""
    count = min(rows // ROWS_PER_THREAD + 1, os.cpu_count() or 1)
    manager: AbstractContextManager[Any] = _controller().limit(limits=count, user_api="openmp")
    return manager


@cache
def _controller() -> ThreadpoolController:
    import sklearn.ensemble  # noqa: F401  its libraries must be loaded to be found

    return ThreadpoolController()
