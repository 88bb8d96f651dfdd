"""What happened, newest first, under the day it happened."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import streamlit as st

from dashboard import registry, text
from dashboard.components import health
from service.views import TimelineItem


def draw(items: Sequence[TimelineItem], zones: dict[str, str], *, key: str) -> None:
    """Draw items by day in a card; ``zones`` maps models to their time zones."""
    with st.container(border=True, key=key, gap="xsmall"):
        if not items:
            st.caption("Nothing yet: alerts, retraining and deployments will stand here.")
        for heading, group in groupby(items, key=lambda item: _day(item, zones)):
            st.markdown(f":gray[**{heading}**]")
            for item in group:
                _item(item, zones)


def _day(item: TimelineItem, zones: dict[str, str]) -> str:
    at = text.local(item["at"], zones.get(item["model"], "UTC"))
    return f"{at:%a} {at.day} {at:%b %Y}"


def _item(item: TimelineItem, zones: dict[str, str]) -> None:
    at = text.local(item["at"], zones.get(item["model"], "UTC"))
    with st.container(horizontal=True, wrap=False, gap="small", vertical_alignment="top"):
        st.markdown(f":gray[{at:%H:%M}]", width=44)
        with st.container(width=96):
            health.badge(health.EVENT, item["kind"])
        st.markdown(f"**{text.plain(item['model'], 60)}** {text.plain(item['sentence'], 240)}", width="stretch")
        if item["alert_id"] and registry.exists("alert"):
            registry.link("Open ›", "alert", help="Open the alert", alert=item["alert_id"])
