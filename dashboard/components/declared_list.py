"""What is declared, and its one owner: a file, changed there, or the dashboard, changed here."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import registry, state, text
from dashboard.components import declared_edit, health
from service.alert_views import DeclaredObject
from service.identity import Role
from service.roles import REACHES_OUT

_OWNER: dict[str, tuple[str, health.Colour]] = {
    "file": ("⌘ file", "gray"),
    "dashboard": ("✎ dashboard", "blue"),
}


def draw(found: Sequence[DeclaredObject]) -> None:
    """Draw each object with its owner and the TOML that says the same."""
    for view in found:
        name = text.plain(view["name"], 60)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            health.badge(_OWNER, view["declared_in"])
            st.markdown(f"{view['kind']} **{name}**", width="content")
            changed = text.moment(view["changed_at"], year=True)
            st.markdown(f":gray[changed {changed} by {text.plain(view['actor'], 60)}]", width="content")
            if view["kind"] == "model":
                registry.link("Monitor ›", "monitor", model=view["name"])
            st.space("stretch")
            key = f"{view['kind']}_{view['name']}"
            needs: Role = "admin" if view["kind"] in REACHES_OUT else "operator"
            if st.button("Change…", icon=":material/edit:", key=f"change_{key}", **state.barred(needs)):
                declared_edit.change(view)
            if view["kind"] in declared_edit.NEW:
                filed = view["declared_in"] == "file"
                why = "A file declares it: take it out there, or take it over first" if filed else None
                st.button(
                    "Remove",
                    icon=":material/delete:",
                    key=f"remove_{key}",
                    **state.barred(needs, disabled=filed, why=why),
                    on_click=declared_edit.remove,
                    args=(view,),
                )
        panel = st.expander("As TOML", type="compact", key=f"toml_{view['kind']}_{view['name']}", on_change="rerun")
        if panel.open:
            panel.code(view["toml"], language=None)
