"""What is to be known of a table before anybody guesses: facts of each column, and which columns go together. JSON-ready."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import TypedDict

from reference_data.inference import infer_columns
from service.wizard.times import TimeFacts, read_times, time_facts

_TOP = 30
_LONGEST = 1000  # characters of a value that may be a category; facts are kept, and sent to pages
_PAIRED = 80  # numeric columns that are held against each other
_FEW = 50  # distinct values up to which two columns are compared value by value
_ROWS = 20_000  # that pairs are looked for in
_EXAMPLES = 4


class ColumnFacts(TypedDict):
    """Facts of one column. ``type`` is what :func:`reference_data.inference.infer_columns` says of it."""

    name: str
    type: str
    stored: str  # int, float, bool, time, text, vector, nothing
    missing: float
    distinct: int
    held: int  # rows with a value, of those looked at
    low: float | None
    high: float | None
    mean: float | None
    sd: float | None
    whole: bool  # numbers, all of them whole
    counting: bool  # 0, 1, 2 … or 1, 2, 3 …, in the order of rows
    rising: bool  # whole numbers, never lower than the row before
    characters: float
    top: list[tuple[str, float]]  # the most frequent values and their shares
    examples: list[str]
    time: TimeFacts | None


class Pair(TypedDict):
    """Two columns that say much the same: share of equal values, or correlation and error in standard deviations of the second."""

    a: str
    b: str
    kind: str  # values, numbers
    agreement: float
    error: float


class Separation(TypedDict):
    """A column of numbers between 0 and 1 that tells two values of another apart: area under the curve for ``value``."""

    score: str
    column: str
    value: str
    area: float


class Facts(TypedDict):
    """Facts of a file; ``rows`` are all, ``sampled`` those looked at."""

    rows: int
    sampled: int
    columns: list[ColumnFacts]
    pairs: list[Pair]
    separations: list[Separation]
    sums_to_one: list[list[str]]
    preview: list[dict[str, str]]
    notes: list[str]


def gather(table: pa.Table, rows: int, written: dict[str, pa.ChunkedArray], notes: list[str]) -> Facts:
    """Return the facts of a table of storage.files' types; ``rows`` are those of the whole file.

    ``written`` holds, for columns of aware times, what the file says as text, in which the offsets still stand.
    """
    scale = rows / max(1, table.num_rows)
    types = {column.name: column.type for column in infer_columns(table)}
    columns = [_column(name, table.column(name), types[name], scale, written.get(name)) for name in table.column_names]
    part = table.slice(0, _ROWS) if table.num_rows <= _ROWS else table.take(_spread(table.num_rows))
    found: Facts = {
        "rows": rows,
        "sampled": table.num_rows,
        "columns": columns,
        "pairs": [*_value_pairs(part, columns), *_number_pairs(part, columns)],
        "separations": _separations(part, columns),
        "sums_to_one": _sums_to_one(part, columns),
        "preview": _preview(table),
        "notes": notes,
    }
    return found


def _spread(rows: int) -> pa.Array:
    return pa.array(np.linspace(0, rows - 1, _ROWS).astype(np.int64))


def _preview(table: pa.Table) -> list[dict[str, str]]:
    rows = table.slice(0, 5).to_pylist()
    return [{name: "" if value is None else shown(value) for name, value in row.items()} for row in rows]


def shown(value: object) -> str:
    """Return a value as a person reads it in a table: short, times without a T."""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    text = text if len(text) <= 60 else text[:59] + "…"
    return text.encode("utf-8", "replace").decode()


def _stored(kind: pa.DataType) -> str:
    types = pa.types
    for name, test in (("nothing", types.is_null), ("bool", types.is_boolean), ("int", types.is_integer),
                       ("float", types.is_floating), ("time", types.is_timestamp), ("vector", types.is_list)):  # fmt: skip
        if test(kind):
            return name
    return "text"


def _column(
    name: str, values: pa.ChunkedArray, kind: str, scale: float, written: pa.ChunkedArray | None
) -> ColumnFacts:
    stored, held = _stored(values.type), len(values) - values.null_count
    numbers = stored in ("int", "float")
    low, high, mean, sd, whole = _moments(values) if numbers else (None, None, None, None, False)
    vector = stored == "vector"
    top = [] if vector else _top(values)
    found: ColumnFacts = {
        "name": name,
        "type": kind,
        "stored": stored,
        "missing": values.null_count / max(1, len(values)),
        "distinct": held if vector or held == 0 else int(pc.count_distinct(values, mode="only_valid").as_py()),
        "held": held,
        "low": low,
        "high": high,
        "mean": mean,
        "sd": sd,
        "whole": whole,
        "counting": whole and _counts_up(values),
        "rising": whole and low != high and not values.null_count and bool(np.all(np.diff(values.to_numpy()) >= 0)),
        "characters": float(pc.mean(pc.utf8_length(values)).as_py() or 0) if stored == "text" else 0.0,
        "top": top,
        "examples": [shown(text) for text, _ in top[:_EXAMPLES]]
        if top and top[0][1] * held > 1.5
        else [shown(value) for value in values.drop_null().slice(0, _EXAMPLES).to_pylist()],
        "time": None,
    }
    parsed = None if vector or held == 0 else read_times(values, name)
    if parsed is not None:
        found["time"] = time_facts(parsed, scale, written)
    return found


def _moments(values: pa.ChunkedArray) -> tuple[float | None, float | None, float | None, float | None, bool]:
    numbers = values.drop_null().to_numpy().astype(float)
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return None, None, None, None, False
    whole = bool(np.all(finite == np.floor(finite)))
    return float(finite.min()), float(finite.max()), float(finite.mean()), float(finite.std()), whole


def _counts_up(values: pa.ChunkedArray) -> bool:
    if values.null_count or len(values) < 2:
        return False
    numbers = values.to_numpy().astype(float)
    return bool(numbers[0] in (0.0, 1.0) and np.all(np.diff(numbers) >= 1) and numbers[-1] - numbers[0] < 50 * len(numbers)
                and len(np.unique(np.diff(numbers))) == 1)  # fmt: skip


def _top(values: pa.ChunkedArray) -> list[tuple[str, float]]:
    if len(values) == values.null_count:
        return []
    counts = pc.value_counts(values.drop_null())
    order = np.argsort(-counts.field("counts").to_numpy(zero_copy_only=False), kind="stable")[:_TOP]
    held = len(values) - values.null_count
    picked = counts.take(pa.array(order))
    named = [(as_class(entry["values"]), entry["counts"] / held) for entry in picked.to_pylist()]
    return [(name, share) for name, share in named if len(name) <= _LONGEST]


def as_class(value: object) -> str:
    """Return a value as the category it becomes: 1.0 is "1", True is "true"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return str(int(value))
    return str(value)


