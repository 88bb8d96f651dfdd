"""Ways for data to come in, each as something to copy."""

from __future__ import annotations

import shlex
from urllib.parse import quote, urlsplit

import streamlit as st

HERE = "http://127.0.0.1:8501"
SOURCE = """[sources.nightly]
model = "{model}"
read = "warehouse/predictions_*.parquet"   # or s3://…, a folder, one file
schedule = "0 2 * * *"                     # cron, or "every 15m"

[sources.truth]
model = "{model}"
into = "labels"
sql = "SELECT prediction_id, label, label_time FROM outcomes"
connection = "${{WAREHOUSE_URL}}"            # read from the environment, never stored
watermark = "label_time"                   # only what is newer comes
schedule = "every 1h\""""
FILES = """driftdeck log {model} predictions.csv
driftdeck label {model} truth.parquet
zcat old.csv.gz | driftdeck log {model} -"""
OVER_HTTP = """curl {address}/api/v1/models/{path}/logs \\
  -H 'Content-Type: application/json' \\
  -d '{{"rows": [{{"prediction_id": "a-1",
        "features": {{"age": 41, "plan": "basic"}},
        "prediction": 7.5}}]}}'
curl {address}/api/v1/models/{path}/labels \\
  -H 'Content-Type: application/json' \\
  -d '{{"rows": [{{"prediction_id": "a-1", "label": 8}}]}}'"""
CLIENT = """from driftdeck_client import Client

client = Client("{address}", spill_dir="driftdeck-spill")
name = client.log("{model}", {{"age": 41, "plan": "basic"}}, 7.5)
client.label("{model}", name, 8)   # when the truth is known"""


def _address() -> str:
    """Return where this dashboard was found, which is where rows are to be sent."""
    parts = urlsplit(st.context.url or HERE)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else HERE


def source(model: str) -> None:
    """Draw how a source is declared."""
    st.code(SOURCE.format(model=model), language=None)
    st.code("driftdeck apply driftdeck.toml", language=None)
    st.caption("It is read on its own schedule from then on, resumes where it stopped, and is listed here.")


def ways(model: str) -> None:
    """Draw the ways side by side."""
    address = _address()
    named = {"model": shlex.quote(model), "path": quote(model, safe=""), "address": address}
    with st.grid(2, min_column_width=380, gap="small", key="ways_in"):
        with st.container(border=True, height="stretch"):
            st.markdown("## Over HTTP, from any language", anchors=False)
            st.code(OVER_HTTP.format(**named), language=None, wrap_lines=True)
            st.caption("The answer comes after the commit and names each bad row; sending again changes nothing.")
        with st.container(border=True, height="stretch"):
            st.markdown("## From a Python service", anchors=False)
            st.code(CLIENT.format(model=model, address=address), language=None, wrap_lines=True)
            st.caption("Never slows or breaks a prediction: buffered, sent behind it, kept on disk while this is away.")
        with st.container(border=True, height="stretch"):
            st.markdown("## From files", anchors=False)
            st.code(FILES.format(**named), language=None, wrap_lines=True)
            st.caption("CSV, TSV, JSON lines, Parquet, Arrow, a pattern or standard input; bad lines are set apart.")
        with st.container(border=True, height="stretch"):
            st.markdown("## By itself, from a source", anchors=False)
            source(model)
