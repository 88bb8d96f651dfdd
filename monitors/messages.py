"""What people read of an alert: one note, kept as JSON, written out as plain text, Markdown and HTML when it is sent.

Names of models, columns and segments come from data and may be hostile: they are shown, and do nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from monitors.channels import Message
from monitors.telling import Told
from monitors.types import Alert, AlertEvent

Note = dict[str, Any]
_LONGEST_TITLE, _LONGEST_FACT, _LONGEST_SENTENCE, _MOST_LINES = 180, 400, 1500, 30
_TITLES: dict[Told, str] = {
    "firing": "{severity}: {headline}",
    "came_back": "{severity}, came back: {headline}",
    "rose": "{severity}, graver than before: {headline}",
    "more": "{severity}, news: {headline}",
    "silence_over": "{severity}, silence over: {headline}",
    "released": "{severity}, goes on by itself: {headline}",
    "still": "{severity}, still firing: {headline}",
    "resolved": "Resolved: {headline}",
}
_WHY: dict[Told, str] = {
    "firing": "",
    "came_back": "It came back after it was resolved.",
    "rose": "It is graver than it was.",
    "more": "There is more to it than was told.",
    "silence_over": "Its silence is over, and it still fires.",
    "released": "What brought it about is over, and it still fires.",
    "still": "It still fires, and nobody has acknowledged it.",
    "resolved": "",
}


def alert_note(alert: Alert, event: AlertEvent, told: Told, zone: ZoneInfo) -> Note:
    """Return what is told of a change of an alert; times are in ``zone``."""
    headline = _clean(alert.headline, _LONGEST_TITLE)
    title = _TITLES[told].format(severity=alert.severity.capitalize(), headline=headline)
    why = event.comment if told == "resolved" else _WHY[told]
    return {
        "title": title,
        "sentence": " ".join(filter(None, (why, alert.message))),
        "facts": [[label, value] for label, value in _facts(alert, zone) if value],
        "runbook": alert.runbook,
        "severity": "notice" if told == "resolved" else alert.severity,
        "told": told,
        "graveness": alert.severity,
        "path": f"/alert?alert={quote(alert.id, safe='')}",
        "data": {
            "id": alert.id,
            "model": alert.model,
            "kind": alert.kind,
            "state": event.state,
            "told": told,
            "column": alert.column,
            "segment": alert.segment,
            "window_start": alert.window.start.astimezone(zone).isoformat(),
            "window_end": alert.window.end.astimezone(zone).isoformat(),
        },
    }


def _facts(alert: Alert, zone: ZoneInfo) -> Sequence[tuple[str, str]]:
    return (
        ("Model", alert.model + (f" {alert.model_version}" if alert.model_version else "")),
        ("Severity", alert.severity),
        ("Since", moment(alert.window.start, zone)),
        ("How bad", how_bad(alert)),
        ("Columns", ", ".join(alert.members)),
        ("Segment", alert.segment or ""),
        ("First cause", alert.causes[0].sentence if alert.causes else ""),
        ("Owner", alert.owner or ""),
    )


def how_bad(alert: Alert) -> str:
    """Return in words how far an alert goes; empty where nothing was measured, as of a job."""
    if alert.harmful:
        return "harmful: performance suffers"
    if alert.material:
        return "material: large enough to see, no harm found"
    return "significant, but small" if alert.significant else ""


def moment(at: datetime, zone: ZoneInfo) -> str:
    """Return a time as people write it."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def digest_note(
    channel: str, groups: Mapping[str, Sequence[Alert]], since: datetime, until: datetime, zones: Mapping[str, ZoneInfo]
) -> Note:
    """Return what a digest tells; ``groups`` by what became of the alerts, such as "Opened"; ``zones`` by model.

    Of very many alerts the first of each group are told, and how many there are.
    """
    n = sum(len(alerts) for alerts in groups.values())
    models = sorted({alert.model for alerts in groups.values() for alert in alerts})
    sections = []
    for name, alerts in groups.items():
        lines = [
            [f"{alert.severity} · {alert.model}: {alert.headline}, since {moment(alert.window.start, zones[alert.model])}",
             f"/alert?alert={quote(alert.id, safe='')}"]
            for alert in alerts[:_MOST_LINES]
        ]  # fmt: skip
        if len(alerts) > _MOST_LINES:
            lines.append([f"and {len(alerts) - _MOST_LINES} more", "/alerts"])
        sections.append([f"{name} ({len(alerts)})", lines])
    zone = since.tzinfo
    assert isinstance(zone, ZoneInfo)
    return {
        "title": _clean(f"Digest: {n} alert{'s' if n != 1 else ''} of {', '.join(models)}", _LONGEST_TITLE),
        "sentence": f"What was not told at once, from {moment(since, zone)} to {moment(until, zone)}.",
        "sections": sections,
        "severity": "notice",
        "told": "digest",
        "path": "/alerts",
        "data": {
            "channel": channel,
            "told": "digest",
            "since": since.isoformat(),
            "until": until.isoformat(),
            "alerts": {name: [alert.id for alert in alerts] for name, alerts in groups.items()},
        },
    }


def test_note(channel: str) -> Note:
    """Return what a test tells."""
    return {
        "title": f"Test of the channel {channel}",
        "sentence": "This is a test. Whoever reads it will be told of alerts here.",
        "severity": "notice",
        "told": "test",
        "path": "/",
        "data": {"channel": channel, "told": "test"},
    }


