"""One estimator, one file: skops numbers what it stores by where it lay in memory and stamps the time, and neither is of the model."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

_SCHEMA = "schema.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can say


def canonical(data: bytes) -> bytes:
    """Return a skops file with its objects numbered in the order in which they are named, and without times.

    It loads as the same estimator; of equal estimators, dumped by whichever process, equal bytes come.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        schema = json.loads(source.read(_SCHEMA))
        kind = source.infolist()[0].compress_type
        held = set(source.namelist())
        ids: dict[int, int] = {}
        files: dict[str, str] = {}
        for node in _nodes(schema):
            if isinstance(node.get("__id__"), int):
                node["__id__"] = ids.setdefault(node["__id__"], len(ids) + 1)
            name = node.get("file")
            if isinstance(name, str) and name in held:
                node["file"] = files.setdefault(name, f"{len(files) + 1}.{name.rpartition('.')[2]}")
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", kind) as made:
            for old, new in files.items():
                made.writestr(_entry(new, kind), source.read(old))
            made.writestr(_entry(_SCHEMA, kind), json.dumps(schema, indent=2))
    return target.getvalue()


def _entry(name: str, kind: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = kind
    return entry


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield what stands for an object, in the order of the file; a user's own mapping may have a key of any name."""
    if isinstance(value, dict):
        if "__loader__" in value:
            yield value
        for inner in value.values():
            yield from _nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _nodes(inner)
