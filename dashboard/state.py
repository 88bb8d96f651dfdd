"""What a page is about: model, time range, window and filters, all of them in the address.

Widgets write the query parameters and read them back on every run. So an address restores a page in a fresh browser, and
Back restores the earlier filters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, cast

import streamlit as st

from dashboard import text
from service import context, roles
from service.identity import OPEN, Identity, Role
from service.views import ModelView, WindowView
from service.workspace import Workspace

KEPT = ("range", "from", "to", "grain")  # carried from page to page
RANGES = {"24h": "24 h", "7d": "7 d", "30d": "30 d", "90d": "90 d", "all": "All"}
_LENGTHS = {"24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30), "90d": timedelta(days=90)}
_MEMORY, _LAST_PAGE = "_kept", "_last_page"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Half-open span in aware UTC; ``preset`` is a key of RANGES, or "custom"."""

    start: datetime
    end: datetime
    preset: str

    def holds(self, iso: str) -> bool:
        """Say whether a moment (ISO) lies inside."""
        at = datetime.fromisoformat(iso)
        return self.start <= (at if at.tzinfo else at.replace(tzinfo=UTC)) < self.end

    def touches(self, start: str, end: str | None) -> bool:
        """Say whether a span (ISO; end None: still going on) overlaps."""
        return datetime.fromisoformat(start) < self.end and (end is None or datetime.fromisoformat(end) > self.start)


# -- the workspace -------------------------------------------------------------------------------------------------


def workspace() -> Workspace:
    """Return the workspace of this process, as whoever looks at this page may use it."""
    who = identity()
    return context.current() if who.how == "open" else roles.limited(context.current(), who)


def identity() -> Identity:
    """Return who looks at this page, asked anew at every run; stops the page when their session has ended."""
    known = context.sign_in()
    if known is None:
        return OPEN
    found = known.identity(st.context.headers.get(context.IDENTITY_HEADER))
    if found is None:
        st.warning("Your session has ended. [Sign in again](/sign-in) to go on.", icon=":material/lock:")
        st.stop()
    return found


def actor() -> str:
    """Return the name under which this dashboard acts."""
    return identity().name


def may(role: Role) -> bool:
    """Say whether whoever looks at this page may do what needs ``role``; True where sign-in is off."""
    return identity().may(role)


def why_not(role: Role) -> str | None:
    """Return why an action that needs ``role`` is disabled, for its tooltip; None when it is not."""
    who = identity()
    if who.may(role):
        return None
    return f"You are signed in as {text.plain(who.name)} with the role {who.role}; this needs the role {role}."


def require_model() -> ModelView:
    """Return the model that the address names, the only one when there is one, or say so and stop."""
    ws = workspace()
    name = param("model")
    if name:
        return ws.model(name)
    models = ws.models()
    if len(models) != 1:
        from dashboard.components import no_model  # components know this module

        no_model.draw(models)
        st.stop()
    return models[0]


def barred(role: Role, *, disabled: bool = False, why: str | None = None) -> dict[str, Any]:
    """Return ``disabled`` and ``help`` of a button that needs ``role``; ``disabled`` and ``why``: what else bars it, or explains it."""
    first = why_not(role)
    return {"disabled": disabled or first is not None, "help": first or why}


# -- query parameters ----------------------------------------------------------------------------------------------


def param(name: str, default: str = "", allowed: Sequence[str] | Mapping[str, object] | None = None) -> str:
    """Return a query parameter; ``default`` when it is absent or not among ``allowed``."""
    value = st.query_params.get(name, default)
    return value if allowed is None or value in allowed else default


def set_params(**values: str | None) -> None:
    """Write query parameters at once (one entry of the browser's history); None removes one."""
    merged = {**st.query_params.to_dict(), **values}
    st.query_params.from_dict({name: value for name, value in merged.items() if value is not None})
    remember()  # here too: a fragment runs without the page around it


def carried(**params: str | None) -> dict[str, str]:
    """Return query parameters for a link: the given ones and those kept from page to page."""
    kept = {name: st.query_params[name] for name in KEPT if name in st.query_params}
    return {**kept, **{name: value for name, value in params.items() if value is not None}}