# -- what goes together ------------------------------------------------------------------------------------------------
def _value_pairs(table: pa.Table, columns: list[ColumnFacts]) -> list[Pair]:
    few = [c for c in columns if 2 <= c["distinct"] <= _FEW and c["stored"] in ("int", "float", "bool", "text") and (c["stored"] != "float" or c["whole"])]  # fmt: skip
    texts = {c["name"]: _classes(table.column(c["name"])) for c in few[:_PAIRED]}
    found: list[Pair] = []
    for place, a in enumerate(few[:_PAIRED]):
        for b in few[place + 1 : _PAIRED]:
            mine, theirs = {text for text, _ in a["top"]}, {text for text, _ in b["top"]}
            if len(mine & theirs) < 2 or len(mine & theirs) < 0.5 * min(len(mine), len(theirs)):
                continue
            left, right = texts[a["name"]], texts[b["name"]]
            both = np.array([x is not None and y is not None for x, y in zip(left, right, strict=True)])
            if both.sum() < 20:
                continue
            agreement = float(np.mean(left[both] == right[both]))
            chance = sum(share * dict(b["top"]).get(text, 0.0) for text, share in a["top"])
            if agreement >= 0.5 and agreement - chance >= 0.4 * (1 - chance):
                found.append(
                    {
                        "a": a["name"],
                        "b": b["name"],
                        "kind": "values",
                        "agreement": agreement,
                        "error": 1 - agreement,
                    }
                )
    return found


