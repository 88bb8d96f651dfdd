"""A Flask service whose predictions Driftdeck sees: one line of middleware, and a call when the truth is known.

``pip install flask ./client``, then ``flask --app examples/flask_service.py run --port 8000`` and

    curl http://127.0.0.1:8000/predict -H 'Content-Type: application/json' \
      -d '{"customer age": 31, "monthly spend": 19.9, "plan": "basic", "has app": true}'
"""

from __future__ import annotations

import math
import os
from typing import Any
from uuid import uuid4

from flask import Flask, request

from driftdeck_client import Client, DriftdeckWSGI

client = Client(
    os.environ.get("DECK_URL", "http://127.0.0.1:8501"),
    os.environ.get("DRIFTDECK_TOKEN"),
    spill_dir=os.environ.get("SPILL_DIR", "driftdeck-spill"),  # rows wait here while Driftdeck is away
)
app = Flask(__name__)
app.wsgi_app = DriftdeckWSGI(app.wsgi_app, client, "churn", path="/predict")  # type: ignore[method-assign]


@app.post("/predict")
def predict() -> dict[str, Any]:
    """Answer; whoever asked keeps the id, by which the truth finds its prediction."""
    features = request.get_json()
    score = 1 / (1 + math.exp((float(features["customer age"]) - 42) / 10))  # your model
    return {
        "prediction": "yes" if score > 0.5 else "no",
        "score": score,
        "prediction_id": str(uuid4()),
        "model_version": "2026-10",
    }


@app.post("/outcomes/<prediction_id>")
def outcome(prediction_id: str) -> dict[str, bool]:
    """Take in what became true, days later."""
    client.label("churn", prediction_id, request.args["left"])
    return {"queued": True}
