"""Versions on the same rows, window by window: who would have been right."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base, spans
from dashboard.theme import Palette
from service.views import Marker, PerformancePoint, VersionView

HEIGHT = 300


def figure(
    points: Sequence[PerformancePoint],
    versions: Sequence[VersionView],
    palette: Palette,
    *,
    unit: str,
    timezone: str,
    shaded: VersionView | None = None,
    markers: Sequence[Marker] = (),
    zero: bool = True,
) -> go.Figure:
    """Draw one line a version: solid while it serves, thin and dotted while it does not.

    ``versions`` in any order name the roles and fix colours and symbols by age; ``shaded`` is the version whose period of
    training is shaded. ``zero`` puts 0 on the axis, as errors need and shares of right answers do not.
    """
    drawn = base.new(palette, HEIGHT, top=58)
    roles = {version["version"]: version["role"] for version in versions}
    before = [point for point in points if point["role"] == "reference"]
    if before:
        _line(drawn, before, "in the reference", {"color": palette.reference, "width": 1.4}, "circle", unit, timezone)
    known = [point for point in points if point["role"] != "reference"]
    for position, name in enumerate(_by_age(known, versions)):
        own = sorted((point for point in known if point["model_version"] == name), key=lambda p: p["start"])
        colour, symbol = base.version_style(position, palette)
        label = f"{text.figure(name)} {roles.get(name, '')}".strip()
        serving = [point for point in own if point["role"] == "serving"]
        beside = [point for point in own if point["role"] != "serving"]
        if serving:
            _line(drawn, serving, label, {"color": colour, "width": 2}, symbol, unit, timezone)
        if beside:
            words = f"{text.figure(name)}, not serving"
            _line(drawn, beside, words, {"color": colour, "width": 1.4, "dash": "dot"}, symbol, unit, timezone)
    if shaded is not None:
        spans.training(drawn, shaded, palette, timezone)
    base.legend_above(drawn, base.events(drawn, markers, palette, timezone))
    base.lay(
        drawn,
        xaxis=base.time_axis(palette),
        yaxis=base.value_axis(palette, unit, rangemode="tozero" if zero else "normal"),
        showlegend=True,
    )
    return drawn


def _by_age(points: Sequence[PerformancePoint], versions: Sequence[VersionView]) -> list[str]:
    made = {version["version"]: version["created_at"] for version in versions}
    first: dict[str, str] = {}
    for point in points:
        if point["value"] is None:  # rows of before versions were logged
            continue
        first[point["model_version"]] = min(first.get(point["model_version"], point["start"]), point["start"])
    return sorted(first, key=lambda name: (made.get(name, first[name]), name))


def _line(
    drawn: go.Figure,
    points: Sequence[PerformancePoint],
    name: str,
    line: dict[str, object],
    symbol: str,
    unit: str,
    timezone: str,
) -> None:
    said = text.figure(unit) if unit else ""
    drawn.add_trace(
        go.Scatter(
            x=[base.middle(p["start"], p["end"], timezone) for p in points],
            y=[p["value"] for p in points],
            mode="lines+markers",
            line=line,
            marker={"color": line["color"], "size": 7 if symbol == "diamond" else 6, "symbol": symbol, "opacity": 1},
            name=name,
            connectgaps=False,
            text=[
                f"{name} · {text.window_name(p['start'], p['end'], timezone)} · {text.number(p['value'], said)}"
                for p in points
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    )
