"""The control store: everything that was decided, in one SQLite file."""

from __future__ import annotations

from storage.control_alerts import Alerts, OutboxItem
from storage.control_audit import Audit
from storage.control_declarations import Declarations, ModelRecord
from storage.control_loop import Loop

__all__ = ["Control", "ModelRecord", "OutboxItem"]


class Control(Declarations, Alerts, Loop, Audit):
    """``Control(path, now)`` opens the file; safe to use from several threads."""
