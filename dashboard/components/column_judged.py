"""How a column was judged: every check with its numbers, and what other tools' rules would say of the same rows."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import text
from dashboard.components import column_plots, export, gates, health, numbers
from service.views import FeatureView, ModelView, ReadingView


def verdict(model: ModelView, view: FeatureView) -> None:
    """Draw the sentence, the statistic against its threshold, both windows with their rows, and the gates with the threshold's origin."""
    with st.container(border=True, key="verdict"):
        st.markdown(f"**{text.plain(view['sentence'], 400)}**")
        st.markdown(_facts(model, view))
        if view["state"] == "insufficient":
            rows_in = text.plural(view["histogram"]["n_current"], "row")
            st.caption(
                f"{rows_in} are too few to say anything, so there is no verdict and no alert. Counts, not shares."
            )
        elif view["gates"] and view["state"] != "no_data":
            gates.columns(view["gates"], view["threshold_origin"])


def _facts(model: ModelView, view: FeatureView) -> str:
    reference, current = column_plots.periods(model, view)
    bars = view["histogram"]
    decided = deciding(view)
    parts = []
    if decided is not None and decided["value"] is not None:
        name = text.metric_name(decided["check"])
        limit = "no threshold" if decided["threshold"] is None else f"threshold **{text.number(decided['threshold'])}**"
        together = f", {decided['scale']} windows together" if decided["scale"] > 1 else ""
        parts.append(f"{text.plain(name)} **{text.number(decided['value'])}**, {limit}{together}")
    parts.append(f":gray[reference] {reference}, **{text.plural(bars['n_reference'], 'row')}**")
    parts.append(f":gray[current] {current}, **{text.plural(bars['n_current'], 'row')}**")
    return " · ".join(parts)


def deciding(view: FeatureView) -> ReadingView | None:
    """Return the reading that carries the verdict of the chosen window."""
    check = view["history"][-1]["check"] if view["history"] else None
    return next((r for r in view["readings"] if r["check"] == check), view["readings"][0] if view["readings"] else None)


def checks(model: ModelView, view: FeatureView) -> None:
    """Draw every check of the window with both row counts."""
    reference, current = column_plots.periods(model, view)
    rows: list[dict[str, Any]] = [
        {
            "verdict": [health.words(health.DRIFT, state_of(r))],
            "check": text.metric_name(r["check"]),
            "value": r["value"],
            "threshold": r["threshold"],
            "p": r["p_value"],
            "rows": r["n"],
            "reference rows": r["n_reference"],
        }
        for r in view["readings"]
    ]
    with st.container(key="every_check"):
        _heading("Every check", f"reference {reference} against {current}", rows, f"{view['column']}_checks", "checks")
        shown = numbers.each_its_own([{**row, "p": numbers.chance(row["p"])} for row in rows], "value", "threshold")
        settings: Any = {
            "verdict": health.column("Verdict", health.DRIFT),
            "check": st.column_config.TextColumn("Check"),
            "value": numbers.mixed("Value"),
            "threshold": numbers.mixed("Threshold"),
            "p": numbers.mixed("p"),
            "rows": st.column_config.NumberColumn("Rows", format="localized"),
            "reference rows": st.column_config.NumberColumn("Reference rows", format="localized"),
        }
        st.dataframe(
            pd.DataFrame(shown),
            hide_index=True,
            height="content",
            placeholder=text.MISSING,
            column_config=settings,
            key="checks",
            alt="Every check of this column in this window",
        )


def peers(view: FeatureView) -> None:
    """Draw what textbook rules and other tools' defaults would say, and how many inputs each would flag."""
    rows = [
        {
            "rule": p["rule"],
            "verdict": p["verdict"],
            "statistic": f"{p['statistic']} {text.number(p['value'])}",
            "threshold": p["threshold"],
            "inputs": f"{p['flagged']} of {p['columns']}" if "flagged" in p else None,
        }
        for p in view["peers"]
    ]
    with st.container(key="what_others_say"):
        _heading("What others would say", "same rows, their defaults", rows, f"{view['column']}_others", "peers")
        settings: Any = {
            "rule": st.column_config.TextColumn("Rule", width=130),
            "verdict": st.column_config.TextColumn("Verdict", width=66),
            "statistic": st.column_config.TextColumn("Statistic", width=196),
            "threshold": st.column_config.TextColumn("Threshold", width=150),
            "inputs": st.column_config.TextColumn(
                "Columns flagged",
                width=105,
                help="How many of the columns that come in this rule would flag in this window",
            ),
        }
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            height="content",
            placeholder=text.MISSING,
            column_config=settings,
            key="peers",
            alt="What other rules would say of this column",
        )
        said = _against(view)
        if said:
            st.caption(said)


def _against(view: FeatureView) -> str:
    """Return one sentence that sets our verdict against theirs."""
    ours = next((p for p in view["peers"] if p["rule"] == "Driftdeck"), None)
    theirs = [p for p in view["peers"] if p["rule"] != "Driftdeck"]
    if ours is None or not theirs:
        return ""
    alarmed = [p["rule"] for p in theirs if p["verdict"] == "drift"]
    if ours["verdict"] == "drift":
        return f"{len(alarmed)} of {len(theirs)} agree that it drifted."
    if not alarmed:
        return "All agree that it did not drift."
    return (
        f"{len(alarmed)} of {len(theirs)} would alert. Driftdeck does not: within this alert budget the reference's own windows "
        "differ as much."
    )


def _heading(title: str, beside: str, rows: list[dict[str, Any]], name: str, key: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"## {title} :gray[{beside}]", width="content")
        st.space("stretch")
        export.table(rows, name=name, key=key)


def state_of(reading: ReadingView) -> str:
    """Return the state of health.DRIFT that a reading of the column amounts to."""
    verdict = reading["verdict"]
    if verdict in ("insufficient", "no_data"):
        return verdict
    if verdict == "ok":
        return "within"
    return "harmful" if reading["harmful"] else "material" if reading["material"] else "significant"
