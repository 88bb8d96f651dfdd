"""The replay of a model's reference through its own monitor; changes nothing."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import ValidationError

from monitors.replay import Replay, summary
from monitors.replay import replay as play
from reference_data.declaration import Budget, ModelSpec
from service.local.convert import iso
from service.local.monitoring import importance_of
from service.workspace import NotFoundError, WorkspaceError

if TYPE_CHECKING:
    from reference_data.reference import Reference
    from reference_data.windows import WindowSpec
    from service import views
    from service.local.core import Core


def replay(core: Core, model: str, warnings_per_year: float | None) -> views.ReplayView:
    """Play the reference in force through the monitor, under another budget of warnings if one is given.

    Raises :class:`NotFoundError` when there is no reference, and :class:`WorkspaceError` for a budget that cannot be.
    """
    spec = core.spec(model)
    reference = core.active_reference(model)
    if reference is None:
        raise NotFoundError(
            f"model {model!r} has no reference to replay; freeze one with `driftdeck reference {model} DATA`"
        )
    if warnings_per_year is not None:
        spec = _with_budget(spec, warnings_per_year)
    champion = core.roles(model).champion
    importance = None if champion is None else importance_of(core, model, champion)
    found = _played(spec.model_dump_json(), reference, core.window_spec(model), tuple((importance or {}).items()))
    budget, zone = spec.monitor.alert_budget, spec.zone
    return {
        "model": model,
        "reference_version": reference.version,
        "windows": found.windows,
        "rows_per_window": found.rows_per_window,
        "alerts": [
            {
                "window_start": iso(alert.window.start, zone),
                "window_end": iso(alert.window.end, zone),
                "column": alert.column,
                "severity": alert.severity,
                "sentence": alert.sentence,
            }
            for alert in found.alerts
        ],
        "expected_pages_per_year": found.expected_pages,
        "expected_warnings_per_year": found.expected_warnings,
        "budget_pages_per_year": budget.pages_per_year,
        "budget_warnings_per_year": budget.warnings_per_year,
        "sensitivity": [
            {"column": own.column, "unit": own.unit, "windows": list(own.windows), "shifts": list(own.shifts)}
            for own in found.sensitivity
        ],
        "advice": found.advice,
        "summary": summary(spec, found),
    }


def _with_budget(spec: ModelSpec, warnings_per_year: float) -> ModelSpec:
    try:
        budget = Budget(pages_per_year=spec.monitor.alert_budget.pages_per_year, warnings_per_year=warnings_per_year)
    except ValidationError:
        words = f"warnings_per_year is {warnings_per_year:g}; give a number above 0, up to 1000"
        raise WorkspaceError(words) from None
    return spec.model_copy(update={"monitor": spec.monitor.model_copy(update={"alert_budget": budget})})


@lru_cache(maxsize=16)
def _played(
    spec: str, reference: Reference, window_spec: WindowSpec, importance: tuple[tuple[str, float], ...]
) -> Replay:
    """Follows from these alone, and takes a second: a page asks again and again."""
    return play(ModelSpec.model_validate_json(spec), reference, window_spec, dict(importance) or None)
