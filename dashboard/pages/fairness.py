"""Whether groups of people are treated alike: every metric by group, with intervals, and the widest gaps."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import state, text, theme
from dashboard.charts import intervals
from dashboard.components import chart, errors, export, header
from dashboard.registry import Page
from service.outcome_views import FairnessView, GroupMetric
from service.views import ModelView

REFRESH = 60.0
_MOST_GROUPS = 20
_OF_THE_LABEL = ("mae", "bias")  # metrics in the unit of the label, which the headline metric of a regression has


@st.fragment(run_every=REFRESH)
def render() -> None:
    """Draw the page."""
    with errors.in_words():
        _draw()


def _draw() -> None:
    model = state.require_model()
    chosen = header.opening(model, "fairness")
    span = (None, None) if chosen.preset == "all" else (chosen.start, chosen.end)
    found = state.workspace().fairness(model["name"], *span)
    if not found:
        st.info("No column is declared by which people are told apart, or none has labels here. Declare one:")
        st.code(f'[models.{model["name"]}]\nfairness = ["age_group"]', language="toml")
        return
    for view in found:
        _column(view, model)
    groups = [{"column": view["column"], **group} for view in found for group in view["groups"]]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("The numbers behind the charts", width="content")
        st.space("stretch")
        export.table(groups, name="fairness", key="fairness")


def _column(view: FairnessView, model: ModelView) -> None:
    st.markdown(
        f"## By {text.plain(view['column'])} :gray[{text.period(view['start'], view['end'], model['timezone'], year=True)}]",
        anchors=False,
    )
    wide = [gap for gap in view["gaps"] if gap["significant"]]
    if wide:
        for gap in wide[:3]:
            st.markdown(f":orange-badge[◆ gap] {text.plain(gap['sentence'], 300)}")
    else:
        st.markdown(":gray-badge[□ no gap] No group differs from another by more than chance gives.")
    names, metric = list(dict.fromkeys(group["metric"] for group in view["groups"])), model["metric"]
    with st.grid(2 if len(names) > 1 else 1, min_column_width=420, gap="small"):
        for name in names:
            known = [g for g in view["groups"] if g["metric"] == name and g["value"] is not None]
            _metric(view, name, known, metric["unit"] if metric is not None and name in _OF_THE_LABEL else "")


def _metric(view: FairnessView, name: str, groups: Sequence[GroupMetric], unit: str) -> None:
    if not groups:
        return
    gap = next((g for g in view["gaps"] if g["metric"] == name), None)
    shown = sorted(groups, key=lambda g: -g["n"])[:_MOST_GROUPS]
    worst = gap["worst"] if gap and gap["significant"] else None
    rows = [
        intervals.Row(
            f"◆ {g['group']}" if g["group"] == worst else g["group"],
            g["value"] or 0.0,
            g["lower"],
            g["upper"],
            text.plural(g["n"], "row"),
            role="warning" if g["group"] == worst else "accent",
        )
        for g in shown
    ]
    with st.container(border=True, height="stretch"):
        st.markdown(f"**{text.plain(groups[0]['label'])}** :gray[95 % intervals]")
        chart.show(
            intervals.figure(rows, theme.palette(), unit=unit, zero=False),
            alt=f"{text.clean(groups[0]['label'])} by group of {text.clean(view['column'])}",
            key=text.clean(f"fairness_{view['column']}_{name}"),
        )
        if gap is not None:
            ratio = "" if gap["ratio"] is None else f" · ratio {text.number(gap['ratio'])}"
            st.caption(
                f"Widest: {text.plain(gap['worst'], 40)} against {text.plain(gap['best'], 40)}, {text.number(gap['difference'], text.plain(unit) if unit else '')} "
                f"({text.number(gap['lower'])} to {text.number(gap['upper'])}){ratio}"
            )


PAGE = Page(
    name="fairness",
    title="Fairness",
    icon=":material/balance:",
    url_path="fairness",
    order=35,
    visible=False,
    render=render,
)
