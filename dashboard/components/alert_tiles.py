"""The four tiles of an alert: how bad, which way, how many rows, and what it has cost so far."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dashboard import text
from dashboard.components import tiles
from service.views import AlertView, ModelView, PerformancePoint
from service.workspace import Workspace

#: metrics whose excess over the reference, times rows, is a quantity of its own -> its name
EXCESS = {"mae": "Excess error to date", "accuracy": "Extra wrong answers"}


def draw(ws: Workspace, alert: AlertView, model: ModelView, points: Sequence[PerformancePoint]) -> None:
    """Draw the four tiles of an alert."""
    if alert["kind"] == "no_data":
        tiles.row(_silence(ws, alert, model), key="alert_tiles")
        return
    metric, own = model["metric"], judged(during(points, alert))
    windows = [w for w in ws.windows(model["name"]) if _in(w["start"], alert)]
    shown: list[tiles.Tile] = []
    if alert["kind"] == "business":
        shown += _ratio(ws, alert)
    if metric is not None:
        told = _told(own, alert, higher_is_worse=metric["direction"] == "higher_is_worse")
        window = f"{'worst' if alert['state'] == 'resolved' else 'last'} {text.window_word(model['window'])}"
        shown.append(_metric_tile(model, told["value"] if told else metric["value"], window))
        bias = _bias(ws, model, alert, told["start"] if told else None)
        if bias is not None:
            shown.append(bias)
    rows = sum(window["rows"] for window in windows)
    shown.append(
        {"label": "Rows affected", "value": text.count(rows), "remark": text.plain(alert["segment"] or "all of them")}
    )
    if metric is not None and metric["name"] in EXCESS and metric["reference"] is not None:
        worse = metric["direction"] == "higher_is_worse"
        extra = excess(own, metric["reference"], higher_is_worse=worse)
        unit = metric["unit"] if metric["name"] == "mae" else ""
        shown.append(
            {
                "label": EXCESS[metric["name"]],
                "value": f"{text.short(max(0.0, extra))} {unit}".strip() if own else text.MISSING,
                "remark": f"beyond {text.number(metric['reference'], metric['unit'])} a row"
                if metric["name"] == "mae"
                else "beyond the reference",
                "help": "Rows with labels, times how much worse than in the reference.",
            }
        )
    if alert.get("limit"):
        shown.insert(0, _past_limit(ws, alert))
    past = sum(point["verdict"] not in _NOT_PAST for point in own)
    if len(shown) < 4 and not alert.get("limit"):
        shown.append(
            {
                "label": "Windows past the limit",
                "value": f"{past} of {len(own)}" if own else text.MISSING,
                "remark": "with labels",
            }
        )
    if len(shown) < 4:
        shown.append({"label": "Labels in", "value": text.share(model["label_coverage"]), "remark": "latest window"})
    tiles.row(shown[:4], key="alert_tiles")


def _told(own: Sequence[PerformancePoint], alert: AlertView, *, higher_is_worse: bool) -> PerformancePoint | None:
    """Return the window that says how bad it is: the latest one; of an alert that is over, the worst, for the latest is well again."""
    if not own or alert["state"] != "resolved":
        return own[-1] if own else None
    return max(own, key=lambda point: (point["value"] or 0.0) * (1 if higher_is_worse else -1))


def _silence(ws: Workspace, alert: AlertView, model: ModelView) -> list[tiles.Tile]:
    """Return the tiles of rows that do not come: since when, how many windows are empty, how many rows are usual."""
    windows = ws.windows(model["name"])
    empty = [w for w in windows if _in(w["start"], alert) and w["rows"] == 0]
    usual = sorted(w["rows"] for w in windows if w["rows"])
    until = model["data_until"]
    return [
        {
            "label": "Latest row",
            "value": text.day(until, model["timezone"], year=True),
            "remark": text.plain(model["timezone"]),
        },
        {
            "label": "Windows without rows",
            "value": text.count(len(empty)) if empty else text.MISSING,
            "remark": f"each {text.a_window(model['window'])}",
        },
        {
            "label": "Usual rows",
            "value": text.count(usual[len(usual) // 2]) if usual else text.MISSING,
            "remark": f"{text.a_window(model['window'])}, median",
        },
    ]


_NOT_PAST = ("ok", "insufficient", "no_data", "error")


def _ratio(ws: Workspace, alert: AlertView) -> list[tiles.Tile]:
    """Return the tile of the ratio that an alert is about, as the latest window of the alert measured it; none for another check."""
    measured = [
        point
        for point in ws.business(alert["model"])
        if point["metric"] in alert["members"] and point["value"] is not None and _in(point["start"], alert)
    ]
    if not measured:
        return []
    first = next((name for name in alert["members"] if any(point["metric"] == name for point in measured)), None)
    last = max((p for p in measured if p["metric"] == first), key=lambda point: _moment(point["start"]))
    unit, lower, upper = last["unit"], last["usual_lower"], last["usual_upper"]
    tile: tiles.Tile = {
        "label": text.plain(last["label"], 60),
        "value": text.number(last["value"], unit),
        "tone": "neutral" if last["verdict"] in _NOT_PAST else "bad",
        "help": text.plain(last["sentence"], 300),
    }
    if lower is not None and upper is not None:
        tile["remark"] = f"usual {text.number(lower, unit)} to {text.number(upper, unit)}"
    return [tile]


def _past_limit(ws: Workspace, alert: AlertView) -> tiles.Tile:
    """Return the tile of a fixed limit: in how many windows its own check passed it."""
    since = datetime.fromisoformat(alert["window_start"])
    found = ws.readings(alert["model"], since=since, check=alert.get("limit"), column=alert["column"])
    own = [r for r in found if r["segment"] is None and _in(r["window_start"], alert)]
    past = sum(r["verdict"] not in _NOT_PAST for r in own)
    name = text.metric_name(alert.get("limit") or "")
    return {"label": "Windows past the limit", "value": f"{past} of {len(own)}", "remark": f"of {text.plain(name)}"}


def during(points: Sequence[PerformancePoint], alert: AlertView) -> list[PerformancePoint]:
    """Return the serving points from the alert's first window to its end, those with a value."""
    begun = datetime.fromisoformat(alert["window_start"])
    ended = datetime.fromisoformat(alert["resolved_at"]) if alert["resolved_at"] else None
    return [
        point
        for point in points
        if point["role"] == "serving"
        and point["value"] is not None
        and datetime.fromisoformat(point["start"]) >= begun
        and (ended is None or datetime.fromisoformat(point["start"]) < ended)
    ]


