"""Which version had which role, when, and who gave it: the record that a rollback is read from."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import text
from dashboard.components import export, gate_table
from dashboard.components.health import Colour
from service.training_views import DeploymentView
from service.views import ModelView

ROLES: dict[str, tuple[str, Colour]] = {
    "champion": ("★ champion", "blue"),
    "canary": ("◐ canary", "yellow"),
    "shadow": ("◌ shadow", "gray"),
    "candidate": ("◇ candidate", "violet"),
    "archived": ("□ archived", "gray"),
    "rollback": ("↩ rollback", "orange"),
}
SHOWN = 12


def draw(model: ModelView, found: Sequence[DeploymentView]) -> None:
    """Draw the card. ``found``: what the workspace knows of roles, newest first."""
    with st.container(border=True, key="role_history"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("## Who served when", anchors=False)
            st.space("stretch")
            export.table(found, name=f"{model['name']}-deployments", key="deployments")
        if not found:
            st.caption("No version has had a role yet. Each promotion, shadow, canary and rollback is listed here.")
            return
        rows = [
            {
                "When": text.moment(event["at"], model["timezone"], year=True),
                "Version": text.clean(event["version"], 40),
                "Role": [ROLES.get(event["role"], (text.clean(event["role"]), "gray"))[0]],
                "Share": text.share(event["share"]) if event["share"] is not None else None,
                "By": text.clean(event["actor"], 60),
                "Why": text.clean(event["note"], 200) if event["note"] else None,
            }
            for event in found[:SHOWN]
        ]
        spoken = pd.DataFrame(rows)
        spoken = spoken.drop(columns=[name for name in ("Share", "Why") if spoken[name].isna().all()])
        st.dataframe(
            spoken,
            hide_index=True,
            height="content",
            row_height=36,
            placeholder=text.MISSING,
            key="deployments",
            alt=f"The latest {text.plural(len(rows), 'change')} of roles, newest first",
            column_config={
                "Role": gate_table.badges("Role", ROLES, 110),
                "Share": column_config.TextColumn("Share", width=60),
                "Version": column_config.TextColumn("Version", width=80),
                "When": column_config.TextColumn(f"When ({text.clean(model['timezone'])})", width=190),
            },
        )
        if len(found) > SHOWN:
            st.caption(f"The latest {SHOWN} of {len(found):,}; the export has all.")
