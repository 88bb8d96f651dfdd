"""Which period to learn from: every choice of rows is tried in the past, each time judged on the stretch that followed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reference_data.section import parse_duration
from retraining.fitted import FittedModel
from retraining.learning_curve import by_hash
from retraining.period import LEAST_HELD, LEAST_TRAIN, before
from retraining.periods import ALL, CHAMPION, FIRST, SEASONAL, Choice, choices
from retraining.stretches import Change, Stretches, figure, finite
from retraining.types import FitResult, Predictions, Report, TrainingError, TrainRequest

FOLDS = 4
#: Of more rows a fit takes so many, by the hash of their ids: what is compared is periods, not sizes.
MOST_ROWS = 60_000
#: Seconds after which no further stretch is begun that would not end in time.
BUDGET = 1800.0
_STANDING = (FIRST, CHAMPION)


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """A model that is there already. ``until``: the event time up to which it has seen labels; ``rows``: how many it learned from."""

    name: str
    words: str
    model: FittedModel
    until: datetime | None
    since: datetime | None = None
    rows: int = 0


@dataclass(slots=True, eq=False)
class _Candidate:
    name: str
    words: str
    since: datetime | None
    until: datetime | None
    rows: int
    half_life: str | None = None
    answers: dict[int, Predictions] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class _Ranked:
    candidate: _Candidate
    score: float  # worse by so much than all rows, on the same stretches
    against: Change | None  # the best


def backtest(
    everything: TrainRequest,
    end: datetime,
    fit: Callable[[TrainRequest], FitResult],
    *,
    change: datetime | None = None,
    standing: Sequence[Standing] = (),
    positive: str | None = None,
    unit: str = "",
    budget: float = BUDGET,
    clock: Callable[[], float] = time.monotonic,
    report: Report = lambda _done, _message: None,
) -> dict[str, Any]:
    """Try every choice of rows (:func:`retraining.periods.choices`) at up to four moments before ``end``, a hold-out apart.

    ``everything``: all labelled rows, whose frame has ``_id``; the hold-out's length is that of its declaration. ``change``: when
    the rule changed, as known today. ``standing`` models are judged where they have not learned from the judged rows.
    ``clock`` gives seconds. Keys: ``metric``, ``unit``, ``direction``, ``rows`` (one a choice, best first: ``name``, ``words``,
    ``since``, ``until``, ``half_life``, ``rows`` (of the latest stretch), ``value``, ``lower``, ``upper``, ``change`` (against the least
    value), ``change_lower``, ``change_upper``, ``folds``), ``best`` (of those not clearly worse than the least the simplest: what serves, the first model, all
    rows, …) and ``best_words``, ``period_best`` (that among choices of rows), ``sentence``. Values are over all stretches judged; intervals as of
    :func:`retraining.intervals.jackknife`, by day, paired. Raises :class:`TrainingError` when there is no past to try it in.
    """
    stretches = _stretches(everything, end)
    fitted, stopped = _tried(everything, stretches, fit, change, budget, clock, report)
    there = [found for one in standing if (found := _standing(one, everything, stretches)) is not None]
    tried = [*there, *fitted]  # in the order in which they are to be had: nothing to do, nothing to fit, all rows
    judged = np.concatenate([rows for _, rows in stretches])
    edges = (0, *np.cumsum([len(rows) for _, rows in stretches]).tolist())
    on = Stretches.of(
        everything.label[judged], everything.times[judged], edges, everything.timezone, task=everything.task, positive=positive,
        unit=unit, probabilities=all(found.scores is not None for one in tried for found in one.answers.values()),
    )  # fmt: skip
    ranked = _ranked(tried, on)
    if not ranked:
        raise TrainingError("the stretches to judge by have one class only; lengthen retrain.holdout")
    best, period = (_best(ranked, tried, on, periods_only=only) for only in (False, True))
    return {
        "metric": on.key,
        "unit": unit if everything.task == "regression" else "share",
        "direction": on.direction,
        "rows": [_row(one, on) for one in ranked],
        "best": best.candidate.name,
        "best_words": best.candidate.words,
        "period_best": period.candidate.name,
        "sentence": _sentence(best, period, ranked, on, stopped=stopped),
    }


def _stretches(everything: TrainRequest, end: datetime) -> list[tuple[datetime, NDArray[np.intp]]]:
    """Return the latest stretches of a hold-out's length, oldest first: when each begins, and its rows."""
    zone, holdout = ZoneInfo(everything.timezone), parse_duration(everything.training.holdout)
    found: list[tuple[datetime, NDArray[np.intp]]] = []
    for _ in range(FOLDS):
        cut = before(end, holdout, zone)
        rows = _between(everything, cut, end)
        if before(cut, 2 * holdout, zone) < everything.times[0] or not len(rows) or rows[0] < LEAST_TRAIN:
            break
        if len(rows) >= LEAST_HELD:
            found.append((cut, rows))
        end = cut
    if not found:
        raise TrainingError(
            f"the labelled rows reach back too little to try periods in the past: three times retrain.holdout "
            f"({everything.training.holdout}) at least are needed; wait for labels or shorten it"
        )
    return found[::-1]


