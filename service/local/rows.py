"""Logged rows, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.workspace import WorkspaceError
from storage.logs import page_rows

if TYPE_CHECKING:
    from reference_data.windows import Window
    from service import views
    from service.local.core import Core

MOST = 1000


def page(core: Core, model: str, window: Window, limit: int, offset: int) -> views.RowPage:
    """Return one page of a stretch's rows in order of event time; raises :class:`WorkspaceError` for an impossible page."""
    if not 1 <= limit <= MOST or offset < 0:
        raise WorkspaceError(f"limit {limit} and offset {offset}: a page has 1 to {MOST} rows and begins at 0 or later")
    with core.db.cursor() as cursor:
        columns, rows, total = page_rows(cursor, core.spec(model), window.start, window.end, limit=limit, offset=offset)
    return {"columns": columns, "rows": rows, "total": total, "offset": offset, "limit": limit}
