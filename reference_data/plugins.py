"""Extension folders: every file in one defines one thing, found by scanning, never registered by hand."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType
from typing import Any


@cache
def discover(package: str, attribute: str) -> dict[str, Any]:
    """Import every module in ``package`` and return its ``attribute`` objects by their ``name``, sorted.

    Files whose name begins with an underscore are helpers and are passed over. Raises :class:`TypeError` for a module without the
    attribute and :class:`ValueError` for two modules that claim one name.
    """
    found: dict[str, Any] = {}
    owners: dict[str, str] = {}
    parent: ModuleType = importlib.import_module(package)
    for info in pkgutil.iter_modules(parent.__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package}.{info.name}")
        if not hasattr(module, attribute):
            raise TypeError(f"{module.__name__} defines no {attribute}; every file in {package} must define one")
        thing = getattr(module, attribute)
        if thing.name in found:
            raise ValueError(
                f"{module.__name__} and {owners[thing.name]} both define the name {thing.name!r}; rename one"
            )
        found[thing.name], owners[thing.name] = thing, module.__name__
    return dict(sorted(found.items()))
