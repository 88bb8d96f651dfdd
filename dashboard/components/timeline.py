"""What happened, newest first, under the day it happened; what kind of thing, and of which model, is chosen in the address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby

import streamlit as st

from dashboard import registry, state, text
from dashboard.components import health, paging
from service.views import TimelineItem

LOOKED_BACK = 200  # things that happened
PAGE_SIZE = 10
KINDS = {
    "alerts": ("Alerts", ("page", "warning", "notice", "resolved")),
    "deployments": ("Deployments", ("deploy", "rollback")),
    "training": ("Training", ("retrain", "job")),
    "sources": ("Sources", ("source",)),
}


def kind_of(item: TimelineItem) -> str:
    """Return the key of KINDS that an item belongs to; a source that works again is about sources."""
    if item.get("source"):
        return "sources"
    return next((key for key, (_, kinds) in KINDS.items() if item["kind"] in kinds), "alerts")


def filtered(zones: Mapping[str, str]) -> list[TimelineItem]:
    """Draw the choice of a model and of a kind with its count; return what happened, newest first."""
    models = {"all": "All models"} | {name: text.clean(name, 60) for name in zones}
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="timeline_bar"):
        st.header("What happened", anchor=False, width="content")
        st.space("stretch")
        registry.link("The week in one page ›", "report")
    of = state.param("of", "all", models)
    items = state.workspace().timeline(LOOKED_BACK, model=None if of == "all" else of)
    counts = Counter(kind_of(item) for item in items)
    options = {"all": f"All {len(items)}"} | {key: f"{label} {counts[key]}" for key, (label, _) in KINDS.items()}
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="timeline_choice"):
        what = state.choice("What happened", "what", options, "all", resets=("events",))
        if len(zones) > 1:
            st.space("stretch")
            state.select("Model", "of", models, "all", width=170)
    return [item for item in items if what in ("all", kind_of(item))]


def draw(items: Sequence[TimelineItem], zones: Mapping[str, str], *, key: str) -> None:
    """Draw one page of items by day in a card; ``zones`` maps models to their time zones."""
    pages = max(1, -(-len(items) // PAGE_SIZE))
    number = paging.number("events", pages)
    shown = items[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    with st.container(border=True, key=key, gap="xsmall"):
        if not items:
            st.caption(
                "Nothing of this kind lately. Choose All."
                if state.param("what") or state.param("of")
                else "Nothing yet: alerts, deployments, training and failing sources will stand here."
            )
        for heading, group in groupby(shown, key=lambda item: _day(item, zones)):
            st.markdown(f":gray[**{heading}**]")
            for item in group:
                _item(item, zones)
        known = set(zones.values())
        of = f"Times of {text.plain(known.pop())}" if len(known) == 1 else "Times of each model's own zone"
        st.caption(of)
        paging.draw("events", number, pages, text.plural(len(items), "event"))


def _day(item: TimelineItem, zones: Mapping[str, str]) -> str:
    at = text.local(item["at"], zones.get(item["model"], "UTC"))
    return f"{at:%a} {at.day} {at:%b %Y}"


def _item(item: TimelineItem, zones: Mapping[str, str]) -> None:
    at = text.local(item["at"], zones.get(item["model"], "UTC"))
    with st.container(horizontal=True, wrap=False, gap="small", vertical_alignment="top"):
        st.markdown(f":gray[{at:%H:%M}]", width=44)
        with st.container(width=104):
            health.badge(health.EVENT, item["kind"])
        after = ":" if kind_of(item) == "alerts" else ""  # what else happened is a sentence about the model
        st.markdown(f"**{text.plain(item['model'], 60)}**{after} {text.plain(_words(item), 240)}", width="stretch")
        _link(item)


def _words(item: TimelineItem) -> str:
    """Return the sentence without the model's name and the state before it, which stand there already."""
    words = item["sentence"]
    for said in (item["model"], "resolved:" if item["kind"] == "resolved" else "", item["model"]):
        words = words.removeprefix(said).removeprefix(":").lstrip() if said else words
    return words


def _link(item: TimelineItem) -> None:
    """Draw the way on: to the alert, the sources, or where a model is trained and deployed."""
    if item["alert_id"]:
        registry.link("Open ›", "alert", help="Open the alert", alert=item["alert_id"])
    elif item.get("source"):
        registry.link("Data ›", "data", help="Sources and their runs", model=item["model"])
    elif kind_of(item) in ("deployments", "training"):
        registry.link("Retrain ›", "retrain", help="Jobs and versions of the model", model=item["model"])
