"""What names of columns say, in English and a few neighbours of it."""

from __future__ import annotations

import re

_SPLIT = re.compile(r"[^a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

PREDICTION = frozenset(
    [
        "pred",
        "preds",
        "prediction",
        "predictions",
        "predicted",
        "predict",
        "y_pred",
        "ypred",
        "y_hat",
        "yhat",
        "forecast",
        "forecasted",
        "estimate",
        "estimated",
        "model_output",
        "vorhersage",
        "prognose",
        "geschaetzt",
        "geschätzt",
        "prevision",
        "prévision",
        "prediccion",
        "predicción",
    ]
)
LABEL = frozenset(
    [
        "label",
        "labels",
        "target",
        "targets",
        "y",
        "truth",
        "y_true",
        "ytrue",
        "ground_truth",
        "groundtruth",
        "actual",
        "actuals",
        "outcome",
        "observed",
        "response",
        "gt",
        "true_value",
        "relevance",
        "clicked",
        "wahrheit",
        "ziel",
        "zielwert",
        "istwert",
        "ist",
        "cible",
        "objetivo",
    ]
)
SCORE = frozenset(
    ["score", "scores", "proba", "prob", "probability", "confidence", "likelihood", "p", "wahrscheinlichkeit"]
)
TIME = frozenset(
    [
        "event_time",
        "timestamp",
        "time",
        "ts",
        "datetime",
        "date_time",
        "date",
        "predicted_at",
        "prediction_time",
        "scored_at",
        "created_at",
        "created",
        "occurred_at",
        "logged_at",
        "event_date",
        "datum",
        "zeit",
        "zeitpunkt",
        "zeitstempel",
        "fecha",
        "heure",
        "sched",
        "scheduled",
    ]
)
LABEL_TIME = frozenset(
    ["label_time", "labelled_at", "labeled_at", "label_date", "truth_time", "outcome_time", "outcome_at", "observed_at"]
)
ID = frozenset(
    [
        "id",
        "ids",
        "uuid",
        "guid",
        "key",
        "prediction_id",
        "request_id",
        "row_id",
        "record_id",
        "event_id",
        "transaction_id",
        "order_id",
        "case_id",
    ]
)
SUBJECT = frozenset(
    [
        "customer",
        "user",
        "account",
        "client",
        "person",
        "patient",
        "subject",
        "member",
        "driver",
        "employee",
        "kunde",
        "kunden",
        "nutzer",
        "customerid",
        "userid",
    ]
)
LIST = frozenset(
    ["query", "query_id", "qid", "list_id", "search_id", "session_id", "request", "group_id", "impression_id"]
)
VERSION = frozenset(["model_version", "version", "model_ver", "modelversion"])
LATENCY = frozenset(["latency_ms", "latency", "duration_ms", "response_ms"])
GROUP = frozenset(
    [
        "region",
        "country",
        "plan",
        "segment",
        "channel",
        "market",
        "site",
        "store",
        "group",
        "tier",
        "carrier",
        "origin",
        "product",
        "category",
        "state",
        "gender",
        "sex",
        "device",
        "platform",
    ]
)
CODE = frozenset(["code", "zip", "zipcode", "plz", "postcode", "postal", "iban", "sku"])

#: Words by which a name is about a prediction, or a label, and is none.
_ABOUT = frozenset(
    [
        "error",
        "id",
        "time",
        "date",
        "at",
        "lower",
        "upper",
        "interval",
        "version",
        "latency",
        "count",
        "lag",
        "age",
        "residual",
    ]
)


def words(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case.

    >>> words("y_predProba 2")
    ('y', 'pred', 'proba', '2')
    """
    return tuple(part for part in _SPLIT.split(_CAMEL.sub("_", name).casefold()) if part)


def flat(name: str) -> str:
    """Return a name as one word of ours: ``Y Pred`` is ``y_pred``."""
    return "_".join(words(name)) or name.casefold()


def says(name: str, known: frozenset[str]) -> bool:
    """Say whether a name is one of those known, or ends or begins with one of them."""
    parts = words(name)
    if not parts:
        return name.strip().casefold() in known
    whole = "_".join(parts)
    if whole in known:
        return True
    if known is not TIME and set(parts) & _ABOUT:
        return False
    long = {word for word in known if len(word) > 2}
    return parts[-1] in long or parts[0] in long or "_".join(parts[-2:]) in long


def is_score(name: str) -> bool:
    """Say whether a name is that of a score: ``p_yes``, ``proba``, ``score_card``, ``churn_probability``."""
    parts = words(name)
    return bool(parts) and (
        parts[0] in SCORE or parts[-1] in SCORE - {"p"} or bool(set(parts) & (SCORE - {"p", "score"}))
    )


def is_id(name: str) -> bool:
    """Say whether a name is that of an id."""
    parts = words(name)
    return bool(parts) and ("_".join(parts) in ID or parts[-1] in {"id", "uuid", "guid"} or name.endswith(("ID", "Id")))


def of_person(name: str) -> bool:
    """Say whether an id is one of a person rather than of a row."""
    parts = words(name)
    return bool(set(parts) & SUBJECT) and parts[-1] in {"id", "no", "nr", "number", "key", *SUBJECT}


def class_in(name: str, classes: list[str]) -> str | None:
    """Return the class that a score's name carries: of ``p_basic`` it is ``basic``; the longest that fits."""
    whole = f"_{flat(name)}_"
    fits = [each for each in classes if f"_{flat(each)}_" in whole]
    return max(fits, key=len, default=None)
