"""Everything a run reads of a window by an SQL aggregate: checks of a team's own, ratios of the business, costs, and latencies."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import NamedTuple

from monitors.types import Scope
from reference_data.declaration import BusinessMetric, CustomCheck, ModelSpec

COSTS = "cost"  # the name of the mean cost of a row, where costs are declared
LATENCIES = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}
JUDGED_LATENCY = "latency_p95"
BY_SQL: frozenset[Scope] = frozenset({"custom", "business"})  # what a team declares, and one kind of alert tells of


@dataclass(frozen=True, slots=True)
class OwnSql:
    """An SQL aggregate and how its value is taken.

    ``sums``: of a ratio, the SQL of its :class:`Sums`, in their order. ``tolerance``: the part of the usual value by which it must change to
    matter, None for what all such checks have. ``told``: whether anyone is told when it is not as usual.
    """

    check: CustomCheck
    scope: Scope = "custom"
    sums: tuple[str, ...] = ()
    tolerance: float | None = None
    pages: bool = False
    told: bool = True
    title: str = ""  # what people call it, where that is not its name


def own_sql(spec: ModelSpec) -> dict[str, OwnSql]:
    """Return the SQL aggregates of a model by name, in the order in which they are declared, latencies last."""
    found = {name: OwnSql(check) for name, check in spec.monitor.custom.items()}
    found |= {name: _ratio(name, metric) for name, metric in ratios(spec).items()}
    if "latency_ms" not in spec.features | spec.context:  # else it is an input, and judged as such
        for name, quantile in LATENCIES.items():
            check = CustomCheck(sql=f"quantile_cont(latency_ms, {quantile})", unit="ms", direction="higher_is_worse")
            words = f"The latency of the slowest {1 - quantile:.0%}".replace("%", " %")
            found[name] = OwnSql(check, "service", told=name == JUDGED_LATENCY, title=words)
    return found


def resting_on_labels(spec: ModelSpec) -> frozenset[str]:
    """Return the names of the SQL aggregates that read labels: of them a window may have nothing to say until these come."""
    return frozenset(
        name for name, own in own_sql(spec).items() if re.search(r"\blabel\b", own.check.sql, re.IGNORECASE)
    )


def ratios(spec: ModelSpec) -> dict[str, BusinessMetric]:
    """Return the declared ratios of the business, the mean cost of a row among them where costs are declared."""
    found = dict(spec.monitor.business)
    if spec.monitor.costs:
        cases = " ".join(f"WHEN {_text(pair)} THEN {cost!r}" for pair, cost in spec.monitor.costs.items())
        numerator = f"CASE concat(label, ' → ', prediction) {cases} ELSE 0 END"
        costs = BusinessMetric(numerator=numerator, title="Cost a row", direction="higher_is_worse", labelled=True)
        found.setdefault(COSTS, costs)
    return found


def title(name: str, metric: BusinessMetric) -> str:
    """Return what people call a ratio."""
    return metric.title or name.replace("_", " ").replace("-", " ").capitalize()


def sides(metric: BusinessMetric) -> tuple[str, str]:
    """Return the SQL of a row's numerator and denominator, NULL where the row does not count."""
    a, b = f"(\n{metric.numerator}\n)::DOUBLE", f"(\n{metric.denominator}\n)::DOUBLE"
    labelled = metric.labelled or "label" in f"{metric.numerator} {metric.denominator}".lower()
    both = f"{a} IS NOT NULL AND {b} IS NOT NULL" + (" AND label IS NOT NULL" if labelled else "")
    return f"(CASE WHEN {both} THEN {a} END)", f"(CASE WHEN {both} THEN {b} END)"


class Sums(NamedTuple):
    """Sums over rows of a ratio's two sides, of their squares and of their product; they merge by addition."""

    n: float
    a: float
    b: float
    aa: float
    ab: float
    bb: float

    @property
    def value(self) -> float:
        """The ratio, NaN without a denominator."""
        return self.a / self.b if self.b else math.nan

    @property
    def error(self) -> float:
        """The ratio's standard error by the delta method (Cochran 1977, Sampling Techniques, 6.3)."""
        if not self.b or self.n < 2:
            return math.nan
        ratio = self.value
        rest = self.aa - 2 * ratio * self.ab + ratio * ratio * self.bb
        return math.sqrt(max(rest, 0.0) * self.n / (self.n - 1)) / abs(self.b)


def sums_sql(metric: BusinessMetric) -> tuple[str, ...]:
    """Return the SQL aggregates of :class:`Sums`, in its order."""
    a, b = sides(metric)
    return f"count({a})", f"sum({a})", f"sum({b})", f"sum({a} * {a})", f"sum({a} * {b})", f"sum({b} * {b})"


def _ratio(name: str, metric: BusinessMetric) -> OwnSql:
    a, b = sides(metric)
    check = CustomCheck(sql=f"sum({a}) / nullif(sum({b}), 0)", unit=metric.unit, direction=metric.direction)
    pages = metric.severity == "page"
    return OwnSql(check, "business", sums_sql(metric), metric.tolerance, pages=pages, title=title(name, metric))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
