"""What all figures share: fonts, axes, events, the reference period, and where a window stands on the axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import plotly.graph_objects as go

from dashboard import text
from dashboard.theme import SANS, Palette
from service.views import Marker

#: kind of a marker -> (shape before its label, attribute of the palette)
EVENTS = {
    "alert": ("▲", "page"),
    "warning": ("◆", "warning"),
    "champion": ("⬢", "second"),
    "rollback": ("↩", "warning"),
    "retrain": ("↻", "accent"),
}
LETTERS = 112  # of a label, side by side over a chart as wide as the page, where that is narrow
HALF = 76  # over one of two charts that stand side by side
_PLAIN = go.layout.Template()  # Plotly's own would be sent with every figure
VERSION_SYMBOLS = ("circle", "diamond", "square", "pentagon")


def version_style(position: int, palette: Palette) -> tuple[str, str]:
    """Return colour and symbol of the nth version; the shape tells versions apart where colours do not."""
    colours = (palette.accent, palette.second, palette.model, palette.muted)
    return colours[position % len(colours)], VERSION_SYMBOLS[position % len(VERSION_SYMBOLS)]


def faint(colour: str, opacity: float = 0.35) -> str:
    """Return a colour of the palette (#RRGGBB) that lets through what lies behind it."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def at(iso: str, timezone: str) -> str:
    """Return a moment for the axis: wall time of the zone, as short as it can be."""
    moment = text.local(iso, timezone)
    return (
        moment.date().isoformat()
        if (moment.hour, moment.minute, moment.second) == (0, 0, 0)
        else f"{moment:%Y-%m-%dT%H:%M}"
    )


def middle(start: str, end: str, timezone: str) -> str:
    """Return the middle of a window for the axis, where its point stands."""
    first, last = text.local(start, timezone), text.local(end, timezone)
    return f"{first + (last - first) / 2:%Y-%m-%dT%H:%M}"


def milliseconds(start: str, end: str, timezone: str) -> float:
    """Return the width of a window on a date axis."""
    return (text.local(end, timezone) - text.local(start, timezone)) / timedelta(milliseconds=1)


def new(
    palette: Palette, height: int, *, top: int = 40, left: int = 56, right: int = 12, bottom: int = 30
) -> go.Figure:
    """Return an empty figure in the palette: no title, legend on top, one short line on hover."""
    layout = go.Layout(
        template=_PLAIN,
        height=height,
        margin={"l": left, "r": right, "t": top, "b": bottom, "pad": 4},
        paper_bgcolor=palette.background,
        plot_bgcolor=palette.background,
        font={"family": SANS, "size": 11, "color": palette.text},
        hoverlabel={
            "bgcolor": palette.panel,
            "bordercolor": palette.border,
            "font": {"family": SANS, "size": 12, "color": palette.text},
            "align": "left",
        },
        legend={
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "font": {"size": 11.5},
            "bgcolor": "rgba(0,0,0,0)",
            "traceorder": "normal",
            "itemclick": False,
            "itemdoubleclick": False,
        },
        hovermode="closest",
        dragmode=False,
        bargap=0,
        barmode="overlay",
    )
    return go.Figure(layout=layout)


def lay(figure: go.Figure, settings: Mapping[str, Any] = {}, **more: Any) -> None:
    """Set what is named of the layout, and keep the rest: what ``update_layout`` does, in a tenth of its time."""
    for name, value in {**settings, **more}.items():
        merging = isinstance(value, Mapping) and name in figure.layout
        figure.layout[name] = _merged(figure.layout[name].to_plotly_json(), value) if merging else value


def _merged(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    inner = {
        name: _merged(before[name], value)
        for name, value in after.items()
        if isinstance(value, Mapping) and isinstance(before.get(name), Mapping)
    }
    return {**before, **after, **inner}


def time_axis(palette: Palette, **more: Any) -> dict[str, Any]:
    """Return the settings of a date axis; a line follows the pointer through all panels."""
    return {
        "type": "date",
        "showgrid": False,
        "zeroline": False,
        "showline": True,
        "linecolor": palette.border,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": palette.border,
        "tickfont": {"color": palette.muted},
        "tickformatstops": [
            {"dtickrange": [None, 3_600_000 * 12], "value": "%H:%M\n%-d %b"},
            {"dtickrange": [3_600_000 * 12, None], "value": "%-d %b"},
        ],
        "nticks": 9,
        "showspikes": True,
        "spikemode": "across",
        "spikesnap": "cursor",
        "spikethickness": 1,
        "spikedash": "solid",
        "spikecolor": palette.reference,
        **more,
    }


def value_axis(palette: Palette, unit: str = "", **more: Any) -> dict[str, Any]:
    """Return the settings of a value axis: dotted grid, the unit on its ticks."""
    return {
        "showgrid": True,
        "gridcolor": palette.border,
        "griddash": "dot",
        "zeroline": False,
        "showline": False,
        "tickfont": {"color": palette.muted},
        "ticksuffix": f" {text.suffix(unit)}" if text.suffix(unit) else "",
        **({"tickformat": ".3~p"} if unit == "share" else {}),
        "nticks": 5,
        **more,
    }


def rounded(figure: go.Figure, digits: int = 5) -> None:
    """Round the values of all traces to so many significant digits: more than anybody sees, and a third of the bytes."""
    for trace in figure.data:
        if trace.y is not None:
            trace.y = [_short(value, digits) for value in trace.y]
        error: Any = getattr(trace, "error_y", None)
        for side in ("array", "arrayminus") if error is not None and error.array is not None else ():
            error[side] = [_short(value, digits) for value in error[side]]


def _short(value: Any, digits: int) -> Any:
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def note(figure: go.Figure, words: str, palette: Palette, **place: Any) -> None:
    """Write words without an arrow; ``words`` is Plotly's HTML."""
    figure.add_annotation(text=words, showarrow=False, **{"font": {"size": 11, "color": palette.muted}, **place})


def events(
    figure: go.Figure,
    markers: Sequence[Marker],
    palette: Palette,
    timezone: str,
    *,
    top: float = 1.0,
    span: Sequence[str] | None = None,
    levels: int = 2,
    letters: int = LETTERS,
) -> int:
    """Draw alerts and deployments as dotted verticals through all panels, labelled once above the first; return how many rows of labels.

    Labels that would touch stand one above the other, in ``levels`` rows; where even these are full, the shape alone is left.
    ``span``: first and last moment (ISO) of the axis, which is guessed from the marks without it; ``letters``: how many of them fit between.
    """
    ordered = sorted(markers, key=lambda marker: marker["at"])
    ends = [text.local(iso, timezone) for iso in (span or [m["at"] for m in ordered[:1] + ordered[-1:]])]
    letter = (ends[-1] - ends[0]) / letters if ends else timedelta(0)
    free: list[datetime | None] = [None] * levels  # from when on there is room in each row
    for marker in ordered:
        shape, role = EVENTS.get(marker["kind"], ("·", "muted"))
        colour = getattr(palette, role)
        moment, x = text.local(marker["at"], timezone), at(marker["at"], timezone)
        figure.add_shape(
            type="line", x0=x, x1=x, y0=0, y1=top, yref="paper", line={"color": colour, "width": 1.2, "dash": "dot"}
        )
        label = f"{shape} {text.figure(marker['label'], 24)}"
        half = letter * (len(label) + 2) / 2
        level = next((place for place, until in enumerate(free) if until is None or until <= moment - half), None)
        if level is None:
            label, level = shape, 0
        else:
            free[level] = moment + half
        note(
            figure,
            label,
            palette,
            x=x,
            y=top,
            yref="paper",
            yanchor="bottom",
            yshift=12 * level,
            font={"size": 11, "color": colour},
        )
    return sum(until is not None for until in free)


def legend_above(figure: go.Figure, levels: int) -> None:
    """Make room for the legend above so many rows of labels of events; the height of the figure stays."""
    room = 12 * levels + 10 if levels else 6
    top = room + 26
    plot = figure.layout.height - top - figure.layout.margin.b
    lay(figure, margin={"t": top}, legend={"y": 1 + room / plot})


def reference_period(
    figure: go.Figure, period: Sequence[str] | None, palette: Palette, timezone: str, **place: Any
) -> None:
    """Shade the reference period and name it."""
    if not period:
        return
    first, last = at(period[0], timezone), at(period[1], timezone)
    figure.add_shape(type="rect", x0=first, x1=last, fillcolor=palette.shade, line_width=0, layer="below", **place)
    low = place.get("y0", 0)
    note(
        figure,
        "reference",
        palette,
        x=first,
        y=low,
        xanchor="left",
        yanchor="bottom",
        xshift=6,
        yref=place.get("yref", "y"),
    )
