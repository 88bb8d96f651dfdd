"""Set up: from a dropped file to a monitored model, on one page."""

from __future__ import annotations

import streamlit as st

from dashboard import registry, state, text
from dashboard.components import data_words, errors, header, setup_choices, setup_form, setup_steps
from dashboard.registry import Page
from service.setting_up_views import Proposal, SetUpView
from service.workspace import NotFoundError, WorkspaceError

KINDS = ["csv", "tsv", "txt", "json", "jsonl", "ndjson", "parquet", "pq", "arrow", "feather", "gz", "zst", "bz2", "xz"]


def render() -> None:
    """Draw the page."""
    header.crumbs(("Models", "models", {}), ("Set up", None, {}))
    upload = state.param(setup_choices.UPLOAD)
    with errors.in_words():
        view, lost = None, None
        try:
            view = state.workspace().setting_up(upload) if upload else None
        except NotFoundError as error:
            lost = error
        header.title(_title(view))
        if lost is not None:
            st.warning(text.plain(lost, 300), icon=":material/search_off:")
            setup_choices.forget()
        if view is None:
            _drop()
            return
        if view["state"] == "done":
            setup_steps.result(view)
        elif view["state"] == "running":
            st.markdown("It goes on by itself: this page may be left or reloaded.")
            setup_steps.progress(upload)
        elif view["model"] is not None:
            _go_on(upload)
        else:
            _form(upload, view["error"])


def _title(view: SetUpView | None) -> str:
    """Say what the page is at: nothing yet, a set-up under way or interrupted, or a model that is ready."""
    if view is None or (view["model"] is None and view["state"] != "running"):
        return "Set up a model"
    name = view["model"]
    if view["state"] == "done":
        waits = name is not None and not setup_steps.judged(state.workspace().model(name))
        return f"{name} is set up and waits for rows" if waits else f"{name} is ready"
    if view["state"] == "running":
        return f"Setting up {name}" if name else "Setting up a model"
    return f"The set-up of {name} did not end"


# -- 1 a file ----------------------------------------------------------------------------------------------------------
def _drop() -> None:
    st.markdown(
        "Drop a file with the rows that your model saw, what it answered and, where you have it, what became true. Columns, task, "
        "windows and a reference are recognised; nothing is set up before you say so."
    )
    may = state.may("operator")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        dropped = st.file_uploader(
            "A file of rows: CSV, TSV, JSON lines, Parquet or Arrow, plain or compressed",
            type=KINDS,
            key="setup_file",
            disabled=not may,
            help=state.why_not("operator"),
        )
        st.caption(
            "A process of its own reads it, with limits on memory and time. It stays in this home, and is deleted when it has been set up, "
            "or after a day."
        )
        if dropped is not None:
            kept = state.workspace().keep_upload(dropped, name=dropped.name, actor=state.actor())
            _opened(kept["id"])
    with right, st.container(border=True):
        st.markdown("## No file at hand?", anchors=False)
        st.markdown(
            "Made-up customers of two months, who of them would leave, and who did. On the last days it goes wrong."
        )
        if st.button(
            "Try it with example data",
            icon=":material/science:",
            key="setup_example",
            disabled=not may,
            help=state.why_not("operator"),
        ):
            _opened(state.workspace().example_upload(actor=state.actor())["id"])
        st.caption("The same on the command line, with a file of yours:")
        st.code("driftdeck init predictions.csv", language=None)


def _opened(upload: str) -> None:
    setup_choices.forget()
    state.set_params(**{setup_choices.UPLOAD: upload})
    st.rerun()


# -- 2 and 3: what was recognised --------------------------------------------------------------------------------------
def _form(upload: str, failed: str | None) -> None:
    try:
        with st.spinner("Reading the file and looking at its columns…"):
            proposal = state.workspace().propose(upload, choices=setup_choices.read())
    except WorkspaceError as error:
        st.error(text.plain(error, 600), icon=":material/error:")
        _another("Choose another file")
        return
    _file(proposal)
    if failed is not None:
        st.error(text.plain(failed, 600), icon=":material/error:")
    setup_form.notes(proposal["notes"])
    st.header("What was recognised", anchor=False)
    st.caption("Change a role or a type where it is wrong: a click on the cell offers what there is.")
    setup_form.columns(proposal)
    setup_form.preview(proposal)
    st.header("The model", anchor=False)
    setup_form.model(proposal)
    st.header("Windows, reference and budget", anchor=False)
    setup_form.monitor(proposal)
    _go(proposal)


def _file(proposal: Proposal) -> None:
    size = data_words.size(proposal["bytes"])
    watched = sum(column["role"] in ("feature", "context") for column in proposal["columns"])
    what = "as data, without a model" if proposal["task"] == "none" else f"as a **{proposal['task']}** model"
    words = (
        f"**{text.plain(proposal['file'])}** holds **{proposal['rows']:,}** rows of {len(proposal['columns'])} columns ({size}). "
        f"It would be watched {what}: {text.plural(watched, 'input')}, {_judged(proposal)}."
    )
    with st.container(horizontal=True, wrap=False, gap="small", vertical_alignment="top"):
        st.markdown(words, width="stretch")
        _another("Another file")


def _judged(proposal: Proposal) -> str:
    left = proposal["windows_in_all"] - proposal["reference_windows"]
    if left <= 0:
        return "held against all of these rows as soon as new ones come"
    return f"{text.plural(left, 'window')} held against the {proposal['reference_windows']} before"


def _another(label: str) -> None:
    if st.button(label, icon=":material/swap_horiz:", key="setup_other"):
        setup_choices.forget()
        st.rerun()


# -- 4 go --------------------------------------------------------------------------------------------------------------
def _go(proposal: Proposal) -> None:
    against = [note for note in proposal["notes"] if note["level"] == "impossible"]
    st.header("Go", anchor=False)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        started = st.button(
            "Set it up",
            type="primary",
            icon=":material/rocket_launch:",
            key="setup_go",
            disabled=bool(against) or not state.may("operator"),
            help=against[0]["words"] if against else state.why_not("operator"),
        )
        st.caption(
            "Settle what stands at the top first."
            if against
            else "Declares the model, takes in rows and labels, freezes the reference and judges every window. It may be interrupted and gone on with.",
            width="content",
        )
    if proposal["toml"]:
        with st.expander("The TOML it makes", icon=":material/description:"):
            st.code(proposal["toml"], language=None, wrap_lines=True)
    if started:
        try:
            state.workspace().set_up(proposal["upload"], setup_choices.read(), wait=False, actor=state.actor())
        except WorkspaceError as error:
            st.error(text.plain(error, 600), icon=":material/error:")
        else:
            st.rerun()


def _go_on(upload: str) -> None:
    """A set-up that was interrupted or failed after the model was declared."""
    view = state.workspace().setting_up(upload)
    st.error(text.plain(view["error"] or "It was interrupted.", 800), icon=":material/error:")
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if st.button(
            "Go on", type="primary", icon=":material/play_arrow:", key="setup_go_on", disabled=not state.may("operator")
        ):
            state.workspace().set_up(upload, wait=False, actor=state.actor())
            st.rerun()
        _another("Begin with another file")
        if view["model"] is not None:
            registry.link("Open the model as it is", "model", icon=":material/monitoring:", model=view["model"])
    setup_steps.steps(view)


PAGE = Page(
    name="setup",
    title="Set up",
    icon=":material/add_circle:",
    url_path="setup",
    order=32,
    visible=False,
    render=render,
)
