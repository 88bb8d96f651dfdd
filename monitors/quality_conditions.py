"""Alerts of what is judged beside drift and performance: the table as a whole, what columns hold at all, own checks, fixed limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from monitors import explain
from monitors.judge_quality import QUALITY_CHECKS
from monitors.judge_thresholds import about, fixed_verdict, limits_of
from monitors.own_sql import BY_SQL, LATENCIES
from monitors.registry import CONCEPT_COLUMNS, column_checks
from monitors.types import Reading
from monitors.volume import USUALLY_EMPTY
from reference_data.alerting import AlertKind
from reference_data.declaration import ModelSpec

_PREDICTIONS = frozenset({"prediction", "score"})
_OUTCOMES = frozenset({"label", *CONCEPT_COLUMNS})
_SHARES = frozenset({"missing_share", "unseen_share", "out_of_range_share", *QUALITY_CHECKS})
_ARRIVAL = ("row_volume", "freshness", "repeated_rows")
_HEADLINES = {
    "constant": "is stuck at one value",
    "vanished_share": "has lost categories",
    "cardinality": "has another number of categories than usual",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What readings of one kind amount to; ``members`` are the columns concerned, the foremost first.

    Of the table as a whole (``of_table``) they are the checks that found something, for the next fault may be another one.
    """

    kind: AlertKind
    severity: Literal["notice", "warning", "page"]
    members: tuple[str, ...]
    headline: str
    message: str
    of_table: bool = False
    limit: str | None = None  # the foremost check whose fixed limit was passed, where that is a story of its own
    runbook: str | None = None

    @property
    def column(self) -> str | None:
        """The foremost column, None where no column is at fault."""
        return None if self.of_table else next(iter(self.members), None)


def quality_conditions(readings: Sequence[Reading], spec: ModelSpec) -> list[Found]:
    """Return what is wrong in one window, at most one of a kind and place: arrival, columns, own checks, and each kind of fixed limit."""
    whole = [reading for reading in readings if reading.segment is None]
    found = [_arrival(whole), _columns(whole, spec), _own(whole), _service(whole), *_limits(whole, spec)]
    return [each for each in found if each is not None]


def business_judged(readings: Sequence[Reading]) -> bool:
    """Whether a window says anything of a team's own checks: one of them could be judged, or there are none any more."""
    return _judged([reading for reading in readings if reading.scope in BY_SQL])


def service_judged(readings: Sequence[Reading]) -> bool:
    """Whether a window says anything of the service around the model, in the same way."""
    return _judged([reading for reading in readings if reading.scope == "service"])


def _judged(own: Sequence[Reading]) -> bool:
    return not own or any(reading.verdict in ("ok", "warning", "critical") for reading in own)


def arrival_judged(readings: Sequence[Reading]) -> bool:
    """Whether a window says how its rows came: with few rows its columns may say nothing, and it still does."""
    return any(r.check in _ARRIVAL and r.verdict in ("ok", "warning", "critical") for r in readings)


def usually_empty(readings: Sequence[Reading]) -> bool:
    """Whether a window without rows is nothing to tell, for windows of its kind have none: a shop that is closed on Sundays."""
    return any(
        reading.check == "row_volume" and reading.verdict == "no_data" and reading.reference_value < USUALLY_EMPTY
        for reading in readings
    )


def _arrival(readings: Sequence[Reading]) -> Found | None:
    by_check = {reading.check: reading for reading in readings if reading.scope == "traffic" and _wrong(reading)}
    ours = [by_check[check] for check in _ARRIVAL if check in by_check]
    if not ours:
        return None
    fewer = ours[0].value < ours[0].reference_value
    words = {
        "row_volume": f"{'Fewer' if fewer else 'More'} rows arrived than usual",
        "freshness": "Rows stopped coming",
        "repeated_rows": "Rows came more than once",
    }
    members = tuple(reading.check for reading in ours)
    return Found("data_quality", _severity(ours), members, words[ours[0].check], _message(ours), of_table=True)


def _columns(readings: Sequence[Reading], spec: ModelSpec) -> Found | None:
    ours = [reading for reading in readings if reading.check in QUALITY_CHECKS and _wrong(reading)]
    if not ours:
        return None
    ours.sort(key=lambda r: (r.verdict != "critical", r.column in spec.context, list(_HEADLINES).index(r.check)))
    only_context = all(reading.column in spec.context for reading in ours)
    severity = "notice" if only_context and _severity(ours) == "warning" else _severity(ours)
    members = tuple(dict.fromkeys(reading.column for reading in ours if reading.column is not None))
    return Found(
        "data_quality",
        severity,
        members,
        f"{ours[0].column} {_HEADLINES[ours[0].check]}{_more(members)}",
        _message(ours),
    )


