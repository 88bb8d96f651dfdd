"""``why``: what a change of performance is made of, where it is, and rows to look at."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.data import ModelArgument
from service.cli.session import Session, SinceOption, UntilOption, command, table

if TYPE_CHECKING:
    from service.outcome_views import RowExample
    from service.views import AlertView
    from service.workspace import Workspace

_OUTCOMES = ("performance", "concept_drift")  # kinds of alert
_FEW = (
    "The change cannot be taken apart: that needs 100 labelled rows in this stretch, and 100 in the reference with prediction and "
    "label. Give a longer one with --since and --until."
)
_LISTS = "A ranking's change is not taken apart: what a list is worth is no loss of single rows."


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "why")(why)


def why(
    session: Session,
    model: ModelArgument,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100, help="Slices, and rows, at most.")] = 10,
) -> None:
    """Say why performance changed: other inputs or another rule, causes of the alert, slices that lost most, rows to look at.

    Without times: the window of the latest alert on performance, else the latest closed window with labels.
    """
    with session.workspace() as workspace:
        alert, start, end = _period(workspace, model, since, until)
        found: dict[str, Any] = {"start": start, "end": end, "parts": None, "causes": [], "slices": [], "examples": []}
        if start is not None and end is not None:
            found |= {
                "parts": workspace.change_parts(model, start, end),
                "causes": [] if alert is None else alert["causes"],
                "slices": workspace.slices(model, start, end, limit=limit),
                "examples": workspace.examples(model, start, end, limit=limit),
            }
        ranked = workspace.model(model)["task"] == "ranking"
    session.show(found, lambda: _human(model, found, ranked=ranked))


def _period(
    workspace: Workspace, model: str, since: datetime | None, until: datetime | None
) -> tuple[AlertView | None, datetime | None, datetime | None]:
    """Return the alert that is asked about, if there is one, and the stretch."""
    alerts = [alert for alert in workspace.alerts(model) if alert["kind"] in _OUTCOMES]
    alerts.sort(key=lambda alert: (alert["state"] != "resolved", datetime.fromisoformat(alert["window_start"])))
    if since is None and until is None and alerts:
        return alerts[-1], *_ends(alerts[-1]["window_start"], alerts[-1]["window_end"])
    windows = [window for window in workspace.windows(model) if window["closed"] and window["labels"]]
    if windows:
        start, end = _ends(windows[-1]["start"], windows[-1]["end"])
        since, until = (
            since or (start if until is None else _ends(windows[0]["start"], windows[0]["end"])[0]),
            until or end,
        )
    inside = [alert for alert in alerts if since is not None and until is not None and _begins(alert, since, until)]
    return (inside[-1] if inside else None), since, until


def _ends(start: str, end: str) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(start), datetime.fromisoformat(end)


def _begins(alert: AlertView, since: datetime, until: datetime) -> bool:
    """Whether an alert's window begins in a stretch; naive times are in the model's time zone, as the alert's are."""
    begins = datetime.fromisoformat(alert["window_start"])
    low, high = (moment if moment.tzinfo else moment.replace(tzinfo=begins.tzinfo) for moment in (since, until))
    return low <= begins < high


def _causes(causes: list[dict[str, Any]]) -> list[str]:
    told = [f"{place}. {cause['sentence']}" for place, cause in enumerate(causes, start=1)]
    return ["", "Causes of the alert:", *told] if told else []


def _human(model: str, found: dict[str, Any], *, ranked: bool) -> str:
    if found["start"] is None:
        return (
            f"nothing to explain: {model} has no closed window with labels; `driftdeck label {model} FILE` brings some"
        )
    lines = [f"{model}, {str(found['start'])[:16]} to {str(found['end'])[:16]}"]
    if found["parts"] is None:
        return "\n".join([*lines, _LISTS if ranked else _FEW, *_causes(found["causes"])])
    lines += [found["parts"]["sentence"], *_causes(found["causes"])]
    columns = {"name": "slice", "share": "share", "n": "rows", "reference": "reference", "current": "now", "shrunk": "rose by",
               "p_value": "p"}  # fmt: skip
    none = "No part of the rows lost clearly more than the rest."
    lines += ["", "Where it was lost:", table(found["slices"], columns, none)]
    rows = [_row(one) for one in found["examples"]]
    heads = {name: name for row in rows for name in row}
    lines += ["", "Rows that stand for it:", table(rows, heads, "none")]
    return "\n".join(lines)


def _row(one: RowExample) -> dict[str, Any]:
    fixed = {
        "id": one["id"],
        "at": one["at"][:16],
        "prediction": one["prediction"],
        "label": one["label"],
        "loss": one["loss"],
    }
    return {**fixed, **{name: value for name, value in one["values"].items() if name not in fixed}}
