"""How well a model did on two sides: each metric with its interval, as a share of its value in the reference."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.comparing_views import ComparedMetric

ROW_HEIGHT = 44
_SIDES = (("reference", "reference", "circle-open", -0.14), ("current", "accent", "circle", 0.14))


def figure(rows: Sequence[ComparedMetric], palette: Palette) -> go.Figure:
    """Draw a row a metric: open grey is the reference, full accent the current side, whiskers are 95 % intervals.

    A metric whose reference lies around zero has no share to speak of and is left out; the table has it.
    """
    shown = [row for row in rows if row["reference"] and not _around_zero(row)]
    drawn = base.new(palette, 76 + ROW_HEIGHT * len(shown), top=34, right=16, left=10)
    for side, colour, symbol, shift in _SIDES:
        values = [_share(row, side) for row in shown]
        drawn.add_trace(
            go.Scatter(
                x=values,
                y=[place + shift for place in range(len(shown))],
                mode="markers",
                marker={
                    "symbol": symbol,
                    "size": 10,
                    "color": getattr(palette, colour),
                    "opacity": 1,
                    "line": {"width": 2},
                },
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [_reach(row, side, "upper") for row in shown],
                    "arrayminus": [_reach(row, side, "lower") for row in shown],
                    "thickness": 1.6,
                    "width": 5,
                    "color": getattr(palette, colour),
                },
                name=side,
                hovertext=[_hover(row, side) for row in shown],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    base.lay(
        drawn,
        xaxis=base.value_axis(palette, tickformat=".0%", fixedrange=True),
        yaxis={
            "tickvals": list(range(len(shown))),
            "ticktext": [text.figure(row["label"], 30) for row in shown],
            "range": [len(shown) - 0.5, -0.5],
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
            "fixedrange": True,
        },
    )
    drawn.add_shape(
        type="line", x0=1, x1=1, y0=0, y1=1, yref="paper", line={"color": palette.muted, "width": 1, "dash": "dot"}
    )
    return drawn


def _around_zero(row: ComparedMetric) -> bool:
    low, high = row["reference_lower"], row["reference_upper"]
    return (
        low is not None
        and high is not None
        and (row["reference"] or 0.0) * (low if (row["reference"] or 0.0) > 0 else high) <= 0
    )


def _value(row: ComparedMetric, name: str) -> float | None:
    found = row[name]  # type: ignore[literal-required]
    return None if found is None else float(found)


def _share(row: ComparedMetric, side: str) -> float:
    return (_value(row, side) or 0.0) / (row["reference"] or 1.0)


def _reach(row: ComparedMetric, side: str, end: str) -> float:
    value, edge = _value(row, side), _value(row, f"{side}_{end}")
    return 0.0 if value is None or edge is None else abs(edge - value) / abs(row["reference"] or 1.0)


def _hover(row: ComparedMetric, side: str) -> str:
    unit = text.suffix(row["unit"])
    unit = "share" if row["unit"] == "share" else unit
    low, high = _value(row, f"{side}_lower"), _value(row, f"{side}_upper")
    between = "" if low is None or high is None else f", 95 % {text.number(low, unit)} to {text.number(high, unit)}"
    return f"{text.figure(row['label'])} · {side} {text.number(_value(row, side), unit)}{between}"
