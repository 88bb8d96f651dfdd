"""One column inside each segment: small multiples on the same bars, worst first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.views import SegmentDrift

MOST, ACROSS = 6, 3
_ROW, _HEAD = 104, 30


def figure(found: Sequence[SegmentDrift], palette: Palette, *, unit: str) -> go.Figure:
    """Return one small histogram a segment: grey is that segment in the reference, the outline the same segment now.

    The name stands above each, with a mark where it drifted; each has its own height, all share the values.
    """
    shown = list(found[:MOST])
    lines = -(-len(shown) // ACROSS)
    height = lines * (_ROW + _HEAD) + 26
    drawn = base.new(palette, height, top=4, left=8, right=8, bottom=22)
    for place, one in enumerate(shown):
        line, across = divmod(place, ACROSS)
        top = 1 - line / lines
        bottom = top - _ROW / (_ROW + _HEAD) / lines
        left = across / ACROSS
        number = "" if place == 0 else str(place + 1)
        head = _HEAD / (_ROW + _HEAD) / lines
        _axes(
            drawn, number, (left + 0.012, left + 1 / ACROSS - 0.012), (bottom - head * 0.0, top - head), palette, unit
        )
        _bars(drawn, one, number, palette)
        mark = "■ " if one["verdict"] == "drift" else ""
        few = " · too few rows" if one["verdict"] == "insufficient" else ""
        words = (
            f"{mark}{text.figure(one['segment'], 26)} <span style='color:{palette.muted}'>{one['n']:,} rows{few}</span>"
        )
        if mark:
            words = f"<b>{words}</b>"
        base.note(
            drawn, words, palette, x=left + 0.012, y=top - head, xref="paper", yref="paper", xanchor="left",
            yanchor="bottom", font={"size": 11.5, "color": palette.accent if mark else palette.text},
        )  # fmt: skip
    base.lay(drawn, showlegend=False)
    return drawn


def _axes(
    drawn: go.Figure,
    number: str,
    across: tuple[float, float],
    upright: tuple[float, float],
    palette: Palette,
    unit: str,
) -> None:
    shared: dict[str, Any] = {"showgrid": False, "zeroline": False, "fixedrange": True, "domain": list(across)}
    ticks = {
        "tickfont": {"size": 10, "color": palette.muted},
        "nticks": 3,
        "ticksuffix": f" {text.suffix(unit)}" if text.suffix(unit) else "",
    }
    below = {"showline": True, "linecolor": palette.border, "anchor": f"y{number}"}
    base.lay(
        drawn,
        {
            f"xaxis{number}": {**shared, **below, **ticks},
            f"yaxis{number}": {
                "domain": [max(0.0, upright[0]), min(1.0, upright[1])],
                "anchor": f"x{number}",
                "visible": False,
                "rangemode": "tozero",
                "fixedrange": True,
            },
        },
    )


def _bars(drawn: go.Figure, one: SegmentDrift, number: str, palette: Palette) -> None:
    bars = one["histogram"]
    if bars["edges"]:
        edges = list(bars["edges"])
        centres = [(a + b) / 2 for a, b in pairwise(edges)]
        widths = [b - a for a, b in pairwise(edges)]
        names = [f"{a:g} to {b:g}" for a, b in pairwise(edges)]
    else:
        centres, widths = [float(i) for i in range(len(bars["labels"]))], [1.0] * len(bars["labels"])
        names = [text.figure(label, 20) for label in bars["labels"]]
        base.lay(drawn, {f"xaxis{number}": {"showticklabels": False, "ticksuffix": ""}})
    axes = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
    words = [
        f"{name} · reference {text.share(then)} · now {text.share(now)}"
        for name, then, now in zip(names, bars["reference"], bars["current"], strict=True)
    ]
    drawn.add_trace(
        go.Bar(
            x=centres, y=bars["reference"], width=widths, marker={"color": palette.reference_fill, "line": {"width": 0}},
            text=words, textposition="none", hovertemplate="%{text}<extra></extra>", **axes,
        )
    )  # fmt: skip
    drawn.add_trace(
        go.Scatter(
            x=[c - w / 2 for c, w in zip(centres, widths, strict=True)] + [centres[-1] + widths[-1] / 2] if centres else [],
            y=[*bars["current"], *bars["current"][-1:]],
            mode="lines", line={"color": palette.accent, "width": 1.5, "shape": "hv"}, hoverinfo="skip", **axes,
        )
    )  # fmt: skip
