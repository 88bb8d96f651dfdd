"""The table of models: one row each, most trouble first; a click opens the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import registry, state, text, theme
from dashboard.components import data_words, health, numbers, svg
from service.views import ModelView

ROWS = 14  # that stand without scrolling; the others scroll inside of the table
_ROW, _HEAD = 40, 37  # pixels
_LINE = 104
_ARROWS = {"higher_is_worse": "↓", "lower_is_worse": "↑"}
_NO_UNITS = ("share", "area", "statistic")  # kinds of numbers, nothing to write behind them
_ORDER = list(health.HEALTH)


def by_trouble(models: Sequence[ModelView]) -> list[ModelView]:
    """Return models with the worst health first, the longest trouble before the newer."""
    return sorted(models, key=lambda m: (_ORDER.index(m["health"]), m["since"] or "9", m["name"]))


def matching(models: Sequence[ModelView], *, condition: str = "all", find: str = "") -> list[ModelView]:
    """Return the models of a health (or "all") whose name, owner, task or champion holds ``find``, in any case."""
    wanted = find.casefold()
    return [
        model
        for model in models
        if condition in ("all", model["health"])
        and any(wanted in str(model[name] or "").casefold() for name in ("name", "owner", "task", "champion"))
    ]


def filters(models: Sequence[ModelView]) -> list[ModelView]:
    """Draw the choice of a health with counts, and the search, both in the address; return the models that match."""
    counts = Counter(model["health"] for model in models)
    options = {"all": f"All {len(models)}"}
    options |= {key: f"{words} {counts[key]}" for key, (words, _) in health.HEALTH.items() if counts[key]}  # type: ignore[index]
    with st.container(horizontal=True, vertical_alignment="center", key="model_filters"):
        chosen = state.choice("Health", "health", options, "all")
        st.space("stretch")
        found = matching(models, condition=chosen, find=state.search("Model or owner", "q"))
        if len(found) == 1 < len(models):  # the way in from the keyboard
            registry.link(f"Open {text.plain(found[0]['name'], 40)} ›", "model", model=found[0]["name"])
    if not found:
        st.info("No model matches. Clear the search or choose All.")
    return found


def draw(models: Sequence[ModelView], *, key: str, now: str | None = None) -> None:
    """Draw the table; choosing a cell goes to the model's page. ``now`` (ISO) lets runs be told as so long ago."""
    event = st.dataframe(
        _frame(models, now),
        hide_index=True,
        height="content"
        if len(models) <= ROWS
        else ROWS * _ROW + _HEAD + _ROW // 2,  # half a row says that there are more
        row_height=_ROW,
        placeholder=text.MISSING,
        on_select="rerun",
        selection_mode="single-cell",
        column_config=_columns(models),
        key=key,
        alt="Models, most trouble first",
    )
    cells = event["selection"].get("cells", [])
    if cells and cells[0][0] < len(models):
        registry.go("model", model=models[cells[0][0]]["name"])


def plain_rows(models: Sequence[ModelView]) -> list[dict[str, Any]]:
    """Return what the table shows as flat rows with unrounded numbers, for a file."""
    rows = []
    for model in models:
        metric = model["metric"]
        rows.append(
            {
                **{name: model[name] for name in ("name", "health", "since", "owner", "task")},
                "metric": metric["name"] if metric else None,
                "unit": metric["unit"] if metric else None,
                "value": metric["value"] if metric else None,
                "reference": metric["reference"] if metric else None,
                **{name: model[name] for name in ("label_coverage", "drifted", "columns", "rows_per_window")},
                "drifted_beside": ", ".join(model.get("drifted_beside", ())),
                **{name: model[name] for name in ("champion", "champion_since", "data_until", "last_run", "next_run")},
            }
        )
    return rows


def _metric(model: ModelView) -> str | None:
    metric = model["metric"]
    if metric is None:
        return None
    name = text.metric_name(metric["name"])
    unit = "" if metric["unit"] in _NO_UNITS else metric["unit"]
    return " ".join(filter(None, [name, unit, _ARROWS.get(metric["direction"], "")]))


