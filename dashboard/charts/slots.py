"""A file cut into windows: rows of each, the reference's in grey."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.setting_up_views import Slot


def figure(slots: Sequence[Slot], palette: Palette, *, timezone: str, height: int = 150) -> go.Figure:
    """Return rows by window as bars: those of the reference grey, those to be judged in the accent."""
    drawn = base.new(palette, height, top=30)
    ends = [slot["start"] for slot in slots[1:]]
    if slots:
        first, last = (datetime.fromisoformat(slots[place]["start"]) for place in (0, -1))
        length = (last - first) / max(1, len(slots) - 1) if len(slots) > 1 else timedelta(days=1)
        ends.append((last + length).isoformat())
    reference = [i for i, slot in enumerate(slots) if slot["reference"]]
    judged = [i for i, slot in enumerate(slots) if not slot["reference"]]
    for name, places, colour in (("reference", reference, palette.reference), ("to be judged", judged, palette.accent)):
        if not places:
            continue
        rows = sum(slots[place]["rows"] for place in places)
        drawn.add_trace(
            go.Bar(
                x=[base.middle(slots[place]["start"], ends[place], timezone) for place in places],
                y=[slots[place]["rows"] for place in places],
                width=[base.milliseconds(slots[place]["start"], ends[place], timezone) * 0.8 for place in places],
                name=f"{name} · {text.plural(len(places), 'window')} · {text.plural(rows, 'row')}",
                marker={"color": colour, "line": {"width": 0}},
                hovertemplate="%{x|%-d %b %Y}: %{y:,} rows<extra></extra>",
            )
        )
    base.lay(
        drawn,
        xaxis=base.time_axis(palette),
        yaxis=base.value_axis(palette, rangemode="tozero", tickformat=",", nticks=4),
        showlegend=True,
    )
    return drawn
