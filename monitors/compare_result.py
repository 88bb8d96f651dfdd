"""What a comparison found: for programs, for people, and as a picture in a notebook."""

from __future__ import annotations

import html
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

    from monitors.compare_ids import LeftOut
    from monitors.compare_rows import RowsFinding
    from reference_data.profile import ColumnProfile

_WIDTH, _HEIGHT = 120, 28
_LOOK = (
    "border-collapse:collapse;font:13px/1.4 system-ui,sans-serif",
    "padding:3px 10px;text-align:left;border-bottom:1px solid rgba(128,128,128,.3);vertical-align:middle",
)
_REFERENCE_COLOUR, _CURRENT_COLOUR = "rgba(128,128,128,.55)", "#d9730d"


#: What a column lacks for a verdict: rows, or any values at all on both sides.
Lacking = Literal["", "insufficient", "no_data"]
_WORDS = {
    "drift": "drift",
    "ok": "same",
    "insufficient": "too few rows to tell",
    "no_data": "no values",
    "error": "error",
}
_NAMED, _HOW = 5, "--ids, or ids=True in Python, compares ids too"  # of the columns left out
_LONGEST = 110  # characters of a reason that the table shows


@dataclass(frozen=True, slots=True)
class CheckValue:
    """One check of one column. ``threshold``: what it takes to matter, or to stand out from chance; NaN if there is no such number."""

    check: str
    value: float
    threshold: float
    unit: str
    p_value: float = math.nan  # of a test, for this one check of this one column; NaN for mere distances

    def to_dict(self) -> dict[str, Any]:
        return {
            "check": self.check,
            "value": _number(self.value),
            "threshold": _number(self.threshold),
            "unit": self.unit,
            "p_value": _number(self.p_value),
        }


