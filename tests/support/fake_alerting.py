"""What surrounds the fake model's alerts: silences, rules, channels, runs, the schedule. All numbers are INVENTED TEST DATA."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from service import alert_views, views
from service.workspace import ConflictError, NotFoundError, WorkspaceError
from tests.support import fake_story as story

MODEL = "air_time"
_RULE = "mae > 12"


class FakeAlerting:
    """Answers about alerts reaching people; actions change its memory only."""

    weeks: int
    empty: bool

    if TYPE_CHECKING:  # the workspace that this is mixed into has them

        def now(self) -> datetime: ...
        def alert(self, alert_id: str) -> views.AlertView: ...

    def __init__(self) -> None:
        self.silence_list: list[alert_views.SilenceView] = []
        self.owners: dict[str, str | None] = {}
        self.remarks: dict[str, list[views.AlertEventView]] = {}
        self.resent: set[str] = set()
        self.running: set[str] = set()
        self.changes: dict[tuple[str, str], dict[str, Any]] = {}
        self.owned: dict[tuple[str, str], str] = {("model", MODEL): "file", ("channel", "team"): "file"}

    # -- alerts ----------------------------------------------------------------------------------------------------
    def changed(self, alert: views.AlertView) -> views.AlertView:
        """Return an alert with what was done to it here."""
        view = cast("views.AlertView", dict(alert))
        view["history"] = [*alert["history"], *self.remarks.get(alert["id"], [])]
        view["owner"] = self.owners.get(alert["id"], alert["owner"])
        quiet = next((s for s in self.silence_list if s["state"] == "active" and alert["id"] in s["alerts"]), None)
        if quiet is not None:
            view["state"], view["silenced_until"], view["silence_id"] = "silenced", quiet["ends"], quiet["id"]
        return view

    def _remark(self, alert_id: str, action: str, comment: str, actor: str) -> None:
        event: views.AlertEventView = {
            "at": self.now().isoformat(), "state": "firing", "actor": actor, "comment": comment, "action": action,
        }  # fmt: skip
        self.remarks.setdefault(alert_id, []).append(event)

    def comment(self, alert_id: str, text: str, *, actor: str = "cli") -> views.AlertView:
        self._remark(alert_id, "comment", text, actor)
        return self.alert(alert_id)

    def assign(self, alert_id: str, owner: str | None, *, actor: str = "cli") -> views.AlertView:
        self.owners[alert_id] = owner
        self._remark(alert_id, "owner", f"{owner or 'nobody'} is on it", actor)
        return self.alert(alert_id)

    def silence(
        self,
        *,
        ends: datetime,
        comment: str,
        starts: datetime | None = None,
        alert_id: str | None = None,
        model: str = "*",
        kind: str | None = None,
        column: str | None = None,
        segment: str | None = None,
        severity: str | None = None,
        actor: str = "cli",
    ) -> alert_views.SilenceView:
        if not comment.strip():
            raise WorkspaceError("a silence needs a comment: say why, for whoever wonders later")
        view: alert_views.SilenceView = {
            "id": f"s{len(self.silence_list) + 1}", "state": "active", "starts": (starts or self.now()).isoformat(),
            "ends": ends.isoformat(), "actor": actor, "comment": comment, "alert_id": alert_id, "model": model, "kind": kind,
            "column": column, "segment": segment, "severity": severity, "ended_by": None, "maintenance": None,
            "alerts": [alert_id] if alert_id else ["a1"] if model in ("*", MODEL) and not kind else [],
        }  # fmt: skip
        self.silence_list.insert(0, view)
        for quiet in view["alerts"]:
            self._remark(quiet, "silence", comment, actor)
        return view

    def unsilence(self, silence_id: str, *, actor: str = "cli") -> alert_views.SilenceView:
        for view in self.silence_list:
            if view["id"] == silence_id:
                view["state"], view["ended_by"] = "over", actor
                return view
        raise NotFoundError(f"no silence {silence_id!r}")

    def silences(self, *, active: bool = False) -> list[alert_views.SilenceView]:
        return [view for view in self.silence_list if not active or view["state"] != "over"]

    # -- rules -----------------------------------------------------------------------------------------------------
    def rule_terms(self, model: str) -> list[alert_views.RuleTerm]:
        return [
            {"term": "mae", "meaning": "Mean absolute error", "unit": "min", "latest": 12.6},
            {"term": 'psi("temp")', "meaning": "Population stability index of temp", "unit": "", "latest": 7.77},
            {"term": "drifted", "meaning": "Columns that drifted", "unit": "columns", "latest": 6.0},
            {"term": "rows", "meaning": "Rows in the window", "unit": "rows", "latest": 5960.0},
        ]

    def try_rule(
        self,
        model: str,
        when: str,
        *,
        clear: str | None = None,
        windows: str = "1 of 1",
        segment: str | None = None,
        since: datetime | None = None,
    ) -> alert_views.RuleTrial:
        if not when.startswith("mae"):
            raise WorkspaceError(f"rule {when!r}: {when.split()[0]!r} is not a term; did you mean 'mae'?")
        line = [10.0 + week / 4 for week in range(self.weeks)]
        points: list[alert_views.RulePoint] = [
            {
                "window_start": story.week(week)[0].isoformat(), "window_end": story.week(week + 1)[0].isoformat(),
                "holds": value > 14, "values": {"mae": value}, "why": "",
            }
            for week, value in enumerate(line)
        ]  # fmt: skip
        return {
            "model": model, "when": when, "windows": len(points), "judged": len(points),
            "sentence": "It would have fired once since 1 Jan 2013.", "points": points,
            "firings": [
                {
                    "since": story.week(17)[0].isoformat(), "until": None, "windows": 5,
                    "sentence": "30 Apr 2013 until now (5 windows): mae is 14.25, and the rule asks for more than 12.",
                }
            ],
        }  # fmt: skip

    # -- channels --------------------------------------------------------------------------------------------------
    def channels(self) -> list[alert_views.ChannelView]:
        if self.empty:
            return []
        common: dict[str, Any] = {"models": ["*"], "kinds": [], "renotify": None, "heartbeat": None}
        at = (self.now() - timedelta(hours=5)).isoformat()
        rows: list[dict[str, Any]] = [
            {
                "name": "team", "kind": "apprise", "place": "slack://…", "severity": ["page", "warning"], "digest": "weekly",
                "next_digest": (self.now() + timedelta(days=2)).isoformat(), "declared_in": self.owned[("channel", "team")],
                "waiting": 0, "failed": 0, "last_sent": at, "last_error": None, "renotify": "7d",
            },
            {
                "name": "pager", "kind": "webhook", "place": "https://events.example.com", "severity": ["page"], "digest": None,
                "next_digest": None, "declared_in": "dashboard", "waiting": 1, "failed": 1, "last_sent": None,
                "last_error": "https://events.example.com: answered 503 (busy); check the address and its permissions",
            },
        ]  # fmt: skip
        return [cast("alert_views.ChannelView", common | row) for row in rows]

    def test_channel(self, name: str, *, actor: str = "cli") -> alert_views.ChannelTest:
        if name == "team":
            return {"channel": name, "ok": True, "error": None, "seconds": 0.31}
        return {"channel": name, "ok": False, "error": "https://events.example.com: answered 503", "seconds": 1.02}

    def deliveries(
        self, *, alert_id: str | None = None, channel: str | None = None, state: str | None = None, limit: int = 100
    ) -> list[alert_views.DeliveryView]:
        if self.empty:
            return []
        at = (self.now() - timedelta(hours=5)).isoformat()
        failed = "sent" if "d2" in self.resent else "failed"
        error = "https://events.example.com: answered 503 (busy)"
        found: list[alert_views.DeliveryView] = [
            {
                "id": "d1", "alert_id": "a1", "model": MODEL, "channel": "team", "state": "sent", "next_attempt": None,
                "title": "Page: Flights arrive 14 minutes earlier than predicted", "created_at": at,
                "attempts": [{"at": at, "ok": True, "error": None}],
            },
            {
                "id": "d2", "alert_id": "a1", "model": MODEL, "channel": "pager", "state": failed, "next_attempt": None,
                "title": "Page: Flights arrive 14 minutes earlier than predicted", "created_at": at,
                "attempts": [{"at": at, "ok": False, "error": error} for _ in range(3)],
            },
        ]  # fmt: skip
        return [
            view
            for view in found
            if alert_id in (None, view["alert_id"]) and channel in (None, view["channel"]) and state in (None, view["state"])
        ][:limit]  # fmt: skip

    def redeliver(self, delivery_id: str, *, actor: str = "cli") -> alert_views.DeliveryView:
        self.resent.add(delivery_id)
        return next(view for view in self.deliveries() if view["id"] == delivery_id)

    def alert_picture(self, alert_id: str) -> bytes:
        raise NotFoundError(f"the fake workspace draws no picture of alert {alert_id!r}")

    # -- the schedule ----------------------------------------------------------------------------------------------
    def _run(self, number: int, state: str, **more: Any) -> alert_views.ModelRunView:
        began = self.now() - timedelta(minutes=15 * number + 2)
        view: dict[str, Any] = {
            "run_id": f"r{number}", "model": MODEL, "state": state, "trigger": "schedule", "actor": "schedule",
            "started_at": began.isoformat(), "ended_at": (began + timedelta(seconds=1.4)).isoformat(), "seconds": 1.4,
            "windows_done": 1, "windows_total": 1, "readings": 412, "rows": 5960, "alerts_opened": 0,
            "remaining_seconds": None, "error": None,
        }  # fmt: skip
        return cast("alert_views.ModelRunView", view | more)

    def start_run(self, model: str, *, actor: str = "cli") -> alert_views.ModelRunView:
        self.running.add(model)
        return self.runs(model)[0]

    def cancel_run(self, model: str, *, actor: str = "cli") -> alert_views.ModelRunView:
        if model not in self.running:
            raise ConflictError(f"no run of {model!r} is under way")
        self.running.discard(model)
        return self._run(0, "cancelled", trigger="manual", windows_done=21, windows_total=52)

    def runs(self, model: str | None = None, *, limit: int = 50) -> list[alert_views.ModelRunView]:
        if self.empty or model not in (None, MODEL):
            return []
        error = "ArrowInvalid: a row of 4 June could not be read"
        found = [
            self._run(1, "done", alerts_opened=1),
            self._run(2, "done", trigger="rows"),
            self._run(3, "failed", windows_done=0, error=error),
            self._run(4, "timed_out", windows_done=14, windows_total=52, seconds=3600.0),
        ]
        if self.running:
            under_way = self._run(
                0, "running", trigger="manual", windows_done=21, windows_total=52, remaining_seconds=14
            )
            found.insert(0, under_way | {"ended_at": None, "seconds": None})
        return found[:limit]

    def schedule(self) -> list[alert_views.ScheduleEntry]:
        if self.empty:
            return []
        soon = (self.now() + timedelta(minutes=13)).isoformat()
        rows: list[dict[str, Any]] = [
            {"name": MODEL, "kind": "monitor", "schedule": "*/15 * * * *", "last_state": "ok"},
            {"name": "churn-0", "kind": "monitor", "schedule": "every 500 rows", "note": "312 of 500 rows have come", "next_run": None},
            {"name": "arrivals", "kind": "source", "schedule": "every 15m", "last_state": "failed"},
            {"name": "nightly", "kind": "source", "schedule": "0 2 * * *", "late": True, "last_state": "late"},
            {"name": "team", "kind": "digest", "schedule": "weekly", "model": None, "last_run": None},
            {"name": "freeze", "kind": "maintenance", "schedule": "0 22 * * 6", "model": None, "last_run": None},
        ]  # fmt: skip
        common = {
            "model": MODEL, "timezone": "America/New_York", "next_run": soon, "last_state": None, "late": False, "note": "",
            "last_run": (self.now() - timedelta(minutes=2)).isoformat(), "declared_in": "file",
        }  # fmt: skip
        return [cast("alert_views.ScheduleEntry", common | row) for row in rows]

    # -- declarations ----------------------------------------------------------------------------------------------
    def declared(self) -> list[alert_views.DeclaredObject]:
        if self.empty:
            return []
        monitor = {
            "alert_budget": {"pages_per_year": 1.0, "warnings_per_year": 1.0}, "schedule": "*/15 * * * *", "min_rows": 30,
            "tolerance": 0.05, "performance_tolerance": 0.1, "resolve_after": 2, "grace": "6h", "window": "1w",
            "rules": {"late": {"when": _RULE, "severity": "page", "windows": "2 of 3"}},
            "overrides": [{"column": "wind_*", "severity": "off"}], "thresholds": [], "runbooks": {},
        }  # fmt: skip
        found: list[alert_views.DeclaredObject] = []
        for (kind, name), owner in self.owned.items():
            values: dict[str, Any] = {"monitor": monitor} if kind == "model" else {"url": "slack://${SLACK_TOKEN}"}
            found.append(
                {
                    "kind": cast("Any", kind), "name": name, "declared_in": owner, "actor": "cli",
                    "changed_at": story.week(0)[0].isoformat(), "values": values | self.changes.get((kind, name), {}),
                    "toml": f'[{kind}s.{name}]\nurl = "slack://${{SLACK_TOKEN}}"\n',
                }
            )  # fmt: skip
        return found

    def edit(
        self, kind: str, name: str, changes: Mapping[str, Any], *, take_over: bool = False, actor: str = "cli"
    ) -> alert_views.DeclaredObject:
        if self.owned.get((kind, name)) == "file" and not take_over:
            raise ConflictError(f"{kind} {name!r} is declared in a file; change it there, or take it over")
        self.owned[(kind, name)] = "dashboard"
        self.changes.setdefault((kind, name), {}).update(changes)
        return next(found for found in self.declared() if (found["kind"], found["name"]) == (kind, name))

    def remove(self, kind: str, name: str, *, take_over: bool = False, actor: str = "cli") -> None:
        if self.owned.get((kind, name)) == "file" and not take_over:
            raise ConflictError(f"{kind} {name!r} is declared in a file; take it out there, or take it over")
        del self.owned[(kind, name)]