def _number(value: float | None) -> str | None:
    return None if value is None else text.number(value)


def _drifted(model: ModelView) -> str | None:
    """Return 1 / 13, or 1 / 13 +1 when what the model makes of its columns moved too."""
    if not model["columns"]:
        return None
    beside = len(model.get("drifted_beside", ()))
    return f"{model['drifted']} / {model['columns']}{f' +{beside}' if beside else ''}"


def _per_cent(value: float | None) -> int | None:
    """Return a share in whole per cent, neither nothing nor all where it is not quite."""
    return None if value is None else min(99, max(1, round(100 * value))) if 0 < value < 1 else round(100 * value)


def _champion(model: ModelView) -> str | None:
    if model["champion"] is None:
        return None
    name = text.clean(model["champion"], 30)
    if model["champion_since"] is None or model["data_until"] is None:
        return name
    return f"{name} · {text.length(model['champion_since'], model['data_until'])}"


def _frame(models: Sequence[ModelView], now: str | None) -> pd.DataFrame:
    palette = theme.palette()
    rows = []
    for model in models:
        metric = model["metric"]
        zone = model["timezone"]
        rows.append(
            {
                "health": [health.words(health.HEALTH, model["health"])],
                "model": text.clean(model["name"], 120),
                "since": text.day(model["since"], zone) if model["since"] else None,
                "metric": _metric(model),
                "now": _number(metric["value"] if metric else None),
                "reference": _number(metric["reference"] if metric else None),
                "line": svg.sparkline(
                    model["sparkline"],
                    palette,
                    lower=metric["lower"] if metric else None,
                    upper=metric["upper"] if metric else None,
                    alarm=model["health"] == "page",
                    width=_LINE - 16,  # the cell's padding
                ),
                "drifted": _drifted(model),
                "labels": _per_cent(model["label_coverage"]),
                "champion": _champion(model),
                "rows": text.short(model["rows_per_window"]),
                "last": data_words.ago(model["last_run"], now, zone) if model["last_run"] else None,
                "next": data_words.until(model["next_run"], now, zone) if model["next_run"] else None,
            }
        )
    return pd.DataFrame(rows)


def _columns(models: Sequence[ModelView]) -> Any:
    windows = {model["window"] for model in models}
    per = text.window_word(windows.pop()) if len(windows) == 1 else "window"
    longest = max((len(model["sparkline"]) for model in models), default=0)
    # explicit widths: without them a long name would push the evidence off the screen. Up to the champion they fill 840 pixels, what a
    # page of 900 has; a wider page gives each column more
    return {
        "health": health.column("Health", health.HEALTH, pinned=True),
        "model": column_config.TextColumn("Model", width=124),
        "since": column_config.TextColumn(
            "Since", width=62, help="When the present trouble began, in the model's time zone"
        ),
        "metric": column_config.TextColumn("Metric", width=92, help="↓ lower is better, ↑ higher is better"),
        "now": numbers.mixed("Now", width=58),
        "reference": numbers.mixed("Ref.", width=58, help="The same metric in the reference"),
        "line": column_config.ImageColumn(
            f"{longest} windows", width=_LINE, help="Grey: natural variation of the reference"
        ),
        "drifted": column_config.TextColumn(
            "Drifted",
            width=68,
            help="Columns that moved far enough to matter, of those that come in. + counts what else moved: prediction, score, error",
        ),
        "labels": column_config.ProgressColumn(
            "Labels in", format="%d %%", min_value=0, max_value=100, width=80, color="gray"
        ),
        "champion": column_config.TextColumn("Champion", width=88),
        "rows": column_config.TextColumn(f"Rows / {per}", width=86, alignment="right"),
        "last": column_config.TextColumn("Last run", width=90),
        "next": column_config.TextColumn(
            "Next run",
            width=90,
            help="— where no time is set: it waits for rows, or is moved on by the player of the demo",
        ),
    }