def judged(points: Sequence[PerformancePoint]) -> list[PerformancePoint]:
    """Return the points that have a verdict; those of a window that still goes on have none, and few rows."""
    return [point for point in points if point["verdict"]]


def excess(points: Sequence[PerformancePoint], reference: float, *, higher_is_worse: bool) -> float:
    """Return the sum over windows of rows times how much worse than the reference each was."""
    sign = 1 if higher_is_worse else -1
    return sum(point["n"] * sign * ((point["value"] or 0.0) - reference) for point in points)


def _in(start: str, alert: AlertView) -> bool:
    at = datetime.fromisoformat(start)
    ended = alert["resolved_at"]
    return at >= datetime.fromisoformat(alert["window_start"]) and (ended is None or at < datetime.fromisoformat(ended))


def _metric_tile(model: ModelView, value: float | None, window: str) -> tiles.Tile:
    metric = model["metric"]
    assert metric is not None
    name, reference = text.metric_name(metric["name"]), metric["reference"]
    tile: tiles.Tile = {"label": f"{text.plain(name)}, {window}", "value": text.number(value, metric["unit"])}
    if value is None:
        return {**tile, "remark": "no labels", "tone": "neutral"}
    if reference is None:
        return tile
    change = value - reference
    limit, upward = metric["threshold"], metric["direction"] == "higher_is_worse"
    past = limit is not None and (value > limit if upward else value < limit)
    return {
        **tile,
        "remark": f"{text.number(change, signed=True)} vs reference",
        "tone": "bad" if past else "neutral",
        "arrow": "up" if change > 0 else "down",
    }


def _bias(ws: Workspace, model: ModelView, alert: AlertView, until: str | None) -> tiles.Tile | None:
    """Return the tile of the bias in the latest window that was judged, which begins at ``until``."""
    if "bias" not in ws.metric_names(model["name"]):
        return None
    every = during(ws.performance(model["name"], metric="bias"), alert)
    own = [point for point in every if until is None or _moment(point["start"]) <= _moment(until)]
    if not own:
        return None
    unit = model["metric"]["unit"] if model["metric"] else ""
    lower, upper = own[-1]["lower"], own[-1]["upper"]
    remark = (
        f"normal {text.number(lower, signed=True)} to {text.number(upper, signed=True)}"
        if lower is not None and upper is not None
        else "predicted minus true"
    )
    return {
        "label": "Bias",
        "value": text.number(own[-1]["value"], unit, signed=True),
        "remark": remark,
        "help": "Predicted minus true, in the same window.",
    }


_moment = datetime.fromisoformat
