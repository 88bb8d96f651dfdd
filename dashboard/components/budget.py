"""The alert budget of all models: what was allowed by chance, and what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard import registry, text
from dashboard.components import health
from service.views import ModelView

_YEAR = 365.0


@dataclass(frozen=True, slots=True)
class Spent:
    """Alerts of one severity over the latest year of data, and how many false ones the budgets of that time allow."""

    came: int
    allowed: float


def spent(models: Sequence[ModelView]) -> dict[str, Spent]:
    """Return pages and warnings of all models; a model watched for a month has a month's budget."""
    budgets = [model["budget"] for model in models if "budget" in model]
    years = [budget["days"] / _YEAR for budget in budgets]
    return {
        "page": Spent(
            sum(b["pages"] for b in budgets),
            sum(b["pages_per_year"] * year for b, year in zip(budgets, years, strict=True)),
        ),
        "warning": Spent(
            sum(b["warnings"] for b in budgets),
            sum(b["warnings_per_year"] * year for b, year in zip(budgets, years, strict=True)),
        ),
    }


def most(models: Sequence[ModelView]) -> ModelView | None:
    """Return the model whose pages and warnings are furthest beyond its budget, None when none is beyond."""

    def beyond(model: ModelView) -> float:
        if "budget" not in model:
            return 0.0
        b = model["budget"]
        return b["pages"] + b["warnings"] - (b["pages_per_year"] + b["warnings_per_year"]) * b["days"] / _YEAR

    found = max(models, key=beyond, default=None)
    return found if found is not None and beyond(found) >= 1 else None


def draw(models: Sequence[ModelView]) -> None:
    """Draw the block."""
    with st.container(border=True, key="budget", gap="small"):
        for severity, part in spent(models).items():
            _line(severity, part)
        worst = most(models)
        if worst is None:
            st.caption("No single model is more than one alert beyond its budget.")
        else:
            with st.container(horizontal=True, gap="small", vertical_alignment="center"):
                st.caption(
                    f"Most beyond its budget: **{text.plain(worst['name'], 60)}**. Something real moved, or its limits are too tight.",
                    width="stretch",
                )
                registry.link("Its monitor ›", "monitor", model=worst["name"])
        st.caption(
            "The budget is of false alerts: so many would have come had nothing changed, in the latest year of each model's "
            "data. Thresholds follow from it, the size of the window and the natural variation of the reference."
        )


def _line(severity: str, part: Spent) -> None:
    allowed = f"{part.allowed:.1f}".removesuffix(".0")
    beyond = " · beyond it" if part.came > part.allowed else ""
    words = f"{health.inline(health.HEALTH, severity)} **{part.came}** came, budget **{allowed}**{beyond}"
    st.progress(min(1.0, part.came / part.allowed) if part.allowed else float(part.came > 0), text=words)
