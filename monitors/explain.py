"""Readings in words: what moved, by how much, and what is usual. Three significant digits, a unit, a true minus."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from monitors.types import ESTIMATED, Check, Reading
from reference_data.bins import OTHER, UNSEEN
from reference_data.plugins import discover
from reference_data.profile import ColumnProfile

MINUS = "\N{MINUS SIGN}"
CONCEPT = "error given inputs"


def number(value: float, unit: str = "") -> str:
    """Return three significant digits with the unit; shares as per cent; "unknown" for what cannot be said."""
    if not math.isfinite(value):
        return "unknown"
    if unit == "share":
        return f"{number(100 * value)} %"
    text = _three(abs(value)) + (f" {unit}" if unit and unit not in _SILENT else "")
    return f"{MINUS}{text}" if value < 0 and text.strip("0. ") else text


_SILENT = frozenset({"distance", "statistic", "area", "probability"})
_NAMES = frozenset({"Brier", "Matthews", "Cohen's"})


def _three(value: float) -> str:
    if value >= 1e6 or 0 < value < 1e-4:
        return f"{value:.2e}".replace("e-0", "e-").replace("e+0", "e").replace("e-", f"e{MINUS}").replace("e+", "e")
    if value >= 999.5:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".") if value else "0"


def apart(value: float, lower: float, upper: float, unit: str = "") -> tuple[str, str, str]:
    """Return a value and two limits in so many digits that the value is on the side of each on which it reads to be."""
    shown = number(value, unit), number(lower, unit), number(upper, unit)
    factor, mark = (100.0, " %") if unit == "share" else (1.0, f" {unit}" if unit and unit not in _SILENT else "")
    numbers = [factor * each for each in (value, lower, upper)]
    for digits in range(4, 8):
        same = [i for i in (1, 2) if shown[i] == shown[0] and numbers[i] != numbers[0]]
        if not same or not math.isfinite(value):
            break
        texts = list(shown)
        for i in (0, *same):
            places = max(digits - 1 - math.floor(math.log10(max(abs(numbers[0]), 1e-12))), 0)
            texts[i] = f"{numbers[i]:,.{places}f}".replace("-", MINUS) + mark
        shown = texts[0], texts[1], texts[2]
    return shown


class Movement:
    """Says in which direction a column went, window by window; arrays are worked out once."""

    def __init__(self, reference: ColumnProfile, current: ColumnProfile) -> None:
        self.name = reference.entry.column.name
        self.unit = reference.entry.column.unit or ""
        self._labels = reference.entry.bins.labels
        self._ordered = reference.entry.ordered
        self._means: list[float] | None = None
        if reference.mean is not None and current.mean is not None and reference.entry.column.type == "numeric":
            self._mean, self._means = float(reference.mean), np.asarray(current.mean).tolist()
        before = reference.cells / max(int(reference.valid), 1)
        now = current.cells / np.maximum(current.valid, 1)[..., None]
        self._cell = np.abs(now - before).argmax(axis=-1)
        index = np.arange(len(self._cell))
        self._before, self._now = before[self._cell].tolist(), now[index, self._cell].tolist()

    def rose(self, window: int) -> bool | None:
        """Return whether the mean is higher than in the reference, None where there is no mean."""
        return None if self._means is None else self._means[window] > self._mean

    def text(self, window: int) -> str:
        """Return what moved most: the mean of a number, or the share of one category."""
        if self._means is not None:
            gap = self._means[window] - self._mean
            if self.name == CONCEPT:
                way = "higher" if gap > 0 else "lower"
                return f"For like inputs, predictions are {number(abs(gap), self.unit)} {way} against the label than in the reference"
            if number(self._means[window]) != number(self._mean):
                way = "higher" if gap > 0 else "lower"
                return (
                    f"{self.name} is {number(abs(gap), self.unit)} {way} on average "
                    f"({number(self._means[window])} against {number(self._mean)})"
                )
        label = self._labels[self._cell[window]]
        way = "rose" if self._now[window] > self._before[window] else "fell"
        shares = f"{number(self._before[window], 'share')} to {number(self._now[window], 'share')}"
        if self._ordered:
            return f"The share of {self.name} in {label} {way} from {shares}"
        of = {UNSEEN: f"new categories of {self.name}", OTHER: f"rarer categories of {self.name}"}
        return f"The share of {of.get(label, f'{self.name} = {label}')} {way} from {shares}"


def moved(
    base: ColumnProfile, now: ColumnProfile, what: tuple[str, int], groups: NDArray[np.int64], shift: float
) -> str:
    """Say what moved: the mean, how much values vary, or the share of a range or category.

    ``now`` has a leading axis of one. ``what`` is a kind of series and the number of its group of cells, ``groups`` the group of each
    cell; see :class:`monitors.drift_scores.Scores`.
    """
    kind, cell = what
    name, way = base.entry.column.name, shift > 0
    if kind == "location":
        movement = Movement(base, now)
        if movement.rose(0) in (None, way):
            return movement.text(0)
        return f"Most values of {name} are {'higher' if way else 'lower'} than in the reference"
    if kind == "dispersion":
        spread = f" (standard deviation {number(float(now.std[0]))} against {number(float(base.std))})"
        widened = float(now.std[0]) > float(base.std)
        return f"Values of {name} vary {'more' if way else 'less'}{spread if widened == way else ''}"
    inside = groups == cell
    before = float(base.cells[inside].sum()) / max(int(base.valid), 1)
    after = float(now.cells[0, inside].sum()) / max(int(now.valid[0]), 1)
    shares = f"from {number(before, 'share')} to {number(after, 'share')}"
    went = "rose" if after > before else "fell"
    labels = np.asarray(base.entry.bins.labels)[inside]
    if base.entry.ordered:
        low, high = labels[0].split(",")[0], labels[-1].split(",")[1]
        return f"The share of {name} in {low},{high} {went} {shares}"
    of = f"{name} = {labels[0]}" if len(labels) == 1 else f"rarer categories of {name}"
    return f"The share of {of} {went} {shares}"


def drifted(what: str, shift: float, limit: float, scale: int, unit: str, leaning: float | None) -> str:
    """Say that a column drifted, over how many windows, and how much the model leans on it."""
    over = f" over the last {scale} {unit}" if scale > 1 else ""
    weight = "" if leaning is None else f" It carries {number(leaning, 'share')} of the model's importance."
    usual = f"; up to {number(limit)} is usual in one window" if abs(shift) > limit else ""
    small = ", which one window alone could not tell from chance" if scale > 1 and not usual else ""
    return f"{what}{over}. That is a shift of {number(abs(shift))} standard deviations{usual}{small}.{weight}"


def varied(what: str, name: str, leaning: float | None) -> str:
    """Say that a column that never varied in the reference does now."""
    weight = "" if leaning is None else f" It carries {number(leaning, 'share')} of the model's importance."
    return f"{what}. In the reference {name} never varied.{weight}"


def steady(name: str, shift: float, limit: float, *, significant: bool) -> str:
    """Say that a column is within its limits, or that it moved too little to matter."""
    if significant:
        return f"{name} moved, but too little to matter: by {number(abs(shift))} standard deviations."
    if not math.isfinite(limit):
        return f"{name} is as in the reference."
    return (
        f"{name} is as in the reference; a shift of {number(limit)} standard deviations would stand out in one window."
    )


def usual_band(check: Check, low: float, high: float) -> str:
    """Say what is usual of a check, beside a value with its unit; nothing if that is not known."""
    unit = check.unit if check.unit == "share" else ""
    return f"; {number(low, unit)} to {number(high, unit)} is usual" if math.isfinite(high) else ""


def measured(check: Check, name: str, value: float, usual: str) -> str:
    """State a check beside the deciding one; ``usual`` as :func:`usual_band` has it."""
    if not math.isfinite(value):
        return f"{check.label} of {name} cannot be computed from these values, as where the reference never varies."
    return f"{check.label} of {name}: {number(value, check.unit)}{usual}."


_SHARE_WORDS = {
    "missing_share": "have no value of {}",
    "unseen_share": "hold a category of {} that the reference never held",
    "out_of_range_share": "hold a value of {} outside the reference's range",
}


@lru_cache(maxsize=10_000)  # most windows of a column say the same
def share(check: str, name: str, value: float, reference: float, *, broken: bool, over: str = "") -> str:
    """Say how many rows miss a value, hold a new category or lie outside the range."""
    words = _SHARE_WORDS.get(check, check.replace("_", " ") + " of {}").format(name)
    where = "to be expected of rare ones" if check == "unseen_share" and reference > 0 else "in the reference"
    against = f", against {number(reference, 'share')} {where}"
    of = f"of rows {over}" if over else "of rows"
    return (
        f"{number(value, 'share')} {of} {words}{against if broken or value != reference else ', as in the reference'}."
    )


def performance(check: Check, value: float, reference: float, threshold: float, *, worse: bool, over: str = "") -> str:
    """Say how well the model did (``over`` the last so many windows), against the reference and against what would be taken as harm."""
    stated = _against(f"{check.label} {over}" if over else check.label, value, reference, check.unit)
    limit = number(threshold, check.unit)
    return (
        f"{stated}: worse than {limit}, the limit of usual." if worse else f"{stated}; the limit of usual is {limit}."
    )


def against(reading: Reading) -> str:
    """Return the headline of a metric: its value against the reference's."""
    return _against(metric_label(reading.check), reading.value, reading.reference_value, reading.unit)


def inside(sentence: str) -> str:
    """Return words as they go on inside of a sentence; names and abbreviations keep their capital."""
    first = sentence.split(" ", 1)[0]
    return sentence if first in _NAMES or not first[1:].islower() else sentence[0].lower() + sentence[1:]


def metric_label(name: str) -> str:
    """Return what people call a metric; of the top of lists without its size, which the model declares."""
    found: dict[str, Check] = discover("monitors.metrics", "CHECK")
    name = name.removeprefix(ESTIMATED)
    return found[name].label.removesuffix(" at k") if name in found else name


def _against(label: str, value: float, reference: float, unit: str) -> str:
    beside = number(reference, unit if unit == "share" else "")
    return f"{label} {number(value, unit)} against {beside} in the reference"


def too_few(rows: int, least: int, what: str) -> str:
    """Say that there are rows, but not enough of them."""
    return f"{rows:,} {'row is' if rows == 1 else 'rows are'} too few to judge {what}; {least:,} are needed."


def low_coverage(coverage: float, what: str) -> str:
    """Say that most labels are still out."""
    return f"Labels have arrived for {number(coverage, 'share')} of rows; half of them are needed to judge {what}."
