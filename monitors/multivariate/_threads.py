"""How many threads the libraries may use."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any


def one_thread() -> AbstractContextManager[Any]:
    """Limit linear algebra and scikit-learn to one thread: on a sample several wait for each other a hundred times longer than they work."""
    manager: AbstractContextManager[Any] = _controller().limit(limits=1)
    return manager


@cache
def _controller() -> Any:
    import sklearn.ensemble  # noqa: F401  its libraries must be loaded to be found
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()
