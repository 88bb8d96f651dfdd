"""What the readings of one call share, and whether there is enough to judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monitors import explain
from monitors.checks._cells import Values
from monitors.evidence import Levels
from monitors.reading_blocks import Block, Column
from monitors.registry import DECIDING
from monitors.types import Check, Reading, Verdict
from reference_data.profile import ColumnProfile
from reference_data.reference import Reference
from reference_data.windows import Window

if TYPE_CHECKING:
    from monitors.calibration import Calibration
    from reference_data.declaration import ModelSpec

Flags = NDArray[np.bool_]

LEAST_COVERAGE = 0.5  # share of rows that must have a label before outcomes are judged


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What all readings of one call share."""

    spec: ModelSpec
    reference: Reference
    calibration: Calibration
    levels: Levels
    windows: Sequence[Window]
    judged: NDArray[np.int64]  # places of the windows in the series that was given
    coverage: Values  # labelled share of rows, NaN without rows
    blank: Reading  # with the fields that are the same in every reading
    importance: Mapping[str, float]

    @property
    def unit(self) -> str:
        """What windows are called: days where they are days."""
        spec = self.calibration.window_spec
        names = {"h": "hours", "d": "days", "w": "weeks"}
        return names[spec.unit] if spec.length == 1 else "windows"

    def over(self, scale: int) -> str:
        """Say how many of the latest windows are spoken of, nothing for one."""
        return f"over the last {scale} {self.unit}" if scale > 1 else ""

    def checks(self, every: Mapping[str, Check]) -> dict[str, Check]:
        """Return the checks that this monitor reads in its windows, the deciding one always among them."""
        wanted = {DECIDING, *self.spec.monitor.checks}
        return {name: check for name, check in every.items() if name in wanted and check.column_function is not None}

    def column_level(self, name: str, *, late: bool) -> float:
        """Return the largest significant p-value of a column; outcomes are one question with the performance, and share its level."""
        return self.levels.page if late else self.levels.column(context=name in self.spec.context)

    def share_level(self, name: str) -> float:
        """Return the largest significant p-value of a column's share."""
        return self.levels.share(context=name in self.spec.context)

    def readings(
        self,
        check: Check,
        column: str | None,
        n: NDArray[np.int64],
        columns: Mapping[str, Column],
        sentence: Callable[[int], str],
    ) -> Block:
        """Return one reading a window; ``columns`` holds by field what differs between windows, ``sentence`` says it in words."""
        own = {"check": check.name, "scope": check.scope, "column": column, "unit": check.unit, "n": n}
        return Block(self.blank, self.windows, own | dict(columns), sentence)


class States:
    """Whether there is enough to judge, window by window: by rows (shares of rows) and by values (distributions)."""

    def __init__(self, run: Run, reference: ColumnProfile, column: ColumnProfile, *, late: bool) -> None:
        self._run, self._name, self._late = run, reference.entry.column.name, late
        self.level = run.column_level(self._name, late=late)
        self.late, least = late, run.spec.monitor.min_rows
        self._infinite, self._held_infinite = column.inf, int(reference.inf)
        self._held, self._unknown = int(reference.valid), int(reference.valid) < least
        self.n, self.rows = column.valid, column.rows
        self.values_judged = self._enough(column.valid, unknown=self._unknown)
        self.rows_judged = self._enough(column.rows, unknown=int(reference.rows) < least)
        self.by_value, self.by_row = self._states(self.values_judged), self._states(self.rows_judged)

    def _enough(self, n: NDArray[np.int64], *, unknown: bool) -> Flags:
        few = (n < self._run.spec.monitor.min_rows) | unknown
        if self._late:
            few = few | (self._run.coverage < LEAST_COVERAGE)
        return ~few

    def _states(self, judged: Flags) -> list[Verdict | None]:
        found: list[Verdict | None] = [None] * len(judged)
        for place in np.flatnonzero(~judged).tolist():
            found[place] = "no_data" if self.rows[place] == 0 else "insufficient"
        return found

    def sentence(self, window: int, n: int) -> str:
        """Say why this window cannot be judged."""
        if n == 0 and self._infinite[window]:
            return f"Every value of {self._name} that arrived in this window is infinite, so it cannot be judged."
        if self._late and n == 0:
            return f"No labels have arrived yet, so {self._name} cannot be judged."
        if n == 0:
            return f"No values of {self._name} arrived in this window."
        if self._unknown and not self._held and self._held_infinite:
            return f"Every value of {self._name} in the reference is infinite, so there is nothing to compare with."
        if self._unknown and not self._held:
            return f"The reference holds no values of {self._name}, so there is nothing to compare with."
        if self._unknown:
            return f"In the reference {explain.too_few(self._held, self._run.spec.monitor.min_rows, self._name)}"
        if self._late and self._run.coverage[window] < LEAST_COVERAGE:
            return explain.low_coverage(float(self._run.coverage[window]), self._name)
        return explain.too_few(n, self._run.spec.monitor.min_rows, self._name)


def verdicts(states: Sequence[Verdict | None], broken: Flags, grave: Verdict) -> list[Verdict]:
    """Return each window's verdict: its state where it cannot be judged, else whether it is ``broken``."""
    found: list[Verdict] = [state or "ok" for state in states] if any(states) else ["ok"] * len(states)
    for place in np.flatnonzero(broken).tolist():
        found[place] = states[place] or grave
    return found
