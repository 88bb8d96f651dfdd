"""Alerts, rules, channels, runs and declarations of a workspace that another process serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from service.remote_calls import part
from service.remote_channels import RemoteChannels

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from service import alert_views, views


class RemoteAlerting(RemoteChannels):
    """What a remote workspace does about alerts (:class:`service.alerting.Alerting`)."""

    # -- alerts --------------------------------------------------------------------------------------------------------
    def comment(self, alert_id: str, text: str, *, actor: str = "cli") -> views.AlertView:
        del actor  # the owner knows who calls
        answer = self._call("POST", f"/alerts/{part(alert_id)}/comments", json={"text": text})
        return cast("views.AlertView", answer.json())

    def assign(self, alert_id: str, owner: str | None, *, actor: str = "cli") -> views.AlertView:
        del actor
        answer = self._call("POST", f"/alerts/{part(alert_id)}/owner", json={"owner": owner})
        return cast("views.AlertView", answer.json())

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
        del actor
        body = {
            "ends": ends.isoformat(),
            "comment": comment,
            "starts": None if starts is None else starts.isoformat(),
            "alert_id": alert_id,
            "model": model,
            "kind": kind,
            "column": column,
            "segment": segment,
            "severity": severity,
        }
        return cast("alert_views.SilenceView", self._call("POST", "/silences", json=body).json())

    def unsilence(self, silence_id: str, *, actor: str = "cli") -> alert_views.SilenceView:
        del actor
        return cast("alert_views.SilenceView", self._call("DELETE", f"/silences/{part(silence_id)}").json())

    def silences(self, *, active: bool = False) -> list[alert_views.SilenceView]:
        return cast("list[alert_views.SilenceView]", self._all("/silences", {"active": "1"} if active else None))

    # -- the schedule --------------------------------------------------------------------------------------------------
    def start_run(self, model: str, *, actor: str = "cli") -> alert_views.ModelRunView:
        del actor  # the owner knows who calls
        return cast("alert_views.ModelRunView", self._call("POST", f"/models/{part(model)}/runs").json())

    def cancel_run(self, model: str, *, actor: str = "cli") -> alert_views.ModelRunView:
        del actor
        answer = self._call("DELETE", f"/models/{part(model)}/runs/current")
        return cast("alert_views.ModelRunView", answer.json())

    def runs(self, model: str | None = None, *, limit: int = 50) -> list[alert_views.ModelRunView]:
        return cast("list[alert_views.ModelRunView]", self._all("/runs", {"model": model}, limit=limit))

    def schedule(self) -> list[alert_views.ScheduleEntry]:
        return cast("list[alert_views.ScheduleEntry]", self._all("/schedule"))

    # -- rules ---------------------------------------------------------------------------------------------------------
    def rule_terms(self, model: str) -> list[alert_views.RuleTerm]:
        return cast("list[alert_views.RuleTerm]", self._all(f"/models/{part(model)}/rules/terms"))

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
        body = {"when": when, "clear": clear, "windows": windows, "segment": segment}
        body["since"] = None if since is None else since.isoformat()
        answer = self._call("POST", f"/models/{part(model)}/rules/try", json=body)
        return cast("alert_views.RuleTrial", answer.json())

    # -- declarations --------------------------------------------------------------------------------------------------
    def declared(self) -> list[alert_views.DeclaredObject]:
        return cast("list[alert_views.DeclaredObject]", self._all("/declared"))

    def edit(
        self, kind: str, name: str, changes: Mapping[str, Any], *, take_over: bool = False, actor: str = "cli"
    ) -> alert_views.DeclaredObject:
        del actor  # the owner knows who calls
        body = {"changes": dict(changes), "take_over": take_over}
        answer = self._call("PATCH", f"/declared/{part(kind)}/{part(name)}", json=body)
        return cast("alert_views.DeclaredObject", answer.json())

    def remove(self, kind: str, name: str, *, take_over: bool = False, actor: str = "cli") -> None:
        del actor
        query = {"take_over": "1"} if take_over else {}
        self._call("DELETE", f"/declared/{part(kind)}/{part(name)}", params=query)
