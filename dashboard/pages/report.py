"""Report: ours and Evidently's side by side for any window, ours of the whole range, and the week across all models."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from urllib.parse import urlencode

import streamlit as st

from dashboard import registry, state, text
from dashboard.components import errors, export, header, health
from dashboard.registry import Page
from service import exporting, report_data, report_page, summary_page
from service.reporting_views import ReportView, SummaryView
from service.views import ModelView, WindowView
from service.workspace import NotFoundError

TALL = 860  # of a report in the page, in pixels
LOOK_AGAIN = 2.0  # seconds between looks at a report that is being made
MOST_WINDOWS = 180
_SCOPES = {"window": "One window", "range": "The whole range"}


def render() -> None:
    """Draw the page: the week when no model is named."""
    with errors.in_words():
        if state.param("model"):
            _of_model(state.require_model())
        else:
            _of_week()


# -- a model -----------------------------------------------------------------------------------------------------------
def _of_model(model: ModelView) -> None:
    header.crumbs((model["name"], "model", {"model": model["name"]}), ("Report", None, {}))
    windows = state.workspace().windows(model["name"])
    if not windows:
        header.title("Report")
        st.info("There is nothing to report yet: rows, a reference and a run are needed.")
        registry.link("Open the model ›", "model", model=model["name"])
        return
    title, body = st.container(), st.container()
    chosen = _scope(model, windows, body)
    if chosen is None:
        return
    period, window = chosen
    asked = {name: datetime.fromisoformat(at) for name, at in period.items()}
    with st.spinner("Gathering performance, drift and alerts of the period…"):
        report = state.workspace().report(model["name"], **asked)
    with title:
        header.title(f"Report, {report['name']}", lambda: health.badge(health.HEALTH, report["health"]))
        st.markdown(text.plain(report["sentence"], 500))
    with body:
        if window is None:
            _ours(report, period)
            st.caption("Evidently's report is of one window: choose one above to have both side by side.")
            return
        with st.grid(2, min_column_width=520, gap="medium"):
            with st.container(gap="small"):
                _ours(report, period)
            with st.container(gap="small"):
                _theirs(model, window)


def _scope(
    model: ModelView, windows: list[WindowView], body: st.delta_generator.DeltaGenerator
) -> tuple[dict[str, str], WindowView | None] | None:
    """Draw what the report is of; return the arguments of a report and, for one window, the window."""
    with body, st.container(horizontal=True, vertical_alignment="center", gap="small", key="report_bar"):
        scope = state.choice("What the report is of", "scope", _SCOPES, "window")
        if scope == "window":
            return _window(model, windows)
    with body:
        span = header.range_bar(model)
    kept = [each for each in windows if span.touches(each["start"], each["end"])]
    if not kept:
        body.info("No window lies in this time range. Choose a longer one.")
        return None
    kept = kept[-MOST_WINDOWS:]
    return {"since": kept[0]["start"], "until": kept[-1]["end"]}, None


def _window(model: ModelView, windows: list[WindowView]) -> tuple[dict[str, str], WindowView]:
    """Draw a choice of windows, the latest first, with steps to its neighbours."""
    names = {
        each["start"]: text.window_name(each["start"], each["end"], model["timezone"]) for each in reversed(windows)
    }
    filled = [each for each in windows if each["closed"] and each["rows"]] or windows
    named = state.param("window")
    at = next((each for each in windows if each["start"] == named), None) or _holding(windows, named) or filled[-1]
    if named != at["start"] and named:
        state.set_params(window=at["start"])
    start = state.select("Window", "window", names, at["start"])
    place = next(place for place, each in enumerate(windows) if each["start"] == start)
    _step("‹ Earlier", windows[place - 1] if place else None, "earlier")
    _step("Later ›", windows[place + 1] if place + 1 < len(windows) else None, "later")
    return {"window": windows[place]["start"]}, windows[place]


def _holding(windows: list[WindowView], named: str) -> WindowView | None:
    """Return the window that holds a time, as other pages may name one."""
    try:
        at = datetime.fromisoformat(named)
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    return next(
        (w for w in windows if datetime.fromisoformat(w["start"]) <= at < datetime.fromisoformat(w["end"])), None
    )


def _step(label: str, window: WindowView | None, key: str) -> None:
    st.button(
        label,
        type="tertiary",
        disabled=window is None,
        help="There is none" if window is None else None,
        key=f"report_{key}",
        on_click=state.set_params,
        kwargs={"window": window["start"] if window else None},
    )


def _ours(report: ReportView, period: dict[str, str]) -> None:
    name = exporting.safe_name(report["model"], report["start"][:10])
    address = export.report_address(report["model"], **period)
    with st.container(horizontal=True, vertical_alignment="center", key="ours_bar"):
        st.header("Driftdeck", anchor=False, width="content")
        st.space("stretch")
        export.files(
            {
                "HTML": (f"{name}.html", "text/html", lambda: report_page.render(report)),
                "CSV": (f"{name}.csv", "text/csv", lambda: exporting.as_csv(report_data.lines(report))),
                "JSON": (f"{name}.json", "application/json", lambda: exporting.as_json_text(report)),
            },
            key="ours",
        )
        st.link_button("Open", address, icon=":material/open_in_new:", type="tertiary", help="In a tab of its own")
    st.iframe(address, height=TALL, alt=f"Driftdeck's report, {text.clean(report['name'])}")


def _theirs(model: ModelView, window: WindowView) -> None:
    address = export.evidently_address(model["name"], window["start"])
    ws, at = state.workspace(), datetime.fromisoformat(window["start"])
    failed = f"evidently_failed_{model['name']}_{window['start']}"
    try:
        found = ws.evidently_making(model["name"], at, start=failed not in st.session_state)
    except NotFoundError as error:
        st.header("Evidently", anchor=False)
        st.info(text.plain(error, 300))
        return
    ready = found["state"] == "ready"
    with st.container(horizontal=True, vertical_alignment="center", key="theirs_bar"):
        st.header("Evidently", anchor=False, width="content")
        st.space("stretch")
        if ready:
            name = f"{exporting.safe_name(model['name'], window['start'][:10], 'evidently')}.html"
            export.files(
                {"HTML": (name, "text/html", lambda: ws.evidently_report(model["name"], at).read_bytes())}, key="theirs"
            )
            st.link_button("Open", address, icon=":material/open_in_new:", type="tertiary", help="In a tab of its own")
        else:  # as tall, so that both reports begin on one line
            st.button(
                "Open",
                icon=":material/open_in_new:",
                type="tertiary",
                disabled=True,
                key="theirs_open",
                help="Once it is made",
            )
    if ready:
        st.iframe(address, height=TALL, alt="Evidently's report of the same window")
    elif found["state"] == "failed":
        st.session_state[failed] = True
        st.warning(text.plain(found["error"], 400))
        st.button(
            "Try again",
            icon=":material/refresh:",
            key="theirs_again",
            on_click=st.session_state.pop,
            args=(failed, None),
        )
    else:
        st.fragment(_wait, run_every=LOOK_AGAIN)(model["name"], window["start"])


def _wait(model: str, window: str) -> None:
    """Say what is being computed, and draw the page anew once it is."""
    with errors.in_words():
        with st.container(border=True, height=TALL, key="theirs_waits"):
            sentence = st.empty()
            sentence.markdown("**Evidently is computing its report of this window.**")
            st.caption(
                "It compares every column of the window's rows with the reference, in a process of its own: 10 to 60 seconds. "
                "You can go on reading; it appears here, and is kept."
            )
        found = state.workspace().evidently_making(model, datetime.fromisoformat(window), start=True)
        if found["state"] in ("ready", "failed"):
            st.rerun()
        sentence.markdown(
            f"**Evidently is computing its report of this window**: {found['seconds'] or 0:.0f} s so far."
        )


# -- the week ----------------------------------------------------------------------------------------------------------
def _of_week() -> None:
    ws = state.workspace()
    header.crumbs(("Overview", "overview", {}), ("The week", None, {}))
    if not ws.models():
        header.title("The week")
        st.info("There is no model yet, so nothing has happened. Overview shows how to begin.")
        return
    try:
        day = date.fromisoformat(state.param("week"))
    except ValueError:
        day = None
    with st.spinner("Looking through the week of every model…"):
        summary = ws.summary(day)
    header.title(summary_page.title(summary).removeprefix("Driftdeck, "))
    st.markdown(text.plain(summary["sentence"], 500))
    _week_bar(summary)
    needy = [each for each in summary["models"] if each["health"] in ("page", "warning", "no_data")]
    if needy:
        with st.container(horizontal=True, gap="small", key="week_needs"):
            for each in needy[:8]:
                registry.link(f"{text.plain(each['model'], 40)} ›", "model", model=each["model"])
    st.iframe(_week_address(summary), height=TALL, alt="The week of all models")


def _week_bar(summary: SummaryView) -> None:
    first = datetime.fromisoformat(summary["start"]).date()
    name = f"week-{first.isoformat()}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="week_bar"):
        for label, days in (("‹ Earlier week", -7), ("Later week ›", 7)):
            st.button(
                label,
                type="tertiary",
                key=f"week_{days}",
                on_click=state.set_params,
                kwargs={"week": (first + timedelta(days=days)).isoformat()},
            )
        st.space("stretch")
        export.files(
            {
                "HTML": (f"{name}.html", "text/html", lambda: summary_page.render(summary)),
                "Markdown": (f"{name}.md", "text/markdown", lambda: summary_page.markdown(summary)),
                "JSON": (f"{name}.json", "application/json", lambda: exporting.as_json_text(summary)),
            },
            key="week",
        )
        st.link_button(
            "Open", _week_address(summary), icon=":material/open_in_new:", type="tertiary", help="In a tab of its own"
        )


def _week_address(summary: SummaryView) -> str:
    asked = {"week": summary["start"][:10], "timezone": summary["timezone"], "format": "html"}
    return f"/api/v1/summary?{urlencode(asked)}"


PAGE = Page(
    name="report",
    title="Report",
    icon=":material/summarize:",
    url_path="report",
    order=38,
    visible=False,
    render=render,
)