@dataclass(frozen=True, slots=True)
class ColumnComparison:
    """What was found in one column.

    ``p_value`` is the column's own, before the correction for the number of columns; ``effect`` is the shift in standard deviations
    where the distribution is what decided that the column drifted, else NaN. Shares lie between 0 and 1. ``bars`` are
    shares of the reference and of the current data in the cells that a small histogram shows.
    """

    column: str
    type: str
    drift: bool = False
    p_value: float = math.nan
    effect: float = math.nan
    checks: tuple[CheckValue, ...] = ()
    missing_reference: float = math.nan
    missing_current: float = math.nan
    unseen: float = math.nan
    error: str | None = None
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    bars: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    lacking: Lacking = ""
    #: Both sides on the cells that the reference froze, each one profile; None where nothing was profiled.
    shown: tuple[ColumnProfile, ColumnProfile] | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        return {
            "column": self.column,
            "type": self.type,
            "verdict": self.verdict,
            "drift": self.drift,
            "p_value": _number(self.p_value),
            "effect": _number(self.effect),
            "checks": [check.to_dict() for check in self.checks],
            "missing_reference": _number(self.missing_reference),
            "missing_current": _number(self.missing_current),
            "unseen": _number(self.unseen),
            "error": self.error,
            "reasons": list(self.reasons),
            "notes": list(self.notes),
        }

    @property
    def verdict(self) -> str:
        """One word: drift, ok, insufficient (too few rows to tell), no_data (no values on either side), or error."""
        return "error" if self.error else "drift" if self.drift else self.lacking or "ok"

    @property
    def words(self) -> str:
        """Whatever there is to say beyond the numbers."""
        return "; ".join([*([self.error] if self.error else []), *self.reasons, *self.notes])

    @property
    def short_words(self) -> str:
        """The same for a table: of each reason that is several sentences the first, and no more than fits."""
        reasons = [_shortened(reason.removeprefix(f"{self.column} ")) for reason in self.reasons]
        return "; ".join([*([self.error] if self.error else []), *dict.fromkeys(reasons), *self.notes])


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome of :func:`monitors.compare`. Columns come in the reference's order, those it lacks last."""

    n_reference: int
    n_current: int
    columns: tuple[ColumnComparison, ...]
    alpha: float
    notes: tuple[str, ...] = field(default=())
    multivariate: tuple[RowsFinding, ...] = ()  # of all columns together, where that was asked for
    left_out: tuple[LeftOut, ...] = ()  # columns that were not compared, for they only tell rows apart

    @property
    def drift(self) -> bool:
        """Whether any column drifted, or all of them together."""
        return any(column.drift for column in self.columns) or any(finding.drift for finding in self.multivariate)

    @property
    def verdict(self) -> str:
        """One word: drift, or ok if any column could be judged, else what they lack: insufficient, no_data or error."""
        if self.drift:
            return "drift"
        found = {column.verdict for column in self.columns}
        return next((word for word in ("ok", "insufficient", "no_data", "error") if word in found), "ok")

    def __getitem__(self, name: str) -> ColumnComparison:
        for column in self.columns:
            if column.column == name:
                return column
        raise KeyError(f"no column {name!r}; there are {', '.join(repr(c.column) for c in self.columns)}")

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values: numbers that do not exist are None, infinite ones as well."""
        return {
            "n_reference": self.n_reference,
            "n_current": self.n_current,
            "verdict": self.verdict,
            "drift": self.drift,
            "alpha": self.alpha,
            "columns": self._every_column(),
            "left_out": [each.to_dict() for each in self.left_out],
            "notes": list(self.notes),
            **({"multivariate": [finding.to_dict() for finding in self.multivariate]} if self.multivariate else {}),
        }

    def _every_column(self) -> list[dict[str, Any]]:
        """Return all columns in order, those that were left out with the reason as their error."""
        found = [column.to_dict() for column in self.columns]
        for each in self.left_out:
            words = f"left out, as an id tells rows apart and nothing else ({each.why}); {_HOW}"
            found.insert(each.place, ColumnComparison(each.column, each.type, error=words).to_dict())
        return found

    def to_pandas(self) -> pd.DataFrame:
        """Return a data frame with one row a column, and one column a check."""
        import pandas as pd

        rows = []
        for column in self.columns:
            row = {k: v for k, v in column.to_dict().items() if k not in {"checks", "reasons", "notes"}}
            row |= {check.check: check.value for check in column.checks}
            rows.append(row | {"words": column.words})
        return pd.DataFrame(rows)

    def __str__(self) -> str:
        head = self._headline()
        width = min(max([len(column.column) for column in self.columns], default=0), 40)
        wide = max([len(_WORDS[column.verdict]) for column in self.columns], default=0)
        lines = [
            f"  {_printable(column.column)[:40]:<{width}}  {_WORDS[column.verdict]:<{wide}}  p {_short(column.p_value):<8}  "
            f"effect {_short(column.effect):<6}  {column.short_words}".rstrip()
            for column in self.columns
        ]
        together = [f"together: {_printable(finding.words)}" for finding in self.multivariate]
        return "\n".join([head, *lines, *together, *(f"note: {_printable(note)}" for note in self._notes)])

    @property
    def _notes(self) -> list[str]:
        """The notes, and which columns were left out with how to have them compared."""
        if not self.left_out:
            return list(self.notes)
        named = ", ".join(f"{each.column[:40]} ({each.why})" for each in self.left_out[:_NAMED])
        more = f" and {len(self.left_out) - _NAMED} more" if len(self.left_out) > _NAMED else ""
        return [*self.notes, f"not compared, as ids tell rows apart and nothing else: {named}{more}; {_HOW}"]

    def _headline(self) -> str:
        drifted = sum(column.drift for column in self.columns)
        counts = Counter(column.verdict for column in self.columns)
        columns = _count(drifted + counts["ok"], "column")
        text = f"{drifted} of {columns} drifted" if drifted else f"no drift in {columns}"
        if not drifted and not counts["ok"]:
            text = f"nothing can be told of {_count(len(self.columns), 'column')}"
        if any(finding.drift for finding in self.multivariate):
            text += ", and all columns together drifted" if drifted else ", but all columns together drifted"
        if counts["insufficient"]:
            text += f", too few rows to tell in {counts['insufficient']}"
        if counts["no_data"]:
            text += f", no values in {counts['no_data']}"
        if counts["error"]:
            text += f", {counts['error']} could not be compared"
        return f"{text} ({_count(self.n_reference, 'row')} of reference, {self.n_current:,} current)"

    def _repr_html_(self) -> str:
        """Return a table with a small histogram a column, everything a stranger wrote escaped."""
        table, cell = _LOOK
        heads = "".join(
            f'<th style="{cell}">{name}</th>'
            for name in ("column", "verdict", "p", "effect", "missing", "reference and current", "")
        )
        rows = "".join(self._row(column, cell) for column in self.columns)
        told = [*(finding.words for finding in self.multivariate), *self._notes]
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in told)
        return (
            f"<div><p><strong>{html.escape(self._headline())}</strong></p>"
            f'<table style="{table}"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
            f"<ul>{notes}</ul></div>"
        )

    @staticmethod
    def _row(column: ColumnComparison, cell: str) -> str:
        missing = f"{_share(column.missing_reference)} → {_share(column.missing_current)}"
        verdict = f"<strong>{_WORDS[column.verdict]}</strong>" if column.drift else _WORDS[column.verdict]
        name = f"{html.escape(column.column)} <small>{html.escape(column.type)}</small>"
        texts = [name, verdict, _short(column.p_value), _short(column.effect), missing, _svg(column.bars)]
        texts.append(f"<small>{html.escape(column.short_words)}</small>")
        return "<tr>" + "".join(f'<td style="{cell}">{text}</td>' for text in texts) + "</tr>"


def _shortened(reason: str) -> str:
    first = reason.split(". ", maxsplit=1)[0]
    return first if len(first) <= _LONGEST else f"{first[: _LONGEST - 1].rstrip(' ,')}…"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _svg(bars: tuple[Sequence[float], Sequence[float]]) -> str:
    """Two overlaid histograms: the reference filled, the current data as a line of steps."""
    reference, current = bars
    top = max([*reference, *current], default=0.0)
    if top <= 0:
        return ""
    step = _WIDTH / len(reference)

    def height(share: float) -> float:
        return round(share / top * (_HEIGHT - 2), 1)

    filled = "".join(
        f'<rect x="{i * step:.1f}" y="{_HEIGHT - height(share):.1f}" width="{max(step - 0.5, 0.5):.1f}" '
        f'height="{height(share):.1f}"/>'
        for i, share in enumerate(reference)
    )
    steps = " ".join(
        f"{x:.1f},{_HEIGHT - height(share):.1f}" for i, share in enumerate(current) for x in (i * step, (i + 1) * step)
    )
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="distribution of reference and current data">'
        f'<g fill="{_REFERENCE_COLOUR}">{filled}</g>'
        f'<polyline points="{steps}" fill="none" stroke="{_CURRENT_COLOUR}" stroke-width="1.5"/></svg>'
    )


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _short(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2g}"


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1%}"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "�" for char in text)
