"""One column: what moved, how, whether it matters, and what other rules would say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from dashboard import registry, state, text
from dashboard.components import column_judged, column_plots, column_rows, column_vectors, header, health
from dashboard.registry import Page
from service.column_views import ColumnName
from service.views import FeatureView, ModelView, RowsReading

_KINDS = {
    "feature": "model input",
    "context": "context: not a model input",
    "prediction": "prediction",
    "score": "score",
    "concept": "concept: the rule from inputs to label",
}


def render() -> None:
    """Draw the page."""
    model = state.require_model()
    column = state.param("column")
    if not column:
        st.info("No column is chosen. Click a cell or a row on the model's page.")
        registry.link("Open the model", "model", model=model["name"])
        return
    columns = state.workspace().columns(model["name"])
    known = next((one for one in columns if one["name"] == column), None)
    if known is not None and known["type"] == "embedding":
        _without_bars(model, known, columns)
        return
    named = state.param("window")
    view = state.workspace().feature(model["name"], column, datetime.fromisoformat(named) if named else None)
    _with_bars(model, view, columns)


def _with_bars(model: ModelView, view: FeatureView, columns: Sequence[ColumnName]) -> None:
    _title(model, view, columns)
    chosen = _range(model, [(r["window_start"], r["window_end"]) for r in view["history"]], view)
    markers = [m for m in state.workspace().markers(model["name"]) if chosen.holds(m["at"])]
    column_judged.verdict(model, view)
    with st.grid(2, min_column_width=520, gap="small", key="plots"):
        column_plots.reference_and_current(model, view)
        column_plots.over_time(model, view, chosen, markers)
        if view["kind"] != "concept":
            start = datetime.fromisoformat(view["window_start"])
            column_plots.relations(view, state.workspace().relation(model["name"], view["column"], start))
        column_plots.statistic(model, view, chosen, markers)
        if view["kind"] in ("feature", "context"):
            column_plots.by_segment(model, view)
    if view["type"] == "text":
        _as_texts(model, view, chosen)
    with st.grid(2, min_column_width=520, gap="small", key="numbers"):
        column_judged.checks(model, view)
        column_judged.peers(view)
    name = text.window_name(view["window_start"], view["window_end"], model["timezone"])
    column_rows.card(model["name"], view, f"the {name}")


def _title(model: ModelView, view: FeatureView, columns: Sequence[ColumnName]) -> None:
    header.crumbs(
        (model["name"], "model", {"model": model["name"], "window": view["window_start"]}), (view["column"], None, {})
    )

    def badges() -> None:
        unit = f", {text.plain(view['unit'], 20)}" if view["unit"] else ""
        st.badge(f"{text.plain(view['type'])}{unit}", color="gray")
        st.badge(_KINDS.get(view["kind"], text.plain(view["kind"])), color="gray")
        if view["state"] == "material":
            st.badge("■ Moved, harmless", color="blue")
        else:
            health.badge(health.DRIFT, view["state"])

    header.title(view["column"], badges, lambda: _neighbours(model, view["column"], columns, view["window_start"]))


def _neighbours(model: ModelView, column: str, columns: Sequence[ColumnName], window: str | None) -> None:
    """Draw the way to the column before and after, and a list of all: with two hundred columns the only quick way."""
    names = [one["name"] for one in columns]
    if column not in names:
        return
    at = names.index(column)
    before, after = names[at - 1] if at else None, names[at + 1] if at + 1 < len(names) else None
    if before:
        registry.link(f"‹ {text.plain(before, 24)}", "feature", model=model["name"], column=before, window=window)
    options = {name: text.clean(name, 40) for name in names}
    st.session_state["select_column"] = column

    def changed() -> None:
        state.set_params(column=st.session_state["select_column"], bar=None)

    st.selectbox(
        "Column",
        names,
        format_func=options.__getitem__,
        key="select_column",
        on_change=changed,
        label_visibility="collapsed",
        width=190,
    )
    if after:
        registry.link(f"{text.plain(after, 24)} ›", "feature", model=model["name"], column=after, window=window)


def _range(model: ModelView, windows: Sequence[tuple[str, str]], view: FeatureView | None = None) -> state.TimeRange:
    zone = model["timezone"]
    names = {start: text.window_name(start, end, zone) for start, end in reversed(windows)}
    if view is not None:
        names.setdefault(view["window_start"], text.window_name(view["window_start"], view["window_end"], zone))
    default = view["window_start"] if view is not None else next(iter(names), "")

    def choose_window() -> None:
        if names:
            state.select("Window", "window", names, default)

    return header.range_bar(model, extra=choose_window)


# -- columns without bars ------------------------------------------------------------------------------------------


def _without_bars(model: ModelView, known: ColumnName, columns: Sequence[ColumnName]) -> None:
    """Draw the page of an embedding: what is said of it is said of its rows."""
    name = known["name"]
    found = column_vectors.readings_of(model["name"], name)
    window = state.param("window") or (found[-1]["window_start"] if found else "")
    header.crumbs((model["name"], "model", {"model": model["name"]}), (name, None, {}))

    def badges() -> None:
        st.badge("embedding", color="gray")
        st.badge(_KINDS.get(known["kind"], text.plain(known["kind"])), color="gray")
        here = [row for row in found if row["window_start"] == window]
        if here:
            health.badge(health.DRIFT, health.state_of(_worst(here)["verdict"]))

    header.title(name, badges, lambda: _neighbours(model, name, columns, window or None))
    spans = dict.fromkeys((row["window_start"], row["window_end"]) for row in found)
    chosen = _range(model, list(spans))
    if not found:
        st.badge("○ No data", color="gray")
        st.markdown(
            "No window of this column was judged yet: vectors are judged by a sample of each closed window's rows."
        )
        return
    here = [row for row in found if row["window_start"] == window] or found[-1:]
    with st.container(border=True, key="verdict"):
        worst = _worst(here)
        st.markdown(f"**{text.plain(worst['error'] or worst['sentence'], 400)}**")
        st.caption(
            "An embedding has no bars and no quantiles. It is judged by its vectors as wholes: their means and covariances, and how well a "
            "model tells them from the reference's."
        )
    markers = [m for m in state.workspace().markers(model["name"]) if chosen.holds(m["at"])]
    column_vectors.draw(model, found, chosen, markers, here[0]["window_start"])


def _worst(readings: Sequence[RowsReading]) -> RowsReading:
    return max(readings, key=lambda row: row["verdict"] in ("drift", "warning", "critical"))


def _as_texts(model: ModelView, view: FeatureView, chosen: state.TimeRange) -> None:
    """Draw what the words of a text column say; its bars are of its length alone."""
    found = column_vectors.readings_of(model["name"], view["column"])
    st.markdown("## As texts :gray[the bars above are of their length]")
    if found:
        column_vectors.draw(model, found, chosen, [], view["window_start"])
    else:
        st.caption("No window's words were judged yet.")


PAGE = Page(
    name="feature",
    title="Column",
    icon=":material/bar_chart:",
    url_path="feature",
    order=33,
    visible=False,
    render=render,
)
