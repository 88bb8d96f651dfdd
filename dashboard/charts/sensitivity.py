"""How small a change a monitor finds, and after how many windows."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.views import Sensitivity


def by_windows(found: Sequence[Sensitivity], palette: Palette, *, word: str, height: int = 260) -> go.Figure:
    """Return one line a column of the shift that is found half of the time, falling with the number of windows.

    All of ``found`` have one unit. The column that is hardest to watch and the easiest one are named at the end of their line.
    ``word``: what a window is called, such as "day".
    """
    figure = base.new(palette, height, top=14, right=130)
    known = [row for row in found if row["windows"]]
    ordered = sorted(known, key=lambda row: row["shifts"][0])
    ends = {ordered[0]["column"], ordered[-1]["column"]} if ordered else set()
    for row in ordered:
        named = row["column"] in ends
        figure.add_trace(
            go.Scatter(
                x=[text.plural(number, word) for number in row["windows"]],
                y=row["shifts"],
                mode="lines+markers",
                line={"color": palette.accent if named else palette.reference, "width": 2 if named else 1},
                marker={"size": 5, "opacity": 1, "color": palette.accent if named else palette.reference},
                opacity=1 if named else 0.6,
                showlegend=False,
                text=[_words(row, place, word) for place in range(len(row["windows"]))],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    unit = _unit(known[0]["unit"]) if known else ""
    for name, anchor in _labels(ordered):
        row = next(row for row in ordered if row["column"] == name)
        base.note(
            figure,
            text.figure(name, 22),
            palette,
            x=len(row["windows"]) - 1,
            y=row["shifts"][-1],
            xanchor="left",
            yanchor=anchor,
            xshift=8,
        )
    base.lay(
        figure,
        xaxis={
            "type": "category",
            "showgrid": False,
            "showline": True,
            "linecolor": palette.border,
            "tickfont": {"color": palette.muted},
        },
        yaxis=base.value_axis(palette, unit, rangemode="tozero")
        if unit
        else base.value_axis(palette, rangemode="tozero", tickformat=".1%"),
    )
    return figure


def _labels(ordered: Sequence[Sensitivity]) -> list[tuple[str, str]]:
    """Return the columns that are named, and which way their words grow from the end of the line."""
    if not ordered:
        return []
    first, last = ordered[0]["column"], ordered[-1]["column"]
    if first == last:
        return [(first, "middle")]
    low, high = ordered[0]["shifts"][-1], ordered[-1]["shifts"][-1]
    most = max(ordered[-1]["shifts"])
    on_the_axis = low < 0.1 * most and high - low > 0.2 * most  # below the line its words would cover the ticks
    return [(first, "bottom" if on_the_axis else "top"), (last, "bottom")]


def _unit(unit: str) -> str:
    return "" if unit == "share" else "sd"


def _words(row: Sensitivity, place: int, word: str) -> str:
    shift = row["shifts"][place]
    size = text.share(shift) if row["unit"] == "share" else f"{text.number(shift)} sd"
    return f"{text.figure(row['column'])} · {size} found within {text.plural(row['windows'][place], word)}"
