"""Rows that were refused: a page of them, and what they were refused for."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from service.local.convert import iso
from storage.quarantine import refused_groups, refused_rows

if TYPE_CHECKING:
    from service.data_views import QuarantineGroup, QuarantineView
    from service.local.core import Core


def page(core: Core, model: str, limit: int, offset: int) -> list[QuarantineView]:
    """Return a page of the rows of a model that could not be taken, latest first."""
    zone = core.spec(model).zone
    with core.db.cursor() as con:
        rows = refused_rows(con, model, limit, offset)
    return [cast("QuarantineView", row | {"arrival_time": iso(row["arrival_time"], zone)}) for row in rows]


def groups(core: Core, model: str) -> list[QuarantineGroup]:
    """Return how many rows were refused for what, the largest group first."""
    zone = core.spec(model).zone
    with core.db.cursor() as con:
        found = refused_groups(con, model)
    times = ("first_seen", "last_seen")
    return [cast("QuarantineGroup", row | {name: iso(row[name], zone) for name in times}) for row in found]
