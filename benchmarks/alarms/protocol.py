"""The protocol: which cells and which drifts, how many models and days, and what counts as met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from benchmarks.alarms.days import Cell, Drift

Seeds = Literal["dev", "judge"]
FIRST_SEED: dict[str, int] = {"dev": 0, "judge": 1000}  # development has seeds 0-49; judging never sees those
ROWS = (30, 100, 500, 1000, 5000)
JITTER = 0.05
GOAL = 0.03  # false alerts a model-week, as an upper 95 % bound, in every cell
DRIFT_FROM, DRIFT_DAYS = 28, 28  # days of a series before a drift, and with it


@dataclass(frozen=True, slots=True)
class Size:
    """How much is run: models and weeks a cell of the null, models a cell of the delays."""

    models: int
    weeks: int
    drifts: int
    harms: int  # models a change, harmful or not
    streams: int  # models a stream
    agreements: int  # models fed to a workspace
    peers: int  # models of four weeks that other tools are tuned on: 0.02 alerts a model-week is one in 50
    peer_drifts: int  # models in which a column drifts, for them
    peer_rows: tuple[int, ...]


SMALL = Size(
    models=12, weeks=9, drifts=15, harms=5, streams=1, agreements=2, peers=2, peer_drifts=3, peer_rows=(100,)
)  # fmt: skip
FULL = Size(
    models=50, weeks=21, drifts=100, harms=50, streams=10, agreements=10, peers=13, peer_drifts=9,
    peer_rows=(100, 1000),
)  # fmt: skip


def null_cells() -> Iterator[Cell]:
    """Yield the plain cells, then the stress cells."""
    for jitter in (0.0, JITTER):
        for rows in ROWS:
            yield Cell(f"{rows} rows, jitter {jitter:g}", rows, jitter)
    for rows in (100, 1000):
        at = f"{rows} rows, "
        yield Cell(f"{at}weekday cycle 0.1", rows, JITTER, weekday=0.1)
        yield Cell(f"{at}AR(1) 0.5", rows, JITTER, memory=0.5)
        yield Cell(f"{at}weekend traffic 0.4", rows, JITTER, weekend=0.4)
        yield Cell(f"{at}common day effects", rows, JITTER, common=True)
        yield Cell(f"{at}lognormal variances of days", rows, JITTER, uneven="days")
        yield Cell(f"{at}lognormal variances of columns", rows, JITTER, uneven="columns")
        yield Cell(f"{at}t4 day effects", rows, JITTER, tails="t4")
        yield Cell(f"{at}uneven traffic", rows, JITTER, traffic=0.3)
        yield Cell(f"{at}additive jitter of bounded values", rows, JITTER, additive=True)
        yield Cell(f"{at}rare categories in bursts", rows, JITTER, bursty=True)
    yield Cell("30 rows, weekday cycle 0.1", 30, JITTER, weekday=0.1)
    yield Cell("5000 rows, AR(1) 0.5", 5000, JITTER, memory=0.5)
    yield Cell("5000 rows, t4 day effects", 5000, JITTER, tails="t4")
    yield Cell("1000 rows, jitter 0.05, 200 columns", 1000, JITTER, columns=200)


@dataclass(frozen=True, slots=True)
class Delay:
    """A drift, and the median days it may take without and with day jitter; None where the protocol names no figure."""

    words: str
    rows: int
    drift: Drift
    goals: tuple[float, float] | None


def delays() -> tuple[Delay, ...]:
    """Return the drifts of the protocol, then others of which it says nothing."""

    def shift(size: float, rows: int, goals: tuple[float, float] | None, column: str = "normal_a") -> Delay:
        words = f"{column} {size:g} sd" if column != "normal_a" else f"{size:g} sd"
        return Delay(words, rows, Drift(column, "location", size, DRIFT_FROM), goals)

    def other(words: str, rows: int, column: str, change: str, size: float, goals: tuple[float, float] | None) -> Delay:
        return Delay(words, rows, Drift(column, change, size, DRIFT_FROM), goals)  # type: ignore[arg-type]

    return (
        shift(0.5, 100, (1, 2)),
        shift(0.3, 100, (4, 4)),
        shift(0.3, 1000, (1, 1)),
        shift(0.2, 1000, (1, 2)),
        shift(0.1, 1000, (3, 9)),
        other("a share + 5 points", 1000, "region", "share", 0.05, (2, 4)),
        shift(0.2, 1000, None, "price"),
        shift(0.2, 1000, None, "return_a"),
        shift(0.2, 1000, None, "count"),
        shift(0.2, 1000, None, "flag"),
        shift(0.5, 30, None),
        other("dispersion + 30 %", 1000, "normal_b", "dispersion", 0.3, None),
        other("missing 2 % to 20 %", 1000, "normal_gaps", "missing", 0.2, None),
        other("a new category of 2 %", 1000, "region", "new_category", 0.02, None),
        other("a share + 5 points", 100, "region", "share", 0.05, None),
    )


def wide_delays() -> tuple[Delay, ...]:
    """Return the protocol's own drifts, to be found among 200 columns within twice the time."""
    return tuple(case for case in delays() if case.goals is not None)
