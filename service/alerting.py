"""The part of the workspace's protocol that is about alerts reaching people, and about what happens by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from service import alert_views, views


class Alerting(Protocol):
    """What a workspace does about alerts. Every action is audited with its actor."""

    # -- alerts ----------------------------------------------------------------------------------------------------
    def comment(self, alert_id: str, text: str, *, actor: str = "cli") -> views.AlertView:
        """Add a comment to an alert's history."""
        ...

    def assign(self, alert_id: str, owner: str | None, *, actor: str = "cli") -> views.AlertView:
        """Say who is on an alert; None: nobody."""
        ...

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
        """Tell nobody of what matches until ``ends``; evaluation goes on beneath. Raises for an end that is past, an empty comment."""
        ...

    def unsilence(self, silence_id: str, *, actor: str = "cli") -> alert_views.SilenceView:
        """End a silence before its time."""
        ...

    def silences(self, *, active: bool = False) -> list[alert_views.SilenceView]:
        """Return silences, those of declared maintenance among them, the latest first."""
        ...

    # -- rules -----------------------------------------------------------------------------------------------------
    def rule_terms(self, model: str) -> list[alert_views.RuleTerm]:
        """Return what a rule of this model may speak of."""
        ...

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
        """Hold a rule against the readings there are, without declaring it. Raises for an expression that is not understood."""
        ...

    # -- channels --------------------------------------------------------------------------------------------------
    def channels(self) -> list[alert_views.ChannelView]: ...
    def test_channel(self, name: str, *, actor: str = "cli") -> alert_views.ChannelTest:
        """Send a test message, now, and say how it went."""
        ...

    def deliveries(
        self, *, alert_id: str | None = None, channel: str | None = None, state: str | None = None, limit: int = 100
    ) -> list[alert_views.DeliveryView]:
        """Return messages with every attempt, the latest first."""
        ...

    def redeliver(self, delivery_id: str, *, actor: str = "cli") -> alert_views.DeliveryView:
        """Send a message that was given up once more, under its own key."""
        ...

    def alert_picture(self, alert_id: str) -> bytes:
        """Return the chart of what an alert is about, as PNG. Raises :class:`NotFoundError` where there is nothing to draw."""
        ...

    # -- the schedule ----------------------------------------------------------------------------------------------
    def start_run(self, model: str, *, actor: str = "cli") -> alert_views.ModelRunView:
        """Begin a run of a model's monitor and return at once; while one is under way, that one is returned."""
        ...

    def cancel_run(self, model: str, *, actor: str = "cli") -> alert_views.ModelRunView:
        """End the run that is under way after the windows it is at; the next one goes on from there."""
        ...

    def runs(self, model: str | None = None, *, limit: int = 50) -> list[alert_views.ModelRunView]:
        """Return runs of monitors, the latest first."""
        ...

    def schedule(self) -> list[alert_views.ScheduleEntry]:
        """Return everything that happens by itself, what is next first."""
        ...

    # -- declarations ----------------------------------------------------------------------------------------------
    def declared(self) -> list[alert_views.DeclaredObject]:
        """Return every declared thing with its one owner."""
        ...

    def edit(
        self, kind: str, name: str, changes: Mapping[str, Any], *, take_over: bool = False, actor: str = "cli"
    ) -> alert_views.DeclaredObject:
        """Change (or make) one declared thing from the dashboard, key by dotted key (``monitor.alert_budget.pages_per_year``).

        None takes a key out. Raises :class:`ConflictError` for what a file owns, unless it is taken over, and a declaration's error for values that are not allowed.
        """
        ...

    def remove(self, kind: str, name: str, *, take_over: bool = False, actor: str = "cli") -> None:
        """Take back the declaration of a channel or a maintenance."""
        ...
