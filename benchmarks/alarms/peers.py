"""Other tools on the same rows: on their defaults, and tuned until they are as quiet as the product.

Each tool is asked once for its verdicts on many models and days; what it answers is kept as JSON in a folder, so a run that was broken
off goes on where it was. Limits are then tried on the values (:mod:`benchmarks.alarms.tuning`). Streaming detectors are asked twice: as
they come, and for the limits up to which each day would have made them fire.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

from benchmarks.alarms.generator import make
from benchmarks.alarms.ours import episodes, found_after
from benchmarks.alarms.peer_rows import NULL_DAYS, cases, cell, drift_name, write_drifts, write_null
from benchmarks.alarms.protocol import DRIFT_DAYS, DRIFT_FROM, JITTER, Delay
from benchmarks.alarms.simulate import Workers, upper_bound
from benchmarks.alarms.tuning import Rule, Verdict, alarms, beyond, by_column, by_default, days_to, in_words, limits
from benchmarks.peers import PeerError, installed, run_peer

Row = dict[str, Any]
QUIET = 0.02  # alerts a model-week that tuning aims at
EVERY = ("value", "threshold", "fires", "drift", "center", "spread", "statistic", "column", "model", "day")
A_BUNCH = 15  # models in one call


@dataclass(frozen=True, slots=True)
class Peer:
    """One way of running one tool.

    ``default`` and ``tuned``: options of the two ways; None where it has no such way, and for ``tuned`` the same as ``default`` where its
    defaults give values. ``distances``: whether its limits are of distances, which a limit for each column may suit better. ``models``: at most so many, and ``rows``: no more than so many a day, for what would take hours.
    """

    label: str
    name: str
    default: tuple[str, ...] | None = ()
    tuned: tuple[str, ...] | None = ()
    distances: bool = False
    models: int = 1000
    rows: int = 10**9


def _river(detector: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return ("--detector", detector), ("--detector", detector, "--sweep")


PEERS = (
    Peer("Evidently", "evidently", distances=True),
    Peer("NannyML", "nannyml"),
    Peer("alibi-detect TabularDrift", "alibi-detect"),
    Peer("frouros K-S and chi-square", "frouros"),
    Peer("frouros PSI", "frouros", None, ("--detector", "psi", "--permutations", "0"), distances=True),
    Peer("river ADWIN", "river", *_river("adwin")),
    Peer("river Page-Hinkley", "river", *_river("page_hinkley"), distances=True),
    Peer("river KSWIN", "river", ("--detector", "kswin"), None, models=1, rows=100),
)
#: what a reader of the table has to know of them
REMARKS = {
    "frouros": "PSI has no limit of its own, and its permutation test takes seconds for a column and day, so it is tuned only; numeric columns",
    "river ADWIN": "numeric columns; tuned over deltas from 1e-3 to 1e-20",
    "river Page-Hinkley": "numeric columns; tuned in standard deviations of the reference",
    "river KSWIN": "numeric columns; a test for every row takes half a minute a model at 100 rows: one model on its defaults, no tuning, and not at 1,000 rows",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """Asks tools, and keeps what they say in ``folder``: the rows as Parquet, the answers as JSON."""

    folder: Path

    def null(self, peer: Peer, options: Sequence[str], at: tuple[int, float], seeds: Sequence[int]) -> list[Verdict]:
        """Return what a tool says of models in which nothing drifts."""
        return self._asked(peer, options, at, seeds, "null")

    def drifts(self, peer: Peer, options: Sequence[str], at: tuple[int, float], seeds: Sequence[int]) -> list[Verdict]:
        """Return what a tool says of the column that drifts, of every drift of the protocol at these rows."""
        return self._asked(peer, options, at, seeds, "drifts")

    def _asked(
        self, peer: Peer, options: Sequence[str], at: tuple[int, float], seeds: Sequence[int], what: str
    ) -> list[Verdict]:
        seeds = seeds[: peer.models]
        found: list[Verdict] = []
        for start in range(0, len(seeds), A_BUNCH):
            found += self._bunch(peer, options, at, seeds[start : start + A_BUNCH], what)
        return found

    def _bunch(
        self, peer: Peer, options: Sequence[str], at: tuple[int, float], seeds: Sequence[int], what: str
    ) -> list[Verdict]:
        name = f"{what} {at[0]} {at[1]:g} {seeds[0]}-{seeds[-1]}"
        kept = self.folder / f"{name} {' '.join([peer.name, *options])}.json"
        if not kept.exists():
            rows = self.folder / f"{name}.parquet"
            if not rows.exists():
                (write_null if what == "null" else write_drifts)(rows, cell(*at), seeds)
            answer = run_peer(peer.name, ["--days", str(rows), *options])
            short = [{key: row[key] for key in EVERY if row.get(key) is not None} for row in answer["verdicts"]]
            part = kept.with_suffix(".part")
            part.write_text(json.dumps({"cpu_seconds": answer["cpu_seconds"], "verdicts": short}))
            part.rename(kept)
        full = dict.fromkeys(EVERY)
        return [full | row for row in json.loads(kept.read_text())["verdicts"]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run: rows a day, seeds in which nothing drifts and seeds that drift; of ours for comparison ``weeks`` weeks.

    Tools' false alarms on their defaults are counted on the seeds that they are then tuned on: nothing was chosen there before.
    """

    rows: Sequence[int]
    quiet: Sequence[int]
    drifting: Sequence[int]
    ours: Sequence[int]
    weeks: int
    folder: Path | None = None


