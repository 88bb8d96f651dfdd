"""What is said of alerts: which come first, which need somebody, since when, for how long, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from dashboard import text
from service.views import AlertView, CauseView, GateView, ModelView, PerformancePoint, ReadingView

SEVERITIES = ("page", "warning", "notice")
_STATES = ("firing", "pending", "recovering", "acknowledged", "silenced", "resolved")
GATES = ("significant", "material", "harmful")
DECIDING = "jensen_shannon"  # the check whose reading carries a column's verdict


def is_open(alert: AlertView) -> bool:
    """Say whether an alert is not resolved."""
    return alert["state"] != "resolved"


def needs_you(alert: AlertView) -> bool:
    """Say whether somebody must look: firing by itself, and more than a notice."""
    return alert["state"] == "firing" and alert["severity"] != "notice" and not alert.get("inhibited_by")


def rank(alert: AlertView) -> tuple[int, int, float]:
    """Return a sorting key: firing first, the most severe first, the newest first."""
    state = _STATES.index(alert["state"]) if alert["state"] in _STATES else len(_STATES)
    severity = SEVERITIES.index(alert["severity"]) if alert["severity"] in SEVERITIES else len(SEVERITIES)
    return state, severity, -datetime.fromisoformat(alert["window_start"]).timestamp()


def now(model: ModelView) -> str | None:
    """Return the time up to which a model has been judged: its latest run or its latest data, whichever is later."""
    known = [moment for moment in (model["last_run"], model["data_until"]) if moment]
    return max(known, key=datetime.fromisoformat, default=None)


def duration(alert: AlertView, model: ModelView) -> str:
    """Return how long an alert lasts or lasted: from its first window to its end, or to now."""
    end = alert["resolved_at"] or now(model) or alert["changed_at"]
    return text.length(alert["window_start"], max(end, alert["window_start"], key=datetime.fromisoformat))


def end(alert: AlertView, model: ModelView) -> str:
    """Return up to when an alert is spoken of: until it was resolved, or until the latest row."""
    return alert["resolved_at"] or model["data_until"] or alert["window_end"]


def judged_until(alert: AlertView, points: Sequence[PerformancePoint]) -> str:
    """Return up to when causes are looked for: while rows come in, the end of the latest window that was judged."""
    ends = [point["end"] for point in points if point.get("verdict")]
    return alert["resolved_at"] or max([*ends, alert["window_end"]], key=datetime.fromisoformat)


def weekday(iso: str, timezone: str) -> str:
    """Return Tue 30 Apr 2013."""
    return f"{text.local(iso, timezone):%a} {text.day(iso, timezone, year=True)}"


def count_sentence(alerts: Sequence[AlertView]) -> str:
    """Return the title of the list: how many need somebody."""
    waiting = sum(map(needs_you, alerts))
    if waiting:
        return f"{text.plural(waiting, 'alert')} {'needs' if waiting == 1 else 'need'} you"
    return "No alert needs you"


def rest_sentence(alerts: Iterable[AlertView]) -> str:
    """Return what else is open, in words; empty when nothing is."""
    others = [alert for alert in alerts if is_open(alert) and not needs_you(alert)]
    taken = sum(alert["state"] in ("acknowledged", "silenced") for alert in others)
    notices = sum(alert["severity"] == "notice" and alert["state"] == "firing" for alert in others)
    rest = len(others) - taken - notices
    words = [
        f"{text.plural(notices, 'notice')} {'is' if notices == 1 else 'are'} open" if notices else "",
        f"{taken} {'is' if taken == 1 else 'are'} taken care of" if taken else "",
        f"{rest} {'is' if rest == 1 else 'are'} pending or recovering" if rest else "",
    ]
    said = ", ".join(word for word in words if word)
    return f"{said[0].upper()}{said[1:]}." if said else ""


def passed(alert: AlertView) -> dict[str, bool]:
    """Return the three gates and whether each is open."""
    return {"significant": alert["significant"], "material": alert["material"], "harmful": alert["harmful"]}


def judged(alert: AlertView, readings: Iterable[ReadingView], metric: str | None) -> list[GateView]:
    """Return the three gates with a sentence each, from the readings of the alert's first window.

    ``metric`` is the model's headline metric: its reading says whether anybody was harmed.
    """
    first = [r for r in readings if r["window_start"] == alert["window_start"] and r["error"] is None]
    first = [r for r in first if r["segment"] == alert["segment"]] or first
    columns = {alert["column"], *alert["members"]} - {None}
    own = [r for r in first if (r["column"] or r["check"]) in columns] or [r for r in first if r["check"] == metric]
    if alert["kind"] in ("data_drift", "prediction_drift"):  # other checks only show the same in another unit
        own = [r for r in own if r["check"] == DECIDING] or own
    if limit := alert.get("limit"):
        return _limited(alert, [r for r in first if r["check"] == limit and r["column"] in (alert["column"], None)])
    decided = max(own, key=_weight, default=None)
    performance = next((r for r in first if r["scope"] == "performance" and r["check"] == metric), None)
    outcome = alert["kind"] in OUTCOMES and performance is not None
    sentences = {
        "significant": _significance(performance if outcome else decided),
        "material": _change(performance) if outcome else decided["sentence"] if decided else _GONE,
        "harmful": _harm(alert, performance),
    }
    return [{"name": name, "passed": open_, "sentence": sentences[name]} for name, open_ in passed(alert).items()]


def _limited(alert: AlertView, own: Sequence[ReadingView]) -> list[GateView]:
    """Return the gates of an alert on a fixed limit: it asks neither for chance nor for harm."""
    said = own[0]["sentence"] if own else _GONE
    sentences = {
        "significant": f"A fixed limit of {text.metric_name(alert.get('limit') or '')} is passed or not: it needs no test.",
        "material": said,
        "harmful": "A fixed limit does not ask whether the model did worse.",
    }
    return [{"name": name, "passed": open_, "sentence": sentences[name]} for name, open_ in passed(alert).items()]


OUTCOMES = ("performance", "concept_drift")  # alerts that the model's own metric has opened


def _change(reading: ReadingView | None) -> str:
    """Say by how much a metric has changed."""
    if reading is None or reading["value"] is None or reading["reference_value"] is None:
        return _GONE
    change, before = reading["value"] - reading["reference_value"], reading["reference_value"]
    relative = f" ({text.number(100 * change / abs(before), '%', signed=True)})" if before else ""
    return f"{text.number(change, reading['unit'], signed=True)}{relative} against the reference."


_GONE = "The reading behind this alert is no longer kept."


def _weight(reading: ReadingView) -> tuple[int, int, float]:
    """Return a sorting key: most gates open, then a verdict of its own, then furthest past the threshold."""
    value, threshold = reading["value"], reading["threshold"]
    beyond = abs(value / threshold) if value is not None and threshold else 0.0
    open_ = sum((reading["significant"], reading["material"], reading["harmful"]))
    return open_, int(reading["p_value"] is not None), beyond


def _significance(reading: ReadingView | None) -> str:
    if reading is None:
        return _GONE
    p, rows = reading["p_value"], f"over {text.plural(reading['n'], 'row')}"
    if p is None:
        return f"Judged {rows} against {reading['n_reference']:,} of the reference."
    return f"p < 0.001 {rows}." if p < 0.001 else f"p = {p:.2g} {rows}."


def _harm(alert: AlertView, performance: ReadingView | None) -> str:
    if performance is None:
        return "Performance suffered." if alert["harmful"] else "No performance was measured to have suffered."
    if performance["harmful"] and not alert["harmful"]:
        return "Performance suffered in this window too, but this is not held to be why."
    return performance["sentence"]


def cause_words(cause: CauseView) -> str:
    """Return the name of a cause: the column, or that the rule itself changed."""
    if cause.get("kind") == "event":
        return "At the same time"
    return cause["column"] if cause["column"] is not None else "The rule from inputs to label"


def cause_kind(cause: CauseView) -> str:
    """Return what kind of cause it is, in one word."""
    words = {"rule": "concept", "slice": "slice", "event": "event"}
    return words.get(cause.get("kind", ""), "concept" if cause["column"] is None else "column")


def kinds(alert: AlertView, names: Mapping[str, str]) -> str:
    """Return an alert's kind in words."""
    return names.get(alert["kind"], alert["kind"].replace("_", " "))
