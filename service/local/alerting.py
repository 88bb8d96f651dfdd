"""Alerts, rules, channels, runs and declarations of the local workspace: one method each, answered by the module it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.local import editing, figures, owners, rules, runs, silencing, timetable
from service.local.channel_methods import LocalChannels

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from service import alert_views, views
    from service.local.core import Core
    from service.measures import Measures


class LocalAlerting(LocalChannels):
    """What a local workspace does about alerts (:class:`service.alerting.Alerting`)."""

    core: Core

    # -- alerts ----------------------------------------------------------------------------------------------------
    def comment(self, alert_id: str, text: str, *, actor: str = "cli") -> views.AlertView:
        return silencing.comment(self.core, alert_id, text, actor)

    def assign(self, alert_id: str, owner: str | None, *, actor: str = "cli") -> views.AlertView:
        return silencing.assign(self.core, alert_id, owner, actor)

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
        return silencing.silence(
            self.core,
            ends=ends,
            comment=comment,
            starts=starts,
            alert_id=alert_id,
            model=model,
            kind=kind,
            column=column,
            segment=segment,
            severity=severity,
            actor=actor,
        )

    def unsilence(self, silence_id: str, *, actor: str = "cli") -> alert_views.SilenceView:
        return silencing.unsilence(self.core, silence_id, actor)

    def silences(self, *, active: bool = False) -> list[alert_views.SilenceView]:
        return silencing.silences(self.core, active=active)

    # -- the schedule ----------------------------------------------------------------------------------------------
    def start_run(self, model: str, *, actor: str = "cli") -> alert_views.ModelRunView:
        return runs.start(self.core, model, actor)

    def cancel_run(self, model: str, *, actor: str = "cli") -> alert_views.ModelRunView:
        return runs.cancel(self.core, model, actor)

    def runs(self, model: str | None = None, *, limit: int = 50) -> list[alert_views.ModelRunView]:
        return runs.runs(self.core, model, limit)

    def schedule(self) -> list[alert_views.ScheduleEntry]:
        return timetable.schedule(self.core)

    # -- rules -----------------------------------------------------------------------------------------------------
    def rule_terms(self, model: str) -> list[alert_views.RuleTerm]:
        return rules.rule_terms(self.core, model)

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
        return rules.try_rule(self.core, model, when, clear=clear, windows=windows, segment=segment, since=since)

    # -- declarations ----------------------------------------------------------------------------------------------
    def declared(self) -> list[alert_views.DeclaredObject]:
        return owners.declared(self.core)

    def edit(
        self, kind: str, name: str, changes: Mapping[str, Any], *, take_over: bool = False, actor: str = "cli"
    ) -> alert_views.DeclaredObject:
        return editing.edit(self.core, kind, name, changes, take_over=take_over, actor=actor)

    def remove(self, kind: str, name: str, *, take_over: bool = False, actor: str = "cli") -> None:
        editing.remove(self.core, kind, name, take_over=take_over, actor=actor)

    # -- for the rest of the company ---------------------------------------------------------------------------------
    def measures(self, readings: int) -> Measures:
        return figures.measures(self.core, readings)
