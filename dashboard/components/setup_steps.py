"""A set-up under way, and what stands at its end."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from dashboard import registry, state, text
from dashboard.components import drift_table, health, replay, setup_choices, standing, tiles
from service.setting_up_views import SetUpView
from service.views import DriftRow, ModelView
from service.workspace import NotFoundError

EVERY = 0.7  # seconds between two looks
MOST = 6  # columns whose readings are shown
_ICONS = {
    "waiting": ":gray[:material/radio_button_unchecked:]",
    "running": ":blue[:material/pending:]",
    "done": ":green[:material/check_circle:]",
    "failed": ":red[:material/error:]",
}


def progress(upload: str) -> None:
    """Draw how far it has come, again and again until it is done."""
    st.fragment(_progress, run_every=EVERY)(upload)


def _progress(upload: str) -> None:
    view = state.workspace().setting_up(upload)
    if view["state"] != "running":
        st.rerun()
    steps(view)


def steps(view: SetUpView) -> None:
    """Draw the steps with what came of each."""
    done = sum(step["state"] == "done" for step in view["steps"])
    now = next((step for step in view["steps"] if step["state"] == "running"), None)
    if now is not None:
        words = f"{now['title']}…{' ' + now['words'] if now['words'] else ''}"
        st.progress(done / len(view["steps"]), text=text.plain(words, 200))
    with st.container(border=True, gap="xsmall", key="setup_steps"):
        for step in view["steps"]:
            seconds = f" :gray[{step['seconds']:.1f} s]" if step["seconds"] is not None else ""
            said = f": {text.plain(step['words'], 300)}" if step["words"] else ""
            st.markdown(f"{_ICONS[step['state']]} **{step['title']}**{said}{seconds}")


def result(view: SetUpView) -> None:
    """Draw the first readings, the way to the model, and the TOML."""
    name = view["model"] or ""
    model = state.workspace().model(name)
    st.markdown(
        f"{health.inline(health.HEALTH, model['health'])} **{text.plain(name)}** {text.plain(standing.words(model), 400)}."
    )
    alerts = [alert for alert in state.workspace().alerts(name) if alert["state"] != "resolved"]
    rows = model["rows"]
    shown: list[tiles.Tile] = [
        {"label": "Rows", "value": text.count(rows["logs"]), "remark": f"{rows['labels']:,} with a label" if rows["labels"] else "no labels yet"},
        {"label": "Windows judged", "value": text.count(judged(model)), "remark": _each(model["window"])},
        {"label": "Open alerts", "value": text.count(len(alerts)), "remark": "nothing to do" if not alerts else "see below", "tone": "bad" if alerts else "neutral"},
        {"label": "Drop to readings", "value": f"{view['seconds']:.0f} s", "remark": "all steps together"},
    ]  # fmt: skip
    tiles.row(shown, key="setup_tiles")
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="setup_onward"):
        if st.button("Open the model", type="primary", icon=":material/monitoring:", key="setup_open"):
            registry.go("model", model=name)
        registry.link("Its alerts", "alerts", icon=":material/notifications:", model=name)
        registry.link("How rows come in from now on", "data", icon=":material/input:", model=name)
        st.space("stretch")
        if st.button("Set up another", icon=":material/add:", key="setup_again"):
            setup_choices.forget()
            st.rerun()
    _readings(model)
    if view["warnings"]:
        with st.container(border=True, gap="xsmall", key="setup_good_to_know"):
            st.markdown("**Good to know** :gray[what the reference is too small for]")
            st.markdown("\n".join(f"- {text.plain(words, 400)}" for words in view["warnings"]))
    _sensitivity(model)
    if view["toml"]:
        toml(view["toml"], name)
    with st.expander("What was done", icon=":material/checklist:"):
        steps(view)


def _readings(model: ModelView) -> None:
    """Draw what the latest judged window says of the columns, the worst first."""
    try:
        rows = drift_table.by_trouble(state.workspace().drift_table(model["name"]))[:MOST]
    except NotFoundError:  # all rows went into the reference, or lie ahead of the clock
        st.info("No window has been judged yet: the first one is as soon as rows from after the reference are in.")
        return
    if not rows:
        return
    st.header("First readings", anchor=False)
    with st.container(border=True, gap="xsmall", key="setup_readings"):
        for row in rows:
            with st.container(horizontal=True, wrap=False, gap="small", vertical_alignment="top"):
                with st.container(width=110):
                    health.badge(health.DRIFT, row["state"])
                st.markdown(f"**{text.plain(row['column'], 40)}** {text.plain(_bare(row), 300)}", width="stretch")
                registry.link("Open ›", "feature", model=model["name"], column=row["column"])
        st.caption("Of the latest window that was judged.")


def _bare(row: DriftRow) -> str:
    """Return a reading's sentence without the column's name, which stands before it."""
    return row["sentence"].removeprefix(row["column"]).lstrip(" :")


def _sensitivity(model: ModelView) -> None:
    """Draw, folded away, how small a change the monitor finds with the reference that was frozen."""
    if model["reference_version"] is None:
        return
    with st.expander(
        "Which changes will be caught", icon=":material/tune:", key="setup_power_panel", on_change="rerun"
    ):
        if not st.session_state.get("setup_power_panel"):
            return
        with st.spinner("Playing the reference through its own monitor…"):
            found = state.workspace().replay(model["name"])
        st.markdown(text.plain(found["summary"], 600))
        replay.power(found["sensitivity"], text.window_word(model["window"]))


def _each(window: str) -> str:
    return f"{text.a_window(window)} each"


def judged(model: ModelView) -> int:
    """Count the closed windows behind the reference's period."""
    period = model["reference_period"]
    after = datetime.fromisoformat(period[1]) if period else None
    windows = state.workspace().windows(model["name"])
    return sum(w["closed"] and (after is None or datetime.fromisoformat(w["start"]) >= after) for w in windows)


def toml(content: str, name: str) -> None:
    """Draw the declaration, to copy or to save."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header("The TOML, to keep", anchor=False, width="content")
        st.space("stretch")
        st.download_button(
            "Save as driftdeck.toml",
            content,
            "driftdeck.toml",
            "application/toml",
            icon=":material/download:",
            key=f"setup_toml_{name}",
        )
    st.code(content, language=None, wrap_lines=True)
    st.caption(
        "Everything that was set up is in it. Keep it with your code; `driftdeck apply driftdeck.toml` declares it anywhere."
    )
