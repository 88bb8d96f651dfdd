"""Any rows as the product profiles them: a reference and the days after it, with labels where there are some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.alarms.generator import DAY, START
from benchmarks.alarms.ours import Episode, follow
from monitors.baseline import Baselines
from monitors.judge import judge
from monitors.types import Reading
from reference_data.declaration import ModelSpec
from reference_data.profile import Layout, Profile
from reference_data.reference import Reference
from reference_data.schema import Column
from reference_data.windows import Window, WindowSpec
from storage.names import quote
from storage.profiler import freeze_layout, outcome_columns, profile_rows


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """A model made of rows: as :class:`benchmarks.alarms.generator.Model`, with outcomes if there are labels."""

    spec: ModelSpec
    reference: Reference
    windows: list[Window]
    current: Profile
    outcomes: Profile | None

    def read(self, window_spec: WindowSpec, importance: Mapping[str, float] | None = None) -> list[Reading]:
        """Return the readings of all windows."""
        found: list[Reading] = []
        for baseline, places in Baselines(self.spec, self.reference, window_spec).groups(self.windows):
            found += judge(
                spec=self.spec,
                reference=baseline.reference,
                calibration=baseline.calibration,
                windows=[self.windows[place] for place in places],
                inputs=self.current[np.asarray(places)],
                outcomes=None if self.outcomes is None else self.outcomes[np.asarray(places)],
                labels_expected=None,
                model_version="v1",
                importance=importance,
                now=self.windows[-1].end,
            )
        return found

    def episodes(self, window_spec: WindowSpec, importance: Mapping[str, float] | None = None) -> list[Episode]:
        """Return the alerts of warning or above."""
        return follow(self, self.read(window_spec, importance), importance)


def watched(
    spec: ModelSpec, rows: pa.Table, day: np.ndarray, reference_days: int, *, first: datetime = START
) -> Watched:
    """Profile rows by ``day`` (0, 1, …; one a row): the first ``reference_days`` are the reference.

    Columns of ``rows``: the spec's features, and ``prediction`` and ``label`` where the task has them.
    """
    con = duckdb.connect()
    con.register("rows", rows.append_column("_day", pa.array(day)))
    relation, kept = "SELECT * FROM rows", f"SELECT * FROM rows WHERE _day < {reference_days}"
    expressions = {name: quote(name) for name in rows.column_names}
    kind = "numeric" if spec.task in ("regression", "ranking") else "categorical"
    inputs = [*spec.columns]
    if "prediction" in rows.column_names:
        inputs.append(Column("prediction", kind, "prediction"))  # type: ignore[arg-type]
    layout = freeze_layout(con, kept, expressions, inputs)
    days = int(day.max()) + 1
    profile = _by_day(con, relation, expressions, layout, days)
    outcomes = None
    if spec.task != "none":
        columns = [column for column, _ in outcome_columns(spec.task, has_score=False)]
        late = freeze_layout(con, kept, expressions, columns, positive=spec.positive)
        outcomes = _by_day(con, relation, expressions, late, days, spec.positive)
    buckets = tuple(first + number * DAY for number in range(days))
    period = Window(first, first + reference_days * DAY)
    past, later = slice(0, reference_days), slice(reference_days, days)
    reference = Reference(
        spec.name,
        1,
        period.end,
        "rows",
        period,
        buckets[past],
        profile[past],
        None if outcomes is None else outcomes[past],
    )
    windows = [Window(start, start + DAY) for start in buckets[later]]
    return Watched(spec, reference, windows, profile[later], None if outcomes is None else outcomes[later])


def _by_day(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    expressions: Mapping[str, str],
    layout: Layout,
    days: int,
    positive: str | None = None,
) -> Profile:
    keys, found = profile_rows(con, relation, expressions, layout, group=["_day"], positive=positive)
    profile = layout.empty(days)
    for key, place in zip(keys, range(len(keys)), strict=True):
        profile.counts[int(key[0])], profile.moments[int(key[0])] = found.counts[place], found.moments[place]
    return profile
