"""A program of the operator's own, packed with what it learned (:mod:`retraining.own_command`); made by training jobs only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from retraining.artefacts import Format, Trust
from retraining.own_command import is_packed, unpack


def _load(data: bytes, _path: Path, _trust: Trust) -> Any:
    return unpack(data)


FORMAT = Format("command", ".zip", lambda data, _suffix: is_packed(data), _load)
