"""The partial view: what the model predicts, or how wrong it is, by value of a column; reference against current, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.column_views import Estimate, RelationBar

FEW = 10  # rows below which a mean is drawn faint, and does not stretch the axis
MOST = 14  # categories that are shown
Kind = Literal["prediction", "error"]


def kept(bars: Sequence[RelationBar], *, ordered: bool) -> list[RelationBar]:
    """Return the bars to draw: of an ordered column those with a place on the axis, of categories those with most rows."""
    if ordered:
        return [bar for bar in bars if bar["position"] is not None]
    named = [bar for bar in bars if bar["n"] or bar["n_reference"]]
    common = sorted(named, key=lambda bar: -max(bar["n"], bar["n_reference"]))[:MOST]
    return [bar for bar in named if bar in common]


def figure(
    bars: Sequence[RelationBar],
    palette: Palette,
    *,
    kind: Kind,
    unit: str,
    value_unit: str = "",
    ordered: bool,
    chosen: int | None = None,
    height: int = 300,
) -> go.Figure:
    """Return means with 95 % intervals by bar; an error's axis begins at zero. Beneath: how many current rows each bar has."""
    shown = kept(bars, ordered=ordered)
    drawn = base.new(palette, height, top=40)
    places: list[float] = [
        bar["position"] if ordered and bar["position"] is not None else float(place) for place, bar in enumerate(shown)
    ]
    _means(drawn, shown, places, palette, f"{kind}_reference", unit, ordered=ordered)
    _means(drawn, shown, places, palette, kind, unit, ordered=ordered)
    _counts(drawn, shown, places, palette, chosen)
    axis: dict[str, Any] = {
        "showgrid": False,
        "zeroline": False,
        "showline": True,
        "linecolor": palette.border,
        "tickfont": {"color": palette.muted},
        "anchor": "y2",
        "nticks": 8,
    }
    if ordered:
        axis["ticksuffix"] = f" {text.suffix(value_unit)}" if text.suffix(value_unit) else ""
    else:
        names = [_name(bar) for bar in shown]
        axis |= {"tickvals": places, "ticktext": names, "tickangle": 0 if max(map(len, names), default=0) < 6 else -40}
    base.lay(
        drawn,
        xaxis=axis,
        yaxis=base.value_axis(palette, unit, domain=[0.24, 1], **_range(shown, kind)),
        yaxis2=base.value_axis(palette, domain=[0, 0.15], rangemode="tozero", nticks=2, fixedrange=True),
    )
    return drawn


_WORDS = {"unseen": "never seen", "other": "rarer", "missing": "missing"}


def _name(bar: RelationBar) -> str:
    return text.figure(_WORDS.get(bar["label"], bar["label"]), 12)


def _range(shown: Sequence[RelationBar], kind: Kind) -> dict[str, Any]:
    """Return a range that means of enough rows, with their intervals, fill; a few rows do not stretch it."""
    means = [mean for bar in shown for mean in (bar[kind], bar[f"{kind}_reference"])]  # type: ignore[literal-required]
    firm = [mean for mean in means if mean["n"] >= FEW] or means
    ends = [end for mean in firm for end in (mean["value"], mean["lower"], mean["upper"]) if end is not None]
    if not ends:
        return {"rangemode": "tozero"} if kind == "error" else {}
    low, high = (0.0 if kind == "error" else min(ends)), max(ends)
    room = 0.06 * ((high - low) or abs(high) or 1.0)
    return {"range": [low if kind == "error" else low - room, high + room]}


def _means(
    drawn: go.Figure,
    shown: Sequence[RelationBar],
    places: Sequence[float],
    palette: Palette,
    which: str,
    unit: str,
    *,
    ordered: bool,
) -> None:
    before = which.endswith("_reference")
    colour = palette.reference if before else palette.model
    means: list[Estimate] = [bar[which] for bar in shown]  # type: ignore[literal-required]
    known = [(x, bar, mean) for x, bar, mean in zip(places, shown, means, strict=True) if mean["value"] is not None]
    name = "reference" if before else "current"
    for few in (False, True):
        own = [each for each in known if (each[2]["n"] < FEW) == few]
        if not own:
            continue
        drawn.add_trace(
            go.Scatter(
                x=[x for x, _bar, _mean in own],
                y=[mean["value"] for _x, _bar, mean in own],
                mode="lines+markers" if ordered and not few else "markers",
                line={"color": colour, "width": 1.6, "dash": "dot" if before else "solid"},
                marker={
                    "color": colour,
                    "symbol": ("circle" if before else "square") + ("-open" if few else ""),
                    "size": 7,
                    "opacity": 1,
                },
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [_gap(mean["value"], mean["upper"]) for _x, _bar, mean in own],
                    "arrayminus": [_gap(mean["lower"], mean["value"]) for _x, _bar, mean in own],
                    "color": colour,
                    "thickness": 0.6 if few else 1,
                    "width": 2,
                },
                name=f"{name}, fewer than {FEW} rows" if few else f"{name}, 95 % intervals",
                showlegend=not few or len(own) == len(known),
                text=[_words(bar, mean, name, unit) for _x, bar, mean in own],
                hovertemplate="%{text}<extra></extra>",
            )
        )


def _gap(low: float | None, high: float | None) -> float:
    return 0.0 if low is None or high is None else high - low


def _words(bar: RelationBar, mean: Estimate, name: str, unit: str) -> str:
    interval = ""
    if mean["lower"] is not None and mean["upper"] is not None:
        interval = f" ({text.number(mean['lower'])} to {text.number(mean['upper'])})"
    few = ", too few to go by" if mean["n"] < FEW else ""
    return (
        f"{_name(bar)} · {name} {text.measured(mean['value'], unit)}{interval} · {text.plural(mean['n'], 'row')}{few}"
    )


def _counts(
    drawn: go.Figure, shown: Sequence[RelationBar], places: Sequence[float], palette: Palette, chosen: int | None
) -> None:
    gaps = [b - a for a, b in pairwise(places) if b > a]
    drawn.add_trace(
        go.Bar(
            x=list(places),
            y=[bar["n"] for bar in shown],
            width=0.7 * (min(gaps) if gaps else 1.0),
            yaxis="y2",
            marker={
                "color": [
                    palette.accent if chosen is not None and bar["place"] == chosen else palette.reference_fill
                    for bar in shown
                ],
                "line": {"width": 0},
            },
            text=[f"{_name(bar)} · {text.plural(bar['n'], 'row')} now" for bar in shown],
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
            showlegend=False,
        )
    )
