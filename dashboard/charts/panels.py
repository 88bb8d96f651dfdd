"""The model over time: performance, drift by verdict, traffic, latency and labels, on one axis that zooms as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base, estimated, heat, series
from dashboard.theme import Palette
from service.outcome_views import EstimatePoint
from service.views import HeatCell, Marker, WindowView

PERFORMANCE, SMALL, GAP, TOP, BOTTOM, LEFT = 200, 58, 36, 56, 28, 126  # pixels
Clicks = dict[int, list[tuple[str | None, str]]]


@dataclass(frozen=True, slots=True)
class Linked:
    """The figure, and what its clickable points mean: ``clicks[curve][index]`` is (column or None, window start)."""

    figure: go.Figure
    clicks: Clicks
    hidden: int  # columns that did not fit


@dataclass(frozen=True, slots=True)
class _Panel:
    """One panel: its value axis, how high it is, and its heading."""

    axis: str
    height: int
    title: str
    shown: bool = True


def linked(
    points: Sequence[series.Point],
    cells: Sequence[HeatCell],
    windows: Sequence[WindowView],
    palette: Palette,
    *,
    metric: str,
    unit: str,
    timezone: str,
    markers: Sequence[Marker] = (),
    reference_period: Sequence[str] | None = None,
    zero: bool = True,
    chosen: str | None = None,
    versions: Sequence[str] = (),
    estimates: Sequence[EstimatePoint] = (),
    page: int = 1,
    keep: str = "",
) -> Linked:
    """Return the panels on one time axis; ``chosen`` is the start of the window whose table stands below.

    ``page``: which columns of the heat map, as many at once as :func:`heat.room` says. ``keep``: as long as it stays the same, a range
    that was zoomed into survives the next drawing.
    """
    names, at_once = heat.ranked(cells), heat.room(len(windows))
    shown = names[(page - 1) * at_once : page * at_once]
    labelled = bool(points or estimates) or any(window["labels"] for window in windows)  # else labels have no story
    timed = any(window.get("latency_p95") is not None for window in windows)
    panels = [
        _Panel("yaxis", PERFORMANCE, f"<b>Performance</b>  {text.figure(metric)}", labelled),
        _Panel("yaxis2", max(1, len(shown)) * heat.ROW, "<b>Drift</b>  columns by window, by verdict"),
        _Panel("yaxis3", SMALL, "<b>Traffic</b>  rows"),
        _Panel("yaxis5", SMALL, "<b>Latency</b>  line: 95 of 100 answers within; thin: half", timed),
        _Panel("yaxis4", SMALL, "<b>Labels in</b>  share of rows", labelled),
    ]
    panels = [panel for panel in panels if panel.shown]
    domains, height = _domains(panels)
    figure = base.new(palette, height, top=TOP, bottom=BOTTOM, left=LEFT)
    clicks = series.add(
        figure, points, palette, name=f"realised {metric}", unit=unit, timezone=timezone, order=versions
    )
    estimated.add(figure, estimates, palette, unit=unit, timezone=timezone)
    limits = series.gaps(figure, points, palette, timezone, words="no labels")
    ends = {window["start"]: window["end"] for window in windows}
    clicks |= heat.add(figure, cells, shown, ends, palette, timezone)
    clicks[len(figure.data)] = [(None, window["start"]) for window in windows]
    _traffic(figure, windows, palette, timezone)
    if timed:
        _latency(figure, windows, palette, timezone)
    if labelled:
        _labels(figure, windows, palette, timezone)
        period = {"y0": domains["yaxis"][0], "y1": domains["yaxis"][1], "yref": "paper"}
        base.reference_period(figure, reference_period, palette, timezone, **period)
        _firing(figure, markers, palette, timezone, domains["yaxis"], windows)
    span = [min(w["start"] for w in windows), max(w["end"] for w in windows)] if windows else None
    top = TOP + 12 * base.events(figure, markers, palette, timezone, span=span, levels=3)
    _mark_chosen(figure, chosen, ends, palette, timezone)
    _axes(figure, panels, domains, shown, palette, unit=unit, zero=zero, limits=limits)
    _titles(figure, panels, domains, palette)
    base.rounded(figure)
    base.lay(
        figure,
        xaxis=base.time_axis(
            palette,
            anchor=panels[-1].axis.replace("axis", ""),
            domain=[0, 1],
            range=[base.at(iso, timezone) for iso in span] if span else None,
        ),
        legend={"yref": "paper", "y": 1 + (top - 26) / (height - TOP - BOTTOM), "yanchor": "bottom", "x": 0},
        height=height - TOP + top,
        margin={"t": top},
        dragmode="zoom",  # sideways, in all panels: their value axes are fixed
        spikedistance=-1,  # the line follows the pointer through all panels, near a point or not
        hoverdistance=12,
        uirevision=keep or None,
    )
    return Linked(figure, clicks, len(names) - len(shown))


def _domains(panels: Sequence[_Panel]) -> tuple[dict[str, list[float]], int]:
    """Return where each panel stands on paper, by its axis, and the height of the figure."""
    inner = sum(panel.height for panel in panels) + GAP * (len(panels) - 1)
    domains, above = {}, 0
    for panel in panels:
        domains[panel.axis] = [max(0.0, 1 - (above + panel.height) / inner), 1 - above / inner]
        above += panel.height + GAP
    return domains, inner + TOP + BOTTOM


def _axes(
    figure: go.Figure,
    panels: Sequence[_Panel],
    domains: dict[str, list[float]],
    shown: Sequence[str],
    palette: Palette,
    *,
    unit: str,
    zero: bool,
    limits: list[float] | None,
) -> None:
    few: dict[str, Any] = {"fixedrange": True, "anchor": "x", "nticks": 3, "rangemode": "tozero"}
    known: dict[str, dict[str, Any]] = {
        "yaxis": {"unit": unit, "fixedrange": True, "rangemode": "tozero" if zero else "normal", "range": limits},
        "yaxis3": {**few, "tickformat": "~s"},
        "yaxis4": {**few, "range": [0, 1.05], "tickvals": [0, 0.5, 1], "tickformat": ".0%"},
        "yaxis5": {**few, "unit": "ms"},
    }
    for panel in panels:
        domain = domains[panel.axis]
        if panel.axis == "yaxis2":
            base.lay(figure, yaxis2=heat.axis(shown, palette, domain))
        else:
            base.lay(figure, {panel.axis: base.value_axis(palette, domain=domain, **known[panel.axis])})


def _titles(figure: go.Figure, panels: Sequence[_Panel], domains: dict[str, list[float]], palette: Palette) -> None:
    for panel in panels:
        base.note(
            figure,
            panel.title,
            palette,
            x=0,
            xref="paper",
            xanchor="left",
            xshift=6 - LEFT,
            y=domains[panel.axis][1],
            yref="paper",
            yanchor="bottom",
            yshift=3,
            font={"size": 12, "color": palette.text},
        )


def _traffic(figure: go.Figure, windows: Sequence[WindowView], palette: Palette, timezone: str) -> None:
    figure.add_trace(
        go.Bar(
            x=[base.middle(w["start"], w["end"], timezone) for w in windows],
            y=[w["rows"] for w in windows],
            width=[base.milliseconds(w["start"], w["end"], timezone) * 0.92 for w in windows],
            yaxis="y3",
            marker={"color": palette.reference, "line": {"width": 0}},
            showlegend=False,
            text=[text.window_name(w["start"], w["end"], timezone) for w in windows],
            textposition="none",
            hovertemplate="%{text} · %{y:,} rows<extra></extra>",
        )
    )


def _latency(figure: go.Figure, windows: Sequence[WindowView], palette: Palette, timezone: str) -> None:
    """Draw within how many milliseconds 95, and 50, of 100 answers came; gaps stay gaps."""
    shared: dict[str, Any] = {
        "x": [base.middle(w["start"], w["end"], timezone) for w in windows],
        "yaxis": "y5",
        "showlegend": False,
    }
    slow, usual = [w.get("latency_p95") for w in windows], [w.get("latency_p50") for w in windows]
    figure.add_trace(
        go.Scatter(y=usual, mode="lines", line={"color": palette.reference, "width": 1.2}, hoverinfo="skip", **shared)
    )
    figure.add_trace(
        go.Scatter(
            y=slow,
            mode="lines+markers",
            line={"color": palette.accent, "width": 1.6},
            marker={"color": palette.accent, "size": 4, "opacity": 1},
            connectgaps=False,
            text=[text.window_name(w["start"], w["end"], timezone) for w in windows],
            customdata=[text.number(value, "ms") for value in usual],
            hovertemplate="%{text} · 95 of 100 within %{y:.3g} ms, half within %{customdata}<extra></extra>",
            **shared,
        )
    )


def _labels(figure: go.Figure, windows: Sequence[WindowView], palette: Palette, timezone: str) -> None:
    if not windows:
        return
    figure.add_trace(
        go.Scatter(
            x=[base.at(w["start"], timezone) for w in windows] + [base.at(windows[-1]["end"], timezone)],
            y=[*(w["coverage"] for w in windows), windows[-1]["coverage"]],
            yaxis="y4",
            mode="lines",
            line={"color": palette.reference, "width": 1.5, "shape": "hv"},
            fill="tozeroy",
            fillcolor=palette.shade,
            connectgaps=False,
            showlegend=False,
            hovertemplate="%{x|%-d %b %Y} · %{y:.0%} of rows have labels<extra></extra>",
        )
    )


def _firing(
    figure: go.Figure,
    markers: Sequence[Marker],
    palette: Palette,
    timezone: str,
    domain: Sequence[float],
    windows: Sequence[WindowView],
) -> None:
    if not windows:
        return
    for marker in markers:
        if marker["kind"] == "alert":
            figure.add_shape(
                type="rect",
                x0=base.at(marker["at"], timezone),
                x1=base.at(marker["until"] or windows[-1]["end"], timezone),
                y0=domain[0],
                y1=domain[1],
                yref="paper",
                fillcolor=palette.page_tint,
                line_width=0,
                layer="below",
            )


def _mark_chosen(figure: go.Figure, chosen: str | None, ends: dict[str, str], palette: Palette, timezone: str) -> None:
    if chosen in ends:
        figure.add_shape(
            type="rect",
            x0=base.at(chosen, timezone),
            x1=base.at(ends[chosen], timezone),
            y0=0,
            y1=1,
            yref="y2 domain",
            line={"color": palette.text, "width": 1.5},
            fillcolor="rgba(0,0,0,0)",
        )
