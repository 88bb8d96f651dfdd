"""Studies, triggers, lineage, models taken in and given out: one method each, answered by the module it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.local.core import Core


class LocalTraining:
    """What a local workspace knows of training (:class:`service.training.Training`)."""

    core: Core
