"""Models: every model with its health, or the only one at once."""

from __future__ import annotations

import streamlit as st

from dashboard import registry, state, text
from dashboard.components import first_steps, model_table
from dashboard.registry import Page


def render() -> None:
    """Draw the list; with one model, open it."""
    models = model_table.by_trouble(state.workspace().models())
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
    st.markdown(f"{text.plural(len(models), 'model')}: **{rows:,}** predictions, **{labels:,}** labels{apart}.")
    wanted = state.search("Model or owner", "q").casefold()
    found = [m for m in models if wanted in m["name"].casefold() or wanted in (m["owner"] or "").casefold()]
    if not found:
        st.info("No model matches. Clear the search.")
        return
    model_table.draw(found, key="models_table")
    st.caption("Click a row to open the model.")


PAGE = Page(
    name="models",
    title="Models",
    icon=":material/deployed_code:",
    url_path="models",
    order=30,
    visible=True,
    render=render,
)
