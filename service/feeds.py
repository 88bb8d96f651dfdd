"""Alerts as JSON Feed 1.1 and as Atom (RFC 4287), for readers that look now and then."""

from __future__ import annotations

import json
import re
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from service.views import AlertView

LONGEST = 100  # entries: a reader that comes once in a while finds the latest, the list of alerts has them all
_ATOM = "http://www.w3.org/2005/Atom"
# what XML 1.0 cannot hold, not even escaped; names come from strangers' data
_UNXML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Feed:
    """What a feed is about and where it stands; ``site`` has no slash at its end."""

    title: str
    site: str
    address: str  # of the feed itself
    alerts: tuple[AlertView, ...]

    @property
    def changed(self) -> datetime:
        """When the latest entry was changed."""
        return max((_moment(alert["changed_at"]) for alert in self.alerts), default=_NEVER)


def feed(alerts: Sequence[AlertView], site: str, address: str, about: str) -> Feed:
    """Return the feed of alerts, those that changed last first; what is not yet certain (pending) is nobody's news."""
    told = [alert for alert in alerts if alert["state"] != "pending"]
    told.sort(key=lambda alert: (_moment(alert["changed_at"]), alert["id"]), reverse=True)
    return Feed(f"Driftdeck: alerts{about}", site.rstrip("/"), _UNXML.sub("�", address), tuple(told[:LONGEST]))


def as_json(feed: Feed) -> bytes:
    """Return a JSON Feed 1.1."""
    body = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": f"{feed.site}/",
        "feed_url": feed.address,
        "items": [_item(feed, alert) for alert in feed.alerts],
    }
    return json.dumps(body, ensure_ascii=True, allow_nan=False).encode()


def _item(feed: Feed, alert: AlertView) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": entry_id(alert["id"]),
        "url": _link(feed, alert),
        "title": _title(alert),
        "content_text": alert["message"],
        "date_published": alert["opened_at"],
        "date_modified": alert["changed_at"],
        "tags": [alert["model"], alert["kind"], alert["severity"], alert["state"]],
        "_driftdeck": {
            name: alert[name]
            for name in (
                "id",
                "model",
                "kind",
                "severity",
                "state",
                "column",
                "segment",
                "window_start",
                "window_end",
                "owner",
            )
        },
    }
    if alert.get("runbook"):
        item["external_url"] = alert["runbook"]
    return item


def as_atom(feed: Feed) -> bytes:
    """Return an Atom feed."""
    ET.register_namespace("", _ATOM)
    root = ET.Element(f"{{{_ATOM}}}feed")
    _text(root, "id", feed.address)
    _text(root, "title", feed.title)
    _text(root, "updated", _time(feed.changed))
    ET.SubElement(root, f"{{{_ATOM}}}link", rel="self", type="application/atom+xml", href=feed.address)
    ET.SubElement(root, f"{{{_ATOM}}}link", rel="alternate", type="text/html", href=f"{feed.site}/")
    _text(ET.SubElement(root, f"{{{_ATOM}}}author"), "name", "Driftdeck")
    for alert in feed.alerts:
        entry = ET.SubElement(root, f"{{{_ATOM}}}entry")
        _text(entry, "id", entry_id(alert["id"]))
        _text(entry, "title", _title(alert))
        _text(entry, "updated", _time(_moment(alert["changed_at"])))
        _text(entry, "published", _time(_moment(alert["opened_at"])))
        ET.SubElement(entry, f"{{{_ATOM}}}link", rel="alternate", type="text/html", href=_link(feed, alert))
        for term in (alert["model"], alert["kind"], alert["severity"], alert["state"]):
            ET.SubElement(entry, f"{{{_ATOM}}}category", term=_UNXML.sub("�", term))
        if alert.get("runbook"):
            ET.SubElement(entry, f"{{{_ATOM}}}link", rel="related", href=_UNXML.sub("�", str(alert["runbook"])))
        _text(entry, "content", alert["message"], type="text")
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def entry_id(alert_id: str) -> str:
    """Return what an alert is called in every feed, for good."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"driftdeck/alert/{alert_id}").urn


def _title(alert: AlertView) -> str:
    return f"{alert['severity'].capitalize()}, {alert['state']}: {alert['headline']}"


def _link(feed: Feed, alert: AlertView) -> str:
    return f"{feed.site}/alert?alert={quote(alert['id'], safe='')}"


def _text(parent: ET.Element, name: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, f"{{{_ATOM}}}{name}", attributes).text = _UNXML.sub("�", text)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
