"""A page about one model, when its address names none."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import state, text
from dashboard.components import first_steps
from service.views import ModelView


def draw(models: Sequence[ModelView]) -> None:
    """Draw how to begin, or which models there are to choose from."""
    if not models:
        st.title("No model yet", anchor=False)
        first_steps.draw()
        return
    st.title("Which model?", anchor=False)
    st.markdown(f"This page is about one model, and there are {len(models)}: choose the one you want to see.")

    def chosen() -> None:
        if st.session_state["which_model"] is not None:
            state.set_params(model=st.session_state["which_model"])

    names = sorted((model["name"] for model in models), key=str.casefold)
    st.selectbox(
        "Model",
        names,
        index=None,
        format_func=text.clean,
        key="which_model",
        on_change=chosen,
        width=360,
        placeholder="Choose a model",
    )
