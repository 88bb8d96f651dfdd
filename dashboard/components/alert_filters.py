"""What of the alerts is listed: by state, severity, kind, model, owner and words, all of it in the address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from dashboard import state, text
from dashboard.components import alert_words, health
from service.views import AlertView, ModelView

ANY, NOBODY = "any", "nobody"
#: key in the address -> (label, which alerts it keeps)
STATES: dict[str, tuple[str, Callable[[AlertView], bool]]] = {
    "open": ("Open", alert_words.is_open),
    "page": ("▲ Page", lambda alert: alert_words.is_open(alert) and alert["severity"] == "page"),
    "warning": ("◆ Warning", lambda alert: alert_words.is_open(alert) and alert["severity"] == "warning"),
    "notice": ("● Notice", lambda alert: alert_words.is_open(alert) and alert["severity"] == "notice"),
    "acknowledged": ("Acknowledged", lambda alert: alert["state"] == "acknowledged"),
    "silenced": ("Silenced", lambda alert: alert["state"] == "silenced"),
    "resolved": ("✓ Resolved", lambda alert: not alert_words.is_open(alert)),
    "all": ("All", lambda _alert: True),
}
NAMES = ("model", "severity", "kind", "owner", "q")  # parameters beside ``show``


def owner_of(alert: AlertView, models: Mapping[str, ModelView]) -> str | None:
    """Return who is on an alert: who took it, or who owns its model."""
    return alert["owner"] or models[alert["model"]]["owner"]


def matches(alert: AlertView, owner: str | None, wanted: Mapping[str, str]) -> bool:
    """Say whether an alert is asked for; ``wanted`` maps names of parameters to values, ``any`` or empty keeps all."""
    own = {"model": alert["model"], "severity": alert["severity"], "kind": alert["kind"], "owner": owner or NOBODY}
    if any(wanted.get(name, ANY) not in (ANY, "", value) for name, value in own.items()):
        return False
    words = wanted.get("q", "").casefold().split()
    said = " ".join(
        [
            alert["headline"],
            alert["message"],
            alert["model"],
            alert["id"],
            alert["column"] or "",
            alert["segment"] or "",
            owner or "",
            *alert["members"],
        ]
    ).casefold()
    return all(word in said for word in words)


def bar(alerts: Sequence[AlertView], models: Mapping[str, ModelView]) -> list[AlertView]:
    """Draw the filters; return the alerts that pass all but the state, which :func:`states` draws with its counts."""
    owners = Counter(owner_of(alert, models) or NOBODY for alert in alerts)
    kinds = Counter(alert["kind"] for alert in alerts)
    severities = [name for name in alert_words.SEVERITIES if any(alert["severity"] == name for alert in alerts)]
    names = sorted({alert["model"] for alert in alerts})
    choices: dict[str, tuple[str, dict[str, str]]] = {
        "model": ("Model", {name: text.clean(name, 40) for name in names}),
        "severity": ("Severity", {name: health.words(health.HEALTH, name) for name in severities}),
        "kind": ("Kind", {kind: health.KIND.get(kind, kind) for kind in sorted(kinds)}),
        "owner": ("Owner", {name: text.clean(name, 40) for name in sorted(owners)}),
    }
    wanted: dict[str, str] = {}
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="alert_filters"):
        wanted["q"] = state.search("Search alerts", "q", width=210)
        for name, (label, options) in choices.items():
            if len(options) < 2 and state.param(name) in ("", *options):
                continue
            every = {ANY: f"{label}: any", **options}
            wanted[name] = state.select(label, name, every, ANY, width=165)
        if any(wanted.get(name, ANY) not in (ANY, "") for name in NAMES):
            st.button("Clear", type="tertiary", icon=":material/close:", key="clear_filters", on_click=_clear)
    return [alert for alert in alerts if matches(alert, owner_of(alert, models), wanted)]


def _clear() -> None:
    state.set_params(**dict.fromkeys((*NAMES, "at")))


def states(alerts: Sequence[AlertView]) -> tuple[str, list[AlertView]]:
    """Draw the states with how many alerts are in each; return the chosen one and its alerts."""
    options = {name: f"{label} {sum(map(keeps, alerts))}" for name, (label, keeps) in STATES.items()}
    shown = state.choice("State and severity", "show", options, "open", resets=("at",))
    return shown, [alert for alert in alerts if STATES[shown][1](alert)]
