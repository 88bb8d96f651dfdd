"""Models: every model with its health, or the only one at once."""

from __future__ import annotations

import streamlit as st

from dashboard import registry, state, text
from dashboard.components import data_words, export, first_steps, model_table
from dashboard.registry import Page


def render() -> None:
    """Draw the list; with one model, open it."""
    ws = state.workspace()
    models = model_table.by_trouble(ws.models())
    if len(models) == 1:
        registry.go("model", model=models[0]["name"])
    st.title("Models", anchor=False)
    if not models:
        first_steps.draw()
        return
    rows = sum(model["rows"]["logs"] for model in models)
    labels = sum(model["rows"]["labels"] for model in models)
    quarantined = sum(model["rows"]["quarantined"] for model in models)
    apart = f"; {text.plural(quarantined, 'row')} in quarantine" if quarantined else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"{text.plural(len(models), 'model')}: **{rows:,}** predictions, **{labels:,}** labels{apart}.",
            width="stretch",
        )
        first_steps.button("models_setup", primary=False)
        export.table(model_table.plain_rows(models), name="models", key="models")
    found = model_table.filters(models)
    if found:
        model_table.draw(found, key="models_table", now=data_words.clock(ws))
        st.caption("Sorted by trouble. ↓ lower is better, ↑ higher is better. Click a row to open the model.")


PAGE = Page(
    name="models",
    title="Models",
    icon=":material/deployed_code:",
    url_path="models",
    order=30,
    visible=True,
    render=render,
)
