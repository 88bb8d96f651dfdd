"""The gate of a version as one HTML file in the home's folder of reports."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from retraining import registry
from service import gate_page
from service.local import loop, versions
from service.local.convert import iso

if TYPE_CHECKING:
    from pathlib import Path

    from service.local.core import Core

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")


def gate_report(core: Core, model: str, version: str) -> Path:
    """Write the report, whole or not at all, and return it; raises :class:`service.workspace.NotFoundError` for an unknown version."""
    spec = core.spec(model)
    lineage = versions.lineage(core, model, version)  # takes in a job that has just ended
    record = core.version(model, version)
    view = loop.version_view(core, record, core.roles(model))
    written = iso(core.now(), spec.zone)
    page = gate_page.render(view, record["gate"], lineage, task=spec.task, written=written)
    name = version if _PLAIN.fullmatch(version) else hashlib.sha256(version.encode()).hexdigest()[:16]
    path = core.home.reports / f"{model}-gate-{name}.html"
    registry.write_atomically(path, page.encode())
    return path
