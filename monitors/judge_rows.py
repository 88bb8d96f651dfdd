"""Readings of rows as a whole, of texts and of embeddings: a window's sample against the reference's own rows.

They raise notices only. Natural variation is measured on up to twelve of the reference's windows, each held against the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors import explain
from monitors.clocks import without_clocks
from monitors.multivariate._encoding import Encoder
from monitors.multivariate._types import Driver, Rows, RowsCheck, Sides
from monitors.multivariate._vectors import vectors
from monitors.natural import HeldOut, Judgement, Natural, among, beside, judge_found, natural_variation, spread
from monitors.types import Reading, Verdict
from reference_data.declaration import ModelSpec
from reference_data.plugins import discover
from reference_data.schema import Column

_NAMED = 3  # drivers that a sentence names
WEIGHTY = 0.1  # share from which a driver is named
_SEED = 20_250_101
_COUNTED = 20_000  # rows of a reference from which the scale of its columns is learned


@dataclass(frozen=True, slots=True)
class Asked:
    """One check, and the column it is about (None: all inputs together)."""

    check: RowsCheck
    column: Column | None

    @property
    def name(self) -> str | None:
        """The column's name."""
        return None if self.column is None else self.column.name


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceRows:
    """Rows of a reference: its inputs by name, event times (None without), and for each row the place of its window (-1: of none)."""

    table: pa.Table
    times: pa.ChunkedArray | None
    windows: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What one check looks at in a reference: its rows, how many windows have enough of them, and each of those against the rest.

    ``explained``: whether a finding may name what drives it. Words of texts about people may not: they would outlive the texts.
    """

    rows: Rows
    windows: int
    held_out: HeldOut
    names: tuple[str, ...]
    groups: NDArray[np.intp] | None
    encode: Callable[[pa.Table, pa.ChunkedArray | None], tuple[Rows, str]]
    explained: bool = True


def row_checks() -> dict[str, RowsCheck]:
    """Return the checks on rows by name."""
    found: dict[str, RowsCheck] = discover("monitors.multivariate", "CHECK")
    return found


def asked_of(spec: ModelSpec) -> list[Asked]:
    """Return what a model's windows are asked: the declared checks on all features together, and every check of its texts and embeddings."""
    checks = row_checks()
    found = [Asked(checks[name], None) for name in spec.monitor.multivariate if len(_features(spec)) > 1]
    for column in spec.columns:
        found += [Asked(check, column) for check in checks.values() if check.target == column.type]
    return found


def _features(spec: ModelSpec) -> list[Column]:
    return [column for column in spec.columns if column.role == "feature" and column.type not in ("text", "embedding")]


def suits(asked: Asked, prepared: Prepared) -> bool:
    """Return whether a check says anything of what the reference holds."""
    return asked.check.suits is None or asked.check.suits(prepared.rows)


# -- the reference's side ----------------------------------------------------------------------------------------------
def prepare(asked: Asked, spec: ModelSpec, reference: ReferenceRows, least: int) -> Prepared:
    """Read off a reference what a check looks at; raises :class:`ValueError` in words if there is nothing of it."""
    if asked.column is None:
        return _together(asked.check, spec, reference, least)
    encode = _encoding(asked.check, asked.column.name, reference)
    pieces = []
    for place in np.unique(reference.windows[reference.windows >= 0]):
        try:
            pieces.append(encode(reference.table.filter(pa.array(reference.windows == place)), None)[0])
        except ValueError:
            continue
    pieces = [piece for piece in pieces if len(piece) >= least]
    rows, _ = encode(reference.table, None)
    explained = asked.check.target != "text" or spec.subject is None
    return Prepared(rows, len(pieces), among(asked.check, pieces), (), None, encode, explained)


def _together(check: RowsCheck, spec: ModelSpec, reference: ReferenceRows, least: int) -> Prepared:
    """Prepare all inputs together. Where values count by how frequent they are, no row that is looked at is counted."""
    features, left_out = _features(spec), ""
    if check.unit == "AUC":
        features, left_out = without_clocks(features, reference)
    places, sizes = np.unique(reference.windows[reference.windows >= 0], return_counts=True)
    enough = places[sizes >= least]

    def taken(at: NDArray[np.intp]) -> tuple[pa.Table, pa.ChunkedArray | None]:
        chosen = pa.array(at)
        return reference.table.take(chosen), None if reference.times is None else reference.times.take(chosen)

    def fitted(among_: NDArray[np.intp], most: int) -> tuple[Encoder, Rows]:
        held, times = taken(among_[most : most + _COUNTED] if 2 * most <= len(among_) else among_[:_COUNTED])
        encoder = Encoder.fit(held, features, times)
        if encoder.counts and 2 * most > len(among_):
            most = len(among_) // 2
            held, times = taken(among_[most : most + _COUNTED])
            encoder = Encoder.fit(held, features, times)
        return encoder, encoder(*taken(among_[:most]))

    def held_out(place: int, rng: np.random.Generator) -> Sides:
        inside = reference.windows == enough[place]
        own = rng.permutation(np.flatnonzero(inside))[: check.most[1]]
        encoder, rest = fitted(rng.permutation(np.flatnonzero(~inside)), beside(check, len(own)))
        return Sides(rest, encoder(*taken(own)), encoder.names, encoder.groups)

    order = np.random.default_rng(_SEED).permutation(reference.table.num_rows)
    encoder, rows = fitted(order, check.most[0])
    return Prepared(
        rows,
        len(enough),
        held_out,
        encoder.names,
        encoder.groups,
        lambda table, times: (encoder(table, times), left_out),
    )


