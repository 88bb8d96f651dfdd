"""What of training only the operator declares: code of the operator's own, and where Spark runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference_data.declaration import Declaration
    from service.local.core import Core


def reaching(core: Core, wanted: Declaration) -> list[str]:
    """Return what a caller who is not the operator asks for and may not: code to run, unless it is declared like that already."""
    records = core.control.model_records()
    declared = {name: record.spec.retrain.reach for name, record in records.items()}
    return [
        f"models.{name}.retrain: code of one's own (a command, or an estimator 'module:function') and Spark's settings run on "
        "this machine; declare them with the command line: driftdeck apply FILE"
        for name, spec in wanted.models.items()
        if spec.retrain.reach and spec.retrain.reach != declared.get(name)
    ]
