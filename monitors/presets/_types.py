"""What a preset is, what it is asked, and what it answers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from monitors.compare_inputs import CompareError
from monitors.compare_result import CheckValue, ColumnComparison, Comparison
from storage.column_values import Columns

_PERIODS = {"1h": "hour", "1d": "day", "1w": "week", "1mo": "month"}


@dataclass(frozen=True, slots=True)
class Chunking:
    """How rows are cut: into ``count`` parts, parts of ``rows`` rows, or by calendar ``period`` (hour, day, week, month)."""

    count: int | None = None
    rows: int | None = None
    period: str | None = None

    @classmethod
    def parse(cls, text: str | None, timestamp: str | None) -> Chunking:
        """Read ``1h``, ``1d``, ``1w``, ``1mo`` or ``500 rows``; ten parts where nothing is said."""
        if text is None:
            return cls(count=10)
        wanted = text.strip().lower()
        if wanted in _PERIODS:
            if timestamp is None:
                raise CompareError(f"chunk {text!r} needs timestamp, the column that says when a row was")
            return cls(period=_PERIODS[wanted])
        if match := re.fullmatch(r"(?:rows\s*=\s*)?([1-9]\d*)(?:\s*rows?)?", wanted):
            return cls(rows=int(match[1]))
        raise CompareError(
            f"chunk {text!r} is not known; give {', '.join(_PERIODS)}, or a number of rows such as '500 rows'"
        )


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be judged: both sides, the columns by name in order, and how rows are cut where a preset cuts them."""

    reference: Columns
    current: Columns
    columns: Sequence[str]
    timestamp: str | None
    chunking: Chunking


@dataclass(frozen=True, slots=True)
class Preset:
    """Another tool's defaults. ``version``: the release whose decisions are made again; ``definition``: its rules in short."""

    name: str
    title: str
    version: str
    definition: str
    citation: str
    chunked: bool
    judge: Callable[[Preset, Request, tuple[str, ...]], PresetComparison]


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk of the current rows: ``key`` as the tool names it, its rows, and its value (NaN: nothing to judge)."""

    key: str
    n: int
    value: float
    drift: bool

    def to_dict(self) -> dict[str, Any]:
        return {"chunk": self.key, "n": self.n, "value": finite(self.value), "drift": self.drift}


@dataclass(frozen=True, slots=True)
class PresetColumn(ColumnComparison):
    """What a preset says of one column. ``chunks`` is empty where rows are not cut; else the check is of the highest chunk."""

    method: str = ""
    chunks: tuple[Chunk, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        more = {"chunks": [chunk.to_dict() for chunk in self.chunks]} if self.chunks else {}
        return {**ColumnComparison.to_dict(self), "method": self.method or None, **more}


@dataclass(frozen=True, slots=True)
class PresetComparison(Comparison):
    """The outcome under a preset. ``whole``: the tool's verdict on all columns together, None where it has none."""

    preset: str = ""
    version: str = ""
    whole: bool | None = None

    @property
    def judged(self) -> int:
        """Return the number of columns that the tool judges."""
        return sum(column.error is None for column in self.columns)

    @property
    def drifted(self) -> int:
        """Return the number of columns that drifted."""
        return sum(column.drift for column in self.columns)

    @property
    def share(self) -> float:
        """Return the share of judged columns that drifted; NaN without any."""
        return self.drifted / self.judged if self.judged else math.nan

    def to_dict(self) -> dict[str, Any]:
        summary = {
            "columns": self.judged,
            "drifted": self.drifted,
            "share_drifted": finite(self.share),
            "dataset_drift": self.whole,
        }
        plain = Comparison.to_dict(self)
        plain["alpha"] = finite(self.alpha)
        return {"preset": self.preset, "preset_version": self.version, "summary": summary, **plain}

    def __str__(self) -> str:
        width = min(max([len(column.column) for column in self.columns], default=0), 40)
        lines = [self._line(column, width) for column in self.columns]
        return "\n".join([self._summary(), *lines, *(f"note: {note}" for note in self.notes)])

    def _summary(self) -> str:
        text = f"{self.drifted} of {self.judged} columns drifted as {self.preset} {self.version} judges"
        if self.whole is not None:
            text += f", which calls the whole {'drifted' if self.whole else 'the same'}"
        return f"{text} ({self.n_reference:,} rows of reference, {self.n_current:,} current)"

    @staticmethod
    def _line(column: ColumnComparison, width: int) -> str:
        name = "".join(char if char.isprintable() else "�" for char in column.column)[:40]
        if column.error is not None:
            return f"  {name:<{width}}  none   {column.error}"
        said = "; ".join(
            f"{check.check} {check.value:.4g} (threshold {check.threshold:.4g})" for check in column.checks
        )
        verdict = "drift" if column.drift else "same"
        return f"  {name:<{width}}  {verdict:<5}  {'; '.join([said, *column.reasons])}"


def finite(value: float) -> float | None:
    """Return a number that JSON has, or None."""
    return float(value) if math.isfinite(value) else None


def unjudged(name: str, kind: str, why: str) -> PresetColumn:
    """Return a column that the tool leaves out, or cannot take."""
    return PresetColumn(name, kind, error=why)


def each(asked: Request, judge: Callable[[str], PresetColumn]) -> tuple[PresetColumn, ...]:
    """Judge every column; what one raises stands in that column, and the others go on."""
    return tuple(_carefully(judge, name) for name in asked.columns)


def _carefully(judge: Callable[[str], PresetColumn], name: str) -> PresetColumn:
    try:
        return judge(name)
    except Exception as problem:  # a text column without words, a damaged column of a file
        return unjudged(name, "numeric", f"cannot be judged: {' '.join(str(problem).split())[:300]}")


def judged(check: str, value: float, threshold: float, unit: str) -> tuple[CheckValue, ...]:
    """Return the one check that decides."""
    return (CheckValue(check, value, threshold, unit),)
