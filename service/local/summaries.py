"""The week in one message, to the channels that asked for it: the one that is over, however long nobody was there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from service import summary_data, summary_page, words
from service.local.digests import latest_due
from storage.control_outbox import OutboxItem

if TYPE_CHECKING:
    from monitors.messages import Note
    from reference_data.alerting import Channel
    from service.local.core import Core
    from service.reporting_views import SummaryView, WeekModel

_MARK = "summary/{}"
_MOST = 20  # lines of a section


def summaries(core: Core) -> None:
    """Queue the summary of every channel whose time has come."""
    for channel in core.control.channels().values():
        if channel.summary is not None:
            _summary(core, channel, channel.summary)


def _summary(core: Core, channel: Channel, schedule: str) -> None:
    now, key = core.system_now(), _MARK.format(channel.name)
    mark: dict[str, Any] | None = core.control.get_setting(key)
    if mark is None or datetime.fromisoformat(mark["at"]) > now:  # a new channel, or a clock that was put back
        core.control.put_setting(key, {"at": now.isoformat()})
        return
    due = latest_due(schedule, channel.timezone, datetime.fromisoformat(mark["at"]), now)
    if due is None:
        return
    day = core.now().astimezone(ZoneInfo(channel.timezone)).date() - timedelta(days=7)
    from service.local import LocalWorkspace  # it holds all of this package

    found = summary_data.collect(LocalWorkspace(core), day, channel.timezone)
    item = OutboxItem(f"summary:{channel.name}:{due.isoformat()}", "", "", channel.name, note(channel.name, found), now)
    core.control.queue([item], setting=(key, {"at": due.isoformat()}))


def note(channel: str, summary: SummaryView) -> Note:
    """Return what the message tells: who needs somebody, each model, what happened, what fails."""
    zone = summary["timezone"]
    sections = {
        "Who needs somebody": [[line, "/"] for line in summary["needs"]],
        "Models": [[_model(each), f"/model?model={quote(each['model'], safe='')}"] for each in summary["models"]],
        "What happened": [
            [f"{words.moment(e['at'], zone)} {e['model']}: {e['sentence']}", "/"] for e in summary["events"]
        ],
        "Sources that fail": [
            [f"{each['source']} of {each['model']}: {each['error'] or 'it failed'}", "/data"]
            for each in summary["sources"]
        ],
        "The week to come": [
            [f"{words.moment(run['at'], zone)} {run['name']} {run['what']}", "/schedule"] for run in summary["runs"]
        ],
    }
    path = f"/report?week={summary['start'][:10]}"
    return {
        "title": f"The week: {words.period(summary['start'], summary['end'], zone, year=True)}",
        "sentence": summary["sentence"],
        "sections": [
            [name, lines[:_MOST] + ([[f"and {len(lines) - _MOST} more", path]] if len(lines) > _MOST else [])]
            for name, lines in sections.items()
            if lines
        ],
        "severity": "notice",
        "told": "summary",
        "path": path,
        "data": {"channel": channel, "told": "summary", "since": summary["start"], "until": summary["end"]},
    }


def _model(each: WeekModel) -> str:
    return (
        f"{each['model']}: {summary_page.metric(each)}, {words.plural(each['opened'], 'alert')} came, {each['open']} open, "
        f"{words.plural(each['outstanding'], 'label')} outstanding"
    )
