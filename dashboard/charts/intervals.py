"""Amounts with their 95 % intervals, one row each: parts of a change, groups of people, differences of versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette

ROW_HEIGHT = 38
LETTER = 7  # pixels of a letter of an amount, about


@dataclass(frozen=True, slots=True)
class Row:
    """One amount. ``role`` is an attribute of the palette: the colour it is drawn in."""

    name: str
    value: float
    lower: float | None
    upper: float | None
    words: str = ""  # on hover, after the value
    role: str = "accent"


def figure(
    rows: Sequence[Row],
    palette: Palette,
    *,
    unit: str,
    bars: bool = False,
    zero: bool = True,
    signed: bool = False,
    height: int | None = None,
) -> go.Figure:
    """Draw rows from the top, as points or as ``bars`` from zero, each with its interval and its value in words (``signed``: a change)."""
    names = [text.figure(row.name, 34) for row in rows]
    said = text.suffix(unit)
    amounts = _amounts([row.value for row in rows], said, signed=signed)
    right = max(64, 16 + LETTER * max(map(len, amounts), default=0))
    drawn = base.new(palette, height or 40 + ROW_HEIGHT * len(rows), top=8, right=right, left=10)
    places = list(range(len(rows)))
    colours = [getattr(palette, row.role) for row in rows]
    hover = [
        f"{n} · {_span(row, said)}{f' · {row.words}' if row.words else ''}" for n, row in zip(names, rows, strict=True)
    ]
    if bars:
        drawn.add_trace(
            go.Bar(
                x=[row.value for row in rows],
                y=places,
                orientation="h",
                width=0.5,
                marker={"color": colours, "opacity": 0.55},
                hovertext=hover,
                hovertemplate="%{hovertext}<extra></extra>",
                showlegend=False,
            )
        )
    drawn.add_trace(
        go.Scatter(
            x=[row.value for row in rows],
            y=places,
            mode="markers",
            marker={"size": 4 if bars else 10, "color": colours, "opacity": 1},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [0 if row.upper is None else row.upper - row.value for row in rows],
                "arrayminus": [0 if row.lower is None else row.value - row.lower for row in rows],
                "thickness": 1.6,
                "width": 5,
                "color": palette.text,
            },
            hovertext=hover,
            hovertemplate="%{hovertext}<extra></extra>",
            showlegend=False,
        )
    )
    for place, amount in enumerate(amounts):
        base.note(
            drawn, amount, palette, x=1, xref="paper", xanchor="left", xshift=6, y=place,
            font={"size": 12, "color": palette.text},
        )  # fmt: skip
    base.lay(
        drawn,
        xaxis=base.value_axis(palette, unit, rangemode="tozero" if zero else "normal", fixedrange=True),
        yaxis={
            "tickvals": places,
            "ticktext": names,
            "range": [len(rows) - 0.5, -0.5],
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
            "fixedrange": True,
        },
    )
    if any((row.lower if row.lower is not None else row.value) < 0 for row in rows):
        drawn.add_shape(type="line", x0=0, x1=0, y0=0, y1=1, yref="paper", line={"color": palette.muted, "width": 1})
    return drawn


def _amounts(values: Sequence[float], unit: str, *, signed: bool) -> list[str]:
    """Return numbers that stand below each other with as many decimals each; where all are tiny, each with its own digits."""
    largest = max(map(abs, values), default=0.0)
    if largest < 0.1:
        return [text.number(value, unit, signed=signed) for value in values]
    digits = text.decimals([largest])
    said = f" {unit}" if unit else ""
    shown = [(value, f"{abs(value):,.{digits}f}") for value in values]
    signs = ["" if not size.strip("0.") else "−" if value < 0 else "+" if signed else "" for value, size in shown]
    return [f"{sign}{size}{said}" for sign, (_, size) in zip(signs, shown, strict=True)]


def _span(row: Row, unit: str) -> str:
    words = text.number(row.value, unit)
    if row.lower is None or row.upper is None:
        return words
    return f"{words}, 95 % {text.number(row.lower)} to {text.number(row.upper, unit)}"
