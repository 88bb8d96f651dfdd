"""A model of which a run found nothing to judge has nothing to judge until something moves: rows, labels, what was decided, or the clock.

A scheduler looks every few minutes at models for which nothing has come since. To find that out anew costs a question of every window of each;
that nothing was written and no window has closed costs none. What is known is known by this process alone, and not for longer than a bucket:
the first look after a start, and the first of each hour or day, is always a whole one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from reference_data.section import parse_duration
from service.local.recall import Basis, basis
from service.local.sequence import step_spec

if TYPE_CHECKING:
    from datetime import date, datetime

    from reference_data.declaration import ModelSpec
    from service.local.core import Core
    from service.local.monitoring import Course


class Ground(NamedTuple):
    """What it rests on that a model has nothing to judge, beside the time it is."""

    basis: Basis
    anchor: date | None  # from which its windows are counted


@dataclass(frozen=True, slots=True)
class Unmoved:
    """Nothing is to be judged while the ground is the same and it is at least ``since`` and before ``until``."""

    ground: Ground
    spec: ModelSpec  # held, so that its identity, which the ground has, stays its own
    since: datetime
    until: datetime


def now(core: Core, model: str) -> Unmoved:
    """Return what a look at this moment rests on. Take it before the look: what comes while it lasts may not have been seen."""
    ground, spec = basis(core, model, "rows")
    moment, every, grace = core.now(), core.window_spec(model), parse_duration(spec.monitor.grace)
    closes = [each.containing(moment - grace).end + grace for each in (every, step_spec(every))]
    until = min(every.bucket.containing(moment).end, *closes)
    return Unmoved(Ground(ground, core.record(model).anchor), spec, moment, until)


def keep(core: Core, model: str, before: Unmoved, course: Course) -> None:
    """Keep that a whole run found nothing to judge and left nothing to be done, unless something came, or it wrote, meanwhile."""
    quiet = course.whole and course.retained and not course.windows_total and not course.readings
    if quiet and now(core, model).ground == before.ground:
        core.unmoved[model] = before


def holds(core: Core, model: str) -> bool:
    """Whether a run that begins now would find nothing to judge, by what is known."""
    known = core.unmoved.get(model)
    return known is not None and known.since <= core.now() < known.until and now(core, model).ground == known.ground
