"""Other tools on the same rows: on their defaults, and tuned until they are as quiet as the product.

A tool is asked once for its verdicts on many days at once; tuning then tries other limits on the values it gave. "Tuned" is the
strictest of what a tool needs to stay silent over the whole null of development seeds, with jitter: one limit for each of its statistics,
as its users would set it. Streaming detectors give no values, so they are run again with stricter and stricter settings.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.alarms.days import Cell
from benchmarks.alarms.generator import REFERENCE_DAYS, Model, make
from benchmarks.alarms.protocol import JITTER, Delay, delays
from benchmarks.peers import PeerError, installed, run_peer

Verdict = Mapping[str, Any]
NULL_DAYS, DRIFT_DAYS = 28, 14
STRICTER = 1e-6  # beyond the quietest value seen, relative: the limit has to lie on its other side


@dataclass(frozen=True, slots=True)
class Peer:
    """One way of running one tool. ``ladder``: settings that a streaming detector is tuned through, loosest first."""

    label: str
    name: str
    options: tuple[str, ...] = ()
    ladder: tuple[tuple[str, ...], ...] = ()


PEERS = (
    Peer("evidently", "evidently"),
    Peer("nannyml", "nannyml"),
    Peer("alibi-detect tabular", "alibi-detect"),
    Peer("frouros tests", "frouros"),
    Peer("frouros PSI", "frouros", ("--detector", "psi")),
    Peer("river ADWIN", "river", ("--detector", "adwin"), tuple(("--alpha", f"{d:g}") for d in (1e-4, 1e-6, 1e-9, 1e-13, 1e-18))),
    Peer("river KSWIN", "river", ("--detector", "kswin"), tuple(("--alpha", f"{a:g}") for a in (1e-4, 1e-6, 1e-9, 1e-13))),
    Peer(
        "river Page-Hinkley", "river", ("--detector", "page_hinkley"),
        tuple(("--threshold", f"{t:g}") for t in (100, 200, 500, 1000, 3000)),
    ),
)  # fmt: skip


def days_table(model: Model, name: str) -> pa.Table:
    """Return a model's rows as the peers take them: columns ``model`` and ``day``, negative days being the reference."""
    reference = model.reference_table().drop_columns(["event_time"])
    before = np.repeat(np.arange(-REFERENCE_DAYS, 0), model.rows[:REFERENCE_DAYS])
    parts = [(reference, before)]
    for day in range(len(model.windows)):
        rows = model.table(day).drop_columns(["event_time"])
        parts.append((rows, np.full(rows.num_rows, day)))
    return pa.concat_tables(
        [t.append_column("day", pa.array(d)).append_column("model", pa.repeat(name, len(d))) for t, d in parts]
    )


def verdicts(peer: Peer, path: Path, options: Sequence[str]) -> tuple[list[Verdict], list[Verdict]]:
    """Return what a tool says of a file: of columns, and of tables as a whole where it has an opinion."""
    found = run_peer(peer.name, ["--days", str(path), *peer.options, *options])
    return found["verdicts"], found["datasets"]


def excess(verdict: Verdict) -> float:
    """Return how far a value is beyond where its tool begins, in a unit that tuning can raise; -inf without a value."""
    value = verdict.get("value")
    if value is None:
        return -inf
    if verdict.get("spread"):
        return abs(float(value) - float(verdict["center"])) / float(verdict["spread"])
    return -float(np.log10(max(value, 1e-300))) if verdict["fires"] == "below" else float(value)


def silencing(found: Iterable[Verdict]) -> dict[str, float]:
    """Return, for each statistic, the largest excess of days on which nothing drifts: beyond it, never a false alarm."""
    limits: dict[str, float] = defaultdict(lambda: -inf)
    for verdict in found:
        if verdict["drift"] is not None:
            limits[str(verdict["statistic"])] = max(limits[str(verdict["statistic"])], excess(verdict))
    return {statistic: limit * (1 + STRICTER) for statistic, limit in limits.items()}


def tuned(limits: Mapping[str, float]) -> Callable[[Verdict], bool]:
    """Return the rule that fires beyond ``limits`` only; a statistic that the null never used fires as its tool says."""

    def fires(verdict: Verdict) -> bool:
        limit = limits.get(str(verdict["statistic"]))
        return bool(verdict["drift"]) if limit is None else excess(verdict) > limit

    return fires


def by_default(verdict: Verdict) -> bool:
    return bool(verdict["drift"])


def false_alarms(
    found: Sequence[Verdict], fires: Callable[[Verdict], bool], models: int, days: int
) -> dict[str, float]:
    """Return what a week without drift costs: column alerts (one a column and day), days with any, episodes of such days."""
    loud: dict[str, set[int]] = defaultdict(set)
    columns = 0
    for verdict in found:
        if verdict["drift"] is not None and fires(verdict):
            columns += 1
            loud[str(verdict["model"])].add(int(verdict["day"]))
    weeks = models * days / 7
    episodes = sum(day - 1 not in held for held in loud.values() for day in held)
    return {
        "column_alerts_a_week": columns / weeks,
        "alerting_days_a_week": sum(map(len, loud.values())) / weeks,
        "episodes_a_week": episodes / weeks,
    }


