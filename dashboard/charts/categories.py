"""What moved in a column of categories: one row each, and what was never seen or is missing as rows of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base, distribution
from dashboard.theme import Palette
from service.views import Histogram

MOST = 16  # categories that have a row of their own
MISSING = -1  # the place of rows without a value
ROW = 23


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its name, both shares, and the place of its bar. ``apart``: it is no category."""

    name: str
    reference: float
    current: float
    place: int
    apart: bool = False


def rows_of(bars: Histogram) -> list[Row]:
    """Return the categories with the largest share on either side, and what no category holds.

    The last two bars of a frozen column of categories are the reference's rarer values and those it never held; missing values are a share of
    all rows, not of those that have one.
    """
    count = len(bars["labels"])
    shares = list(zip(bars["labels"], bars["reference"], bars["current"], strict=True))
    frozen = count >= 2 and shares[-2][0] == "other" and shares[-1][0] == "unseen"
    named = count - 2 if frozen else count
    order = sorted(range(named), key=lambda i: -max(shares[i][1], shares[i][2]))
    kept = sorted(order[:MOST])
    found = [Row(shares[i][0], shares[i][1], shares[i][2], i) for i in kept]
    if frozen and (shares[-2][1] or shares[-2][2]):
        found.append(Row("rarer ones", shares[-2][1], shares[-2][2], count - 2))
    unseen = shares[-1][2] if frozen else bars["unseen_current"]
    found.append(Row("never seen before", 0.0, unseen, count - 1 if frozen else count, apart=True))
    found.append(Row("missing", bars["missing_reference"], bars["missing_current"], MISSING, apart=True))
    return found


def left_out(bars: Histogram, rows: Sequence[Row]) -> str:
    """Say how much the categories without a row of their own hold; empty when all have one."""
    drawn = {row.place for row in rows}
    rest = [
        i
        for i, label in enumerate(bars["labels"])
        if i not in drawn and not (i >= len(bars["labels"]) - 2 and label in ("other", "unseen"))
    ]
    if not rest:
        return ""
    then, now = (sum(side[i] for i in rest) for side in (bars["reference"], bars["current"]))
    return f"{len(rest)} more hold {text.share(then)} → {text.share(now)}."


def compare(
    rows: Sequence[Row],
    bars: Histogram,
    palette: Palette,
    *,
    reference_period: str,
    current_period: str,
    chosen: int | None = None,
) -> go.Figure:
    """Return one row a category: grey is the reference's share, the outline the current one; ``chosen`` is marked."""
    figure = base.new(palette, 74 + ROW * (len(rows) + 1), top=36, left=10, right=16)
    places = [place + (0.6 if row.apart else 0.0) for place, row in enumerate(rows)]
    names = [text.figure(row.name, 20) for row in rows]
    said = [
        f"{name} · reference {text.share(row.reference)} · current {text.share(row.current)}"
        for name, row in zip(names, rows, strict=True)
    ]
    figure.add_trace(
        go.Bar(
            x=[row.reference for row in rows],
            y=places,
            orientation="h",
            width=0.82,
            marker={"color": palette.reference_fill, "line": {"width": 0}},
            name=distribution.legend("reference", reference_period, bars["n_reference"]),
            hoverinfo="skip",
        )
    )
    figure.add_trace(
        go.Bar(
            x=[row.current for row in rows],
            y=places,
            orientation="h",
            width=0.5,
            marker={
                "color": palette.accent_fill,
                "line": {"color": palette.accent, "width": [3 if _is(row, chosen) else 1.6 for row in rows]},
                "pattern": {"shape": ["/" if row.apart else "" for row in rows], "size": 5, "fgcolor": palette.accent},
            },
            name=distribution.legend("current", current_period, bars["n_current"]),
            text=said,
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
        )
    )
    base.lay(
        figure,
        xaxis=base.value_axis(palette, rangemode="tozero", tickformat=".0%", fixedrange=True),
        yaxis={
            "tickvals": places,
            "ticktext": [f"<b>{name}</b>" if _is(row, chosen) else name for name, row in zip(names, rows, strict=True)],
            "range": [places[-1] + 0.6, -0.6],
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
            "fixedrange": True,
        },
    )
    return figure


def _is(row: Row, chosen: int | None) -> bool:
    return chosen is not None and row.place == chosen
