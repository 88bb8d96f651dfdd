"""What a comparison found, as it is shown: one shape for columns of files and of slices, and everything in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from monitors.registry import DECIDING
from service.histograms import histogram

if TYPE_CHECKING:
    from monitors.compare_result import CheckValue, ColumnComparison
    from service.comparing_views import ComparedColumn
    from service.views import Histogram, PeerOpinion

_MOST_BARS = 24  # categories that are drawn by themselves
_ORDER = ("drift", "error", "insufficient", "no_data", "ok")
_NOTABLE = 0.01  # p-value below which it takes words why a column is said to be as it was
_SMALLEST = 1e-16  # of a p-value that is worth a number


def column_view(
    column: ColumnComparison,
    own: ColumnComparison | None = None,
    other: ColumnComparison | None = None,
    *,
    kind: str = "column",
    unit: str = "",
) -> ComparedColumn:
    """Return one column. ``own``: our verdict, where ``column`` has another tool's; ``other``: what Evidently says on its defaults."""
    ours = own or column
    checks = {check.check: check for check in ours.checks}
    deciding = next(iter(column.checks), None) if own is not None and own is not column else checks.get(DECIDING)
    return {
        "column": column.column,
        "kind": kind,
        "type": column.type,
        "unit": unit,
        "verdict": column.verdict,  # type: ignore[typeddict-item]
        "p_value": finite(column.p_value),
        "effect": finite(column.effect),
        "check": deciding.check if deciding else "",
        "value": finite(deciding.value) if deciding else None,
        "threshold": _threshold(deciding, drift=column.drift),
        "missing_reference": finite(ours.missing_reference),
        "missing_current": finite(ours.missing_current),
        "unseen": finite(ours.unseen),
        "histogram": _drawn(ours),
        "sentence": sentence(column),
        "notes": list(column.notes),
        "checks": [
            {
                "check": check.check,
                "value": finite(check.value),
                "threshold": finite(check.threshold),
                "unit": check.unit,
                "p_value": finite(check.p_value),
            }
            for check in ours.checks
        ],
        "others": _others(ours, checks, other),
    }


def _threshold(check: CheckValue | None, *, drift: bool) -> float | None:
    """Return what the deciding distance is held against; None where days vary as much by themselves, for which there is no number."""
    return None if check is None or (not drift and check.value >= check.threshold) else finite(check.threshold)


def sentence(column: ColumnComparison) -> str:
    """Say of one column what was found and how sure that is."""
    name = column.column
    if column.error is not None:
        return f"{name}: {column.error}."
    if column.lacking:
        return f"{name}: {'; '.join(column.notes) or 'nothing to compare'}."
    chance = "" if math.isnan(column.p_value) else f"p {_probability(column.p_value)}"
    if not column.drift:
        sure = math.isnan(column.p_value) or column.p_value >= _NOTABLE
        words = (
            "no change beyond chance"
            if sure
            else "no change that counts: what differs is small, or varies as much by itself"
        )
        return f"{name}: {words}{f' ({chance})' if chance else ''}."
    what = "; ".join(reason.rstrip(".") for reason in column.reasons) or _against(column)
    moved = "" if math.isnan(column.effect) else _deviations(column.effect)
    beside = ", ".join(words for words in (moved, chance) if words)
    return f"{name} changed: {what}{f' ({beside})' if beside else ''}."


def _deviations(effect: float) -> str:
    shown = f"{effect:.2g}"
    return f"{shown} standard deviation{'' if shown == '1' else 's'}"


def _against(column: ColumnComparison) -> str:
    """Say what decided where no reason is given: another tool's statistic against its threshold."""
    check = next(iter(column.checks), None)
    if check is None:
        return "its distribution changed"
    return f"{getattr(column, 'method', '') or check.check.replace('_', ' ')} {check.value:.3g} against {check.threshold:.3g}"


