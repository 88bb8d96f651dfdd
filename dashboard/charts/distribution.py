"""What moved: reference against current on the same frozen bars, as shares of rows or cumulated."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.views import Histogram

INSUFFICIENT = "insufficient"


def legend(name: str, period: str, rows: int) -> str:
    """Return a legend entry that names window and row count."""
    return f"{name}  {period} · {rows:,}"


def compare(
    bars: Histogram,
    palette: Palette,
    *,
    reference_period: str,
    current_period: str,
    unit: str = "",
    state: str = "",
    cumulative: bool = False,
    height: int = 320,
) -> go.Figure:
    """Return both distributions on one set of bars; too few rows are drawn as outlined counts, without shares."""
    figure = base.new(palette, height, top=44)
    names = (
        legend("reference", reference_period, bars["n_reference"]),
        legend("current", current_period, bars["n_current"]),
    )
    if state == INSUFFICIENT:
        _counts(figure, bars, palette, names[1])
        base.lay(figure, yaxis=base.value_axis(palette, rangemode="tozero"))
    elif bars["labels"]:
        _nominal(figure, bars, palette, names)
        base.lay(figure, yaxis=base.value_axis(palette, rangemode="tozero", tickformat=".0%"))
    elif cumulative:
        _cumulative(figure, bars, palette, names, unit)
        base.lay(figure, yaxis=base.value_axis(palette, range=[0, 1.02], tickformat=".0%"))
    else:
        _ordered(figure, bars, palette, names, unit)
        base.lay(figure, yaxis=base.value_axis(palette, rangemode="tozero", tickformat=".0%"))
    base.lay(
        figure,
        xaxis={
            "showgrid": False,
            "zeroline": False,
            "showline": True,
            "linecolor": palette.border,
            "tickfont": {"color": palette.muted},
            "ticksuffix": f" {text.suffix(unit)}" if unit and not bars["labels"] else "",
            "nticks": 8,
            **({"type": "category", "fixedrange": True} if bars["labels"] else {}),
        },
    )
    return figure


def _finite_edges(edges: Sequence[float]) -> list[float]:
    """Return edges that can be drawn: an open end gets the width of its neighbour."""
    drawn = list(edges)
    if len(drawn) > 2 and abs(drawn[0]) == float("inf"):
        drawn[0] = drawn[1] - (drawn[2] - drawn[1])
    if len(drawn) > 2 and abs(drawn[-1]) == float("inf"):
        drawn[-1] = drawn[-2] + (drawn[-2] - drawn[-3])
    return drawn


def _ranges(edges: Sequence[float], unit: str) -> list[str]:
    tail = f" {text.suffix(unit)}" if unit else ""
    return [f"{a:g} to {b:g}{tail}" for a, b in pairwise(edges)]


def _ordered(figure: go.Figure, bars: Histogram, palette: Palette, names: tuple[str, str], unit: str) -> None:
    edges = _finite_edges(bars["edges"])
    widths = [b - a for a, b in pairwise(edges)]
    centres = [(a + b) / 2 for a, b in pairwise(edges)]
    ranges = _ranges(bars["edges"], unit)
    figure.add_trace(
        go.Bar(
            x=centres,
            y=bars["reference"],
            width=[w * 0.97 for w in widths],
            marker={"color": palette.reference_fill, "line": {"width": 0}},
            name=names[0],
            text=ranges,
            textposition="none",
            customdata=[text.share(v) for v in bars["current"]],
            hovertemplate="%{text} · reference %{y:.1%} · current %{customdata}<extra></extra>",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=[edges[0], *edges, edges[-1]],
            y=[0, *bars["current"], bars["current"][-1], 0],
            mode="lines",
            line={"color": palette.accent, "width": 2, "shape": "hv"},
            fill="tozeroy",
            fillcolor=palette.accent_fill,
            name=names[1],
            hoverinfo="skip",
        )
    )


def _cumulative(figure: go.Figure, bars: Histogram, palette: Palette, names: tuple[str, str], unit: str) -> None:
    edges = _finite_edges(bars["edges"])
    for shares, colour, name, dash in (
        (bars["reference"], palette.reference, names[0], "solid"),
        (bars["current"], palette.accent, names[1], "solid"),
    ):
        figure.add_trace(
            go.Scatter(
                x=edges,
                y=[0.0, *accumulate(shares)],
                mode="lines",
                line={"color": colour, "width": 2, "shape": "linear", "dash": dash},
                name=name,
                hovertemplate=f"%{{y:.1%}} of rows up to %{{x:.4~g}} {text.suffix(unit)}<extra></extra>",
            )
        )


def _nominal(figure: go.Figure, bars: Histogram, palette: Palette, names: tuple[str, str]) -> None:
    places = list(range(len(bars["labels"])))
    labels = [text.figure(label, 24) for label in bars["labels"]]
    figure.add_trace(
        go.Bar(
            x=places,
            y=bars["reference"],
            width=0.86,
            marker={"color": palette.reference_fill, "line": {"width": 0}},
            name=names[0],
            text=labels,
            textposition="none",
            customdata=[text.share(v) for v in bars["current"]],
            hovertemplate="%{text} · reference %{y:.1%} · current %{customdata}<extra></extra>",
        )
    )
    figure.add_trace(
        go.Bar(
            x=places,
            y=bars["current"],
            width=0.6,
            marker={"color": palette.accent_fill, "line": {"color": palette.accent, "width": 2}},
            name=names[1],
            hoverinfo="skip",
        )
    )
    ticks = [text.figure(label, 10) for label in bars["labels"]]
    base.lay(figure, xaxis={"tickvals": places, "ticktext": ticks, "tickangle": 0})


def _counts(figure: go.Figure, bars: Histogram, palette: Palette, name: str) -> None:
    if bars["labels"]:
        places: list[float] = [float(i) for i in range(len(bars["labels"]))]
        widths = [0.86] * len(places)
        base.lay(figure, xaxis={"tickvals": places, "ticktext": [text.figure(label, 10) for label in bars["labels"]]})
    else:
        edges = _finite_edges(bars["edges"])
        places = [(a + b) / 2 for a, b in pairwise(edges)]
        widths = [(b - a) * 0.94 for a, b in pairwise(edges)]
    figure.add_trace(
        go.Bar(
            x=places,
            y=[share * bars["n_current"] for share in bars["current"]],
            width=widths,
            marker={"color": "rgba(0,0,0,0)", "line": {"color": palette.muted, "width": 1.2}},
            name=name,
            showlegend=True,
            hovertemplate="%{y:.0f} rows<extra></extra>",
        )
    )
