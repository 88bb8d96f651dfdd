"""How much came: rows of each window, and how many of them have their label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.data_views import LabelWindow


def over_time(windows: Sequence[LabelWindow], palette: Palette, *, timezone: str, height: int = 230) -> go.Figure:
    """Return rows by window as light bars, those with labels in grey before them.

    Where labels are still to come their bar is hatched, and a dash stands where windows of that age were in the past.
    """
    figure = base.new(palette, height, top=34)
    x = [base.middle(w["start"], w["end"], timezone) for w in windows]
    width = [base.milliseconds(w["start"], w["end"], timezone) * 0.86 for w in windows]
    words = [_words(w, timezone) for w in windows]
    hover = {"text": words, "textposition": "none", "hovertemplate": "%{text}<extra></extra>"}
    figure.add_trace(_bars(x, [w["rows"] for w in windows], width, "rows", {"color": palette.band}, hover))
    done = [w["labelled"] if w["mature"] else None for w in windows]
    if any(w["labelled"] for w in windows if w["mature"]):
        figure.add_trace(_bars(x, done, width, "with label", {"color": palette.reference}, hover))
    if any(not w["mature"] for w in windows):
        pattern = {"shape": "/", "fgcolor": palette.accent, "bgcolor": palette.background, "size": 5, "solidity": 0.45}
        marker = {"color": palette.accent, "pattern": pattern, "line": {"color": palette.accent, "width": 1}}
        coming = [None if w["mature"] else w["labelled"] for w in windows]
        figure.add_trace(_bars(x, coming, width, "with label, more to come", marker, hover))
        figure.add_trace(_expected(windows, x, palette))
    base.lay(figure, xaxis=base.time_axis(palette), yaxis=base.value_axis(palette, rangemode="tozero", tickformat=","))
    return figure


def _bars(
    x: list[str],
    y: Sequence[int | None],
    width: list[float],
    name: str,
    marker: Mapping[str, object],
    hover: Mapping[str, object],
) -> go.Bar:
    return go.Bar(x=x, y=y, width=width, name=name, marker={"line": {"width": 0}, **marker}, **hover)


def _expected(windows: Sequence[LabelWindow], x: list[str], palette: Palette) -> go.Scatter:
    """Dashes at the labels that windows of this age had in the past."""
    coming = [
        (at, w) for at, w in zip(x, windows, strict=True) if not w["mature"] and w["expected_coverage"] is not None
    ]
    return go.Scatter(
        x=[at for at, _ in coming],
        y=[w["rows"] * (w["expected_coverage"] or 0.0) for _, w in coming],
        mode="markers",
        name="usual at this age",
        marker={"symbol": "line-ew", "size": 16, "line": {"color": palette.text, "width": 2}},
        hoverinfo="skip",
    )


def _words(window: LabelWindow, timezone: str) -> str:
    name = text.window_name(window["start"], window["end"], timezone)
    said = f"{name} · {text.plural(window['rows'], 'row')} · {text.share(window['coverage'])} labelled"
    if window["mature"]:
        return said
    usual = window["expected_coverage"]
    return f"{said}, more to come" + ("" if usual is None else f" (usual at this age: {text.share(usual)})")
