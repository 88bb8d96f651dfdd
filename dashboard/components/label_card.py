"""What stands behind a realised metric: how many labels are in, how late they come, what they changed, what users said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from dashboard import state, text, theme
from dashboard.charts import coverage
from dashboard.components import chart, export
from service.data_views import FeedbackPoint, LabelSummary, LabelWindow
from service.views import ModelView, PerformancePoint

WINDOWS = 1000
_BEHIND = 0.9  # of the expected share: below it something is late


def summary(model: ModelView, chosen: state.TimeRange) -> tuple[LabelSummary, list[LabelWindow]]:
    """Return all labels of a model, and its windows in a range."""
    found = state.workspace().labels(model["name"], windows=WINDOWS)
    return found, [window for window in found["windows"] if chosen.touches(window["start"], window["end"])]


def draw(model: ModelView, found: LabelSummary, windows: Sequence[LabelWindow]) -> None:
    """Draw coverage against what was to be expected, the lag, and the odd ones in words."""
    with st.container(border=True, height="stretch"):
        st.markdown("**Labels in** :gray[share of a window's rows whose truth has arrived]")
        if not windows:
            st.caption("○ No data: no label or row has been measured in this time range.")
            return
        chart.show(
            coverage.over_time(windows, theme.palette(), timezone=model["timezone"]),
            alt="Share of rows with labels by window, and the share expected at its age",
            key="coverage",
        )
        st.caption(_maturity(windows, model["timezone"]))
        if any(window["lag_p50"] is not None for window in windows):
            chart.show(
                coverage.lags_over_time(windows, theme.palette(), timezone=model["timezone"]),
                alt="Time from event to label by window: median, 10th and 90th percentile",
                key="label_lag",
            )
        export.foot(windows, name=f"labels-{model['name']}", key="label_rows", words=_odd(found, model))


def _maturity(windows: Sequence[LabelWindow], timezone: str) -> str:
    """Say whether labels come as they used to, and which windows are not to be judged yet."""
    late = [
        window
        for window in windows
        if window["expected_coverage"] and (window["coverage"] or 0.0) < _BEHIND * window["expected_coverage"]
    ]
    words = []
    if late:
        last = late[-1]
        name = text.window_name(last["start"], last["end"], timezone)
        name = f"the {name}" if name.startswith("week") else name
        words.append(
            f"**Labels are late**: {name} has {text.share(last['coverage'])} where {text.share(last['expected_coverage'])} "
            f"was usual at its age{f', and so have {len(late) - 1} earlier' if len(late) > 1 else ''}."
        )
    waiting = sum(not window["mature"] for window in windows)
    if waiting:
        words.append(
            f"{text.plural(waiting, 'window')} (outlined) will get more labels: what is said of them may change."
        )
    return " ".join(words) or "Every window here has the labels it will get."


def _odd(found: LabelSummary, model: ModelView) -> str:
    parts = [
        f"{found['labelled']:,} labels for {model['rows']['logs']:,} predictions",
        f"usual lag {text.hours(model['label_lag_hours'])} (median)",
        f"{found['corrected']:,} corrected",
        f"{text.plural(found['orphans'], 'label')} without a prediction",
    ]
    return " · ".join(parts) + ". As of the last run."


# -- restated readings -------------------------------------------------------------------------------------------------
def restated(model: ModelView, points: Sequence[PerformancePoint], metric: str, unit: str) -> None:
    """List the windows whose metric was changed by late or corrected labels, with what it was at first."""
    changed = [point for point in points if point.get("restated")]
    if not changed:
        return
    words = "Restated by late or corrected labels"
    with st.expander(f"{words}: {text.plural(len(changed), 'window')}", icon=":material/history:"):
        st.dataframe(
            [
                {
                    "window": text.window_name(point["start"], point["end"], model["timezone"]),
                    "version": text.clean(point["model_version"], 40),
                    "first": text.number(point.get("first_value"), unit),
                    "now": text.number(point["value"], unit),
                    "times": point.get("restated", 0),
                }
                for point in reversed(changed)
            ],
            column_config={"times": st.column_config.NumberColumn("times restated")},
            hide_index=True,
            height="content" if len(changed) <= 12 else 440,
            placeholder=text.MISSING,
            key=f"restated_{metric}",
        )
        export.foot(changed, name=f"restated-{metric}", key=f"restated_rows_{metric}")


def earlier(model: ModelView, point: PerformancePoint, metric: str, unit: str) -> str | None:
    """Say every value that one window's metric has had, oldest first; None when there was only one."""
    if not point.get("restated"):
        return None
    history = state.workspace().reading_history(model["name"], metric, datetime.fromisoformat(point["start"]))
    values: list[str] = []
    for reading in history:
        if reading["model_version"] == point["model_version"] and reading["value"] is not None:
            value = text.number(reading["value"], "share" if unit == "share" else "")
            if not values or values[-1] != value:
                values.append(value)
    shown = values if len(values) <= 6 else [*values[:2], "…", *values[-3:]]
    unit_words = f" {text.plain(text.suffix(unit))}" if text.suffix(unit) else ""
    return f"Restated {_times(point.get('restated', 0))}: {' → '.join(shown)}{unit_words}."


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


# -- feedback ----------------------------------------------------------------------------------------------------------
def feedback(model: ModelView, chosen: state.TimeRange) -> None:
    """Draw what users said, a card for each kind; nothing when no kind is declared or none has come."""
    points = [
        point for point in state.workspace().feedback(model["name"]) if chosen.touches(point["start"], point["end"])
    ]
    kinds = dict.fromkeys(point["kind"] for point in points)
    if not kinds:
        return
    with st.grid(min(2, len(kinds)), min_column_width=420, gap="small", key="feedback_cards"):
        for kind in kinds:
            _kind(model, kind, [point for point in points if point["kind"] == kind])


def _kind(model: ModelView, kind: str, points: Sequence[FeedbackPoint]) -> None:
    with st.container(border=True, height="stretch"):
        answers = sum(point["n"] for point in points)
        st.markdown(f"**Feedback: {text.plain(kind)}** :gray[{text.plural(answers, 'answer')}]")
        chart.show(
            coverage.feedback(points, theme.palette(), timezone=model["timezone"]),
            alt=f"Feedback {kind} by window",
            key=f"feedback_{kind}",
        )