def _classes(values: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    return np.array([None if value is None else as_class(value) for value in values.to_pylist()], dtype=object)


def _number_pairs(table: pa.Table, columns: list[ColumnFacts]) -> list[Pair]:
    names = [c["name"] for c in columns if c["stored"] in ("int", "float") and c["distinct"] > _FEW / 5 and c["sd"]]
    names = names[:_PAIRED]
    arrays = {name: _floats(table.column(name)) for name in names}
    found: list[Pair] = []
    for place, a in enumerate(names):
        for b in names[place + 1 :]:
            both = np.isfinite(arrays[a]) & np.isfinite(arrays[b])
            if both.sum() < 20:
                continue
            x, y = arrays[a][both], arrays[b][both]
            if x.std() == 0 or y.std() == 0:
                continue
            r = float(np.corrcoef(x, y)[0, 1])
            error = float(np.sqrt(np.mean((x - y) ** 2)) / max(x.std(), y.std()))
            if r >= 0.5 and error <= 1.0:
                found.append({"a": a, "b": b, "kind": "numbers", "agreement": r, "error": error})
    return found


def _floats(values: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    return cast("np.ndarray[Any, Any]", values.cast(pa.float64()).to_numpy())


def _separations(table: pa.Table, columns: list[ColumnFacts]) -> list[Separation]:
    shares = [c["name"] for c in columns if is_share(c)][:_PAIRED]
    classes = [c for c in columns if 2 <= c["distinct"] <= 20 and c["stored"] in ("int", "float", "bool", "text")]
    found: list[Separation] = []
    for column in classes[:_PAIRED]:
        values = _classes(table.column(column["name"]))
        for name in shares:
            if name == column["name"]:
                continue
            scores = _floats(table.column(name))
            for value, _ in column["top"] if column["distinct"] > 2 else column["top"][:2]:
                area = _area(scores, values == value, values != None)  # noqa: E711 - elementwise
                if area is not None and area >= 0.65:
                    found.append({"score": name, "column": column["name"], "value": value, "area": area})
    return found


def _area(scores: np.ndarray[Any, Any], positive: np.ndarray[Any, Any], known: np.ndarray[Any, Any]) -> float | None:
    """Return the area under the ROC curve: the share of pairs in order, by ranks (Mann and Whitney 1947)."""
    usable = np.isfinite(scores) & known.astype(bool)
    s, p = scores[usable], positive[usable].astype(bool)
    ones, noughts = int(p.sum()), int((~p).sum())
    if ones < 5 or noughts < 5:
        return None
    _, inverse, counts = np.unique(s, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[p].sum() - ones * (ones + 1) / 2) / (ones * noughts))


def is_share(column: ColumnFacts) -> bool:
    """Say whether a column holds fractions between 0 and 1, as scores do."""
    return (
        column["stored"] == "float"
        and not column["whole"]
        and column["low"] is not None
        and column["low"] >= 0
        and (column["high"] or 0) <= 1
    )


def _sums_to_one(table: pa.Table, columns: list[ColumnFacts]) -> list[list[str]]:
    """Return sets of neighbouring columns of shares that make 1 in every row: the scores of all classes."""
    shares = {
        c["name"] for c in columns if is_share(c) or (c["low"] == 0 and c["high"] == 1 and c["stored"] == "float")
    }
    runs: list[list[str]] = [[]]
    for column in columns:
        if column["name"] in shares:
            runs[-1].append(column["name"])
        elif runs[-1]:
            runs.append([])
    found = []
    for run in runs:
        for start in range(len(run) - 1):
            for end in range(len(run), start + 1, -1):
                total = np.sum([_floats(table.column(name)) for name in run[start:end]], axis=0)
                held = total[np.isfinite(total)]
                if len(held) and np.mean(np.abs(held - 1) < 0.03) > 0.95:
                    found.append(run[start:end])
                    return found
    return found