def _between(everything: TrainRequest, start: datetime, end: datetime) -> NDArray[np.intp]:
    first, last = (int(everything.times.searchsorted(pd.Timestamp(moment))) for moment in (start, end))
    return np.arange(first, last, dtype=np.intp)


def _tried(
    everything: TrainRequest,
    stretches: list[tuple[datetime, NDArray[np.intp]]],
    fit: Callable[[TrainRequest], FitResult],
    change: datetime | None,
    budget: float,
    clock: Callable[[], float],
    report: Report,
) -> tuple[list[_Candidate], bool]:
    """Fit every choice at every stretch, the latest first; also whether time ran out before the oldest."""
    tried: dict[str, _Candidate] = {}
    models: dict[Choice, tuple[FittedModel, int] | None] = {}  # the first weeks are the same at every stretch
    first, begun = everything.times[0].to_pydatetime(), clock()
    for done, number in enumerate(reversed(range(len(stretches)))):
        if done and (clock() - begun) * (done + 1) / done > budget:
            return list(tried.values()), True
        cut, rows = stretches[number]
        offered = choices(first, cut, everything.training.holdout, change, everything.timezone)
        for place, choice in enumerate(offered):
            report((done + place / len(offered)) / len(stretches), f"{choice.words}: {done + 1} of {len(stretches)}")
            if choice not in models:
                models[choice] = _fitted(everything, choice, fit)
            if (found := models[choice]) is None:
                continue
            model, learned = found
            window = choice.window
            kept = tried.setdefault(
                choice.name,
                _Candidate(choice.name, choice.words, window.start, window.end, learned, choice.half_life),
            )
            kept.answers[number] = model.predict(everything.frame.iloc[rows])
    if ALL not in tried:
        raise TrainingError("no model could be fitted to the rows before the stretches to judge by; widen the period")
    return list(tried.values()), False


def _fitted(
    everything: TrainRequest, choice: Choice, fit: Callable[[TrainRequest], FitResult]
) -> tuple[FittedModel, int] | None:
    """Return the model of a choice's rows and how many there are; None where they are too few, or of one class, to learn from."""
    rows = _between(everything, choice.window.start, choice.window.end)
    if len(rows) < LEAST_TRAIN:
        return None
    part = everything.part(by_hash(everything.frame["_id"], rows, MOST_ROWS))
    if choice.half_life is not None:
        part = replace(part, training=part.training.model_copy(update={"half_life": choice.half_life}))
    try:
        found = fit(part)
    except TrainingError:
        if choice.name == ALL:
            raise
        return None
    return FittedModel(found.estimator, found.features, everything.task), len(rows)


def _standing(
    one: Standing, everything: TrainRequest, stretches: list[tuple[datetime, NDArray[np.intp]]]
) -> _Candidate | None:
    answers = {
        number: one.model.predict(everything.frame.iloc[rows])
        for number, (cut, rows) in enumerate(stretches)
        if one.until is None or one.until <= cut
    }
    return _Candidate(one.name, one.words, one.since, one.until, one.rows, None, answers) if answers else None


