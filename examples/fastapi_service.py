"""A FastAPI service whose predictions Driftdeck sees: one line of middleware, and a call when the truth is known.

``pip install fastapi uvicorn ./client``, then ``uvicorn --app-dir examples fastapi_service:app`` and

    curl http://127.0.0.1:8000/predict -H 'Content-Type: application/json' \
      -d '{"customer age": 31, "monthly spend": 19.9, "plan": "basic", "has app": true}'
"""

from __future__ import annotations

import math
import os
from typing import Any, Literal
from uuid import uuid4

from fastapi import FastAPI

from driftdeck_client import Client, DriftdeckASGI

client = Client(
    os.environ.get("DECK_URL", "http://127.0.0.1:8501"),
    os.environ.get("DRIFTDECK_TOKEN"),
    spill_dir=os.environ.get("SPILL_DIR", "driftdeck-spill"),  # rows wait here while Driftdeck is away
)
app = FastAPI(title="Who will leave?")
app.add_middleware(DriftdeckASGI, client=client, model="churn", path="/predict")  # logs inputs, answer and latency


@app.post("/predict")
def predict(features: dict[str, Any]) -> dict[str, Any]:
    """Answer; whoever asked keeps the id, by which the truth finds its prediction."""
    score = 1 / (1 + math.exp((float(features["customer age"]) - 42) / 10))  # your model
    return {
        "prediction": "yes" if score > 0.5 else "no",
        "score": score,
        "prediction_id": str(uuid4()),
        "model_version": "2026-10",
    }


@app.post("/outcomes/{prediction_id}")
def outcome(prediction_id: str, left: Literal["yes", "no"]) -> dict[str, bool]:
    """Take in what became true, days later."""
    client.label("churn", prediction_id, left)
    return {"queued": True}
