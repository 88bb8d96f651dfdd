"""The table of models: one row each, most trouble first; a click opens the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import registry, text, theme
from dashboard.components import health, svg
from service.views import ModelView

_ARROWS = {"higher_is_worse": "↓", "lower_is_worse": "↑"}
_ORDER = list(health.HEALTH)


def by_trouble(models: Sequence[ModelView]) -> list[ModelView]:
    """Return models with the worst health first, the longest trouble before the newer."""
    return sorted(models, key=lambda m: (_ORDER.index(m["health"]), m["since"] or "9", m["name"]))


def draw(models: Sequence[ModelView], *, key: str) -> None:
    """Draw the table; choosing a cell goes to the model's page."""
    event = st.dataframe(
        _frame(models),
        hide_index=True,
        height="content" if len(models) <= 25 else 1040,
        row_height=40,
        placeholder=text.MISSING,
        on_select="rerun",
        selection_mode="single-cell",
        column_config=_columns(models),
        key=key,
        alt="Models, most trouble first",
    )
    cells = event["selection"].get("cells", [])
    if cells:
        registry.go("model", model=models[cells[0][0]]["name"])


def _metric(model: ModelView) -> str | None:
    metric = model["metric"]
    if metric is None:
        return None
    name = text.metric_name(metric["name"])
    return " ".join(filter(None, [name, metric["unit"], _ARROWS.get(metric["direction"], "")]))


def _champion(model: ModelView) -> str | None:
    if model["champion"] is None:
        return None
    if model["champion_since"] is None or model["data_until"] is None:
        return model["champion"]
    return f"{model['champion']} · {text.length(model['champion_since'], model['data_until'])}"


def _frame(models: Sequence[ModelView]) -> pd.DataFrame:
    palette = theme.palette()
    rows = []
    for model in models:
        metric = model["metric"]
        zone = model["timezone"]
        rows.append(
            {
                "health": [health.words(health.HEALTH, model["health"])],
                "model": model["name"],
                "since": text.day(model["since"], zone) if model["since"] else None,
                "metric": _metric(model),
                "now": None if metric is None else metric["value"],
                "reference": None if metric is None else metric["reference"],
                "line": svg.sparkline(
                    model["sparkline"],
                    palette,
                    lower=metric["lower"] if metric else None,
                    upper=metric["upper"] if metric else None,
                    alarm=model["health"] == "page",
                ),
                "labels": model["label_coverage"],
                "drifted": f"{model['drifted']} / {model['columns']}",
                "rows": text.short(model["rows_per_window"]),
                "champion": _champion(model),
                "last": text.moment(model["last_run"], zone) if model["last_run"] else None,
                "next": text.moment(model["next_run"], zone) if model["next_run"] else None,
            }
        )
    return pd.DataFrame(rows)


def _columns(models: Sequence[ModelView]) -> Any:
    windows = {model["window"] for model in models}
    per = text.window_word(windows.pop()) if len(windows) == 1 else "window"
    longest = max((len(model["sparkline"]) for model in models), default=0)
    # explicit widths: without them a long name would push the evidence off the screen
    return {
        "health": health.column("Health", health.HEALTH, pinned=True),
        "model": column_config.TextColumn("Model", width=150),
        "since": column_config.TextColumn("Since", width=70),
        "metric": column_config.TextColumn("Metric", width=105, help="↓ lower is better, ↑ higher is better"),
        "now": column_config.NumberColumn("Now", format="%.3g", width=65),
        "reference": column_config.NumberColumn(
            "Ref.", format="%.3g", width=65, help="The same metric in the reference"
        ),
        "line": column_config.ImageColumn(
            f"{longest} windows", width=170, help="Grey: natural variation of the reference"
        ),
        "labels": column_config.ProgressColumn(
            "Labels in", format="percent", min_value=0, max_value=1, width=115, color="gray"
        ),
        "drifted": column_config.TextColumn("Drifted", width=70),
        "rows": column_config.TextColumn(f"Rows / {per}", width=85, alignment="right"),
        "champion": column_config.TextColumn("Champion", width=105),
        "last": column_config.TextColumn("Last run", width=100),
        "next": column_config.TextColumn("Next run", width=100),
    }
