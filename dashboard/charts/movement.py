"""How a column moved: quantiles by window as steps, or the shares of categories."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.views import Marker, QuantileStep, ShareStep

MOST_CATEGORIES = 12
MEDIAN, WINDOWS = "median", "windows"  # the line, and what of it can be clicked


def quantiles(
    steps: Sequence[QuantileStep],
    reference: QuantileStep | None,
    palette: Palette,
    *,
    unit: str,
    timezone: str,
    markers: Sequence[Marker] = (),
    height: int = 320,
) -> go.Figure:
    """Return median, middle half and 5 to 95 % by window over the reference's 5 to 95 %; one step is one window."""
    figure = base.new(palette, height, top=58)
    if steps and reference is not None and reference["q05"] is not None:
        ends = [base.at(steps[0]["start"], timezone), base.at(steps[-1]["end"], timezone)]
        shared = {"x": ends, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
        figure.add_trace(go.Scatter(y=[reference["q05"]] * 2, showlegend=False, **shared))
        figure.add_trace(
            go.Scatter(
                y=[reference["q95"]] * 2, fill="tonexty", fillcolor=palette.band, name="reference 5–95 %", **shared
            )
        )
    for place, run in enumerate(runs(steps)):
        first = place == 0
        _ribbon(figure, run, ("q05", "q95"), 0.22, "5–95 %", palette, timezone, legend=first)
        _ribbon(figure, run, ("q25", "q75"), 0.38, "25–75 %", palette, timezone, legend=first)
        _median(figure, run, palette, unit, timezone, legend=first)
    base.legend_above(figure, base.events(figure, markers, palette, timezone, letters=base.HALF))
    base.lay(figure, xaxis=base.time_axis(palette), yaxis=base.value_axis(palette, unit))
    return figure


def runs(steps: Sequence[QuantileStep]) -> list[list[QuantileStep]]:
    """Return stretches of windows without a gap."""
    found: list[list[QuantileStep]] = []
    for step in steps:
        if step["q50"] is None:
            continue
        if found and found[-1][-1]["end"] == step["start"]:
            found[-1].append(step)
        else:
            found.append([step])
    return found


def start_of(figure: go.Figure, stretches: Sequence[Sequence[QuantileStep]], curve: int, index: int) -> str | None:
    """Return the start of the window that a click on a median means; None for a click on anything else."""
    clickable = [place for place, trace in enumerate(figure.data) if trace.name == WINDOWS]
    if curve not in clickable:
        return None
    stretch = stretches[clickable.index(curve)]
    return stretch[index]["start"] if index < len(stretch) else None


def missing(
    steps: Sequence[QuantileStep | ShareStep],
    reference: float,
    palette: Palette,
    *,
    timezone: str,
    markers: Sequence[Marker] = (),
    height: int = 320,
) -> go.Figure:
    """Return the share of rows without a value by window, against the reference's."""
    figure = base.new(palette, height, top=58)
    ends = [base.at(steps[0]["start"], timezone), base.at(steps[-1]["end"], timezone)] if steps else []
    figure.add_trace(
        go.Scatter(
            x=[base.middle(s["start"], s["end"], timezone) for s in steps],
            y=[s["missing"] if s["n"] or s["missing"] else None for s in steps],
            mode="lines+markers",
            line={"color": palette.accent, "width": 2},
            marker={"color": palette.accent, "size": 5, "opacity": 1},
            connectgaps=False,
            name="missing",
            text=[
                f"{text.window_name(s['start'], s['end'], timezone)} · missing {text.share(s['missing'])} · "
                f"{text.plural(s['n'], 'row')} with a value"
                for s in steps
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=ends,
            y=[reference] * len(ends),
            mode="lines",
            line={"color": palette.reference, "width": 1.5, "dash": "dot"},
            name=f"reference {text.share(reference)}",
            hoverinfo="skip",
        )
    )
    base.legend_above(figure, base.events(figure, markers, palette, timezone, letters=base.HALF))
    base.lay(
        figure,
        xaxis=base.time_axis(palette),
        yaxis=base.value_axis(palette, rangemode="tozero", tickformat=".3~p"),
    )
    return figure


def _corners(run: Sequence[QuantileStep], timezone: str) -> list[str]:
    return [base.at(step["start"], timezone) for step in run] + [base.at(run[-1]["end"], timezone)]


def _ribbon(
    figure: go.Figure,
    run: Sequence[QuantileStep],
    names: tuple[str, str],
    opacity: float,
    label: str,
    palette: Palette,
    timezone: str,
    *,
    legend: bool,
) -> None:
    fill = base.faint(palette.accent, opacity)
    shared = {
        "x": _corners(run, timezone),
        "mode": "lines",
        "line": {"width": 0, "shape": "hv"},
        "hoverinfo": "skip",
    }
    for name, more in ((names[0], {"showlegend": False}), (names[1], {"fill": "tonexty", "fillcolor": fill})):
        values = [step[name] for step in run]  # type: ignore[literal-required]
        figure.add_trace(go.Scatter(y=[*values, values[-1]], **{"name": label, "showlegend": legend, **shared, **more}))


def _median(
    figure: go.Figure, run: Sequence[QuantileStep], palette: Palette, unit: str, timezone: str, *, legend: bool
) -> None:
    words = [
        f"{text.window_name(s['start'], s['end'], timezone)} · median {text.measured(s['q50'], unit)} · "
        f"{text.number(s['q05'])} to {text.number(s['q95'])} · {text.plural(s['n'], 'row')}"
        for s in run
    ]
    figure.add_trace(
        go.Scatter(
            x=_corners(run, timezone),
            y=[*(s["q50"] for s in run), run[-1]["q50"]],
            mode="lines",
            line={"color": palette.accent, "width": 2, "shape": "hv"},
            name=MEDIAN,
            showlegend=legend,
            hoverinfo="skip",
        )
    )
    figure.add_trace(  # a line alone cannot be clicked
        go.Scatter(
            x=[base.middle(s["start"], s["end"], timezone) for s in run],
            y=[s["q50"] for s in run],
            mode="markers",
            marker={"color": "rgba(0,0,0,0)", "size": 12, "opacity": 1},
            name=WINDOWS,
            showlegend=False,
            text=words,
            hovertemplate="%{text}<extra></extra>",
        )
    )


def shares(
    steps: Sequence[ShareStep],
    labels: Sequence[str],
    reference: Sequence[float],
    palette: Palette,
    *,
    timezone: str,
    markers: Sequence[Marker] = (),
    height: int = 320,
) -> go.Figure:
    """Return how far each category's share stands from the reference, window by window (percentage points)."""
    figure = base.new(palette, height, top=44, left=96)
    kept = sorted(range(len(labels)), key=lambda i: -max((abs(_moved(s, i, reference)) for s in steps), default=0.0))
    kept = sorted(kept[:MOST_CATEGORIES])
    moved = [[_moved(step, i, reference) * 100 for step in steps] for i in kept]
    reach = max((abs(v) for row in moved for v in row), default=1.0) or 1.0
    figure.add_trace(
        go.Heatmap(
            x=[base.at(s["start"], timezone) for s in steps] + ([base.at(steps[-1]["end"], timezone)] if steps else []),
            y=list(range(len(kept))),
            z=[[round(v, 2) for v in row] for row in moved],
            zmin=-reach,
            zmax=reach,
            colorscale=[[0, palette.model], [0.5, palette.within], [1, palette.accent]],
            xgap=1.5,
            ygap=1.5,
            colorbar={
                "thickness": 8,
                "outlinewidth": 0,
                "ticksuffix": " pts",
                "tickfont": {"color": palette.muted, "size": 10},
                "nticks": 5,
                "len": 1,
            },
            hovertemplate="%{x|%-d %b %Y} · %{z:+.1f} points against the reference<extra></extra>",
        )
    )
    base.events(figure, markers, palette, timezone, letters=base.HALF)
    base.lay(
        figure,
        xaxis=base.time_axis(palette),
        yaxis={
            "tickvals": list(range(len(kept))),
            "ticktext": [text.figure(labels[i], 14) for i in kept],
            "autorange": "reversed",
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
    )
    return figure


def _moved(step: ShareStep, position: int, reference: Sequence[float]) -> float:
    now = step["shares"][position] if position < len(step["shares"]) else 0.0
    before = reference[position] if position < len(reference) else 0.0
    return now - before
