"""Views of the fake workspace that need some arithmetic: histograms, features, readings."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from service import views
from tests.support import fake_story as story

BARS = 20


def _normal(edges: list[float], mean: float, spread: float) -> list[float]:
    cumulative = [0.5 * (1 + math.erf((edge - mean) / (spread * math.sqrt(2)))) for edge in edges]
    shares = [b - a for a, b in pairwise(cumulative)]
    total = sum(shares) or 1.0
    return [round(share / total, 5) for share in shares]


def current_mean(column: str, number: int) -> float:
    mean, spread = story.COLUMNS[column][3:]
    if column == "temp":
        return story.TEMPERATURE[number]
    if column == "error given inputs":
        return 0.4 if number < story.HARM_WEEK else -14.0
    return mean + spread * (0.2 * story.wave(number, len(column)) + number / 300)


def histogram(column: str, number: int) -> views.Histogram:
    kind = story.COLUMNS[column][1]
    n = story.rows_in(number)
    empty: dict[str, Any] = {"edges": [], "labels": []}
    if kind == "categorical":
        labels, weights = story.CATEGORIES[column]
        moved = [max(0.2, w * (1 + 0.3 * story.wave(number, i))) for i, w in enumerate(weights)]
        shape = {
            **empty,
            "labels": labels,
            "reference": [w / sum(weights) for w in weights],
            "current": [w / sum(moved) for w in moved],
        }
    else:
        mean, spread = story.COLUMNS[column][3:]
        low, high = mean - 3 * spread, mean + (8 if column == "temp" else 4) * spread
        edges = [round(low + i * (high - low) / BARS, 4) for i in range(BARS + 1)]
        shape = {
            **empty,
            "edges": edges,
            "reference": _normal(edges, mean, spread),
            "current": _normal(edges, current_mean(column, number), spread * 0.9),
        }
    return {
        **shape,  # type: ignore[typeddict-item]
        "n_reference": 53_490,
        "n_current": 41 if column == "precip" and number in (6, 21) else n,
        "missing_reference": 0.005,
        "missing_current": 0.004 if column != "plane_year" else 0.16,
        "unseen_current": 0.012 if column == "dest" else 0.0,
        "below_current": 0.0,
        "above_current": 0.002 if column == "temp" else 0.0,
    }


def quantiles(column: str, number: int) -> views.QuantileStep:
    start, end = story.week(number)
    mean, spread = current_mean(column, number), story.COLUMNS[column][4]
    q = [
        round(mean + spread * z * (1 + 0.15 * story.wave(number, i)), 3)
        for i, z in enumerate((-1.6, -0.67, 0, 0.67, 1.6))
    ]
    return {
        "start": start.isoformat(),
        "end": end.isoformat(),
        "q05": q[0],
        "q25": q[1],
        "q50": q[2],
        "q75": q[3],
        "q95": q[4],
        "n": story.rows_in(number),
        "missing": 0.004,
    }


def reading(model: str, column: str, number: int, state: str, check: str = "psi") -> views.ReadingView:
    start, end = story.week(number)
    known = state not in ("insufficient", "no_data")
    value = round(story.value_of(column, number), 4) if known else None
    scale = 1.0 if check == "psi" else 0.6
    return {
        "check": check,
        "scope": "column",
        "column": column,
        "segment": None,
        "window_start": start.isoformat(),
        "window_end": end.isoformat(),
        "reference_version": 1,
        "model_version": "v1",
        "value": None if value is None else round(value * scale, 4),
        "reference_value": None,
        "threshold": story.threshold_of(column) * scale,
        "lower": 0.0,
        "upper": story.threshold_of(column) * 0.95 * scale,
        "p_value": 0.0002 if state in ("significant", "material", "harmful") else 0.31 if known else None,
        "effect": None if value is None else value / 10,
        "n": story.rows_in(number) if known else 41,
        "n_reference": 53_490,
        "verdict": {"within": "ok", "insufficient": "insufficient", "no_data": "no_data"}.get(state, "drift"),
        "significant": state in ("significant", "material", "harmful"),
        "material": state in ("material", "harmful"),
        "harmful": state == "harmful",
        "unit": "statistic",
        "sentence": f"{column}: {check} in {model}",
        "scale": 1,
        "ci_lower": None,
        "ci_upper": None,
        "coverage": None,
        "error": None,
        "computed_at": end.isoformat(),
    }


def feature(
    model: str, column: str, number: int, weeks: int, states: list[str], neighbours: tuple[str | None, str | None]
) -> views.FeatureView:
    kind, type_, unit, _mean, _spread = story.COLUMNS[column]
    start, end = story.week(number)
    state = states[number]
    bars = histogram(column, number)
    ordered = bool(bars["edges"])
    labels = bars["labels"] or [f"{a:g} to {b:g}" for a, b in pairwise(bars["edges"])]
    centres: list[float | None] = [(a + b) / 2 for a, b in pairwise(bars["edges"])] if ordered else [None] * len(labels)
    readings = [
        reading(model, column, number, state, check) for check in ("psi", "jensen_shannon", "kolmogorov_smirnov")
    ]
    return {
        "column": column,
        "type": type_,
        "kind": kind,
        "unit": unit,
        "previous": neighbours[0],
        "following": neighbours[1],
        "window_start": start.isoformat(),
        "window_end": end.isoformat(),
        "reference_start": story.week(0)[0].isoformat(),
        "reference_end": story.week(story.REFERENCE_WEEKS)[0].isoformat(),
        "reference_version": 1,
        "state": state,
        "sentence": f"{column} moved far beyond its natural variation, and nothing got worse because of it."
        if state == "material"
        else f"{column} is {state}.",
        "threshold_origin": "Threshold: 1 false alert a year over 15 columns, calibrated on 9 reference weeks.",
        "gates": [
            {
                "name": "significant",
                "passed": readings[0]["significant"],
                "sentence": f"PSI {readings[0]['value']} against {readings[0]['threshold']:.3g}, p < 0.001",
            },
            {
                "name": "material",
                "passed": readings[0]["material"],
                "sentence": "median +18 °F, least visible change 2 °F",
            },
            {"name": "harmful", "passed": readings[0]["harmful"], "sentence": "effect on MAE +0.1 min of 1.5 allowed"},
        ],
        "histogram": bars,
        "quantiles": [quantiles(column, i) for i in range(weeks)] if ordered else [],
        "reference_quantiles": quantiles(column, 3) if ordered else None,
        "shares": []
        if ordered
        else [
            {
                "start": story.week(i)[0].isoformat(),
                "end": story.week(i)[1].isoformat(),
                "shares": histogram(column, i)["current"],
                "n": story.rows_in(i),
                "missing": 0.0,
            }
            for i in range(weeks)
        ],
        "readings": readings,
        "history": [reading(model, column, i, states[i]) for i in range(weeks)],
        "error_by_value": [
            {
                "label": label,
                "position": centre,
                "n": int(share * bars["n_current"]),
                "error": None if share < 0.001 else 8 + 2 * story.wave(i, 9),
            }
            for i, (label, centre, share) in enumerate(zip(labels, centres, bars["current"], strict=True))
        ],
        "error_unit": "min",
        "peers": [
            {
                "rule": "PSI > 0.2",
                "statistic": "PSI",
                "value": readings[0]["value"],
                "threshold": "0.2",
                "verdict": "drift",
            },
            {"rule": "KS p < 0.05", "statistic": "p", "value": 1e-9, "threshold": "0.05", "verdict": "drift"},
        ],
        **(_shapes(column, number, weeks) if ordered else {}),  # type: ignore[typeddict-item]
    }


def _shapes(column: str, number: int, weeks: int) -> dict[str, Any]:
    """Return what only an ordered column has: paired quantiles, and a histogram of each week."""
    mean, spread = story.COLUMNS[column][3:]
    at = ((0.01, -2.33), (0.05, -1.64), (0.25, -0.67), (0.5, 0.0), (0.75, 0.67), (0.95, 1.64))
    return {
        "pairs": [
            {"p": p, "reference": mean + spread * z, "current": current_mean(column, number) + 0.9 * spread * z}
            for p, z in at
        ],
        "ridge_edges": histogram(column, number)["edges"],
        "ridge": [
            {
                "start": story.week(i)[0].isoformat(),
                "end": story.week(i)[1].isoformat(),
                "shares": histogram(column, i)["current"],
                "n": story.rows_in(i),
                "missing": 0.004,
            }
            for i in range(weeks)
        ],
    }
