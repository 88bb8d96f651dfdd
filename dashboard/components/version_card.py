"""Two versions on the same rows, metric by metric, with the interval of each difference."""

from __future__ import annotations

import streamlit as st

from dashboard import state, text, theme
from dashboard.charts import intervals
from dashboard.components import chart, errors
from service.outcome_views import VersionComparison, VersionDifference
from service.views import ModelView


def draw(model: ModelView, version: str, other: str) -> None:
    """Draw what tells ``version`` from ``other``, nothing where no labelled row was answered by both or beside each other."""
    with errors.in_words():
        found = state.workspace().compare_versions(model["name"], version, other)
        known = [metric for metric in found["metrics"] if metric["difference"] is not None]
        if not known:
            return
        with st.container(border=True, key="version_card"):
            how = "the same of both" if found["paired"] else "side by side"
            st.markdown(
                f"**{text.plain(version)} against {text.plain(other)}** :gray[difference on {found['n']:,} labelled rows, {how}]"
            )
            st.markdown(text.plain(found["sentence"], 400))
            by_unit = dict.fromkeys(metric["unit"] for metric in known)
            for unit in by_unit:
                _differences(found, [metric for metric in known if metric["unit"] == unit], unit)


def _differences(found: VersionComparison, metrics: list[VersionDifference], unit: str) -> None:
    rows = [
        intervals.Row(
            metric["label"],
            metric["difference"] or 0.0,
            metric["lower"],
            metric["upper"],
            f"{text.number(metric['value'])} against {text.number(metric['other'])}",
            role="accent" if metric["better"] else "muted",  # grey: chance may make as much
        )
        for metric in metrics
    ]
    shown = "" if unit in ("share", "area", "statistic") else unit
    chart.show(
        intervals.figure(rows, theme.palette(), unit=shown, bars=True, signed=True),
        alt=text.clean(found["sentence"], 300),
        key=f"version_differences_{text.clean(unit)}",
    )
