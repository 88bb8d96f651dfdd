"""What checks are, and what they find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from reference_data.alerting import AlertKind
from reference_data.profile import ColumnProfile, Profile
from reference_data.windows import Window

Verdict = Literal["ok", "drift", "warning", "critical", "insufficient", "no_data", "error"]
#: What a reading is about: a column; the labels; performance estimated before labels come; the loss in the order in which labels
#: came; a ratio of the business; the service around the model; rows and their arrival; rows as a whole; a check of the team's own.
Scope = Literal[
    "column", "performance", "estimate", "sequence", "business", "service", "traffic", "multivariate", "custom"
]
ESTIMATED = "estimated_"  # before the name of a metric in a reading that estimates it
Direction = Literal["higher_is_worse", "lower_is_worse", "both"]
Values = NDArray[np.float64]

#: (reference column, current column with leading axes (windows,)) -> one value a window. The reference has no leading axis,
#: or the same as the current one (each reference window against the rest without it): write for both, by broadcasting.
ColumnFunction = Callable[[ColumnProfile, ColumnProfile], Values]
ColumnsFunction = Callable[[Sequence[ColumnProfile], Sequence[ColumnProfile]], list[Values]]
#: (outcomes profile with leading axes (windows,), positive class of a binary task or None) -> one value a window. Raises
#: :class:`KeyError` when the layout lacks a column it needs.
OutcomeFunction = Callable[[Profile, str | None], Values]
#: (outcomes profile with leading axes (windows,), positive class or None) -> standard error of the metric in each window
ErrorFunction = Callable[[Profile, str | None], Values]
#: the same -> lower and upper end of the 95 % interval of the metric in each window
IntervalFunction = Callable[[Profile, str | None], tuple[Values, Values]]
#: (reference values, current values), both sorted ascending and finite -> (statistic, p-value or NaN where the check has none)
RowFunction = Callable[[Values, Values], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Check:
    """A named statistic and how to read it.

    A file in ``monitors/checks/`` defines one as ``CHECK``. ``scope`` ``column`` compares one column with its reference
    (``column_function``); ``performance`` reads one number off the outcomes of a window (``outcome_function``).
    ``kinds`` are the cell kinds it applies to (``ordered``, ``nominal``), or for performance the tasks. ``unit``:
    ``distance``, ``share``, ``bits``, ``statistic``, or ``label`` for the label's own unit.
    """

    name: str
    scope: Literal["column", "performance"]
    kinds: frozenset[str]
    unit: str
    direction: Direction
    summary: str
    citation: str
    column_function: ColumnFunction | None = None
    row_function: RowFunction | None = None  # ordered columns: the exact value, where rows are at hand
    p_function: ColumnFunction | None = None  # the textbook p-value of the profiles' value, where the check is a test
    level_function: ColumnFunction | None = None  # what chance alone exceeds once in a hundred times
    approximate: str = ""  # how far the value from profiles may be from the exact one; empty: it is exact
    outcome_function: OutcomeFunction | None = None
    error_function: ErrorFunction | None = None  # performance: standard error by sampling, where rows are independent
    interval_function: IntervalFunction | None = None  # performance: where value ± t · error is not the best interval
    shown: bool = True  # performance: read in every window; the others are there for whoever asks for them by name
    headline: bool = False  # performance: the metric a task is judged by first
    title: str = ""  # what people call it; the name with spaces where left out
    columns_function: ColumnsFunction | None = None  # column_function of many columns at once, where that is faster

    @property
    def label(self) -> str:
        """Return what people call it."""
        return self.title or self.name.replace("_", " ").capitalize()


@dataclass(
    slots=True, unsafe_hash=True
)  # nobody changes one; frozen, each of tens of thousands costs four times as much
class Reading:
    """What one check found in one window. NaN stands for "cannot be said"; ``error`` says why in words."""

    model: str
    model_version: str
    reference_version: int
    check: str
    scope: Scope
    column: str | None
    segment: str | None
    window: Window
    value: float
    reference_value: float
    threshold: float
    lower: float  # natural variation of the reference's own windows
    upper: float
    p_value: float
    effect: float
    n: int
    n_reference: int
    verdict: Verdict
    significant: bool
    material: bool
    harmful: bool
    unit: str
    sentence: str
    computed_at: datetime
    error: str | None = None
    drivers: tuple[tuple[str, float], ...] = ()  # rows as a whole: the columns (or words) behind it, with their shares
    scale: int = 1  # latest windows that were merged for the value: small lasting changes show in several together
    ci_lower: float = float("nan")  # 95 % interval of the value itself
    ci_upper: float = float("nan")
    coverage: float = float(
        "nan"
    )  # share of the window's rows that have their label, where the reading rests on labels


@dataclass(frozen=True, slots=True)
class Cause:
    """One probable cause of an alert: a column (or None for the rule itself), with a score between 0 and 1.

    ``kind`` ``slice``: rows told apart by that column; ``event``: something that happened at the same time (column None).
    """

    column: str | None
    score: float
    sentence: str
    kind: Literal["", "rule", "slice", "event"] = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """The current state of an alert, folded from its events.

    One alert stands for one cause: all columns that drift together are ``members`` of one alert; ``column`` is the
    foremost of them.
    """

    id: str
    model: str
    kind: AlertKind
    severity: Literal["notice", "warning", "page"]
    state: Literal["pending", "firing", "acknowledged", "silenced", "recovering", "resolved"]
    column: str | None
    segment: str | None
    window: Window
    opened_at: datetime
    changed_at: datetime
    significant: bool
    material: bool
    harmful: bool
    causes: tuple[Cause, ...]
    members: tuple[str, ...]
    message: str
    headline: str
    owner: str | None = None
    quiet: int = 0  # windows in a row without the condition
    resolved_at: datetime | None = None
    model_version: str | None = None
    judged_to: datetime | None = None  # end of the latest window that counted: a restated one is not counted twice
    strength: float = 0.0  # effect of the window that the message tells of, 0 where it is not known
    limit: str | None = None  # the check whose fixed limit was passed, of an alert about that and nothing else
    silenced_until: datetime | None = None  # while that is to come, nobody is told; what is judged goes on beneath
    silence_id: str | None = None
    inhibited_by: str | None = None  # the open alert that brings this one about: nobody is told of both
    needs: tuple[int, int] = (1, 1)  # in so many of so many latest windows the condition must hold before it fires
    held: str = ""  # of the latest windows, "1" where the condition held, "0" where it did not, oldest first
    returns: int = 0  # how often it came back after it was resolved
    resolve_after: int | None = None  # quiet windows until it is resolved; None: as the monitor's
    runbook: str | None = None
    rule: str | None = None  # the team's own rule that raised it
    source: str | None = None  # the source of rows it is about
    history: tuple[AlertEvent, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One change of an alert, with the state it has after it.

    ``action`` says what changed where that is not the state: ``comment``, ``owner``, ``silence``, ``unsilence``, ``inhibit``, ``release``, ``renotify``, ``news``; of a
    state, how it came about: ``rise`` (in severity), ``again`` (before it was resolved), ``return`` (after it), ``grew``, ``unconfirmed``, ``end`` (of
    what came and went).
    """

    alert_id: str
    at: datetime
    state: str
    actor: str
    comment: str
    action: str = ""


@dataclass(frozen=True, slots=True)
class Silence:
    """Who need not be told, until when. Everything that is given must match; models, columns and segments may be patterns with ``*``."""

    id: str
    starts: datetime
    ends: datetime
    actor: str
    comment: str
    alert_id: str | None = None
    model: str = "*"
    kind: str | None = None
    column: str | None = None
    segment: str | None = None
    severity: str | None = None
    ended_by: str | None = None  # who lifted it before its time; ``ends`` is then when
