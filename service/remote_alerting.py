"""Alerts, rules, channels, runs and declarations of a workspace that another process serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from service.remote_calls import RemoteCalls, part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service import alert_views


class RemoteAlerting(RemoteCalls):
    """What a remote workspace does about alerts (:class:`service.alerting.Alerting`)."""

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
