"""Where it is worst: reference and now of each segment on one line."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.views import SegmentError

ROW_HEIGHT = 40


def figure(rows: Sequence[SegmentError], palette: Palette, *, unit: str, now: str, zero: bool = True) -> go.Figure:
    """Draw one row a segment value, in the order given: open grey is the reference, full accent is now, its value beside it.

    Rows without a current value are left out. ``now`` names the period in the legend; ``zero`` puts 0 on the axis.
    """
    shown = [row for row in rows if row["current"] is not None]
    names = [text.figure(f"{row['segment']} {row['value']}", 32) for row in shown]
    drawn = base.new(palette, 66 + ROW_HEIGHT * len(shown), top=34, right=52, left=10)
    _bars(drawn, shown, palette)
    _ends(drawn, shown, names, palette, unit, now)
    base.lay(
        drawn,
        xaxis=base.value_axis(palette, unit, rangemode="tozero" if zero else "normal", fixedrange=True),
        yaxis={
            "tickvals": list(range(len(shown))),
            "ticktext": names,
            "range": [len(shown) - 0.5, -0.5],
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
            "fixedrange": True,
        },
        legend={"x": 0, "y": 1},
    )
    return drawn


def _bars(drawn: go.Figure, shown: Sequence[SegmentError], palette: Palette) -> None:
    xs: list[float | None] = []
    ys: list[float | None] = []
    for place, row in enumerate(shown):
        if row["reference"] is not None:
            xs += [row["reference"], row["current"], None]
            ys += [place, place, None]
    line = {"color": palette.border, "width": 3}
    drawn.add_trace(go.Scatter(x=xs, y=ys, mode="lines", line=line, hoverinfo="skip", showlegend=False))


def _ends(
    drawn: go.Figure, shown: Sequence[SegmentError], names: Sequence[str], palette: Palette, unit: str, now: str
) -> None:
    said = "share" if unit == "share" else text.suffix(unit)
    bare = "share" if unit == "share" else ""  # beside the marks; the axis has the unit
    places = list(range(len(shown)))
    drawn.add_trace(
        go.Scatter(
            x=[row["reference"] for row in shown],
            y=places,
            mode="markers",
            name="reference",
            marker={
                "symbol": "circle-open",
                "size": 10,
                "color": palette.reference,
                "line": {"width": 2},
                "opacity": 1,
            },
            text=[f"{n} · reference {text.number(r['reference'], said)}" for n, r in zip(names, shown, strict=True)],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    hover = [
        f"{n} · now {text.number(r['current'], said)} · {text.plural(r['n'], 'row')}"
        for n, r in zip(names, shown, strict=True)
    ]
    drawn.add_trace(
        go.Scatter(
            x=[row["current"] for row in shown],
            y=places,
            mode="markers",
            name=text.figure(now),
            marker={"size": 10, "color": palette.accent, "opacity": 1},
            hovertext=hover,
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    for place, row in enumerate(shown):  # beyond the farther end, where no mark covers it
        farther = max(value for value in (row["current"], row["reference"]) if value is not None)
        base.note(
            drawn,
            text.number(row["current"], bare),
            palette,
            x=farther,
            y=place,
            xanchor="left",
            xshift=9,
            font={"size": 12, "color": palette.text},
        )
