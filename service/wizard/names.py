"""What names of columns say, in English, German, French and Spanish."""

from __future__ import annotations

from reference_data.id_names import words

#: The same in German, French and Spanish, without accents (:func:`reference_data.id_names.words` takes them off).
_ABROAD: dict[str, str] = {
    "prediction": "vorhersage vorhersagen vorhergesagt prognose prognostiziert schaetzung geschaetzt schaetzwert "
    "prevision predit prevu estimation estime prediccion pronostico predicho pronosticado estimado",
    "label": "wahrheit wahrer_wert ziel zielwert zielgroesse istwert ist tatsaechlich ergebnis beobachtet "
    "verite cible reel resultat observe etiquette verdad objetivo real resultado observado etiqueta valor_real",
    "score": "wahrscheinlichkeit konfidenz probabilite confiance probabilidad confianza",
    "time": "zeit uhrzeit datum zeitpunkt zeitstempel erstellt_am horodatage heure jour date_heure cree_le "
    "fecha hora fecha_hora marca_de_tiempo creado_en",
    "subject": "kunde kunden kundin nutzer kundennummer kundennr patientin mitarbeiter utilisateur usuario cliente paciente",
    "version": "modellversion modell_version version_modele version_modelo",
    "latency": "latenz_ms latenz dauer_ms latence latencia",
    "group": "land filiale kategorie kanal geschlecht produkt pays categorie canal pais categoria tienda producto",
    "about": "fehler kennung nr nummer zeit datum erreur identifiant heure fecha hora",
}


def _abroad(kind: str) -> list[str]:
    return _ABROAD[kind].split()


PREDICTION = frozenset(
    [
        *_abroad("prediction"),
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
    ]
)
LABEL = frozenset(
    [
        *_abroad("label"),
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
    ]
)
SCORE = frozenset(
    [*_abroad("score"), "score", "scores", "proba", "prob", "probability", "confidence", "likelihood", "p"]
)
TIME = frozenset(
    [
        *_abroad("time"),
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
        "sched",
        "scheduled",
    ]
)
LABEL_TIME = frozenset(
    ["label_time", "labelled_at", "labeled_at", "label_date", "truth_time", "outcome_time", "outcome_at", "observed_at"]
)
SUBJECT = frozenset(
    [
        *_abroad("subject"),
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
        "customerid",
        "userid",
    ]
)
LIST = frozenset(
    ["query", "query_id", "qid", "list_id", "search_id", "session_id", "request", "group_id", "impression_id"]
)
VERSION = frozenset([*_abroad("version"), "model_version", "version", "model_ver", "modelversion"])
LATENCY = frozenset([*_abroad("latency"), "latency_ms", "latency", "duration_ms", "response_ms"])
GROUP = frozenset(
    [
        *_abroad("group"),
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
        *_abroad("about"),
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


#: Words that say something where they end a name (``umsatz_ist``), and nothing where they begin one (``ist_neukunde``).
_LAST = frozenset(["ist", "real", "reel"])


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
    return parts[-1] in long or parts[0] in long - _LAST or "_".join(parts[-2:]) in long


def is_score(name: str) -> bool:
    """Say whether a name is that of a score: ``p_yes``, ``proba``, ``score_card``, ``churn_probability``."""
    parts = words(name)
    return bool(parts) and (
        parts[0] in SCORE or parts[-1] in SCORE - {"p"} or bool(set(parts) & (SCORE - {"p", "score"}))
    )


def of_person(name: str) -> bool:
    """Say whether an id is one of a person rather than of a row."""
    parts = words(name)
    return bool(set(parts) & SUBJECT) and parts[-1] in {"id", "no", "nr", "number", "key", *SUBJECT}


def class_in(name: str, classes: list[str]) -> str | None:
    """Return the class that a score's name carries: of ``p_basic`` it is ``basic``; the longest that fits."""
    whole = f"_{flat(name)}_"
    fits = [each for each in classes if f"_{flat(each)}_" in whole]
    return max(fits, key=len, default=None)
