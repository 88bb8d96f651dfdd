"""What other tools' verdicts come to: false alarms, days to the alert, and the limits at which a tool is as quiet as is asked.

A tool gives a value for every column and day once; limits are tried on these values afterwards. Its user sets one limit for each of its
statistics, so that is what is tuned: all of them at the same quantile of what development seeds gave with nothing drifting. Distances are
larger in some columns than in others; who takes the trouble to set a limit for each column has the second way, :func:`by_column`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from typing import Any

import numpy as np

Verdict = Mapping[str, Any]
Rule = Callable[[Verdict], bool]
STRICTER = 1e-9  # beyond a value that must not fire, relative


def excess(verdict: Verdict) -> float:
    """Return how extreme a value is, in a unit of which more is worse; -inf without a value.

    That is -log10 of a p-value, a distance as it is, and spreads from the centre for tools that have these.
    """
    value = verdict.get("value")
    if value is None:
        return -inf
    if verdict.get("spread"):
        return abs(float(value) - float(verdict.get("center") or 0.0)) / float(verdict["spread"])
    return -float(np.log10(max(value, 1e-300))) if verdict["fires"] == "below" else float(value)


def by_default(verdict: Verdict) -> bool:
    """Fire as the tool does."""
    return bool(verdict["drift"])


def beyond(limits: Mapping[str, float]) -> Rule:
    """Return the rule that fires beyond ``limits`` only; a statistic that tuning never saw fires as its tool says."""

    def fires(verdict: Verdict) -> bool:
        limit = limits.get(str(verdict["statistic"]))
        return bool(verdict["drift"]) if limit is None else excess(verdict) > limit

    return fires


def by_column(learned: Iterable[Verdict]) -> Callable[[Verdict], Verdict]:
    """Return what measures a value in standard deviations from its own column's mean, both of ``learned``, in which nothing drifts.

    One limit on that is another limit on the value for each column.
    """
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for verdict in learned:
        if verdict.get("value") is not None:
            values[str(verdict["statistic"]), str(verdict["column"])].append(float(verdict["value"]))
    scale = {key: (float(np.mean(held)), float(np.std(held)) or 1.0) for key, held in values.items()}

    def measured(verdict: Verdict) -> Verdict:
        found = scale.get((str(verdict["statistic"]), str(verdict["column"])))
        if found is None or verdict.get("value") is None:
            return verdict
        return {**verdict, "center": found[0], "spread": found[1]}

    return measured


def limits(found: Iterable[Verdict], most: int) -> dict[str, float]:
    """Return one limit a statistic: the loosest common quantile that leaves at most ``most`` alerts in ``found``.

    Column-days are let in from the most extreme of their statistic on, alternating by rank among as many as it has, until one would
    be an alert too many. An alert is a run of days with any column firing, see :func:`alarms`.
    """
    by_statistic: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in found:
        if verdict["drift"] is not None and excess(verdict) > -inf:
            by_statistic[str(verdict["statistic"])].append(verdict)
    queue: list[tuple[float, str, Verdict]] = []
    for statistic, verdicts in by_statistic.items():
        verdicts.sort(key=excess, reverse=True)
        queue += [((rank + 1) / len(verdicts), statistic, verdict) for rank, verdict in enumerate(verdicts)]
    queue.sort(key=lambda entry: entry[:2])
    loud: dict[str, set[int]] = defaultdict(set)
    left = dict.fromkeys(by_statistic, -inf)
    for place, (_, _, verdict) in enumerate(queue):
        loud[str(verdict["model"])].add(int(verdict["day"]))
        if _episodes(loud) > most:
            for _, statistic, quiet in queue[place:]:
                left[statistic] = max(left[statistic], excess(quiet))
            break
    return {statistic: limit + abs(limit) * STRICTER for statistic, limit in left.items()}


def _episodes(loud: Mapping[str, set[int]]) -> int:
    return sum(day - 1 not in days for days in loud.values() for day in days)


def alarms(found: Sequence[Verdict], fires: Rule, weeks: float) -> dict[str, Any]:
    """Return what ``weeks`` model-weeks without drift cost.

    ``column_alerts``: column and day, each counted. ``days``: days with any, and their share of all. ``alerts``: runs of such days, each
    counted once, which is what somebody would see who is told only when it begins.
    """
    loud: dict[str, set[int]] = defaultdict(set)
    columns = 0
    for verdict in found:
        if verdict["drift"] is not None and fires(verdict):
            columns += 1
            loud[str(verdict["model"])].add(int(verdict["day"]))
    days, episodes = sum(map(len, loud.values())), _episodes(loud)
    return {
        "column_alerts_a_week": columns / weeks,
        "days_with_some": days / (7 * weeks),
        "alerts": episodes,
        "alerts_a_week": episodes / weeks,
    }


def days_to(found: Sequence[Verdict], fires: Rule, column: str, models: int) -> tuple[float, float]:
    """Return the median days until the drifted column fires, over models, and the share of models where it ever does."""
    first: dict[str, int] = {}
    for verdict in found:
        if verdict["column"] == column and verdict["drift"] is not None and fires(verdict):
            name = str(verdict["model"])
            first[name] = min(first.get(name, 10**9), int(verdict["day"]) + 1)
    days = sorted([*map(float, first.values()), *[inf] * (models - len(first))])
    return days[(models - 1) // 2], len(first) / models


def in_words(limit: float, statistic: str, found: Iterable[Verdict]) -> str:
    """Return a limit in the tool's own unit."""
    verdict = next(v for v in found if str(v["statistic"]) == statistic and v["drift"] is not None)
    if verdict.get("spread"):
        return f"{statistic} {limit:.2g} spreads"
    if verdict["fires"] == "below":
        return f"{statistic.replace('_', '-')} below {10**-limit:.1g}"
    return f"{statistic} {limit:.3g}"
