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

rows() { # three more, as JSON lines: one row a line
  for i in 1 2 3; do
    echo '{"prediction_id": "by-hand-'"$1-$i"'", "event_time": "'"$now"'", "customer age": 40, "monthly spend": 25,
      "plan": "plus", "has app": false, "predicted": "no", "p_leaves": 0.2}' | tr -d '\n'
    echo
  done
}

echo "JSON lines, packed; under a key that makes it safe to send the same batch again, ids or not:"
rows lines | gzip | call --header 'Content-Type: application/x-ndjson' --header 'Content-Encoding: gzip' \
  --header "Idempotency-Key: by-hand-$now" --data-binary @- "$URL/models/churn/logs"

echo "the answer of a busy server (429) says when to come back; curl waits so long and repeats:"
rows again | call --retry 5 --retry-all-errors --header 'Content-Type: application/x-ndjson' --data-binary @- "$URL/models/churn/logs"

# Columns, packed: the quickest way for many rows. Any program that writes Parquet or an Arrow stream will do.
if [ -n "${PARQUET:-}" ]; then
  echo "a Parquet file:"
  call --header 'Content-Type: application/vnd.apache.parquet' --data-binary @"$PARQUET" "$URL/models/churn/logs"
fi
if [ -n "${ARROW:-}" ]; then
  echo "an Arrow stream:"
  call --header 'Content-Type: application/vnd.apache.arrow.stream' --data-binary @"$ARROW" "$URL/models/churn/logs"
fi

echo "compute what is due, now instead of at the next tick:"
json /models/churn/run '{}'

echo "alerts:"
call "$URL/alerts?model=churn"
