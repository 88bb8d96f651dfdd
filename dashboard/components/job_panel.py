"""One training job: progress, step, estimate and log while it runs; exit code and log when it is over."""

from __future__ import annotations

import streamlit as st

from dashboard import state, text
from dashboard.components import health, rollout_words
from dashboard.components.health import Colour
from service.views import JobView
from service.workspace import WorkspaceError

JOB_STATES: dict[str, tuple[str, Colour]] = {
    "queued": ("○ queued", "gray"),
    "running": ("▷ running", "blue"),
    "succeeded": ("✓ succeeded", "green"),
    "failed": ("▲ failed", "red"),
    "cancelled": ("✕ cancelled", "gray"),
    "lost": ("▲ lost", "red"),
}
KINDS = {"learning_curve": "How much data is enough", "backtest": "Which period to learn from"}
LOG_LETTERS = 20_000


def draw(job: JobView | None) -> None:
    """Draw a job; while it runs, it is drawn anew every second."""
    with st.container(border=True, key="job"):
        if job is None:
            st.markdown("## Job", anchors=False)
            st.caption("No job has run yet. A training shows its progress, its log and its exit code here.")
            return
        running = job["state"] in rollout_words.ACTIVE
        st.fragment(_live_job, run_every=1.0 if running else None)(job["id"], job["state"])


def _live_job(job_id: str, seen: str) -> None:
    """Draw one job as it stands now; when its state is not what the page has ``seen``, the whole page is drawn anew."""
    job = state.workspace().job(job_id)
    if job["state"] != seen:
        st.rerun()
    running = seen in rollout_words.ACTIVE
    st.markdown(
        f"## {_title(job)} :gray[job {text.plain(job['id'])}] {health.inline(JOB_STATES, job['state'])}",
        anchors=False,
    )
    if running:
        st.progress(
            min(1.0, max(0.0, job["progress"])), text=f"{text.plain(job['step'] or job['state'], 100)}{_left(job)}"
        )
    else:
        _ended(job)
    log = job["log"][-LOG_LETTERS:].strip() or "The log is empty so far."
    with st.container(height=260 if log.count("\n") > 11 else "content", border=False, autoscroll=True, key="job_log"):
        st.code(log, language=None)
    with st.container(horizontal=True, gap="small"):
        if running:
            st.button(
                "Cancel",
                icon=":material/stop_circle:",
                key="job_cancel",
                on_click=_cancel,  # called before the panel is drawn: a state that changes meanwhile loses no click
                args=(job_id,),
                **state.barred("operator"),
            )
        st.download_button(
            "Download log",
            job["log"],
            file_name=f"job-{job_id}.log",
            mime="text/plain",
            type="tertiary",
            icon=":material/download:",
            on_click="ignore",
            key="job_download",
        )


def _cancel(job_id: str) -> None:
    try:
        state.workspace().cancel_job(job_id, actor=state.actor())
    except WorkspaceError as error:
        st.toast(text.plain(error, 300), icon=":material/error:")


def _title(job: JobView) -> str:
    """Name a job by what it is for; its id stands beside."""
    if job["version"]:
        return f"Training of {text.plain(job['version'])}"
    return KINDS.get(job["kind"], "Training")


def _ended(job: JobView) -> None:
    code = text.MISSING if job["exit_code"] is None else str(job["exit_code"]).replace("-", "−")
    said = [f"exit code **{code}**"]
    said.append(f"asked for by {text.plain(job['requested_by'])}")
    st.markdown(" · ".join(said))
    if job["error"]:
        st.error(text.plain(job["error"], 600), icon=":material/error:")


def _left(job: JobView) -> str:
    seconds = job.get("eta_seconds")
    if seconds is None:
        return ""
    return f", about {max(1, round(seconds))} s left" if seconds < 90 else f", about {round(seconds / 60)} min left"
