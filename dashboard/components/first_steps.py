"""What an empty install shows: three ways to begin, each a button or a command to copy."""

from __future__ import annotations

import streamlit as st

from dashboard import registry

DECLARE = """driftdeck apply driftdeck.toml
driftdeck reference my_model training.csv"""
SEND = """driftdeck log my_model predictions.csv
driftdeck label my_model truth.csv
driftdeck run my_model"""
INIT = """driftdeck init predictions.csv
driftdeck init predictions.csv --yes"""
OVER_HTTP = """curl -X POST http://127.0.0.1:8501/api/v1/models/my_model/logs \\
  -H 'Content-Type: application/json' \\
  -d '{"rows": [{"prediction_id": "1", "features": {"age": 41}, "prediction": 7.5}]}'"""
DECLARATION = """[models.my_model]
task = "regression"
prediction = "predicted"
label = "truth"
id = "prediction_id"
time = "event_time"

[models.my_model.monitor]
window = "1d"
"""


def draw() -> None:
    """Draw the ways to begin side by side: a file, the demo, a declaration."""
    st.write("Nothing is watched yet. A file of predictions is enough to begin, and takes a minute or two.")
    with st.grid(3, min_column_width=300, gap="small", key="first_steps"):
        with st.container(border=True, height="stretch"):
            st.markdown("## 1 Set up a model from a file")
            st.caption(
                "Drop a CSV or Parquet file: columns, task and reference are recognised, and the first readings follow."
            )
            button("first_setup")
            st.code(INIT, language=None)
            st.caption("The same on the command line: first what was recognised, then, with `--yes`, all of it.")
        with st.container(border=True, height="stretch"):
            st.markdown("## 2 Or see it work")
            st.code("driftdeck demo", language=None)
            st.caption("Builds a year of real flights with a model that goes wrong, and serves it. No network.")
            if registry.exists("compare"):
                registry.link("Or compare two files, without a model ›", "compare")
        with st.container(border=True, height="stretch"):
            st.markdown("## 3 Or declare it yourself, and send rows")
            st.code(f"{DECLARE}\n{SEND}", language=None)
            st.caption(
                "The reference is what normal looks like. Files of CSV, JSON lines, Parquet or Arrow; or over HTTP."
            )
    left, right = st.columns(2)
    with left.expander("A driftdeck.toml to begin with"):
        st.code(DECLARATION, language=None)
    with right.expander("The same over HTTP"):
        st.code(OVER_HTTP, language=None, wrap_lines=True)


def button(key: str, *, primary: bool = True) -> None:
    """Draw the button that leads to the set-up of a model."""
    if st.button("Set up a model", type="primary" if primary else "secondary", icon=":material/add:", key=key):
        registry.go("setup")