def _own(readings: Sequence[Reading]) -> Found | None:
    ours = [reading for reading in readings if reading.scope in BY_SQL and _wrong(reading)]
    if not ours:
        return None
    ours.sort(key=lambda reading: reading.verdict != "critical")
    members = tuple(dict.fromkeys(reading.column or reading.check for reading in ours))
    first, more = ours[0], len(ours) - 1
    name = first.check if first.column is None else f"{first.check} of {first.column}"
    limited = first.verdict == "critical" and first.scope == "custom"
    what = "passed its limit" if limited else "is not as usual"
    beside = "" if not more else f" (and {more} more {'check' if more == 1 else 'checks'})"
    of_table = first.column is None
    return Found("business", _severity(ours), members, f"{name} {what}{beside}", _message(ours), of_table)


def _service(readings: Sequence[Reading]) -> Found | None:
    ours = [reading for reading in readings if reading.scope == "service" and _wrong(reading)]
    if not ours:
        return None
    slow = next((reading for reading in ours if reading.check in LATENCIES), None)
    headline = "Answers take longer than usual" if slow else "More requests fail than usual"
    members = tuple(reading.check for reading in ours)
    return Found("latency", _severity(ours), members, headline, _message(ours), of_table=True)


def _limits(readings: Sequence[Reading], spec: ModelSpec) -> Iterator[Found]:
    """Yield one finding for each kind of alert that fixed limits of columns, metrics and counts make."""
    if not limits_of(spec):
        return
    ours: dict[tuple[AlertKind, bool], list[Reading]] = {}
    for reading in readings:
        told = reading.scope in BY_SQL | {"service"} or reading.check in QUALITY_CHECKS or reading.check in _ARRIVAL
        if (
            not told
            and reading.verdict in ("warning", "drift", "critical")
            and fixed_verdict(spec, reading, told_at_once=True) is not None
        ):
            kind = kind_of(reading)
            ours.setdefault((kind, kind == "data_quality" and reading.column is None), []).append(reading)
    for (kind, of_table), group in ours.items():
        group.sort(key=lambda reading: reading.verdict != "critical")
        names = [reading.check if of_table else reading.column for reading in group]
        members = tuple(dict.fromkeys(name for name in names if name is not None))
        of = f" of {group[0].column}" if group[0].column else ""
        headline = f"{label_of(group[0].check)}{of} passed its fixed limit{'' if of_table else _more(members)}"
        own = None if of_table or kind == "performance" else group[0].check
        runbook = next((limit.runbook for limit in limits_of(spec) if limit.runbook and about(limit, group[0])), None)
        yield Found(kind, _severity(group), members, headline, _message(group), of_table, own, runbook)


def kind_of(reading: Reading) -> AlertKind:
    """Return the kind of alert that a fixed limit of a reading makes."""
    if reading.scope == "performance" or reading.column in _OUTCOMES:
        return "performance"
    if reading.scope == "traffic" or reading.check in _SHARES:
        return "data_quality"
    return "prediction_drift" if reading.column in _PREDICTIONS else "data_drift"


def label_of(check: str) -> str:
    """Return what people call a check of columns or a metric."""
    known = column_checks().get(check)
    return known.label if known is not None else explain.metric_label(check)


def _wrong(reading: Reading) -> bool:
    return reading.verdict in ("warning", "critical")


def _severity(readings: Sequence[Reading]) -> Literal["warning", "page"]:
    return "page" if any(reading.verdict == "critical" for reading in readings) else "warning"


def _message(readings: Sequence[Reading]) -> str:
    return " ".join(reading.sentence for reading in readings[:3])


def _more(members: Sequence[str]) -> str:
    more = len(members) - 1
    return "" if more < 1 else f" (and {more} more {'column' if more == 1 else 'columns'})"


def rows_judged(readings: Sequence[Reading]) -> bool:
    """Whether a window has rows enough for its columns; one that passed a fixed limit of rows may have."""
    counts = [reading for reading in readings if reading.check == "row_count" and reading.segment is None]
    if any(reading.verdict == "ok" for reading in counts):
        return True
    judged = any(
        reading.scope == "column" and reading.verdict not in ("insufficient", "no_data", "error")
        for reading in readings
    )
    return judged and any(_wrong(reading) for reading in counts)
