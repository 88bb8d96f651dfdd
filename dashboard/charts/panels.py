"""The model over time: performance, drift by verdict, traffic and labels, on one axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base, series
from dashboard.theme import Palette
from service.views import HeatCell, Marker, WindowView

STATES = ("within", "significant", "material", "harmful", "insufficient")
_KINDS = ("concept", "prediction", "score", "feature", "context")
_WEIGHT = {"harmful": 1000, "material": 10, "significant": 1}
_TITLES = {
    "harmful": "harmful",
    "material": "material, harmless",
    "significant": "significant only",
    "within": "within natural variation",
}
MOST_ROWS, FEWEST_ROWS, MOST_CELLS = 30, 10, 1600  # what a page may weigh
ROW, PERFORMANCE, SMALL, GAP, TOP, BOTTOM = 18, 210, 70, 46, 78, 28


@dataclass(frozen=True, slots=True)
class Linked:
    """The figure, and what its clickable points mean: ``clicks[curve][index]`` is (column or None, window start)."""

    figure: go.Figure
    clicks: dict[int, list[tuple[str | None, str]]]
    hidden: int  # columns that did not fit


def order(cells: Sequence[HeatCell]) -> list[str]:
    """Return columns as rows of the heat map: by kind, then the most troubled first."""
    kinds = {cell["column"]: cell["kind"] for cell in cells}
    trouble: dict[str, int] = dict.fromkeys(kinds, 0)
    for cell in cells:
        trouble[cell["column"]] += _WEIGHT.get(cell["state"], 0)
    return sorted(kinds, key=lambda c: (_KINDS.index(kinds[c]) if kinds[c] in _KINDS else 9, -trouble[c]))


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
) -> Linked:
    """Return four panels on one time axis; ``chosen`` is the start of the window whose table stands below."""
    names = order(cells)
    room = min(MOST_ROWS, max(FEWEST_ROWS, MOST_CELLS // max(1, len(windows))))
    kept = set(sorted(names, key=lambda name: -_trouble(name, cells))[:room])
    shown = [name for name in names if name in kept]
    heat = max(1, len(shown)) * ROW
    labelled = bool(points) or any(window["labels"] for window in windows)  # else there is nothing to tell of labels
    domains, height = _domains([PERFORMANCE if labelled else 1, heat, SMALL, SMALL if labelled else 1])
    figure = base.new(palette, height, top=TOP, bottom=BOTTOM, left=126)
    clicks = series.add(
        figure, points, palette, name=f"realised {metric}", unit=unit, timezone=timezone, order=versions
    )
    limits = series.gaps(figure, points, palette, timezone, words="no labels")
    ends = {window["start"]: window["end"] for window in windows}
    clicks |= _heat(
        figure, [c for c in cells if c["column"] in kept and c["start"] in ends], shown, ends, palette, timezone
    )
    clicks[len(figure.data)] = [(None, window["start"]) for window in windows]
    _traffic(figure, windows, palette, timezone)
    _labels(figure, windows, palette, timezone)
    if labelled:
        period = {"y0": domains[0][0], "y1": domains[0][1], "yref": "paper"}
        base.reference_period(figure, reference_period, palette, timezone, **period)
        _firing(figure, markers, palette, timezone, domains[0], windows)
    base.events(figure, markers, palette, timezone)
    _mark_chosen(figure, chosen, ends, palette, timezone)
    zero_mode = "tozero" if zero else "normal"
    figure.update_layout(
        xaxis=base.time_axis(palette, anchor="y4", domain=[0, 1], range=_span(windows, timezone)),
        yaxis=base.value_axis(palette, unit, domain=domains[0], rangemode=zero_mode, range=limits, visible=labelled),
        yaxis2={
            "domain": domains[1],
            "tickvals": [place + 0.5 for place in range(len(shown))],
            "ticktext": [text.figure(name, 20) for name in shown],
            "range": [len(shown), 0],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
            "tickfont": {"color": palette.text},
            "anchor": "x",
        },
        yaxis3=base.value_axis(palette, domain=domains[2], rangemode="tozero", nticks=3, tickformat="~s", anchor="x"),
        yaxis4=base.value_axis(
            palette,
            domain=domains[3],
            range=[0, 1.05],
            tickvals=[0, 0.5, 1],
            tickformat=".0%",
            anchor="x",
            visible=labelled,
        ),
        legend={"y": 1, "yanchor": "bottom", "yref": "container", "x": 0},
    )
    figure.update_layout(legend={"yref": "paper", "y": 1 + 40 / (height - TOP - BOTTOM)})
    titles = (
        (f"<b>Performance</b>  {text.figure(metric)}", 20),
        ("<b>Drift</b>  columns by window, by verdict", 3),
        ("<b>Traffic</b>  rows", 3),
        ("<b>Labels in</b>  share of rows", 3),
    )
    for (words, lift), (_, top) in zip(titles, domains, strict=True):
        if not labelled and words in (titles[0][0], titles[-1][0]):
            continue
        base.note(
            figure,
            words,
            palette,
            x=0,
            xref="paper",
            xanchor="left",
            xshift=-120,
            y=top,
            yref="paper",
            yanchor="bottom",
            yshift=lift,
            font={"size": 12, "color": palette.text},
        )
    return Linked(figure, clicks, len(names) - len(shown))


def _trouble(name: str, cells: Sequence[HeatCell]) -> int:
    return sum(_WEIGHT.get(cell["state"], 0) for cell in cells if cell["column"] == name)


def _domains(heights: Sequence[int]) -> tuple[list[list[float]], int]:
    inner = sum(heights) + GAP * (len(heights) - 1)
    domains, above = [], 0
    for height in heights:
        domains.append([max(0.0, 1 - (above + height) / inner), 1 - above / inner])
        above += height + GAP
    return domains, inner + TOP + BOTTOM


def _span(windows: Sequence[WindowView], timezone: str) -> list[str] | None:
    if not windows:
        return None
    return [base.at(min(w["start"] for w in windows), timezone), base.at(max(w["end"] for w in windows), timezone)]


def _heat(
    figure: go.Figure,
    cells: Sequence[HeatCell],
    shown: Sequence[str],
    ends: dict[str, str],
    palette: Palette,
    timezone: str,
) -> dict[int, list[tuple[str | None, str]]]:
    """Draw one trace of tiles a verdict: bars can be clicked where a heat map's cells cannot."""
    rows = {name: position for position, name in enumerate(shown)}
    colours = {
        "within": palette.within,
        "significant": palette.significant,
        "material": palette.material,
        "harmful": palette.page,
        "insufficient": palette.background,
    }
    clicks: dict[int, list[tuple[str | None, str]]] = {}
    for state in STATES:
        found = [cell for cell in cells if cell["state"] == state]
        if not found:
            continue
        clicks[len(figure.data)] = [(cell["column"], cell["start"]) for cell in found]
        title = _TITLES.get(state, state)
        bare = state in ("within", "insufficient")  # most cells are fine: their numbers need not be sent
        values = "" if bare else " · %{customdata[0]} against %{customdata[1]}"
        figure.add_trace(
            go.Bar(
                x=[base.at(c["start"], timezone) for c in found],
                offset=0,
                width=min(base.milliseconds(c["start"], ends[c["start"]], timezone) for c in found),
                base=[rows[c["column"]] for c in found],
                y=[1] * len(found),
                yaxis="y2",
                marker={"color": colours[state], "line": {"color": palette.background, "width": 1.5}},
                text="▲" if state == "harmful" else "◔" if state == "insufficient" else None,
                textposition="inside",
                insidetextanchor="middle",
                textangle=0,
                textfont={"size": 8, "color": palette.muted if state == "insufficient" else palette.background},
                constraintext="none",
                customdata=None if bare else [[text.number(c["value"]), text.number(c["threshold"])] for c in found],
                hovertemplate=f"%{{x|%-d %b %Y}} · {title}{values}<extra></extra>",
                showlegend=False,
            )
        )
    return clicks


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