def headline(columns: Sequence[ComparedColumn], *, judged_as: str | None = None) -> str:
    """Say how many columns changed, which moved most, and what could not be judged."""
    counts = {verdict: sum(column["verdict"] == verdict for column in columns) for verdict in _ORDER}
    judged = counts["drift"] + counts["ok"]
    if not judged:
        words = f"Nothing can be told of {count(len(columns), 'column')}"
    elif not counts["drift"]:
        words = f"None of {count(judged, 'column')} changed beyond chance"
    else:
        words = f"{counts['drift']} of {count(judged, 'column')} changed beyond chance"
        largest = columns[0]
        reason = largest["sentence"].removeprefix(f"{largest['column']} changed: ").rstrip(".")
        words += f"; the largest: {largest['column']}, {reason}"
    if judged_as:
        words = words.replace("beyond chance", f"as {judged_as.capitalize()} judges on its defaults")
    lacking = [
        words_of
        for number, words_of in (
            (counts["insufficient"], f"{counts['insufficient']} with too few rows to tell"),
            (counts["no_data"], f"{counts['no_data']} without values"),
            (counts["error"], f"{counts['error']} that cannot be compared"),
        )
        if number
    ]
    return "; ".join([words, *([", ".join(lacking)] if lacking else [])]) + "."


def by_size(columns: Sequence[ComparedColumn]) -> list[ComparedColumn]:
    """Return what drifted first, that which moved furthest at the top; then what cannot be judged; then the rest by p-value."""
    return sorted(
        columns,
        key=lambda column: (_ORDER.index(column["verdict"]), -(column["effect"] or 0.0), _p(column), column["column"]),
    )


def _p(column: ComparedColumn) -> float:
    return 1.0 if column["p_value"] is None else column["p_value"]


def _probability(p: float) -> str:
    return f"< {_SMALLEST:.0e}" if p < _SMALLEST else f"= {p:.2g}"


def finite(value: float) -> float | None:
    """Return a number that JSON can hold, None for what is none."""
    return float(value) if math.isfinite(value) else None


def count(number: int, thing: str) -> str:
    """Return how many of a thing there are."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


# -- drawing -----------------------------------------------------------------------------------------------------------
def _drawn(column: ColumnComparison) -> Histogram | None:
    """Return the bars of both sides; categories beyond the most frequent ones as one bar."""
    if column.shown is None:
        return None
    base, now = column.shown
    bars = histogram(base, type(now)(now.entry, *(_first(part) for part in _parts(now))))
    if not all(math.isfinite(edge) for edge in bars["edges"]):
        return None
    labels = bars["labels"]
    if len(labels) > _MOST_BARS:
        kept = _MOST_BARS - 2  # the last one is what the reference never held

        def folded(shares: list[float]) -> list[float]:
            return [*shares[:kept], sum(shares[kept:-1]), shares[-1]]

        bars["labels"] = [*labels[:kept], "other", labels[-1]]
        bars["reference"], bars["current"] = folded(bars["reference"]), folded(bars["current"])
    return bars


def _parts(column: Any) -> list[Any]:
    return [
        column.rows,
        column.missing,
        column.nan,
        column.inf,
        column.cells,
        column.mean,
        column.m2,
        column.minimum,
        column.maximum,
    ]


def _first(values: Any) -> Any:
    return None if values is None else values[0]


# -- what others say ---------------------------------------------------------------------------------------------------
def _others(ours: ColumnComparison, checks: dict[str, CheckValue], other: ColumnComparison | None) -> list[PeerOpinion]:
    """Return our verdict and those of rules with fixed thresholds on the same rows."""
    if ours.error is not None or ours.lacking:
        return []
    found: list[PeerOpinion] = []
    deciding = checks.get(DECIDING)
    if deciding is not None:
        found.append(
            _opinion("Driftdeck", "Jensen–Shannon", deciding.value, f"{deciding.threshold:.3g} from chance", ours.drift)
        )
    if "psi" in checks:
        found.append(_opinion("PSI > 0.2", "PSI", checks["psi"].value, "0.2", checks["psi"].value > 0.2))
    test = next((checks[name] for name in ("kolmogorov_smirnov", "chi_square") if name in checks), None)
    if test is not None and not math.isnan(test.p_value):
        called = "KS" if test.check == "kolmogorov_smirnov" else "Chi-square"
        found.append(_opinion(f"{called} p < 0.05", "p-value", test.p_value, "0.05", test.p_value < 0.05))
    if other is not None and other.error is None and other.checks:
        check = other.checks[0]
        method = getattr(other, "method", "") or check.check.replace("_", " ")
        found.append(_opinion("Evidently, defaults", method, check.value, f"{check.threshold:.3g}", other.drift))
    return found


def _opinion(rule: str, statistic: str, value: float, threshold: str, drift: bool) -> PeerOpinion:  # noqa: FBT001
    return {
        "rule": rule,
        "statistic": statistic,
        "value": finite(value),
        "threshold": threshold,
        "verdict": "drift" if drift else "no drift",
    }