def _encoding(
    check: RowsCheck, name: str, reference: ReferenceRows
) -> Callable[[pa.Table, pa.ChunkedArray | None], tuple[Rows, str]]:
    if name not in reference.table.column_names:
        raise ValueError(f"the reference was frozen before {name} was declared; freeze a new one")
    if check.target == "text":
        return lambda table, _: (_texts(table, name), "")
    dimensions = vectors(reference.table.column(name))[0].shape[1]
    return lambda table, _: vectors(_column(table, name), dimensions)


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, pa.list_(pa.float64()))])
    return table.column(name)


def _texts(table: pa.Table, name: str) -> Rows:
    if name not in table.column_names:
        return np.empty(0, dtype=object)
    return np.asarray(table.column(name).drop_null().to_pylist(), dtype=object)


def measure_natural(asked: Asked, prepared: Prepared, reference_version: int) -> Natural:
    """Return what the check does between the reference's own windows."""
    return natural_variation(asked.check, prepared.windows, prepared.held_out, [_SEED, reference_version])


# -- one window --------------------------------------------------------------------------------------------------------
def judge_rows(
    asked: Asked,
    prepared: Prepared,
    natural: Natural,
    table: pa.Table,
    times: pa.ChunkedArray | None,
    least: int,
    blank: Reading,
) -> Reading:
    """Return the reading of one window's rows; whatever is wrong with them stands in it in words.

    ``blank`` has the fields that do not depend on the check; the same rows give the same reading.
    """
    blank = _blank(asked, blank)
    try:
        rows, left_out = prepared.encode(table, times)
        if min(len(rows), len(prepared.rows)) < least:
            return too_few(asked, blank, min(len(rows), len(prepared.rows)), least)
        seed = [_SEED, blank.reference_version, int(blank.window.start.timestamp())]
        base = spread([prepared.rows], beside(asked.check, len(rows)), np.random.default_rng(seed[:2]))
        sides = Sides(base, rows[: asked.check.most[1]], prepared.names, prepared.groups)
        found = asked.check.compare(sides, np.random.default_rng(seed), False)
        judged = judge_found(asked.check, found, natural)
        if judged.drifted and prepared.explained:
            found = asked.check.compare(sides, np.random.default_rng(seed), True)
    except ValueError as problem:
        return failed(asked, blank, str(problem))
    verdict: Verdict = "drift" if judged.drifted else "ok"
    words = [sentence(asked, found.value, judged, found.drivers), found.note]
    words += [f"Left out: {left_out}."] if left_out else []
    return replace(
        blank,
        value=found.value,
        reference_value=judged.usual,
        threshold=judged.threshold,
        lower=judged.lower,
        upper=judged.upper,
        p_value=judged.p_value,
        effect=abs(found.value - judged.usual),
        n=len(rows),
        verdict=verdict,
        significant=judged.significant,
        material=judged.material,
        sentence=" ".join(word for word in words if word),
        drivers=tuple((driver.column, driver.share) for driver in found.drivers),
    )


def too_few(asked: Asked, blank: Reading, rows: int, least: int) -> Reading:
    """Return a reading that says that there are not enough rows on one side."""
    words = explain.too_few(rows, least, asked.name or "rows as a whole")
    return replace(_blank(asked, blank), n=rows, verdict="insufficient" if rows else "no_data", sentence=words)


def failed(asked: Asked, blank: Reading, problem: str) -> Reading:
    """Return a reading that says in words why there is none."""
    what = asked.name or "rows as a whole"
    words = f"{asked.check.label} of {what} cannot be said: {problem}."
    return replace(_blank(asked, blank), verdict="error", sentence=words, error=problem)


def _blank(asked: Asked, blank: Reading) -> Reading:
    return replace(
        blank,
        check=asked.check.name,
        scope="multivariate" if asked.column is None else "column",
        column=asked.name,
        unit=asked.check.unit,
    )


# -- words -------------------------------------------------------------------------------------------------------------
def sentence(asked: Asked, value: float, judged: Judgement, drivers: Sequence[Driver]) -> str:
    """Say what was found in words, with the numbers and what drives it."""
    unit = "share" if asked.check.unit == "share" else ""
    most = min(judged.upper, 1.0) if asked.check.unit in ("AUC", "share") else judged.upper
    shown, low, high = explain.apart(value, judged.lower, most, unit)
    stated = (
        f"{asked.check.label} is {shown}; {f'{low} to {high}' if asked.check.two_sided else f'up to {high}'} is usual"
    )
    what = "Rows as a whole" if asked.column is None else asked.column.name
    if not judged.drifted:
        if judged.significant:
            return f"{what} moved, but too little to matter. {stated}."
        are = "are as" if asked.column is None else "is as"
        return f"{what} {are} in the reference. {stated}."
    by = _by(asked, drivers)
    if asked.check.name == "pca_reconstruction":
        return f"Columns do not belong together as they did in the reference{by}. {stated}."
    if asked.check.unit == "AUC":
        pairs = f"{100 * value:.0f} % of pairs, where 50 % is guessing"
        thing = {"rows": "rows", "text": f"texts of {what}", "embedding": f"vectors of {what}"}[asked.check.target]
        return f"A classifier tells the current {thing} from the reference's in {pairs}{by}. {stated}."
    if asked.check.name == "out_of_vocabulary_share":
        return f"{what} holds words that the reference does not know{by}. {stated}."
    return f"{what} {'lie' if asked.column is None else 'lies'} elsewhere than in the reference{by}. {stated}."


def _by(asked: Asked, drivers: Sequence[Driver]) -> str:
    if not drivers:
        return ""
    foremost = [driver for driver in drivers if driver.share >= WEIGHTY] or drivers[:1]
    named = [f"{driver.column} ({100 * driver.share:.0f} %)" for driver in foremost[:_NAMED]]
    most = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    return f", most by {'the words ' if asked.check.target == 'text' else ''}{most}"
