"""Rows that were refused: a page of them, what they were refused for, and their way in once they are repaired."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from service.local.convert import iso
from service.local.ingest import Into, append_block, takes
from service.workspace import NotFoundError, WorkspaceError
from storage.quarantine import mark_repaired, refused_by_ref, refused_groups, refused_rows
from storage.refused_content import as_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.data_views import QuarantineGroup, QuarantineView, RepairedRow
    from service.local.core import Core
    from service.views import AppendView
    from storage.append_common import Also

ORIGIN = "repair"
MOST_REPAIRS = 10_000  # rows of one repair


def page(core: Core, model: str, limit: int, offset: int) -> list[QuarantineView]:
    """Return a page of the rows of a model that could not be taken and wait, latest first."""
    zone = core.spec(model).zone
    with core.db.cursor() as con:
        rows = refused_rows(con, model, limit, offset)
    told = (
        row | {"arrival_time": iso(row["arrival_time"], zone), "repairable": as_row(row["content"]) is not None}
        for row in rows
    )
    return [cast("QuarantineView", row) for row in told]


def groups(core: Core, model: str) -> list[QuarantineGroup]:
    """Return how many rows were refused for what, the largest group first."""
    zone = core.spec(model).zone
    with core.db.cursor() as con:
        found = refused_groups(con, model)
    times = ("first_seen", "last_seen")
    return [cast("QuarantineGroup", row | {name: iso(row[name], zone) for name in times}) for row in found]


def repair(core: Core, model: str, repairs: Sequence[RepairedRow], actor: str) -> AppendView:
    """Take repaired rows, all or none, and let the refused ones wait no longer: one transaction.

    Raises :class:`NotFoundError` for a row that does not wait (any more) and :class:`WorkspaceError` for none, too many, or predictions
    and labels at once. When one of the rows is still wrong, the answer says which and nothing is written.
    """
    core.spec(model)
    refs = [str(entry["ref"]) for entry in repairs]
    if not 0 < len(refs) <= MOST_REPAIRS:
        raise WorkspaceError(f"a repair has 1 to {MOST_REPAIRS:,} rows, not {len(refs):,}; repair them in several goes")
    if len(set(refs)) < len(refs):
        raise WorkspaceError("a refused row is named twice; give each one repaired row")
    with core.db.cursor() as con:
        waiting = refused_by_ref(con, model, refs)
    if len(waiting) < len(refs):
        known = {row["ref"] for row in waiting}
        gone = next(ref for ref in refs if ref not in known)
        raise NotFoundError(
            f"no refused row {gone!r} of model {model!r} waits; it was repaired or removed meanwhile: list them again"
        )
    kinds = {row["kind"] for row in waiting}
    if len(kinds) > 1:
        raise WorkspaceError("predictions and labels are repaired apart: choose rows of one kind")
    into: Into = "logs" if kinds == {"log"} else "labels"
    rows: list[dict[str, Any]] = [dict(entry["row"]) for entry in repairs]
    now = core.now()

    settle: Also = partial(mark_repaired, model=model, refs=refs, now=now)
    done = append_block(core, takes(core, model, into), into, rows, strict=True, origin=ORIGIN, also=settle)
    if not done["rejected"]:
        core.control.append_audit(actor, "repair", model, {"rows": len(rows), "as": into}, "workspace", core.now())
    return done
