"""Which rows a training job is given, which model it is held against, and what the new version is called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reference_data.section import parse_duration
from reference_data.windows import Window
from retraining.fitted import ModelCard
from retraining.job_files import Incumbent
from retraining.period import before, default_period
from retraining.periods import ALL, CHANGE, WEIGHTED
from service.local.convert import aware, iso
from service.local.sequence import concept
from service.local.study_records import latest
from service.workspace import NotFoundError, WorkspaceError
from storage.logs import label_span

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service.local.core import Core


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rows to learn from and to judge by, and why these. ``learn_until``: rows from then on are only judged by.

    ``looked_until``: the event time up to which a study that had a say in it has judged by rows.
    """

    window: Window
    reason: str
    learn_until: datetime | None = None
    half_life: str | None = None
    size: int | None = None
    find_size: bool = False
    looked_until: datetime | None = None

    @property
    def plan(self) -> dict[str, Any]:
        """What a job's record keeps of it beside the period and the reason, as JSON-ready values."""
        return {
            "learn_until": self.learn_until and self.learn_until.isoformat(),
            "half_life": self.half_life,
            "size": self.size,
            "find_size": self.find_size,
            "looked_until": self.looked_until and self.looked_until.isoformat(),
        }


def choose(core: Core, spec: ModelSpec, since: datetime | None, until: datetime | None) -> Chosen:
    """Return the rows to train on, as ``retrain.period`` and ``retrain.size`` declare, unless other times are asked for.

    Raises :class:`WorkspaceError` when nothing is labelled.
    """
    span = labelled(core, spec)
    last = min(span[1], aware(until, spec.zone)) if until else span[1]
    holdout = parse_duration(spec.retrain.holdout)
    found = default_period(trouble_since(core, spec.name), span[0], last, holdout, spec.timezone)
    end = min(found.window.end, aware(until, spec.zone)) if until else found.window.end
    if since is not None:
        chosen = Chosen(Window(aware(since, spec.zone), end), "the period that was asked for")
    else:
        chosen = _declared(core, spec, Window(span[0], end), Chosen(Window(found.window.start, end), found.reason))
    start = chosen.window.start
    if start >= end or start > span[1] or end <= span[0]:
        raise WorkspaceError(
            f"no labelled row lies between {iso(start, spec.zone)} and {iso(end, spec.zone)}; "
            f"they run from {iso(span[0], spec.zone)} to {iso(span[1], spec.zone)}"
        )
    return _sized(core, spec, chosen)


def labelled(core: Core, spec: ModelSpec) -> tuple[datetime, datetime]:
    """Return the earliest and latest event time that has a label; raises :class:`WorkspaceError` when there is none."""
    if spec.task == "none":
        raise WorkspaceError(f"model {spec.name!r} has task 'none': without labels there is nothing to learn from")
    with core.db.cursor() as cursor:
        span = label_span(cursor, spec)
    if span is None:
        raise WorkspaceError(f"no logged row of {spec.name!r} has a label yet, so there is nothing to train on")
    return span


def _declared(core: Core, spec: ModelSpec, everything: Window, automatic: Chosen) -> Chosen:
    """Return the period that the declaration names; where that cannot be had, the automatic one, saying so."""
    wanted = spec.retrain.period
    if wanted == "all":
        return Chosen(everything, "all labelled rows, as retrain.period says")
    if wanted.startswith("last "):
        start = before(everything.end, parse_duration(wanted.removeprefix("last ")), spec.zone)
        return Chosen(Window(max(start, everything.start), everything.end), f"the {wanted}, as retrain.period says")
    if wanted == "since change":
        change = trouble_since(core, spec.name)
        if change is not None and everything.start < change < everything.end:
            return Chosen(Window(change, everything.end), "since the alert's first window, as retrain.period says")
        return replace(automatic, reason=f"no change is known of to learn from since; {automatic.reason}")
    return _by_backtest(core, spec, everything, automatic) if wanted == "backtest" else automatic


def _by_backtest(core: Core, spec: ModelSpec, everything: Window, automatic: Chosen) -> Chosen:
    latest_one = latest(core, spec.name, "backtest")
    if latest_one is None:
        words = f"retrain.period is 'backtest' and there is none yet (`driftdeck study {spec.name} backtest` makes one)"
        return replace(automatic, reason=f"{words}; {automatic.reason}")
    job_id, found = latest_one
    best = next(row for row in found["rows"] if row["name"] == found["period_best"])
    first = datetime.fromisoformat(best["since"])
    start, learn_until = first, datetime.fromisoformat(best["until"])
    moving = best["name"].startswith("last ")
    if moving:  # the latest weeks are those before now, not those before the backtest
        start = before(everything.end, parse_duration(best["name"].removeprefix("last ")), spec.zone)
    open_ended = moving or best["name"] in (ALL, CHANGE, WEIGHTED)
    words = f"by the backtest of job {job_id}: {best['words']}"
    if found["best"] != found["period_best"]:
        words += f" (though it found nothing better than {found['best_words']})"
    return Chosen(
        Window(max(start, everything.start), everything.end),
        words,
        None if open_ended else learn_until,
        best["half_life"],
        looked_until=datetime.fromisoformat(found["period"][1]),
    )


