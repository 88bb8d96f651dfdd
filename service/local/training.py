"""Studies, triggers, lineage, models taken in and given out: one method each, answered by the module it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from service.local import studies, triggers

if TYPE_CHECKING:
    from datetime import datetime

    from service import training_views, views
    from service.local.core import Core


class LocalTraining:
    """What a local workspace knows of training (:class:`service.training.Training`)."""

    core: Core

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
        return studies.study(self.core, model, kind, since=since, until=until, actor=actor)

    def learning_curve(self, model: str) -> training_views.CurveView | None:
        return studies.learning_curve(self.core, model)

    def backtest(self, model: str) -> training_views.BacktestView | None:
        return studies.backtest(self.core, model)

    # -- triggers ------------------------------------------------------------------------------------------------------
    def triggers(self, model: str) -> list[training_views.TriggerView]:
        return triggers.triggers(self.core, model)