def restore(page: str) -> None:
    """Bring the kept parameters back after a click in the navigation, which drops them."""
    memory: dict[str, str] = st.session_state.get(_MEMORY, {})
    if st.session_state.get(_LAST_PAGE, page) != page:
        missing = {name: value for name, value in memory.items() if name not in st.query_params}
        if missing and not any(name in st.query_params for name in KEPT):
            set_params(**missing)
    st.session_state[_LAST_PAGE] = page
    remember()


def remember() -> None:
    """Keep the present parameters for the next page."""
    st.session_state[_MEMORY] = {name: st.query_params[name] for name in KEPT if name in st.query_params}


def choice(
    label: str,
    name: str,
    options: Mapping[str, str],
    default: str,
    *,
    resets: Sequence[str] = (),
    key: str | None = None,
) -> str:
    """Draw a segmented control bound to the query parameter ``name`` and return the chosen key.

    ``options`` maps keys to Markdown; ``resets`` names parameters that a change removes.
    """
    current = param(name, default, options)
    widget = key or f"choice_{name}"
    st.session_state[widget] = current

    def changed() -> None:
        chosen = st.session_state[widget]
        set_params(**dict.fromkeys(resets), **{name: None if chosen == default else chosen})

    return cast(
        "str",
        st.segmented_control(
            label,
            list(options),
            format_func=lambda option: options[option],
            required=True,
            key=widget,
            on_change=changed,
            label_visibility="collapsed",
        ),
    )


def select(label: str, name: str, options: Mapping[str, str], default: str, *, width: int = 220, **widget: Any) -> str:
    """Draw a select box bound to the query parameter ``name`` and return the chosen key (labels are plain text)."""
    key = f"select_{name}"
    st.session_state[key] = param(name, default, options)

    def changed() -> None:
        chosen = st.session_state[key]
        set_params(**{name: None if chosen == default else chosen})

    return cast(
        "str",
        st.selectbox(
            label,
            list(options),
            format_func=lambda option: options[option],
            key=key,
            on_change=changed,
            label_visibility="collapsed",
            width=width,
            **widget,
        ),
    )


def search(label: str, name: str, *, width: int = 220) -> str:
    """Draw a search field bound to the query parameter ``name`` and return its text."""
    key = f"search_{name}"
    st.session_state[key] = param(name)

    def changed() -> None:
        set_params(**{name: st.session_state[key].strip() or None})

    return st.text_input(
        label,
        key=key,
        on_change=changed,
        placeholder=label,
        icon=":material/search:",
        label_visibility="collapsed",
        width=width,
    ).strip()


# -- time range ----------------------------------------------------------------------------------------------------


def _midnight(value: str, timezone: str) -> datetime | None:
    try:
        return datetime.combine(datetime.fromisoformat(value).date(), time(), text.zone(timezone)).astimezone(UTC)
    except ValueError:
        return None


def time_range(model: ModelView) -> TimeRange:
    """Return the chosen span, counted back from the model's latest data; days are the model's own."""
    end = datetime.fromisoformat(model["data_until"]) if model["data_until"] else datetime.max.replace(tzinfo=UTC)
    first, last = (_midnight(param(name), model["timezone"]) for name in ("from", "to"))
    if first is not None and last is not None and first <= last:
        return TimeRange(first, last + timedelta(days=1), "custom")
    preset = param("range", "all", RANGES)
    start = end - _LENGTHS[preset] if preset in _LENGTHS and model["data_until"] else datetime.min.replace(tzinfo=UTC)
    return TimeRange(start, end + timedelta(microseconds=1) if model["data_until"] else end, preset)


def set_custom_range(first: str, last: str) -> None:
    """Choose days (ISO dates, both included)."""
    set_params(**{"range": None, "from": first, "to": last})


def clipped(period: Sequence[str] | None, windows: Sequence[WindowView]) -> list[str] | None:
    """Return the part of the reference period that the axis shows."""
    if not period:
        return None
    start = max(datetime.fromisoformat(period[0]), datetime.fromisoformat(windows[0]["start"]))
    end = min(datetime.fromisoformat(period[1]), datetime.fromisoformat(windows[-1]["end"]))
    return [start.isoformat(), end.isoformat()] if start < end else None
