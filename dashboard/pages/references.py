"""References: what normal is for a model, who is held against which, what they are too small for, and how two differ."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import state, text
from dashboard.components import errors, export, freeze, header, reference_table
from dashboard.registry import Page
from service.data_views import ReferenceDiffRow, ReferenceView
from service.views import ModelView


def render() -> None:
    """Draw the page."""
    with errors.in_words():
        _draw()


def _draw() -> None:
    model = state.require_model()
    name, zone = model["name"], model["timezone"]
    found = state.workspace().references(name)
    header.crumbs((name, "model", {"model": name}), ("References", None, {}))

    def actions() -> None:
        if st.button(
            "Freeze from the log…",
            icon=":material/ac_unit:",
            key="freeze",
            **state.barred("operator", disabled=not model["data_until"]),
        ):
            freeze.dialog(model)

    header.title("References", actions=actions)
    if not found:
        st.info("No reference yet, so nothing can be judged. Freeze one from the rows the model learned from:")
        st.code(f"driftdeck reference {name} training.parquet", language=None)
        return
    st.markdown(_sentence(found, zone))
    reference_table.versions(found, zone)
    _warnings(found)
    st.header("What differs", anchor=False)
    if len(found) < 2:
        st.caption("There is one reference only: with a second one, the two can be compared here, column by column.")
        return
    _compare(model, found)


def _sentence(found: Sequence[ReferenceView], zone: str) -> str:
    """Say which reference is in force, how large it is, and whether that is enough."""
    current = next((view for view in found if view["current"]), found[0])
    days = reference_table.period(current, zone)
    words = f"Reference **{current['version']}** is in force: **{current['rows']:,}** rows"
    words += " without times" if days == "no times" else f" of {days}"
    enough = "large enough for the windows it judges" if not current["warnings"] else "with something to know, below"
    return f"{words}, {enough}."


def _warnings(found: Sequence[ReferenceView]) -> None:
    """List what references are too small for; those in force or in use first, the rest folded away."""
    told = [view for view in found if view["warnings"]]
    used = [view for view in told if view["current"] or view["used_by"]]
    if used:
        with st.container(border=True, gap="xsmall"):
            st.markdown("**Good to know** :gray[what a reference is too small for]")
            st.markdown("\n".join(_listed(used)))
    idle = [view for view in told if view not in used]
    if idle:
        words = f"Warnings about {text.plural(len(idle), 'reference')} that nobody is held against"
        with st.expander(words, icon=":material/info:"):
            st.markdown("\n".join(_listed(idle)))


def _listed(views: Sequence[ReferenceView]) -> list[str]:
    return [f"- Reference {view['version']}: {text.plain(words, 400)}" for view in views for words in view["warnings"]]


def _compare(model: ModelView, found: Sequence[ReferenceView]) -> None:
    names = {
        str(view["version"]): f"Reference {view['version']} · {reference_table.period(view, model['timezone'])}"
        for view in found
    }
    versions = list(names)  # the latest first
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        before = state.select("From", "version", names, versions[1], width=330)
        st.markdown("→", width="content")
        after = state.select("To", "other", names, versions[0], width=330)
    if before == after:
        st.caption("Choose two different ones.")
        return
    rows = state.workspace().reference_diff(model["name"], int(before), int(after))
    pair = (int(before), int(after))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(_summary(rows, pair), width="content")
        st.space("stretch")
        export.table(rows, name=f"references-{before}-{after}", key="reference_diff")
    reference_table.differences(rows, pair)
    st.caption(
        "Both are counted in the cells of the older one, the newer one from its rows (a sample of 100,000 beyond that). "
        "Shifted: more than sampling can do, and more than the model's tolerance."
    )


def _summary(rows: Sequence[ReferenceDiffRow], pair: tuple[int, int]) -> str:
    """Say how many columns differ, and the foremost."""
    moved = [row for row in rows if row["change"] != "same"]
    if not moved:
        return f"References {pair[0]} and {pair[1]} hold the same in all {len(rows)} columns, as far as can be told."
    kinds = [(kind, sum(row["change"] == kind for row in moved)) for kind in ("added", "removed", "retyped", "shifted")]
    counts = ", ".join(f"**{number}** {kind}" for kind, number in kinds if number)
    first = max(moved, key=lambda row: row["distance"] or 0.0)
    return f"Of {len(rows)} columns {counts}. {text.plain(first['sentence'], 300)}"


PAGE = Page(
    name="references",
    title="References",
    icon=":material/ac_unit:",
    url_path="references",
    order=36,
    visible=False,
    render=render,
)
