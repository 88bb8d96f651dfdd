"""The tiles of the model page: what one window says of performance, of the three kinds of drift, and of traffic."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dashboard import text
from dashboard.components import business_tile, drift_table, health, tiles
from service.outcome_views import BusinessPoint, EstimatePoint
from service.views import DriftRow, ModelView, PerformancePoint, WindowView

_TOGETHER = "\u00a0"  # a space at which a line does not break
MOST = 5  # tiles that stand in one row, on a narrow page too


def draw(
    model: ModelView,
    window: WindowView,
    points: Sequence[PerformancePoint],
    table: Sequence[DriftRow],
    estimates: Sequence[EstimatePoint] = (),
    business: Sequence[BusinessPoint] = (),
) -> None:
    """Draw what one window says; a ratio of the business takes the place of the rows, which stand among the panels too."""
    data = [row for row in table if row["kind"] in ("feature", "context")]
    when = text.in_window(window["start"], window["end"], model["timezone"])
    about = f"{when[0].upper()}{when[1:]}"
    predictions = [row for row in table if row["kind"] in ("prediction", "score")]
    shown = [_drift(data, about), _rows(model, window, about)]
    if predictions or model["task"] != "none":
        shown.insert(1, _kind("Prediction drift", predictions, about))
    if model["task"] != "none":
        concept = [row for row in table if row["kind"] == "concept"]
        shown.insert(0, _metric(model, window, points, estimates, about))
        shown.insert(3, _concept(model, concept, window, about))
    ratio = business_tile.tile(business, window["start"], about)
    if ratio is not None:
        shown.insert(0 if model["task"] == "none" else 1, ratio)
    tiles.row(shown[:MOST], key="model_tiles")


def _metric(
    model: ModelView,
    window: WindowView,
    points: Sequence[PerformancePoint],
    estimates: Sequence[EstimatePoint],
    about: str,
) -> tiles.Tile:
    metric = model["metric"]
    if metric is None:
        return {"label": "Realised performance", "value": text.MISSING, "remark": "no labels yet", "help": about}
    values = [p["value"] for p in points if p["start"] == window["start"] and p["role"] == "serving"]
    value = values[0] if values else None
    name = text.plain(text.metric_name(metric["name"]))
    if value is None:
        foreseen = [p["value"] for p in estimates if p["start"] == window["start"] and p["value"] is not None]
        if foreseen:
            words = (
                f"{about}, estimated without labels: it cannot see whether the rule from inputs to label has changed"
            )
            estimated = text.number(foreseen[-1], metric["unit"])
            return {"label": f"Estimated {name}", "value": estimated, "remark": "no labels yet", "help": words}
    tile: tiles.Tile = {
        "label": f"Realised {name}",
        "value": text.number(value, metric["unit"]),
        "remark": "no labels",
        "help": f"{about}, from labels that have arrived",
    }
    if value is not None and metric["reference"] is not None:
        change = value - metric["reference"]
        worse = change > 0 if metric["direction"] == "higher_is_worse" else change < 0
        tile["remark"] = f"{text.number(change, signed=True)} vs ref."
        tile["arrow"] = "up" if change > 0 else "down"
        tile["tone"] = "bad" if worse and _beyond(value, metric["threshold"], metric["direction"]) else "neutral"
    return tile


def _beyond(value: float, threshold: float | None, direction: str) -> bool:
    if threshold is None:
        return False
    return value > threshold if direction == "higher_is_worse" else value < threshold


def _drift(table: Sequence[DriftRow], about: str) -> tiles.Tile:
    drifted = sum(row["state"] in ("material", "harmful") for row in table)
    harmful = sum(row["state"] == "harmful" for row in table)
    slight = sum(row["state"] == "significant" for row in table)
    remark = f"{harmful} harmful" if harmful else f"{slight} more slightly" if slight else "none harmful"
    return {
        "label": "Data drift",
        "value": f"{drifted} of {len(table)}",
        "remark": remark,
        "tone": "bad" if harmful else "neutral",
        "help": f"{about}: columns that moved far enough to matter, of those that come in; prediction and error stand beside",
    }


def _kind(label: str, table: Sequence[DriftRow], about: str) -> tiles.Tile:
    if not table:
        return {"label": label, "value": text.MISSING, "remark": "not monitored", "help": about}
    worst = drift_table.by_trouble(table)[0]
    value, threshold = text.number(worst["value"]), text.number(worst["threshold"])
    return {
        "label": label,
        "value": health.words(health.DRIFT, worst["state"]).removeprefix(
            "□ "
        ),  # so large, it looks like a letter that is missing
        "remark": f"{value} / {threshold}",
        "tone": "bad" if worst["state"] == "harmful" else "neutral",
        "help": f"{about}: {text.plain(worst['column'], 60)}, {text.metric_name(worst['check'])} and its threshold",
    }


def _concept(model: ModelView, table: Sequence[DriftRow], window: WindowView, about: str) -> tiles.Tile:
    tile = _kind("Concept drift", table, about)
    late = "" if model["label_lag_hours"] is None else f"lag {text.hours(model['label_lag_hours'])}"
    lag = f" · {late.replace(' ', _TOGETHER)}" if late else ""
    tile["tone"] = "neutral"
    tile["remark"] = f"{text.share(window['coverage'])} labels{lag}"
    if not table and not window["labels"]:
        tile["remark"] = "no labels"
    tile["help"] = (
        f"{about}: has the rule from inputs to label changed? Beside it, how many labels are in and how late they come."
    )
    return tile


def _rows(model: ModelView, window: WindowView, about: str) -> tiles.Tile:
    tile: tiles.Tile = {
        "label": f"Rows / {text.window_word(model['window'])}",
        "value": text.count(window["rows"]),
        "help": about,
    }
    typical = _typical(model)
    if typical:
        tile["remark"] = f"{text.change(window['rows'], typical)} vs ref."
    return tile


def _typical(model: ModelView) -> float | None:
    """Return the reference's rows in a span as long as a window."""
    period, length = model["reference_period"], text.window_length(model["window"])
    if not period or not model["reference_rows"] or length is None:
        return None
    span = datetime.fromisoformat(period[1]) - datetime.fromisoformat(period[0])
    return model["reference_rows"] * (length / span) if span else None