def run_peers(plan: Plan, workers: Workers, say: Callable[[Row], Row]) -> dict[str, Any]:
    """Return rows of the null and of the delays of ours and of every tool that is installed, and notes on those that are not."""
    missing = sorted({peer.name for peer in PEERS if not installed(peer.name)})
    notes = [f"{name} is not installed (`python -m benchmarks.peers install {name}`) and left out" for name in missing]
    nulls: list[Row] = []
    late: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        answers = Answers(plan.folder or Path(scratch))
        answers.folder.mkdir(parents=True, exist_ok=True)
        for jitter in (JITTER, 0.0):
            for rows in plan.rows:
                ours, days = _ours(plan, (rows, jitter), workers)
                nulls.append(say(ours))
                late += [say(row) for row in days]
                for peer in PEERS:
                    if peer.name in missing or rows > peer.rows:
                        continue
                    try:
                        null, delay = _one(peer, answers, plan, (rows, jitter))
                    except PeerError as error:
                        notes.append(
                            f"{peer.label}, {rows} rows, jitter {jitter:g}: {str(error).splitlines()[-1][:200]}"
                        )
                        continue
                    nulls += [say(_against(row, ours)) for row in null]
                    late += [say(row) for row in delay]
    notes += [f"{label}: {words}" for label, words in REMARKS.items()]
    return {"peers": nulls, "peer_delays": late, "notes": notes}


def _our_columns(at: tuple[int, float], days: int, seed: int) -> tuple[int, int]:
    """Return our alerts of one model in which nothing drifts, and the columns they named."""
    found = [episode for episode in episodes(make(cell(*at), seed, days)) if not episode.reopened]
    return len(found), sum(len(episode.columns) for episode in found)


def _our_days(case: Delay, at: tuple[int, float], seed: int) -> float:
    """Return our days to the alert: the drift begins after quiet days, as in the table of ours."""
    start = DRIFT_FROM
    model = make(cell(*at), seed, start + DRIFT_DAYS, replace(case.drift, start=start))
    return found_after(episodes(model), case.drift.column, start)


def _ours(plan: Plan, at: tuple[int, float], workers: Workers) -> tuple[Row, list[Row]]:
    found = list(workers.map(partial(_our_columns, at, 7 * plan.weeks), plan.ours))
    weeks = len(found) * plan.weeks
    alerts, columns = (sum(part) for part in zip(*found, strict=True))
    row = _null_row("Driftdeck", "default", at, weeks)
    row |= {
        "column_alerts_a_week": columns / weeks,
        "days_with_some": alerts / (7 * weeks),
        "alerts": alerts,
        "alerts_a_week": alerts / weeks,
        "columns_at_most": upper_bound(columns, weeks),
    }
    late = []
    for case in cases(at[0]):
        days = sorted(workers.map(partial(_our_days, case, at), plan.drifting))
        found_share = sum(day < inf for day in days) / len(days)
        late.append(_late_row("Driftdeck", "default", case, at, days[(len(days) - 1) // 2], found_share))
    return row, late


def _one(peer: Peer, answers: Answers, plan: Plan, at: tuple[int, float]) -> tuple[list[Row], list[Row]]:
    """Return the rows of one tool in one cell, on its defaults and tuned."""
    settings: list[tuple[str, tuple[str, ...], Rule]] = []
    weeks = len(plan.quiet[: peer.models]) * NULL_DAYS / 7
    if peer.default is not None:
        settings.append(("default", peer.default, by_default))
    if peer.tuned is not None:
        learned, most = answers.null(peer, peer.tuned, at, plan.quiet), int(QUIET * weeks)
        found = limits(learned, most)
        words = ", ".join(in_words(limit, name, learned) for name, limit in sorted(found.items()))
        settings.append((f"tuned: {words}", peer.tuned, beyond(found)))
        if peer.distances:
            settings.append(("tuned by column", peer.tuned, _by_column(learned, most)))
    nulls, late = [], []
    for setting, options, fires in settings:
        row = _null_row(peer.label, setting, at, weeks)
        nulls.append(row | alarms(answers.null(peer, options, at, plan.quiet), fires, weeks))
        verdicts = answers.drifts(peer, options, at, plan.drifting)
        drifting = plan.drifting[: peer.models]
        for case in cases(at[0]):
            of = {drift_name(case, seed) for seed in drifting}
            told = [verdict for verdict in verdicts if verdict["model"] in of]
            late.append(_late_row(peer.label, setting, case, at, *days_to(told, fires, case.drift.column, len(of))))
    return nulls, late


def _by_column(learned: Sequence[Verdict], most: int) -> Rule:
    measured = by_column(learned)
    fires = beyond(limits(map(measured, learned), most))
    return lambda verdict: fires(measured(verdict))


def _null_row(tool: str, setting: str, at: tuple[int, float], weeks: float) -> Row:
    return {"tool": tool, "setting": setting, "rows": at[0], "jitter": at[1], "model_weeks": weeks}


def _against(row: Row, ours: Row) -> Row:
    """Add how many times as many column alerts as ours there are at least: ours at the upper 95 % bound."""
    return row | {"times_ours": row["column_alerts_a_week"] / ours["columns_at_most"]}


def _late_row(tool: str, setting: str, case: Delay, at: tuple[int, float], days: float, found: float) -> Row:
    return {
        "tool": tool, "setting": setting.split(":", maxsplit=1)[0], "drift": f"{case.words}, {at[0]:,} rows", "jitter": at[1],
        "days": None if days == inf else days, "found": found,
    }  # fmt: skip
