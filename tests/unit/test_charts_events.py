"""Marks over charts: labels that would touch stand one above the other, sooner where a chart is half as wide."""

from __future__ import annotations

import plotly.graph_objects as go

from dashboard import theme
from dashboard.charts import base
from service.views import Marker

ZONE = "UTC"


def _mark(at: str, kind: str, label: str) -> Marker:
    return {"at": at, "kind": kind, "label": label, "until": None}


def test_a_chart_of_half_the_width_parts_labels_that_a_wide_one_holds_side_by_side() -> None:
    marks = [
        _mark("2013-03-05T00:00:00+00:00", "champion", "v1 champion"),
        _mark("2013-04-09T00:00:00+00:00", "warning", "Warning"),
        _mark("2013-12-10T00:00:00+00:00", "alert", "Page"),
    ]
    heights = []
    for letters in (112, base.HALF):
        figure = go.Figure()
        rows = base.events(figure, marks, theme.LIGHT, ZONE, letters=letters)
        heights.append((rows, [note.yshift for note in figure.layout.annotations]))
    assert heights == [(1, [0, 0, 0]), (2, [0, 12, 0])]
