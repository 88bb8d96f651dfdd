"""What a person chose on the set-up page, kept in the address: a reload, a link and Back restore it."""

from __future__ import annotations

import json
from typing import Any, cast

from dashboard import state
from service.setting_up_views import ROLES, Choices, ColumnChoice

UPLOAD = "upload"
#: parameter of the address -> (key of the choices, kind)
_PARAMS: dict[str, tuple[str, type]] = {
    "name": ("name", str),
    "task": ("task", str),
    "positive": ("positive", str),
    "times": ("times", str),
    "zone": ("timezone", str),
    "window": ("window", str),
    "learn": ("reference_windows", int),
    "warnings": ("warnings_per_year", float),
    "pages": ("pages_per_year", float),
}
COLUMNS = "columns"


def read() -> Choices:
    """Return the choices that the address holds; what in it is no choice is passed over."""
    found: dict[str, Any] = {}
    for param, (key, kind) in _PARAMS.items():
        text = state.param(param)
        try:
            value = kind(text) if text else None
        except ValueError:
            value = None
        if value is not None and (kind is str or value > 0):
            found[key] = value
    columns = _columns()
    if columns:
        found["columns"] = columns
    return cast("Choices", found)


def _columns() -> dict[str, ColumnChoice]:
    try:
        given = json.loads(state.param(COLUMNS, "{}"))
    except ValueError:
        return {}
    found: dict[str, ColumnChoice] = {}
    for name, choice in given.items() if isinstance(given, dict) else ():
        if isinstance(choice, dict) and choice.get("role") in {None, *ROLES}:
            kept = {key: choice[key] for key in ("role", "type", "segment", "score_of") if key in choice}
            found[name] = cast("ColumnChoice", kept)
    return found


def change_column(name: str, changes: ColumnChoice) -> None:
    """Note what was said of one column."""
    columns = _columns()
    columns[name] = cast("ColumnChoice", {**columns.get(name, {}), **changes})
    state.set_params(**{COLUMNS: json.dumps(columns, separators=(",", ":"))})


def forget() -> None:
    """Begin anew: no file, no choices."""
    state.set_params(**dict.fromkeys((UPLOAD, COLUMNS, *_PARAMS)))
