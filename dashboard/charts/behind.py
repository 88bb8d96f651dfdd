"""What stands behind a metric: which class is taken for which, whether scores come true, which range is missed by most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.outcome_views import CalibrationBin, RangeError

_SHOWN = 12  # classes that fit


def confusion(classes: Sequence[str], counts: Sequence[Sequence[int]], palette: Palette) -> go.Figure:
    """Draw labels as rows and predictions as columns, shaded by the share of the label's rows, with the counts written.

    More classes than fit: those with the most rows.
    """
    order = sorted(range(len(classes)), key=lambda place: -sum(counts[place]))[:_SHOWN]
    kept = sorted(order)
    names = [text.figure(classes[place], 18) for place in kept]
    rows = [[counts[i][j] for j in kept] for i in kept]
    totals = [max(sum(counts[i]), 1) for i in kept]
    shares = [[cell / total for cell in row] for row, total in zip(rows, totals, strict=True)]
    figure = base.new(palette, 96 + 34 * len(kept), top=34, left=10, bottom=10)
    figure.add_trace(
        go.Heatmap(
            z=shares,
            x=names,
            y=names,
            zmin=0,
            zmax=1,
            colorscale=[[0, palette.within], [1, palette.material]],
            showscale=False,
            xgap=2,
            ygap=2,
            text=[[f"{cell:,}" for cell in row] for row in rows] if len(kept) <= 8 else None,
            texttemplate="%{text}" if len(kept) <= 8 else None,
            textfont={"size": 12},
            hovertext=[
                [
                    f"label {names[i]}, predicted {names[j]} · {text.plural(rows[i][j], 'row')}, {text.share(shares[i][j])} of the label's"
                    for j in range(len(kept))
                ]
                for i in range(len(kept))
            ],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    ticks = {"showgrid": False, "zeroline": False, "fixedrange": True, "tickfont": {"color": palette.muted}}
    base.lay(
        figure,
        xaxis={**ticks, "side": "top", "title": {"text": "predicted", "font": {"size": 11}}},
        yaxis={**ticks, "autorange": "reversed", "automargin": True, "title": {"text": "label", "font": {"size": 11}}},
    )
    return figure


def calibration(bins: Sequence[CalibrationBin], palette: Palette, *, height: int = 300) -> go.Figure:
    """Draw what came against what was predicted, with Wilson intervals; the diagonal is a score that comes true."""
    known = [b for b in bins if b["n"]]
    figure = base.new(palette, height, top=34)
    figure.add_trace(
        go.Scatter(
            x=[0, 1], y=[0, 1], mode="lines", line={"color": palette.muted, "width": 1, "dash": "dot"},
            name="comes true", hoverinfo="skip",
        )
    )  # fmt: skip
    before = [b for b in known if b["reference"] is not None]
    if before:
        figure.add_trace(
            go.Scatter(
                x=[b["predicted"] for b in before], y=[b["reference"] for b in before], mode="lines",
                line={"color": palette.reference, "width": 2}, name="reference", hoverinfo="skip",
            )
        )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=[b["predicted"] for b in known],
            y=[b["observed"] for b in known],
            mode="lines+markers",
            line={"color": palette.accent, "width": 2},
            marker={"color": palette.accent, "size": 6, "opacity": 1},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [b["observed_upper"] - b["observed"] for b in known],
                "arrayminus": [b["observed"] - b["observed_lower"] for b in known],
                "thickness": 1,
                "width": 0,
                "color": palette.accent,
            },
            name="now, 95 %",
            text=[
                f"predicted {text.share(b['predicted'])} · came {text.share(b['observed'])} · {text.plural(b['n'], 'row')}"
                for b in known
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    share: dict[str, Any] = {"range": [-0.02, 1.02], "tickformat": ".0%", "tickvals": [0, 0.25, 0.5, 0.75, 1]}
    base.lay(figure, xaxis=base.value_axis(palette, **share), yaxis=base.value_axis(palette, **share))
    return figure


def by_range(ranges: Sequence[RangeError], palette: Palette, *, unit: str, height: int = 260) -> go.Figure:
    """Draw the mean absolute error of rows by the range of their label: bars now, open steps in the reference."""
    known = [r for r in ranges if r["mae"] is not None]
    figure = base.new(palette, height, top=34)
    names = [f"{r['lower']:.3g}–{r['upper']:.3g}" for r in known]
    said = text.suffix(unit)
    figure.add_trace(
        go.Bar(
            x=names,
            y=[r["reference_mae"] for r in known],
            width=0.86,
            marker={"color": palette.reference_fill, "line": {"width": 0}},
            name="reference",
            hoverinfo="skip",
        )
    )
    figure.add_trace(
        go.Bar(
            x=names,
            y=[r["mae"] for r in known],
            width=0.86,
            marker={"color": palette.accent_fill, "line": {"width": 2, "color": palette.accent}},
            name="now",
            text=[
                f"label {name} {said} · {text.number(r['mae'], said)}, {text.number(r['reference_mae'], said)} in the reference · "
                f"{'too high' if (r['bias'] or 0.0) > 0 else 'too low'} by {text.number(abs(r['bias'] or 0.0), said)} · {text.plural(r['n'], 'row')}"
                for name, r in zip(names, known, strict=True)
            ],
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
        )
    )
    base.lay(figure,
        xaxis={"type": "category", "showgrid": False, "tickfont": {"color": palette.muted}, "linecolor": palette.border, "showline": True, "fixedrange": True},
        yaxis=base.value_axis(palette, unit, rangemode="tozero"),
    )  # fmt: skip
    return figure
