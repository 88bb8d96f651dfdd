"""What a comparison needs rows for: words of texts, embeddings, and on request all columns together.

A sample of either side is held against the other; there are no windows here, so the null is chance alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from monitors.compare_judge import Result
from monitors.compare_result import CheckValue, ColumnComparison
from monitors.judge_rows import Asked, ReferenceRows, prepare, row_checks, sentence, suits
from monitors.multivariate._types import Found, RowsCheck, Sides
from monitors.natural import Judgement, Natural, beside, judge_found, spread
from reference_data.declaration import ModelSpec

if TYPE_CHECKING:
    from monitors.compare_inputs import Pair
    from storage.column_values import Values

SAMPLE = 5000  # rows of a side
LEAST = 30  # usable rows of a side
_CHANCE = Natural(0, 0.0, 0.0, 0.0)
_SEED = 20_250_102
_LEVEL = 0.01  # at which a check's threshold is told
_CLASSIFIER = "text_classifier"
TOGETHER = ("domain_classifier", "pca_reconstruction", "mmd")


@dataclass(frozen=True, slots=True)
class RowsFinding:
    """A check on rows as a whole; ``drift`` is its verdict, by Bonferroni over these checks."""

    check: str
    value: float
    threshold: float
    p_value: float
    unit: str
    drift: bool
    drivers: tuple[tuple[str, float], ...]
    words: str
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "check": self.check,
            "value": _number(self.value),
            "threshold": _number(self.threshold),
            "p_value": _number(self.p_value),
            "unit": self.unit,
            "drift": self.drift,
            "drivers": [{"column": name, "share": share} for name, share in self.drivers],
            "sentence": self.words,
            "error": self.error,
        }


def judge_embedding(pair: Pair, checks: Sequence[str] | None) -> Result:
    """Return the result of a column of embeddings: centroid, discrepancy and classifier, the least p-value times their number."""
    assert pair.reference is not None
    assert pair.current is not None
    blank = ColumnComparison(
        column=pair.name,
        type=pair.column.type,
        missing_reference=pair.reference.null_count / max(len(pair.reference), 1),
        missing_current=pair.current.null_count / max(len(pair.current), 1),
        notes=pair.notes,
    )
    least = min(len(side) - side.null_count for side in (pair.reference, pair.current))
    if least < LEAST:
        note = (
            f"{least} usable {'row' if least == 1 else 'rows'} on one side, too few for a verdict: {LEAST} are needed"
        )
        return Result(replace(blank, lacking="insufficient", notes=(*pair.notes, note)))
    return _with_rows(pair, Result(blank), checks)


def with_words(pair: Pair, result: Result, checks: Sequence[str] | None, *, classify: bool) -> Result:
    """Return the result of a column of texts with what their words say beside their length.

    ``classify``: by a classifier as well, which takes longer to load than all the rest takes; else by new words alone.
    """
    if pair.column.type != "text" or result.comparison.error is not None or result.comparison.lacking:
        return result
    return _with_rows(pair, result, checks, spared=() if classify or _CLASSIFIER in (checks or ()) else (_CLASSIFIER,))


def _with_rows(pair: Pair, result: Result, checks: Sequence[str] | None, spared: Sequence[str] = ()) -> Result:
    wanted = [check for check in row_checks().values() if check.target == pair.column.type and check.name not in spared]
    asked = [Asked(check, pair.column) for check in wanted]
    reference, current = (
        {pair.name: _sampled(side, place)} for place, side in enumerate((pair.reference, pair.current))
    )
    try:
        judged = _judge_all(asked, pa.table(reference), pa.table(current))
    except ValueError as problem:
        if pair.column.type == "embedding":
            return Result(replace(result.comparison, error=str(problem)))
        return replace(result, comparison=replace(result.comparison, notes=(*result.comparison.notes, str(problem))))
    told = result.comparison
    tests = len(judged) + (0 if np.isnan(told.p_value) else 1)
    values = [CheckValue(a.check.name, f.value, j.threshold, a.check.unit) for a, f, j in judged]
    material = [(min(1.0, tests * j.p_value), sentence(a, f.value, j, f.drivers)) for a, f, j in judged if j.material]
    own = min(1.0, tests * result.decisive)
    least = min([j.p_value for _, _, j in judged] + ([] if np.isnan(told.p_value) else [told.p_value]))
    comparison = replace(
        told,
        p_value=min(1.0, tests * least),
        checks=(*told.checks, *(v for v in values if checks is None or v.check in checks)),
        reasons=(
            *(told.reasons if own <= _LEVEL else ()),
            *(words.rstrip(".") for p, words in material if p <= _LEVEL),
        ),
        notes=tuple(note for note in told.notes if note != "text is compared by its length"),
    )
    return Result(comparison, min([own, *(p for p, _ in material)]), min(1.0, tests * result.moved))


def _judge_all(asked: Sequence[Asked], reference: pa.Table, current: pa.Table) -> list[tuple[Asked, Found, Judgement]]:
    """Judge one column; raises :class:`ValueError` in words when its rows cannot be used."""
    model = ModelSpec(name="comparison", task="none", label=None)
    judged = []
    for one in asked:
        prepared = prepare(
            one, model, ReferenceRows(reference, None, np.full(len(reference), -1, dtype=np.intp)), LEAST
        )
        if not suits(one, prepared):
            continue
        rows, _ = prepared.encode(current, None)
        judged.append((one, *_compare(one.check, Sides(prepared.rows, rows))))
    return judged


def _compare(check: RowsCheck, sides: Sides) -> tuple[Found, Judgement]:
    n = len(sides.current)
    if min(n, len(sides.reference)) < LEAST:
        raise ValueError(f"too few usable rows on one side ({min(n, len(sides.reference))}); {LEAST} are needed")
    base = spread([sides.reference], beside(check, n), np.random.default_rng(_SEED))
    cut = replace(sides, reference=base, current=sides.current[: check.most[1]])
    found = check.compare(cut, np.random.default_rng(_SEED), False)
    judged = judge_found(check, found, _CHANCE, _LEVEL)
    if judged.drifted:
        found = check.compare(cut, np.random.default_rng(_SEED), True)
    return found, judged


def compare_together(pairs: Sequence[Pair], alpha: float) -> tuple[RowsFinding, ...]:
    """Return what is found in all comparable columns together; columns of times, texts and embeddings are left out."""
    kept = [pair for pair in pairs if pair.error is None and pair.column.type in ("numeric", "boolean", "categorical")]
    if len(kept) < 2:
        return ()
    reference, current = (
        pa.table({pair.name: _sampled(pair.reference if place == 0 else pair.current, place) for pair in kept})
        for place in (0, 1)
    )
    types: Mapping[str, Any] = {pair.name: pair.column.type for pair in kept}
    model = ModelSpec.model_construct(name="comparison", task="none", features=dict(types))
    checks = row_checks()
    return tuple(
        _together(Asked(checks[name], None), model, reference, current, alpha / len(TOGETHER)) for name in TOGETHER
    )


def _together(asked: Asked, model: ModelSpec, reference: pa.Table, current: pa.Table, level: float) -> RowsFinding:
    check = asked.check
    try:
        prepared = prepare(
            asked, model, ReferenceRows(reference, None, np.full(len(reference), -1, dtype=np.intp)), LEAST
        )
        rows, _ = prepared.encode(current, None)
        found, judged = _compare(check, Sides(prepared.rows, rows, prepared.names, prepared.groups))
    except ValueError as problem:
        words = f"{check.label} cannot be said: {problem}."
        return RowsFinding(check.name, np.nan, np.nan, np.nan, check.unit, False, (), words, str(problem))
    return RowsFinding(
        check=check.name,
        value=found.value,
        threshold=judged.threshold,
        p_value=judged.p_value,
        unit=check.unit,
        drift=judged.material and judged.p_value <= level,
        drivers=tuple((driver.column, driver.share) for driver in found.drivers),
        words=sentence(asked, found.value, judged, found.drivers),
    )


def _sampled(side: Values | None, place: int) -> pa.ChunkedArray:
    """Return up to :data:`SAMPLE` rows of a column: of all columns of a side the same."""
    assert side is not None
    whole = side.whole()
    order = np.random.default_rng([_SEED, place]).permutation(len(whole))  # whoever takes the first ones takes any
    return whole.take(pa.array(order[:SAMPLE]))


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
