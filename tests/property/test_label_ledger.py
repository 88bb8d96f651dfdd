"""Labels in any order, against a ledger that is a few lines of Python."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from reference_data.declaration import ModelSpec
from reference_data.windows import WindowSpec
from storage import ledger
from storage.database import Database
from storage.feedback import canonical_labels_and_feedback
from storage.intake import canonical_log
from storage.labels import count_orphans, label_entries, load_progress, match_labels, measure_progress
from storage.logs import append_labels, append_log
from storage.profile_store import dirty_buckets

START = datetime(2024, 1, 1, tzinfo=UTC)
SPEC = ModelSpec(name="m", task="regression", features={"x": "numeric"}, feedback={"thumbs": "boolean"})
DAILY = WindowSpec.parse("1d").bucket
IDS = [f"p{number}" for number in range(12)]
#: The day on which each prediction was made: most lately, some long ago.
DAYS = {name: 0 if number % 4 else -90 - number for number, name in enumerate(IDS)}

pairs = st.tuples(st.sampled_from(IDS), st.sampled_from([None, "thumbs"]), st.sampled_from([0, 1]))


class LedgerMachine(RuleBasedStateMachine):
    """Appends, runs, restarts and failures in any order; the model holds every entry of each (id, kind)."""

    held = ledger.HELD

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.now = START
        self.entries: dict[tuple[str, str | None], list[float]] = {}
        self.logged: set[str] = set()
        self.touched: set[str] = set()  # ids that were logged or labelled anew since the last run
        ledger.HELD, self.kept = self.held, ledger.HELD
        self.db = Database.open(self.folder / "d.duckdb", lambda: self.now)

    def teardown(self) -> None:
        if hasattr(self, "db"):
            self.db.close()
            shutil.rmtree(self.folder)
            ledger.HELD = self.kept

    @rule(hours=st.integers(-20, 24 * 60))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def restart(self) -> None:
        self.db.close()
        self.db = Database.open(self.folder / "d.duckdb", lambda: self.now)

    @rule(names=st.lists(st.sampled_from(IDS), min_size=1, max_size=4, unique=True))
    def predictions_come(self, names: list[str]) -> None:
        rows = [{"prediction_id": name, "event_time": self._event(name), "x": 1.0} for name in names]
        append_log(self.db, SPEC, canonical_log(SPEC, rows, arrival=self.now), self.now, DAILY)
        self.touched |= set(names) - self.logged
        self.logged |= set(names)

    @rule(batch=st.lists(pairs, min_size=1, max_size=6), told=st.booleans())
    def labels_come(self, batch: list[tuple[str, str | None, int]], told: bool) -> None:
        result = self._append(batch, told)
        accepted = 0
        for name, kind, value in batch:
            known = self.entries.setdefault((name, kind), [])
            if not known or known[-1] != value:
                known.append(value)
                accepted += 1
                self.touched |= {name} if kind is None else set()
        assert (result.accepted, result.duplicates, result.rejected) == (accepted, len(batch) - accepted, [])

    @rule(batch=st.lists(pairs, min_size=1, max_size=3))
    def labels_are_lost(self, batch: list[tuple[str, str | None, int]]) -> None:
        def fail(_con: Any) -> None:
            raise RuntimeError("lost")

        with pytest.raises(RuntimeError, match="lost"):
            self._append(batch, False, also=fail)

    def _append(self, batch: list[tuple[str, str | None, int]], told: bool, also: Any = None) -> Any:
        rows: list[dict[str, Any]] = [
            {"prediction_id": name, "label": value, "kind": kind} for name, kind, value in batch
        ]
        if told:
            rows = [row | {"event_time": self._event(row["prediction_id"])} for row in rows]
        intake = canonical_labels_and_feedback(SPEC, rows, arrival=self.now)
        return append_labels(self.db, SPEC, intake, self.now, DAILY, also=also)

    @rule()
    def run(self) -> None:
        match_labels(self.db, SPEC, self.now, DAILY)
        measure_progress(self.db, SPEC, DAILY)
        labelled = {name for name, kind in self.entries if kind is None}
        with self.db.cursor() as con:
            dirty = set(dirty_buckets(con, "m", "outcomes"))
            assert {DAILY.containing(self._event(name)).start for name in self.touched & self.logged} == dirty
            assert count_orphans(con, "m") == len(labelled - self.logged)
            progress = load_progress(con, "m")
        assert sum(part.rows for part in progress) == len(self.logged)
        assert sum(part.labelled for part in progress) == len(labelled & self.logged)
        assert sum(part.lags.sum() for part in progress) == len(labelled & self.logged)
        changed = [
            n for (n, kind), known in self.entries.items() if kind is None and n in self.logged and len(known) > 1
        ]
        assert sum(part.corrected for part in progress) == len(changed)
        self.db.write(lambda con: con.execute("DELETE FROM dirty").fetchall())  # as profiles do that were stored
        self.touched.clear()

    @invariant()
    def every_entry_is_there_and_the_last_is_in_force(self) -> None:
        with self.db.cursor() as con:
            for name in {name for name, _ in self.entries}:
                found = label_entries(con, SPEC, name)
                for kind in (None, "thumbs"):
                    mine = [entry for entry in found if entry.kind == (kind or "label")]
                    known = self.entries.get((name, kind), [])
                    told = [float(entry.value) if kind is None else float(entry.value == "true") for entry in mine]
                    assert told == known
                    assert [entry.current for entry in mine] == [False] * (len(known) - 1) + [True] * bool(known)

    @staticmethod
    def _event(name: str) -> datetime:
        return START + timedelta(days=DAYS[name])


class CrowdedMachine(LedgerMachine):
    """The same when only two entries are remembered: everything older has to be looked up."""

    held = 2


few = settings(max_examples=10, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
TestLedger = pytest.mark.slow(LedgerMachine.TestCase)
TestLedger.settings = few
TestCrowded = pytest.mark.slow(CrowdedMachine.TestCase)
TestCrowded.settings = few
