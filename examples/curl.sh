#!/usr/bin/env bash
# One prediction and its label, by hand; then what Driftdeck says of the model. Declare examples/driftdeck.toml first.
set -euo pipefail
URL="${DECK_URL:-http://127.0.0.1:8501}/api/v1"
call() { curl --silent --show-error --fail-with-body ${DRIFTDECK_TOKEN:+--header "Authorization: Bearer $DRIFTDECK_TOKEN"} "$@"; echo; }
json() { call --header 'Content-Type: application/json' --data "$2" "$URL$1"; }
now="$(date -u +%Y-%m-%dT%H:%M:%SZ)"

echo "a prediction:"
json /models/churn/logs '{"rows": [{"prediction_id": "by-hand-1", "event_time": "'"$now"'",
  "features": {"customer age": 31, "monthly spend": 19.9, "plan": "basic", "has app": true},
  "prediction": "yes", "score": 0.71}]}'

echo "what became true:"
json /models/churn/labels '{"rows": [{"prediction_id": "by-hand-1", "label": "no"}]}'

echo "compute what is due, now instead of at the next tick:"
json /models/churn/run '{}'

echo "alerts:"
call "$URL/alerts?model=churn"
