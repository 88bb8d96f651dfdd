"""Running a source by hand: one run a click, in a thread of its own, so that a long one never holds the page."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import streamlit as st

from dashboard import state
from service.data_views import SourceRunView
from service.workspace import Workspace, WorkspaceError

_HELD = "_source_attempts"


@dataclass
class Attempt:
    """One run that was started here. ``number`` tells clicks apart: the second of a double click has an old one."""

    number: int
    run: SourceRunView | None = None
    error: str | None = None
    over: bool = False  # set by the thread, last
    shown: bool = False  # the page has been drawn with its button disabled
    about: str | None = None  # the source's latest run when the page first told what came of this one


def held(source: str) -> Attempt | None:
    """Return the latest attempt of this visitor."""
    attempts: dict[str, Attempt] = st.session_state.setdefault(_HELD, {})
    return attempts.get(source)


def number(source: str) -> int:
    """Return the number that the next click has to bring."""
    attempt = held(source)
    return 0 if attempt is None else attempt.number


def result(source: str, latest_run: str | None) -> Attempt | None:
    """Return the latest attempt that is over, until the source has run once more."""
    attempt = held(source)
    if attempt is None or busy(source):
        return None
    attempt.about = attempt.about or latest_run or "none"
    return attempt if attempt.about == (latest_run or "none") else None


def busy(source: str) -> bool:
    """Say whether a run that was started here goes on, or has not yet been seen to."""
    attempt = held(source)
    return attempt is not None and not (attempt.over and attempt.shown)


def start(source: str, expected: int) -> None:
    """Start a run unless a click has already done so since the button was drawn; use as ``on_click``."""
    if number(source) != expected or busy(source):
        return
    attempt = Attempt(expected + 1)
    st.session_state[_HELD][source] = attempt
    work = (state.workspace(), source, state.actor(), attempt)
    threading.Thread(target=_work, args=work, name=f"run {source}", daemon=True).start()


def _work(ws: Workspace, source: str, actor: str, attempt: Attempt) -> None:
    try:
        attempt.run = ws.run_source(source, actor=actor)
    except WorkspaceError as error:
        attempt.error = str(error)
    except BaseException as error:
        attempt.error = f"the run broke off: {type(error).__name__}: {error}"
        raise
    finally:
        attempt.over = True


def shown(source: str) -> None:
    """Note that the page has been drawn with the button disabled; until then a run counts as going on."""
    attempt = held(source)
    if attempt is not None:
        attempt.shown = True
