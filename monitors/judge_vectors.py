"""Readings of embeddings from means and covariances of all their rows: exact, however many there are.

Chance is drawn for the rows there are; what the reference's windows do beyond it is taken both as a share of chance and as such, and the
larger counts: where a window has more rows than those had, chance is less and nature is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from monitors.judge_rows import Asked, failed, sentence, too_few
from monitors.multivariate._moments import Chance, Spread, Tails, distance
from monitors.multivariate._types import Found, RowsCheck
from monitors.natural import Judgement, Natural, judge_found, natural_of, spaced
from monitors.types import Reading, Verdict
from reference_data.vector_moments import VectorMoments, merged

LEAST = 0.05**2  # change that matters at least, as a share of the reference's variance: a shift by 0.05 of its spread
_ROWS = 20_000  # of the reference, from which the tails are learned


@dataclass(frozen=True, slots=True)
class NaturalSums:
    """Natural variation as a share of what chance does, and in the unit of the distance."""

    shares: Natural
    plain: Natural


@dataclass(frozen=True, slots=True, eq=False)
class Against:
    """All vectors of a reference: their moments, principal directions, and what chance does."""

    whole: VectorMoments
    spread: Spread
    chance: Chance

    @classmethod
    def of(cls, whole: VectorMoments, tails: Tails = Tails()) -> Against:  # noqa: B008  (frozen)
        """Decompose a reference; raises :class:`ValueError` when all vectors are alike."""
        spread = Spread.of(whole)
        if whole.n < 2 or spread.total <= 0:
            raise ValueError("all vectors of the reference are alike, so there is no spread to measure a distance by")
        return cls(whole, spread, Chance(spread.variances, tails))

    @classmethod
    def of_rows(cls, whole: VectorMoments, rows: NDArray[np.float64]) -> Against:
        """Learn how heavy the tails are from vectors that were kept, shape (n, d); raises as :meth:`of`."""
        plain = cls.of(whole)
        return replace(plain, chance=Chance(plain.spread.variances, Tails.of(rows[:_ROWS], whole.mean, plain.spread)))

    def found(self, now: VectorMoments, base: VectorMoments | None = None) -> Found:
        """Return the distance of other vectors and what it is by chance; ``base``: the reference without them, if they are part of it."""
        value = distance(self.whole, now, self.spread) if base is None else distance(base, now)
        mean, sd, skew = self.chance((base or self.whole).n, now.n)
        return Found(value, mean, sd, skew)


def measure_natural_sums(check: RowsCheck, against: Against, windows: Sequence[VectorMoments]) -> NaturalSums:
    """Hold up to twelve of the reference's windows, evenly spaced, each against the rest without it."""
    whole = merged(windows)
    findings = (
        [] if whole is None else [against.found(windows[at], whole.minus(windows[at])) for at in spaced(len(windows))]
    )
    return NaturalSums(natural_of(check, findings), natural_of(_plain(check, against, 0.0), findings))


def judge_vectors(
    asked: Asked, against: Against, natural: NaturalSums, now: VectorMoments, least: int, blank: Reading
) -> Reading:
    """Return the reading of all vectors of one window. Arguments as of :func:`monitors.judge_rows.judge_rows`."""
    if min(now.n, against.whole.n) < max(least, 2):
        return too_few(asked, blank, min(now.n, against.whole.n), least)
    try:
        found = against.found(now)
    except (ValueError, np.linalg.LinAlgError) as problem:
        return failed(asked, blank, str(problem))
    judged = _judged(asked.check, against, natural, found)
    verdict: Verdict = "drift" if judged.drifted else "ok"
    left_out = _left_out(now)
    words = [sentence(asked, found.value, judged, ()), f"From all {now.n:,} vectors." if not left_out else ""]
    words += [f"From {now.n:,} vectors. Left out: {left_out}."] if left_out else []
    return replace(
        blank,
        check=asked.check.name,
        scope="column",
        column=asked.name,
        unit=asked.check.unit,
        value=found.value,
        reference_value=judged.usual,
        threshold=judged.threshold,
        lower=judged.lower,
        upper=judged.upper,
        p_value=judged.p_value,
        effect=abs(found.value - judged.usual),
        n=now.n,
        n_reference=against.whole.n,
        verdict=verdict,
        significant=judged.significant,
        material=judged.material,
        sentence=" ".join(word for word in words if word),
    )


def _judged(check: RowsCheck, against: Against, natural: NaturalSums, found: Found) -> Judgement:
    mean = found.expected
    shares, plain = natural.shares, natural.plain
    both = Natural(
        shares.windows,
        max(plain.bias, shares.bias * mean),
        max(plain.tau2, shares.tau2 * mean**2),
        max(plain.chance2, shares.chance2 * mean**2),
    )
    return judge_found(_plain(check, against, mean), found, both)


def _plain(check: RowsCheck, against: Against, expected: float) -> RowsCheck:
    """Return the check in the unit of the distance: what matters, and what is assumed, at least of the reference's variance."""
    least = LEAST * against.spread.total
    return replace(
        check, relative=False, least=max(check.least * expected, least), prior=max(check.prior * expected, least)
    )


def _left_out(now: VectorMoments) -> str:
    words = [f"{now.others:,} vectors have another number of values than {now.dimensions}"] if now.others else []
    words += [f"{now.broken:,} vectors hold values that are no finite numbers"] if now.broken else []
    return "; ".join(words)
