"""Studies, triggers, lineage, models taken in and given out of a workspace that another process serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

from service.remote_calls import RemoteCalls, model_path

if TYPE_CHECKING:
    from datetime import datetime

    from service import training_views, views


class RemoteTraining(RemoteCalls):
    """What a remote workspace knows of training (:class:`service.training.Training`)."""

    # -- studies -------------------------------------------------------------------------------------------------------
    def study(
        self,
        model: str,
        kind: Literal["learning_curve", "backtest"],
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        actor: str = "cli",
    ) -> views.JobView:
        del actor  # the owner knows who calls
        times = {"since": since, "until": until}
        body = {"kind": kind} | {name: moment and moment.isoformat() for name, moment in times.items()}
        return cast("views.JobView", self._call("POST", f"{model_path(model)}/studies", json=body).json())

    def learning_curve(self, model: str) -> training_views.CurveView | None:
        answer = self._call("GET", f"{model_path(model)}/learning-curve")
        return cast("training_views.CurveView | None", answer.json())

    def backtest(self, model: str) -> training_views.BacktestView | None:
        answer = self._call("GET", f"{model_path(model)}/backtest")
        return cast("training_views.BacktestView | None", answer.json())

    # -- triggers ------------------------------------------------------------------------------------------------------
    def triggers(self, model: str) -> list[training_views.TriggerView]:
        return cast("list[training_views.TriggerView]", self._call("GET", f"{model_path(model)}/triggers").json())
