"""The control store: everything that was decided, in one SQLite file."""

from __future__ import annotations

from storage.control_access import Access
from storage.control_alerts import Alerts
from storage.control_audit import Audit
from storage.control_declarations import Declarations, ModelRecord
from storage.control_erasure import Erasures
from storage.control_figures import ControlFigures
from storage.control_loop import Loop
from storage.control_outbox import Outbox, OutboxItem
from storage.control_owners import Owners
from storage.control_runs import Runs
from storage.control_silences import Silences
from storage.control_sources import Sources

__all__ = ["Control", "ModelRecord", "OutboxItem"]


class Control(
    Declarations, Owners, ControlFigures, Alerts, Outbox, Silences, Loop, Sources, Runs, Erasures, Access, Audit
):
    """``Control(path, now)`` opens the file; safe to use from several threads."""