def rendered(note: Mapping[str, Any], key: str, base: str | None, picture: bytes | None = None) -> Message:
    """Write a note out; links begin with ``base``, the address at which people reach Driftdeck (None: there are none)."""
    root = base.rstrip("/") if base else None
    link = f"{root}{note['path']}" if root and "path" in note else None
    data = note.get("data", {})
    chart = f"{root}/api/v1/alerts/{quote(data['id'], safe='')}/picture.png" if root and data.get("id") else None
    return Message(
        key=key,
        title=_plain(str(note["title"])),
        body=_quiet(_text(note, root)),
        severity=str(note.get("severity", "warning")),
        link=link,
        data=data,
        markdown=_markdown(note, root, link),
        html=_html(note, root, link),
        picture=picture,
        picture_link=chart if note.get("chart", True) else None,
    )


def _sentence(note: Mapping[str, Any]) -> str:
    return _clean(str(note.get("sentence", note.get("body", ""))), _LONGEST_SENTENCE)


def _parts(
    note: Mapping[str, Any],
) -> tuple[list[tuple[str, str]], list[tuple[str, list[tuple[str, str]]]], str | None]:
    """Return the facts, the sections and the runbook of a note, cleaned."""
    facts = [(label, _clean(value, _LONGEST_FACT)) for label, value in note.get("facts", [])]
    sections = [
        (name, [(_clean(line, _LONGEST_FACT), path) for line, path in lines])
        for name, lines in note.get("sections", [])
    ]
    runbook = note.get("runbook")
    allowed = isinstance(runbook, str) and runbook.startswith(("https://", "http://"))
    return facts, sections, quote(str(runbook), safe=":/?#[]@!$&'()*+,;=%~") if allowed else None


def _text(note: Mapping[str, Any], root: str | None) -> str:
    facts, sections, runbook = _parts(note)
    blocks = [_sentence(note)]
    if facts or runbook:
        blocks.append(
            "\n".join(f"{label}: {value}" for label, value in [*facts, *([("Runbook", runbook)] if runbook else [])])
        )
    for name, lines in sections:
        blocks.append("\n".join([f"{name}:", *(f"- {line}{f' {root}{path}' if root else ''}" for line, path in lines)]))
    return "\n\n".join(filter(None, blocks))


def _markdown(note: Mapping[str, Any], root: str | None, link: str | None) -> str:
    facts, sections, runbook = _parts(note)
    blocks = [_marked(_sentence(note))]
    if facts:
        blocks.append("\n".join(f"- **{label}**: {_marked(value)}" for label, value in facts))
    for name, lines in sections:
        entries = [f"- {_marked(line)}{f' [open]({root}{path})' if root else ''}" for line, path in lines]
        blocks.append("\n".join([f"**{name}**", "", *entries]))
    ends = [("Runbook", runbook), ("Open in Driftdeck", link)]
    blocks.append(" · ".join(f"[{words}]({_bare(address)})" for words, address in ends if address))
    return "\n\n".join(filter(None, blocks))


def _html(note: Mapping[str, Any], root: str | None, link: str | None) -> str:
    facts, sections, runbook = _parts(note)
    blocks = [f"<p>{escape(_quiet(_sentence(note)))}</p>"]
    if facts:
        blocks.append(
            "<p>" + "<br/>".join(f"<b>{label}:</b> {escape(_quiet(value))}" for label, value in facts) + "</p>"
        )
    for name, lines in sections:
        entries = [escape(_quiet(line)) + (_anchor(f"{root}{path}", "open") if root else "") for line, path in lines]
        blocks.append(f"<p><b>{escape(name)}</b><br/>{'<br/>'.join(entries)}</p>")
    ends = [("Runbook", runbook), ("Open in Driftdeck", link)]
    links = [_anchor(address, words) for words, address in ends if address]
    return "\n".join([*blocks, *([f"<p>{' · '.join(links)}</p>"] if links else [])])


def _anchor(address: str, words: str) -> str:
    return f' <a href="{escape(address)}">{words}</a>'


def _clean(text: str, longest: int) -> str:
    """Return one line without what turns text around or ends it, cut where it is too long."""
    shown = "".join(c if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") else " " for c in text)
    words = " ".join(shown.split())
    return words if len(words) <= longest else words[: longest - 1] + "…"


def _quiet(text: str) -> str:
    """Return text that calls nobody and links nowhere: ``@channel`` is no mention any more, an address of mail stays one."""
    return re.sub(r"(?<![\w.+-])@(?=\w)", "@\u200b", text.replace("](", "]\u200b("))


def _plain(text: str) -> str:
    """Return a title that no service takes for markup: some set it into the text as it is."""
    return _quiet(_clean(text, _LONGEST_TITLE).replace("<", "‹").replace(">", "›"))


def _marked(text: str) -> str:
    """Return text that means nothing in Markdown, nor in what chat services make of it."""
    shown = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = re.sub(r"([\\`*\[\]~|])", r"\\\1", shown)
    shown = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", shown)
    shown = re.sub(r"^(\s*)([#+-]|\d+\.)(?=\s)", r"\1\\\2", shown)
    return _quiet(shown)


def _bare(address: str) -> str:
    """Return an address that cannot end the link it stands in."""
    return address.replace("(", "%28").replace(")", "%29")
