"""The dialog that freezes a reference from logged rows."""

from __future__ import annotations

from datetime import datetime, timedelta

import streamlit as st

from dashboard import state, text
from service.views import ModelView
from service.workspace import WorkspaceError

_WEEKS = 4


@st.dialog("Freeze a reference", width="medium", icon=":material/ac_unit:")
def dialog(model: ModelView) -> None:
    """Ask for days of the log, say what will follow, then freeze; warnings are shown before the dialog closes."""
    until = model["data_until"]
    if until is None:
        st.info("Nothing has been logged yet, so there are no rows to freeze.", icon=":material/inbox:")
        return
    last = text.local(until, model["timezone"]).date()
    first = last - timedelta(weeks=_WEEKS)
    chosen = st.date_input(
        "Days of the log, both included", (first, last - timedelta(days=1)), max_value=last, key="freeze_days"
    )
    st.markdown(
        "From then on new windows are held against these rows, by every version that did not bring a reference of its own. Windows judged "
        "so far keep their readings, and are judged anew beside them. References are never changed, so the present one stays."
    )
    days = list(chosen)
    if len(days) < 2:
        st.caption("Choose the last day as well.")
        return
    if st.button("Freeze these rows", type="primary", icon=":material/ac_unit:", key="freeze_confirm"):
        end = datetime.combine(days[1] + timedelta(days=1), datetime.min.time())
        try:
            made = state.workspace().reference(
                model["name"], (days[0].isoformat(), end.isoformat()), actor=state.actor()
            )
        except WorkspaceError as error:
            st.error(text.plain(error, 600), icon=":material/error:")
        else:
            state.set_params(version=str(model["reference_version"] or ""), other=str(made["version"]))
            st.rerun()
