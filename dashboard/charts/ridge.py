"""How a column moved, window by window: its histogram as a ridge, the reference at the bottom."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.views import ShareStep

MOST = 16  # ridges that can be told apart
_OVERLAP = 1.7


def shown(steps: Sequence[ShareStep], chosen: str) -> list[ShareStep]:
    """Return evenly spaced windows with rows, the latest and the chosen one among them."""
    filled = [step for step in steps if step["n"]]
    if len(filled) <= MOST:
        return filled
    stride = -(-len(filled) // MOST)
    return [
        step for place, step in enumerate(filled) if (len(filled) - 1 - place) % stride == 0 or step["start"] == chosen
    ]


def figure(
    steps: Sequence[ShareStep],
    edges: Sequence[float],
    reference: Sequence[float],
    palette: Palette,
    *,
    unit: str,
    timezone: str,
    chosen: str,
    height: int = 380,
) -> go.Figure:
    """Return one ridge a window, the latest on top. ``reference``: its shares on the same bars; ``chosen``: start of the window looked at."""
    drawn = base.new(palette, height, top=16, left=84)
    tallest = max((share for step in steps for share in step["shares"]), default=1.0) or 1.0
    tallest = max(tallest, max(reference, default=0.0))
    rows: list[tuple[str, Sequence[float], str, str]] = [
        ("reference", reference, palette.reference, palette.reference_fill)
    ]
    for step in steps:
        own = step["start"] == chosen
        line = palette.accent if own else palette.muted
        rows.append(
            (text.day(step["start"], timezone), step["shares"], line, palette.accent_fill if own else palette.shade)
        )
    for place in reversed(range(len(rows))):  # the lower ones stand before those behind them
        name, shares, line, fill = rows[place]
        _ridge(drawn, place, shares, edges, line, fill, tallest, f"{text.figure(name)}", unit)
    base.lay(
        drawn,
        showlegend=False,
        xaxis=base.value_axis(palette, unit, showline=True, linecolor=palette.border, nticks=8, showgrid=False),
        yaxis={
            "tickvals": list(range(len(rows))),
            "ticktext": [f"<b>{name}</b>" if line == palette.accent else name for name, _shares, line, _fill in rows],
            "range": [-0.2, len(rows) - 1 + _OVERLAP + 0.1],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
            "tickfont": {"color": palette.muted},
        },
    )
    return drawn


def _ridge(
    drawn: go.Figure,
    place: int,
    shares: Sequence[float],
    edges: Sequence[float],
    line: str,
    fill: str,
    tallest: float,
    name: str,
    unit: str,
) -> None:
    tops = [place + _OVERLAP * share / tallest for share in shares]
    ends = [edges[0], edges[-1]]
    drawn.add_trace(go.Scatter(x=ends, y=[place, place], mode="lines", line={"width": 0}, hoverinfo="skip"))
    drawn.add_trace(
        go.Scatter(
            x=[edges[0], *edges, edges[-1]],
            y=[place, *tops, tops[-1] if tops else place, place],
            mode="lines",
            line={"color": line, "width": 1.4, "shape": "hv"},
            fill="tonexty",
            fillcolor=fill,
            text=[""] + [f"{name} · {text.share(share)}" for share in shares] + ["", ""],
            hovertemplate=f"%{{text}} of rows from %{{x:.4~g}} {text.suffix(unit)}<extra></extra>",
        )
    )
