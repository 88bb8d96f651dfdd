"""What other tools' default rules would say of a column's window, and of how many columns at once.

All are asked of the same profiles: this window alone against the whole reference, in the cells that the reference froze.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from monitors.registry import column_checks
from reference_data.profile import ColumnProfile, Profile
from reference_data.reference import Reference
from reference_data.windows import WindowSpec
from service.local.convert import number
from service.local.recall import recalled
from service.local.series import held_against, load_series

if TYPE_CHECKING:
    from monitors.types import Reading
    from reference_data.windows import Window
    from service import views
    from service.local.core import Core

PSI_LIMIT, LEVEL, DISTANCE = 0.2, 0.05, 0.1
SMALL, FEW_VALUES = (
    1000,
    5,
)  # Evidently: rows of reference up to which p-values decide; values that make a number a category
WIDTH = 3  # NannyML: standard deviations


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one rule says: a statistic by its name, its value, the limit in words, and whether that is drift."""

    rule: str
    statistic: str
    value: float
    threshold: str
    drift: bool


Rule = Callable[[ColumnProfile, ColumnProfile, float], Opinion | None]


def _value(check: str, base: ColumnProfile, now: ColumnProfile) -> float:
    function = column_checks()[check].column_function
    return math.nan if function is None else float(function(base, now))


def _psi(base: ColumnProfile, now: ColumnProfile, _usual: float) -> Opinion:
    value = _value("psi", base, now)
    return Opinion("PSI > 0.2", "PSI", value, "0.2", value > PSI_LIMIT)


def _ks(base: ColumnProfile, now: ColumnProfile, _usual: float) -> Opinion | None:
    if not base.entry.ordered:
        return None
    p = _ks_p(base, now)
    return Opinion("KS p < 0.05", "KS p-value", p, "0.05", p < LEVEL)


def _ks_p(base: ColumnProfile, now: ColumnProfile) -> float:
    function = column_checks()["kolmogorov_smirnov"].p_function
    return math.nan if function is None else float(function(base, now))


def _chi_p(base: ColumnProfile, now: ColumnProfile) -> float:
    """Return the p-value of the window's counts under the reference's shares taken as exact, as Evidently does."""
    from scipy import stats

    filled = (base.cells > 0) | (now.cells > 0)
    expected = base.cells[filled] / max(int(base.valid), 1) * int(now.valid)
    if (expected == 0).any():
        return 0.0
    return float(stats.chisquare(now.cells[filled], expected).pvalue)


def _evidently(base: ColumnProfile, now: ColumnProfile, _usual: float) -> Opinion:
    """Evidently 0.7: up to 1,000 rows of reference a p-value below 0.05, above that a distance of 0.1 or more."""
    values = int(((base.cells > 0) | (now.cells > 0)).sum())
    number_like = base.entry.ordered and values > FEW_VALUES
    if int(base.valid) <= SMALL:
        p = _ks_p(base, now) if number_like else _chi_p(base, now)
        name = "KS p-value" if number_like else "chi-square p-value"
        return Opinion("Evidently's default", name, p, "0.05", p < LEVEL)
    if number_like:
        value = _value("wasserstein", base, now)
        return Opinion("Evidently's default", "Wasserstein / std", value, "0.1", value >= DISTANCE)
    value = _value("jensen_shannon", base, now) * math.sqrt(math.log(2))  # with natural logarithms
    return Opinion("Evidently's default", "Jensen–Shannon (nats)", value, "0.1", value >= DISTANCE)


def _nannyml(base: ColumnProfile, now: ColumnProfile, usual: float) -> Opinion | None:
    """NannyML 0.13: base-2 Jensen-Shannon above mean + 3 standard deviations of the reference's own windows."""
    if math.isnan(usual):
        return None
    value = _value("jensen_shannon", base, now)
    limit = f"{usual:.3g} (mean + 3 sd)"
    return Opinion("NannyML's default", "Jensen–Shannon", value, limit, value > usual)


RULES: tuple[Rule, ...] = (_psi, _ks, _evidently, _nannyml)


def opinions(core: Core, reading: Reading, base: ColumnProfile, now: ColumnProfile) -> list[views.PeerOpinion]:
    """Return every rule's opinion of a reading's column in its window, with how many of the inputs it would flag there."""
    every = _of_window(core, reading.model, reading.window, reading.model_version, reading.reference_version)
    name, flagged, asked = reading.column, Counter[str](), Counter[str]()
    for _, rule, said in every:
        asked[rule] += 1
        flagged[rule] += said.drift
    own = [(rule, said) for column, rule, said in every if column == name]
    counted = bool(own)
    if not own:  # of outcomes only the one that is asked for
        with np.errstate(all="ignore"):
            own = [(r.__name__, told) for r in RULES if (told := r(base, now, math.nan)) is not None]
    return [
        {
            "rule": said.rule,
            "statistic": said.statistic,
            "value": number(said.value),
            "threshold": said.threshold,
            "verdict": "drift" if said.drift else "no drift",
            **({"flagged": flagged[rule], "columns": asked[rule]} if counted else {}),  # type: ignore[typeddict-item]
        }
        for rule, said in own
    ]


@recalled("judged")
def _of_window(
    core: Core, model: str, window: Window, version: str, reference_version: int
) -> list[tuple[str, str, Opinion]]:
    """Return column, rule and what it says, of all inputs of a window; worked out once for the pages of all of them."""
    reference = core.control.reference(model, reference_version)
    ((held, _),) = held_against(core, core.spec(model), reference, [window])
    now = load_series(core, reference, "inputs", [window], version=version).profile[0]
    limits = usual_limits(reference, core.window_spec(model))
    return [(name, rule.__name__, said) for name, rule, said in _every(held.reference.inputs.total(), now, limits)]


def _every(base: Profile, now: Profile, limits: dict[str, float]) -> Iterator[tuple[str, Rule, Opinion]]:
    with np.errstate(all="ignore"):
        for name, usual in limits.items():
            if name not in base.layout.names:
                continue
            left, right = base.column(name), now.column(name)
            if int(left.valid) == 0 or int(right.valid) == 0:
                continue
            for rule in RULES:
                said = rule(left, right, usual)
                if said is not None:
                    yield name, rule, said


@lru_cache(maxsize=64)
def usual_limits(reference: Reference, window_spec: WindowSpec) -> dict[str, float]:
    """Return for each input NannyML's limit; NaN where the reference has fewer than two windows. References never change."""
    windows, profile, _ = reference.windows(window_spec)
    whole = reference.inputs.total()
    function = column_checks()["jensen_shannon"].column_function
    found: dict[str, float] = {}
    for entry in reference.inputs.layout.columns:
        if entry.of:
            continue
        name = entry.column.name
        values: Sequence[float] | np.ndarray = []
        if function is not None and len(windows) > 1:
            values = np.asarray(function(whole.column(name), profile.column(name)))
            values = values[np.isfinite(values)]
        enough = len(values) > 1
        found[name] = float(np.mean(values) + WIDTH * np.std(values)) if enough else math.nan
    return found
