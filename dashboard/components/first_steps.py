"""What an empty install shows: three steps, each a command to copy."""

from __future__ import annotations

import streamlit as st

DECLARE = """driftdeck apply driftdeck.toml
driftdeck reference my_model training.csv"""
SEND = """driftdeck log my_model predictions.csv
driftdeck label my_model truth.csv
driftdeck run my_model"""
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
    """Draw the steps side by side."""
    st.write("Nothing is watched yet. Three steps, five minutes.")
    with st.grid(3, min_column_width=300, gap="small", key="first_steps"):
        with st.container(border=True, height="stretch"):
            st.markdown("#### 1 See it work")
            st.code("driftdeck demo", language=None)
            st.caption("Builds a year of real flights with a model that goes wrong, and serves it. No network.")
        with st.container(border=True, height="stretch"):
            st.markdown("#### 2 Declare your model and its reference")
            st.code(DECLARE, language=None)
            st.caption("The reference is what normal looks like: the rows the model was trained or accepted on.")
        with st.container(border=True, height="stretch"):
            st.markdown("#### 3 Send predictions, and the truth when it comes")
            st.code(SEND, language=None)
            st.caption("Files of CSV, JSON lines, Parquet or Arrow; or over HTTP, one row at a time.")
    left, right = st.columns(2)
    with left.expander("A driftdeck.toml to begin with"):
        st.code(DECLARATION, language=None)
    with right.expander("The same over HTTP"):
        st.code(OVER_HTTP, language=None, wrap_lines=True)