def _ranked(tried: list[_Candidate], on: Stretches) -> list[_Ranked]:
    """Put candidates in order of how they did against all rows, each on the stretches it was judged on.

    Who was judged on less than half of the stretches comes last: one stretch is no story.
    """
    everyone = next(one for one in tried if one.name == ALL)
    scored = [(change.worse, one) for one in tried if (change := on.change(one.answers, everyone.answers)) is not None]
    most = max(len(one.answers) for one in tried)
    scored.sort(key=lambda pair: (2 * len(pair[1].answers) < most, pair[0]))
    return [_Ranked(one, score, on.change(one.answers, scored[0][1].answers)) for score, one in scored]


def _best(ranked: list[_Ranked], tried: list[_Candidate], on: Stretches, *, periods_only: bool) -> _Ranked:
    """Return the simplest of those that are not clearly worse than the one with the least value.

    Who was judged on less than half of the stretches, or on too few days for an interval, is not among them.
    """
    most = max(len(one.candidate.answers) for one in ranked)
    open_to = [
        one
        for one in ranked
        if 2 * len(one.candidate.answers) >= most and not (periods_only and one.candidate.name in _STANDING)
    ]
    least = open_to[0].candidate
    matters = on.matters(on.value(least.answers))
    places = {one.name: place for place, one in enumerate(tried)}
    changes = [(one, on.change(one.candidate.answers, least.answers)) for one in open_to]
    good = [
        one
        for one, change in changes
        if one is open_to[0] or (change is not None and change.lower is not None and not change.surely(matters))
    ]
    return min(good, key=lambda one: places[one.candidate.name])


def _row(one: _Ranked, on: Stretches) -> dict[str, Any]:
    found, change = one.candidate, one.against
    lower, upper = on.interval(found.answers) or (None, None)
    sign = -1.0 if on.metric.higher_is_better else 1.0
    low, high = (None, None) if change is None else (change.lower, change.upper)
    ends = sorted((sign * low, sign * high)) if low is not None and high is not None else (None, None)
    return {
        "name": found.name,
        "words": found.words,
        "since": found.since and found.since.isoformat(),
        "until": found.until and found.until.isoformat(),
        "half_life": found.half_life,
        "rows": found.rows,
        "value": finite(on.value(found.answers)),
        "lower": finite(lower),
        "upper": finite(upper),
        "change": None if change is None else finite(sign * change.worse),
        "change_lower": finite(ends[0]),
        "change_upper": finite(ends[1]),
        "folds": len(found.answers),
    }


def _sentence(best: _Ranked, period: _Ranked, ranked: list[_Ranked], on: Stretches, *, stopped: bool) -> str:
    named, least = best.candidate, ranked[0]
    count = len(named.answers)
    where = f"{count} stretch{'es' if count > 1 else ''} of time that followed"
    value = on.words(on.value(named.answers))
    head = f"{named.words[0].upper()}{named.words[1:]}"
    verb = "fits" if named.name in (*_STANDING, SEASONAL) else "fit"
    words = [f"{head}: {verb} best, {value} on the {where}"]
    if best is not least:
        words = [f"{head}: {verb} as well as any, {value} on the {where}; {_beyond(best, least, on)}"]
    if named.name != ALL:
        everyone = next(one.candidate for one in ranked if one.candidate.name == ALL)
        theirs = on.words(on.value(everyone.answers, on.rows_of(named.answers, everyone.answers)))
        words[0] += f"; all labelled rows: {theirs}"
    if named.name in _STANDING:
        words.append(f"A retrain would hardly do better; if there must be one: {period.candidate.words}")
    if stopped:
        words.append("Earlier stretches were left out: they would have taken too long")
    return "".join(f"{sentence}. " for sentence in words).strip()


def _beyond(best: _Ranked, least: _Ranked, on: Stretches) -> str:
    """Say what had the least value, and why that does not count."""
    value, change = on.words(on.value(least.candidate.answers)), best.against
    reach = (
        f" (95 % interval {figure(change.lower)} to {figure(change.upper)})"
        if change and change.lower is not None and change.upper is not None
        else ""
    )
    return f"{least.candidate.words} with {value} differ by no more than noise{reach}"