def _sized(core: Core, spec: ModelSpec, chosen: Chosen) -> Chosen:
    """Add how many rows to learn from: as declared, or where the latest learning curve of about this period levels off."""
    wanted = spec.retrain.size
    if wanted == "all":
        return chosen
    if isinstance(wanted, int):
        return replace(chosen, size=wanted, reason=f"{chosen.reason}; {wanted:,} rows at most, as retrain.size says")
    latest_one = latest(core, spec.name, "learning_curve")
    if latest_one is None or not _alike(latest_one[1], chosen):
        return replace(chosen, find_size=True)
    job_id, found = latest_one
    if found["levels_off"] is None:
        return chosen
    words = f"{found['levels_off']:,} rows at most, where the learning curve of job {job_id} levels off"
    looked = max(filter(None, [chosen.looked_until, datetime.fromisoformat(found["period"][1])]))
    return replace(chosen, size=found["levels_off"], reason=f"{chosen.reason}; {words}", looked_until=looked)


def _alike(curve: Mapping[str, Any], chosen: Chosen) -> bool:
    """Whether a curve was made of the same rows for the most part: what both have is more than half of what either has."""
    start, end = (datetime.fromisoformat(edge) for edge in curve["period"])
    ends = [moment for moment in (curve["learn_until"], chosen.learn_until) if moment is not None]
    if len(ends) == 1:
        return False
    both = min(end, chosen.window.end) - max(start, chosen.window.start)
    return both * 2 > max(end, chosen.window.end) - min(start, chosen.window.start)


def since_change(core: Core, model: str) -> datetime | None:
    """Return when the rule changed, as far as is known: the open alert's first window, else the sequential test's onset."""
    onset = trouble_since(core, model)
    if onset is None and (seen := concept(core, model)) is not None and seen["onset"] is not None:
        onset = datetime.fromisoformat(seen["onset"])
    return onset


def trouble_since(core: Core, model: str) -> datetime | None:
    """Return the start of the first window of the open alert on the model's performance."""
    kinds = ("performance", "concept_drift")
    starts = [a["window_start"] for a in core.control.open_alerts(model) if a["kind"] in kinds and a["harmful"]]
    return min((datetime.fromisoformat(start) for start in starts), default=None)


def refuse_unknown_alert(core: Core, model: str, alert_id: str) -> None:
    """Raise :class:`NotFoundError`, naming those there are, for an alert that the model does not have."""
    known = [alert["id"] for alert in core.control.alerts(model)]
    if alert_id not in known:
        raise NotFoundError(f"model {model!r} has no alert {alert_id!r}; it has: {', '.join(known) or 'none'}")


def alert_behind(core: Core, model: str) -> str | None:
    """Return the id of the first open alert that says the model does harm, None without one."""
    kinds = ("performance", "concept_drift")
    ids = [a["id"] for a in core.control.open_alerts(model) if a["kind"] in kinds and a["harmful"]]
    return ids[0] if ids else None


def next_version(core: Core, model: str) -> str:
    """Return the name of the model's next version: ``v`` and a number."""
    numbers = [int(match[1]) for name in core.versions(model) if (match := re.fullmatch(r"v(\d+)", name))]
    return f"v{max(numbers, default=0) + 1}"


def incumbent(core: Core, model: str, champion: str) -> Incumbent:
    """Return a registered version as what a new one is held against."""
    record = core.versions(model)[champion]
    until = record["holdout"][0] if record["holdout"] else record["period"][1]
    if record["trainer"] == "imported":  # which rows it has learned from is not known
        return Incumbent(champion, card_of(core, record))
    since = datetime.fromisoformat(record["period"][0])
    return Incumbent(champion, card_of(core, record), datetime.fromisoformat(until), record["rows"], since)


def card_of(core: Core, record: Mapping[str, Any]) -> ModelCard:
    """Return what is needed to predict with a registered version; its artefact lies in this home, wherever that is now."""
    path = core.home.artefacts / record["artefact"]
    return ModelCard.from_dict(record["card"] | {"path": str(path)})
