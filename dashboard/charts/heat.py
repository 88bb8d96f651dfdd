"""The heat map of verdicts: columns by window, the most troubled first, as many as a page may weigh."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.views import HeatCell

STATES = ("within", "significant", "material", "harmful", "insufficient")
MOST_ROWS, FEWEST_ROWS, MOST_CELLS = 24, 12, 2000  # what a page may weigh
ROW = 18  # pixels
_KINDS = ("concept", "prediction", "score", "feature", "context")
_OF_THE_MODEL = _KINDS[:3]  # there are few of these, and they are what is asked for first
_WEIGHT = {"harmful": 1000, "material": 10, "significant": 1}
_TITLES = {
    "harmful": "harmful",
    "material": "material, harmless",
    "significant": "significant only",
    "within": "within natural variation",
}


def room(windows: int) -> int:
    """Return how many columns are drawn at once over so many windows."""
    return min(MOST_ROWS, max(FEWEST_ROWS, MOST_CELLS // max(1, windows)))


def ranked(cells: Sequence[HeatCell]) -> list[str]:
    """Return columns: what is about the model itself, then the others, each with the most trouble first."""
    kinds = {cell["column"]: cell["kind"] for cell in cells}
    trouble: dict[str, int] = dict.fromkeys(kinds, 0)
    for cell in cells:
        trouble[cell["column"]] += _WEIGHT.get(cell["state"], 0)
    return sorted(kinds, key=lambda c: (kinds[c] not in _OF_THE_MODEL, _place(kinds[c], trouble[c]), -trouble[c]))


def _place(kind: str, trouble: int) -> int:
    """Return the place of a kind among those of no trouble: what moved comes first, whatever it is."""
    known = _KINDS.index(kind) if kind in _KINDS else len(_KINDS)
    return known if kind in _OF_THE_MODEL or not trouble else 0


def add(
    figure: go.Figure,
    cells: Sequence[HeatCell],
    shown: Sequence[str],
    ends: dict[str, str],
    palette: Palette,
    timezone: str,
) -> dict[int, list[tuple[str | None, str]]]:
    """Draw one trace of tiles a verdict on the second value axis: bars can be clicked where a heat map's cells cannot.

    ``ends`` maps the start of each window on the axis to its end. Returns what a click means: curve -> (column, window start) by point.
    """
    rows = {name: position for position, name in enumerate(shown)}
    drawn = [cell for cell in cells if cell["column"] in rows and cell["start"] in ends]
    clicks: dict[int, list[tuple[str | None, str]]] = {}
    for state in STATES:
        found = [cell for cell in drawn if cell["state"] == state]
        if found:
            clicks[len(figure.data)] = [(cell["column"], cell["start"]) for cell in found]
            figure.add_trace(_tiles(state, found, rows, ends, palette, timezone))
    return clicks


def axis(shown: Sequence[str], palette: Palette, domain: Sequence[float]) -> dict[str, object]:
    """Return the settings of the axis of columns. A tile's value is its lower edge, where its tick is, so that hover names the column."""
    return {
        "domain": list(domain),
        "tickvals": list(range(1, len(shown) + 1)),
        "ticktext": [text.figure(name, 20) for name in shown],
        "ticklabelshift": ROW // 2,
        "range": [max(1, len(shown)), 0],
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
        "tickfont": {"color": palette.text},
        "anchor": "x",
    }


def _tiles(
    state: str,
    cells: Sequence[HeatCell],
    rows: dict[str, int],
    ends: dict[str, str],
    palette: Palette,
    timezone: str,
) -> go.Bar:
    colours = {
        "within": palette.within,
        "significant": palette.significant,
        "material": palette.material,
        "harmful": palette.page,
        "insufficient": palette.background,
    }
    bare = state in ("within", "insufficient")  # most cells are fine: their numbers need not be sent
    values = "" if bare else " · %{customdata[0]} against %{customdata[1]}"
    return go.Bar(
        x=[base.at(cell["start"], timezone) for cell in cells],
        offset=0,
        width=min(base.milliseconds(cell["start"], ends[cell["start"]], timezone) for cell in cells),
        base=[rows[cell["column"]] for cell in cells],
        y=[1] * len(cells),
        yaxis="y2",
        marker={"color": colours[state], "line": {"color": palette.background, "width": 1.5}},
        text="▲" if state == "harmful" else "◔" if state == "insufficient" else None,
        textposition="inside",
        insidetextanchor="middle",
        textangle=0,
        textfont={"size": 8, "color": palette.muted if state == "insufficient" else palette.background},
        constraintext="none",
        customdata=None if bare else [[text.number(c["value"]), text.number(c["threshold"])] for c in cells],
        hovertemplate=f"%{{y}} · %{{x|%-d %b %Y}} · {_TITLES.get(state, state)}{values}<extra></extra>",
        showlegend=False,
    )
