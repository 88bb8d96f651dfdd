"""Log predictions and, later, labels from one's own service, with the standard library only.

``python examples/log_from_service.py`` sends three weeks of made-up customers to a Driftdeck at http://127.0.0.1:8501, a day
at a time. In your service, :func:`send` and the two dictionaries built in :func:`main` are all you need.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import uuid4

from churn_data import CHANGED_DAYS, LIVE_DAYS, customers, midnight_today

URL = os.environ.get("DECK_URL", "http://127.0.0.1:8501")
TOKEN = os.environ.get("DRIFTDECK_TOKEN")
FEATURES = ["customer age", "monthly spend", "plan", "has app"]


def send(path: str, rows: Sequence[Mapping[str, object]], attempts: int = 8) -> dict[str, object]:
    """Post rows and return the answer, ``accepted``, ``duplicates``, ``rejected``, which comes once they are on disk.

    All attempts carry the same key, so rows that arrived although the answer was lost are not taken twice. A server that is busy
    (429) or away says how long to wait (``Retry-After``), or is left alone a little longer each time.
    """
    headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": uuid4().hex}
    if TOKEN:
        headers["Authorization"] = f"Bearer {TOKEN}"
    lines = "\n".join(json.dumps(row) for row in rows)  # JSON lines: one row a line
    request = urllib.request.Request(f"{URL}/api/v1{path}", lines.encode(), headers)
    for attempt in range(1, attempts + 1):
        pause = min(30.0, 2**attempt / 8) * random.uniform(0.5, 1.5)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 429:
                sys.exit(f"{path}: {error.code} {error.read().decode()}")
            asked = error.headers.get("Retry-After", "")
            pause = float(asked) if asked.isdecimal() else pause
            problem: Exception = error
        except (OSError, http.client.HTTPException, ValueError) as error:  # away, or the answer broke off
            problem = error
        if attempt < attempts:
            time.sleep(pause)
    sys.exit(f"{path}: given up after {attempts} attempts: {problem}")


def main() -> None:
    """Predictions of each day first; what became of its customers the day after."""
    start = midnight_today() - timedelta(days=LIVE_DAYS)
    sent = {"logs": 0, "labels": 0}
    for day in customers(start, LIVE_DAYS, changed_from=LIVE_DAYS - CHANGED_DAYS):
        predictions = [
            {
                "prediction_id": row["prediction_id"],
                "event_time": row["event_time"],
                "model_version": "2026-10",
                "features": {name: row[name] for name in FEATURES},
                "context": {"campaign": row["campaign"]},
                "prediction": row["predicted"],
                "score": row["p_leaves"],
            }
            for row in day
        ]
        labels = [{"prediction_id": row["prediction_id"], "label": row["left"]} for row in day]
        for kind, rows in (("logs", predictions), ("labels", labels)):
            answer = send(f"/models/churn/{kind}", rows)
            if answer["rejected"]:
                sys.exit(f"rejected: {answer['rejected']}")
            sent[kind] += int(str(answer["accepted"]))
    print(f"sent {sent['logs']} predictions and {sent['labels']} labels")


if __name__ == "__main__":
    main()
