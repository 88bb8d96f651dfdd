"""What is due: it follows from the data alone, so a restart, a missed schedule, a cut-off run and a backfill are one operation.

A window is due when it is closed and has no readings for its version and reference, when its profiles are newer than its readings,
or when alerts have not heard of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from reference_data.profile import RESERVED
from reference_data.reference import Reference
from reference_data.section import parse_duration
from reference_data.windows import Window, WindowSpec
from service.local.convert import MIN_TIME
from storage.due import profiled_at
from storage.loss_steps import loss_steps
from storage.readings import judged_windows
from storage.traffic import bucket_rows

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service.local.core import Core

SERVING = "serving"
FROM_LOG = ("log", "training")  # sources of references that are part of the log itself
NO_LABELS = ("insufficient", "no_data")  # verdicts of outcomes that could not be judged
LONGEST_GAP = 500  # windows without rows, one after the other, that are judged: a row of 1970 must not make thousands
RESERVED_OUTCOMES = frozenset(RESERVED) - {"prediction", "score"}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Windows in a row that one version served and one reference judges."""

    version: str
    reference: Reference
    windows: list[Window]


def due_stretches(
    core: Core,
    spec: ModelSpec,
    refreshed: dict[tuple[int, str], set[datetime]],
    since: datetime | None,
    until: datetime | None,
) -> list[Stretch]:
    """Return the stretches of due windows in order of time."""
    stretches: list[Stretch] = []
    for version, windows in serving_stretches(core, spec, since, until):
        reference = core.reference_for(spec.name, version)
        if reference is None:
            continue
        due = _due_windows(core, spec, version, reference, fair(reference, windows), refreshed)
        if due:
            stretches.append(Stretch(version, reference, due))
    return stretches


def fair(reference: Reference, windows: Sequence[Window]) -> list[Window]:
    """Leave out the windows of the reference itself, which are not held against it."""
    own = reference.source.startswith(FROM_LOG)
    return [window for window in windows if not own or window.start >= reference.period.end]


def serving_stretches(
    core: Core, spec: ModelSpec, since: datetime | None = None, until: datetime | None = None
) -> list[tuple[str, list[Window]]]:
    """Return the closed windows, grouped by the version that answered most of each (an empty window goes to the one before)."""
    active = core.active_reference(spec.name)
    if active is None:
        return []
    with core.db.cursor() as cursor:
        rows = [row for row in bucket_rows(cursor, spec.name, active.version, "inputs") if row.role == SERVING]
    if not rows:
        return []
    window_spec = core.window_spec(spec.name)
    served: dict[Window, Counter[str]] = defaultdict(Counter)
    for row in rows:
        served[window_spec.containing(row.start)][row.model_version] += row.rows
    closed = core.now() - parse_duration(spec.monitor.grace)
    stretches: list[tuple[str, list[Window]]] = []
    version = rows[0].model_version
    for window in _with_gaps(window_spec, sorted(served), min(closed, until or closed)):
        if window.end > closed:
            break
        if served[window]:
            version = served[window].most_common(1)[0][0]
        if since is not None and window.start < since:
            continue
        if not stretches or stretches[-1][0] != version:
            stretches.append((version, []))
        stretches[-1][1].append(window)
    return stretches


def window_rows(core: Core, spec: ModelSpec) -> dict[Window, int]:
    """Return how many rows were served in each window that has some."""
    active = core.active_reference(spec.name)
    if active is None:
        return {}
    with core.db.cursor() as cursor:
        rows = [row for row in bucket_rows(cursor, spec.name, active.version, "inputs") if row.role == SERVING]
    window_spec, found = core.window_spec(spec.name), Counter[Window]()
    for row in rows:
        found[window_spec.containing(row.start)] += row.rows
    return dict(found)


def _with_gaps(window_spec: WindowSpec, served: Sequence[Window], until: datetime) -> Iterator[Window]:
    """Yield the windows that have rows and those between; of a long stretch without rows only its first ones."""
    for place, window in enumerate(served):
        if window.start >= until:
            return
        yield window
        following = served[place + 1].start if place + 1 < len(served) else until
        yield from islice(window_spec.between(window.end, min(following, until)), LONGEST_GAP)


def _due_windows(
    core: Core,
    spec: ModelSpec,
    version: str,
    reference: Reference,
    windows: list[Window],
    refreshed: dict[tuple[int, str], set[datetime]],
) -> list[Window]:
    with core.db.cursor() as cursor:
        judged = judged_windows(
            cursor, spec.name, version, reference.version, outcomes=RESERVED_OUTCOMES, without=NO_LABELS
        )
        ages = [profiled_at(cursor, spec.name, reference.version, part) for part in ("inputs", "outcomes")]
        steps = loss_steps(cursor, spec.name, version, reference.version)
    ages.append({step.window.start: step.computed_at for step in steps})
    mark = Watermark.read(core.control.watermark(spec.name))
    fresh = {bucket for (number, _), buckets in refreshed.items() if number == reference.version for bucket in buckets}
    every = core.window_spec(spec.name).bucket
    due: list[Window] = []
    for window in windows:
        buckets = [bucket.start for bucket in every.between(window.start, window.end)]
        last = judged.get(window.start)
        newest = [age[bucket] for age in ages for bucket in buckets if bucket in age]
        if (
            last is None
            or any(bucket in fresh for bucket in buckets)
            or any(moment > last.at for moment in newest)
            or mark.news(window, labelled=last.labelled) is not None  # cut off between readings and alerts
        ):
            due.append(window)
    return due


@dataclass(frozen=True, slots=True)
class Watermark:
    """Up to which window's start alerts have been moved: by anything, and by what needs labels."""

    window: datetime = MIN_TIME
    labelled: datetime = MIN_TIME

    @classmethod
    def read(cls, text: str | None) -> Watermark:
        """Rebuild from :meth:`text`."""
        if text is None:
            return cls()
        window, labelled = (datetime.fromisoformat(part) for part in text.split(" "))
        return cls(window, labelled)

    def text(self) -> str:
        """Return the watermark as it is stored."""
        return f"{self.window.isoformat()} {self.labelled.isoformat()}"

    def news(self, window: Window, *, labelled: bool) -> tuple[frozenset[str] | None, Watermark] | None:
        """Return which groups of alerts have not heard of ``window`` (None: all of them) and the watermark after it, or None.

        ``labelled``: whether its readings have labels to go by.
        """
        heard = window.start if labelled and window.start > self.labelled else self.labelled
        if window.start > self.window:
            return None, Watermark(window.start, heard)
        if heard > self.labelled:
            return frozenset({"outcome", "business"}), Watermark(self.window, heard)
        return None