def days_to(
    found: Sequence[Verdict], fires: Callable[[Verdict], bool], column: str, models: int
) -> tuple[float, float]:
    """Return the median days until the drifted column fires, over models, and the share of models where it ever does."""
    first: dict[str, int] = {}
    for verdict in found:
        if verdict["column"] == column and verdict["drift"] is not None and fires(verdict):
            name = str(verdict["model"])
            first[name] = min(first.get(name, 10**9), int(verdict["day"]) + 1)
    days = sorted([*map(float, first.values()), *[inf] * (models - len(first))])
    return days[(models - 1) // 2], len(first) / models


@dataclass(frozen=True, slots=True)
class Files:
    """The rows of the null and of each drift, written once for all tools."""

    null: Path
    drifts: dict[str, tuple[Delay, Path]]
    models: int


def write(folder: Path, rows: int, jitter: float, seeds: Sequence[int]) -> Files:
    """Write the rows of one cell: models in which nothing drifts, and each of the protocol's drifts from the first day on."""
    cell = Cell(f"{rows} rows, jitter {jitter:g}", rows, jitter)
    null = folder / f"null_{rows}_{jitter:g}.parquet"
    pq.write_table(pa.concat_tables([days_table(make(cell, seed, NULL_DAYS), str(seed)) for seed in seeds]), null)
    drifts = {}
    for number, case in enumerate(case for case in delays() if case.goals is not None and case.rows == rows):
        drift = type(case.drift)(case.drift.column, case.drift.change, case.drift.size, start=0)
        path = folder / f"drift_{rows}_{jitter:g}_{number}.parquet"
        models = [days_table(make(cell, seed, DRIFT_DAYS, drift), str(seed)) for seed in seeds]
        pq.write_table(pa.concat_tables(models).select(["model", "day", drift.column]), path)
        drifts[case.words] = (case, path)
    return Files(null, drifts, len(seeds))


def run_peers(
    cells: Sequence[int], seeds: Sequence[int], tuning: Sequence[int], say: Callable[[dict[str, Any]], Any]
) -> dict[str, Any]:
    """Return rows of the null and of the delays of every tool that is installed, and notes on those that are not.

    ``cells``: rows a day, each without and with jitter. Limits are tuned on ``tuning`` (development) seeds; both tables are of ``seeds``, which may be the same.
    """
    nulls: list[dict[str, Any]] = []
    late: list[dict[str, Any]] = []
    missing = sorted({peer.name for peer in PEERS if not installed(peer.name)})
    notes = [f"{name} is not installed (`python -m benchmarks.peers install {name}`) and left out" for name in missing]
    with tempfile.TemporaryDirectory() as scratch:
        for rows in cells:
            for jitter in (0.0, JITTER):
                folder = Path(scratch) / f"{rows}_{jitter:g}"
                folder.mkdir()
                files = write(folder, rows, jitter, seeds)
                own = folder / "tuning"
                own.mkdir()
                learn = files if list(seeds) == list(tuning) else write(own, rows, jitter, tuning)
                for peer in PEERS:
                    if peer.name in missing:
                        continue
                    try:
                        null, delay = _one(peer, files, learn, rows, jitter)
                    except PeerError as error:
                        notes.append(
                            f"{peer.label}, {rows} rows, jitter {jitter:g}: {str(error).splitlines()[-1][:200]}"
                        )
                        continue
                    nulls += [say(row) for row in null]
                    late += [say(row) for row in delay]
    return {"peers": nulls, "peer_delays": late, "notes": notes}


def _one(
    peer: Peer, files: Files, learn: Files, rows: int, jitter: float
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    quiet, tables = verdicts(peer, files.null, ())
    taught = quiet if learn is files else verdicts(peer, learn.null, ())[0]
    settings: list[tuple[str, tuple[str, ...], Callable[[Verdict], bool], Sequence[Verdict]]] = [
        ("default", (), by_default, quiet)
    ]
    if peer.ladder:
        step = _first_silent(peer, learn)
        settings.append(
            (f"tuned: {' '.join(step).removeprefix('--')}", step, by_default, verdicts(peer, files.null, step)[0])
        )
    else:
        limits = silencing(taught)
        words = ", ".join(f"{name} {_limit(name, limit, taught)}" for name, limit in sorted(limits.items()))
        settings.append((f"tuned: {words}", (), tuned(limits), quiet))
    null, late = [], []
    plain: dict[str, Sequence[Verdict]] = {}
    for setting, options, fires, found in settings:
        alarms = false_alarms(found, fires, files.models, NULL_DAYS)
        whole = 7 * sum(bool(table["drift"]) for table in tables) / (files.models * NULL_DAYS) if tables else None
        row = {
            "peer": peer.label,
            "setting": setting,
            "rows": rows,
            "jitter": jitter,
            "model_weeks": files.models * NULL_DAYS // 7,
        }
        null.append({**row, **alarms, "dataset_alerts_a_week": whole if setting == "default" else None})
        for words, (case, path) in files.drifts.items():
            if options or words not in plain:
                answer: Sequence[Verdict] = verdicts(peer, path, options)[0]
                if not options:
                    plain[words] = answer
            else:
                answer = plain[words]
            days, share = days_to(answer, fires, case.drift.column, files.models)
            late.append(
                {"peer": peer.label, "setting": setting.split(":")[0], "drift": words, "rows": rows, "jitter": jitter,
                 "days": None if days == inf else days, "found": share}
            )  # fmt: skip
    return null, late


def _first_silent(peer: Peer, learn: Files) -> tuple[str, ...]:
    """Return the loosest setting without a false alarm on the null, or the strictest there is."""
    for step in peer.ladder:
        if not any(by_default(verdict) for verdict in verdicts(peer, learn.null, step)[0]):
            return step
    return peer.ladder[-1]


def _limit(statistic: str, limit: float, found: Sequence[Verdict]) -> str:
    """Return a limit in the tool's own unit."""
    verdict = next(v for v in found if str(v["statistic"]) == statistic and v["drift"] is not None)
    if verdict.get("spread"):
        return f"{limit:.2g} spreads"
    return f"p {10**-limit:.2g}" if verdict["fires"] == "below" else f"{limit:.3g}"
