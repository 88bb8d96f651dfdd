"""What surrounds alerts, with hostile text wherever a user, a file or a receiver may have chosen it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service import alert_views, views
from service.workspace import ConflictError
from tests.support.fake_workspace import FakeWorkspace

#: each would set window.__pwned if a page let it run
NAMES = [
    '<img src=x onerror="window.__pwned=1">',
    "<script>window.__pwned=2</script>",
    "[x](javascript:window.__pwned=3)",
    '"><svg onload=window.__pwned=4> $x^2$ :red[red] :smile:',
]
IMAGE, SCRIPT, LINK, DRAWING = NAMES


class HostileAlerting(FakeWorkspace):
    """The fake workspace; silences, channels, runs, rules and declarations carry attacks."""

    def changed(self, alert: views.AlertView) -> views.AlertView:
        view = super().changed(alert)
        view.update({"rule": SCRIPT, "source": LINK, "returns": 2})
        return view

    def silences(self, *, active: bool = False) -> list[alert_views.SilenceView]:
        standing: alert_views.SilenceView = {
            "id": "s0", "state": "active", "starts": self.now().isoformat(), "ends": self.now().isoformat(), "actor": IMAGE,
            "comment": f"{SCRIPT} {LINK}", "alert_id": None, "model": DRAWING, "kind": LINK, "column": IMAGE,
            "segment": SCRIPT, "severity": DRAWING, "ended_by": IMAGE, "maintenance": None, "alerts": [IMAGE],
        }  # fmt: skip
        return [*super().silences(active=active), standing, {**standing, "id": "s00", "maintenance": DRAWING}]

    def rule_terms(self, model: str) -> list[alert_views.RuleTerm]:
        return [{"term": name, "meaning": IMAGE, "unit": SCRIPT, "latest": 1.0} for name in NAMES]

    def try_rule(self, model: str, when: str, **more: Any) -> alert_views.RuleTrial:
        found = super().try_rule(model, "mae > 12", **more)
        found.update({"when": when, "sentence": f"{IMAGE} {LINK}"})
        for firing in found["firings"]:
            firing.update({"sentence": f"{DRAWING} {SCRIPT}"})
        for point in found["points"]:
            point.update({"values": dict.fromkeys(NAMES, 12.0), "why": SCRIPT})
        return found

    def channels(self) -> list[alert_views.ChannelView]:
        team, pager = super().channels()
        words: dict[str, Any] = {"place": f"{SCRIPT} {LINK}", "last_error": DRAWING, "models": NAMES, "kinds": [LINK]}
        more: dict[str, Any] = {"renotify": IMAGE, "digest": SCRIPT, "kind": LINK, "name": IMAGE}
        beat: dict[str, Any] = {"name": SCRIPT, "severity": [], "heartbeat": DRAWING}
        return [{**team, **words, **more}, {**pager, **words, **beat}]  # type: ignore[typeddict-item]

    def test_channel(self, name: str, *, actor: str = "cli") -> alert_views.ChannelTest:
        return {"channel": name, "ok": False, "error": f"{IMAGE} {LINK} {DRAWING}", "seconds": 1.0}

    def deliveries(self, **which: Any) -> list[alert_views.DeliveryView]:
        found = super().deliveries(**which)
        for view in found:
            view.update({"channel": SCRIPT, "title": f"{IMAGE} {LINK}"})
            for attempt in view["attempts"]:
                attempt.update({"error": f"{DRAWING} {LINK}"})
        return found

    def runs(self, model: str | None = None, *, limit: int = 50) -> list[alert_views.ModelRunView]:
        found = super().runs(model, limit=limit)
        for view in found:
            view.update({"actor": IMAGE, "trigger": SCRIPT, "error": f"{DRAWING} {LINK}" if view["error"] else None})
        return found

    def cancel_run(self, model: str, *, actor: str = "cli") -> alert_views.ModelRunView:
        raise ConflictError(f"{IMAGE} {LINK}")

    def schedule(self) -> list[alert_views.ScheduleEntry]:
        found = super().schedule()
        for entry, name in zip(found[1:], [*NAMES, IMAGE], strict=True):
            entry.update({"name": name, "schedule": DRAWING, "note": SCRIPT, "next_run": None})
        return found

    def declared(self) -> list[alert_views.DeclaredObject]:
        found = super().declared()
        for view in found:
            view.update({"actor": IMAGE, "toml": "\n".join(NAMES)})
            if monitor := view["values"].get("monitor"):
                monitor["rules"] = {name: {"when": f"` {name}", "title": name} for name in NAMES}
                monitor["overrides"] = [{"column": name, "severity": SCRIPT} for name in NAMES]
        return [*found, {**found[-1], "kind": "channel", "name": SCRIPT}]

    def edit(
        self, kind: str, name: str, changes: Mapping[str, Any], *, take_over: bool = False, actor: str = "cli"
    ) -> alert_views.DeclaredObject:
        raise ConflictError(f"{SCRIPT} {LINK}")

    def audit(self, limit: int = 200) -> list[dict[str, Any]]:
        (entry,) = super().audit(limit)
        return [entry | {"actor": name, "action": name, "object": name, "detail": {name: name}} for name in NAMES]
