"""What the scripts share: options, frames to judge, the document. Runs in a peer's environment; needs pandas, numpy and pyarrow."""

import argparse
import json
import math
import sys
from contextlib import redirect_stdout
from importlib.metadata import version

import numpy as np
import pandas as pd
import pyarrow.parquet as pq


def options(detectors):
    """Return the parsed options; the first of ``detectors`` is the default."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--reference")
    parser.add_argument("--current")
    parser.add_argument("--days")
    parser.add_argument("--columns", type=lambda text: text.split(","))
    parser.add_argument("--detector", choices=detectors, default=detectors[0])
    parser.add_argument("--alpha", type=float)
    parser.add_argument("--threshold", type=float)
    parser.add_argument("--permutations", type=int)
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--timestamp")
    parser.add_argument("--chunk-period")
    parser.add_argument("--chunk-size", type=int)
    asked = parser.parse_args()
    if bool(asked.days) == bool(asked.reference and asked.current):
        parser.error("give either --days FILE or --reference FILE --current FILE")
    return asked


def tables(asked):
    """Yield (model, reference, [(day, current)]): one in the one-shot form with day None, one a model with ``--days``."""
    if not asked.days:
        yield (
            None,
            _columns(pd.read_parquet(asked.reference), asked),
            [(None, _columns(pd.read_parquet(asked.current), asked))],
        )
        return
    for model in _models(asked.days):
        rows = pd.read_parquet(asked.days, filters=None if model is None else [("model", "==", model)])
        rows = rows.dropna(axis="columns", how="all").sort_values("day", kind="stable")
        days = [(int(day), _columns(part, asked)) for day, part in rows[rows["day"] >= 0].groupby("day")]
        yield model, _columns(rows[rows["day"] < 0], asked), days


def _models(path):
    """Return the models of a file, or [None]; each is then read by itself, so that memory is that of one."""
    if "model" not in pq.read_schema(path).names:
        return [None]
    return sorted(pq.read_table(path, columns=["model"])["model"].unique().to_pylist())


def _columns(frame, asked):
    names = [name for name in frame.columns if name not in ("day", "model")]
    return frame[[name for name in asked.columns if name in names] if asked.columns else names].reset_index(drop=True)


def kind(series):
    """Return ``numeric``, ``categorical`` or ``datetime``."""
    if pd.api.types.is_datetime64_any_dtype(series):
        return "datetime"
    if pd.api.types.is_bool_dtype(series) or not pd.api.types.is_numeric_dtype(series):
        return "categorical"
    return "numeric"


def finite(series):
    """Return the numbers of a column that are numbers."""
    values = series.to_numpy(dtype="float64", na_value=np.nan)
    return values[np.isfinite(values)]


def verdict(model, day, column, statistic, value, threshold, fires, drift, **more):
    """Return one row of the document. NaN and infinities become null: JSON has none."""
    row = {"model": model, "day": day, "chunk": None, "column": column, "statistic": statistic, "value": value}
    row |= {"threshold": threshold, "fires": fires, "drift": drift, "error": None, **more}
    return {key: _plain(cell) for key, cell in row.items()}


def unjudged(model, day, column, why):
    """Return the row of a column that the tool cannot take."""
    return verdict(model, day, column, None, None, None, None, None, error=why)


def _plain(cell):
    if isinstance(cell, np.generic):
        cell = cell.item()
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def run(package, detectors, judge):
    """Have ``judge(asked, model, reference, days)`` yield rows (and dicts without ``column`` for datasets); print the document."""
    asked = options(detectors)
    verdicts, datasets = [], []
    with redirect_stdout(sys.stderr):
        for model, reference, days in tables(asked):
            for row in judge(asked, _plain(model), reference, days):
                (verdicts if "column" in row else datasets).append({key: _plain(cell) for key, cell in row.items()})
    tuned = {
        name: getattr(asked, name)
        for name in ("alpha", "threshold", "permutations")
        if getattr(asked, name) is not None
    }
    document = {"peer": package, "version": version(package), "detector": asked.detector, "options": tuned}
    json.dump({**document, "verdicts": verdicts, "datasets": datasets}, sys.stdout)


def dataset(model, day, drift, share=None):
    """Return a verdict on the whole."""
    return {"model": model, "day": day, "share": share, "drift": drift}
