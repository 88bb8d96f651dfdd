"""``rules``: the team's own rules and overrides, and how a rule would have done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.data import ModelArgument
from service.cli.session import Session, SinceOption, command, table

if TYPE_CHECKING:
    from service import alert_views, views

_EXAMPLE = """declare one in the model's section:

[models.{model}.monitor.rules.late-and-drifting]
when = "mae > 12 and drifted >= 2"

`driftdeck rules {model} --terms` lists what it may speak of"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "rules")(rules)


def rules(
    session: Session,
    model: ModelArgument,
    tried: Annotated[
        str | None,
        typer.Option("--try", metavar="EXPR", help="A rule, or the name of a declared one: when would it have fired?"),
    ] = None,
    clear: Annotated[
        str | None, typer.Option("--clear", metavar="EXPR", help="With --try: once open, it goes on until this holds.")
    ] = None,
    windows: Annotated[
        str, typer.Option("--windows", metavar="'N of M'", help="With --try: in how many windows it must hold.")
    ] = "1 of 1",
    segment: Annotated[
        str | None, typer.Option("--segment", help="With --try: inside this one, such as carrier=AA.")
    ] = None,
    since: SinceOption = None,
    terms: Annotated[bool, typer.Option("--terms", help="List what a rule of this model may speak of.")] = False,  # noqa: FBT002
) -> None:
    """List the declared rules, limits and overrides of a model with their state, or try a rule on the windows there are."""
    with session.workspace() as workspace:
        if terms:
            named = workspace.rule_terms(model)
            columns = {"term": "term", "latest": "latest", "unit": "unit", "meaning": "meaning"}
            session.show(named, lambda: table(named, columns, "nothing is read of this model yet"))
            return
        if tried is not None:
            trial = workspace.try_rule(model, tried, clear=clear, windows=windows, segment=segment, since=since)
            session.show(trial, lambda: _trial(trial))
            return
        workspace.model(model)  # one that there is not is told
        declared = next((one for one in workspace.declared() if (one["kind"], one["name"]) == ("model", model)), None)
        monitor = {} if declared is None else declared["values"].get("monitor", {})
        found = list(_declared(monitor, workspace.alerts(model)))
    columns = {
        "what": "what", "name": "name", "when": "when", "windows": "windows", "severity": "severity", "state": "state", "since": "since",
    }  # fmt: skip
    empty = f"no rules, and no overrides; {_EXAMPLE.format(model=model)}"
    session.show(found, lambda: table(found, columns, empty))


def _trial(trial: alert_views.RuleTrial) -> str:
    rows = [
        {**firing, "since": firing["since"][:16], "until": (firing["until"] or "still going on")[:16]}
        for firing in trial["firings"]
    ]
    columns = {"since": "from", "until": "to", "windows": "windows", "sentence": "at first"}
    return trial["sentence"] + (f"\n\n{table(rows, columns, '')}" if rows else "")


def _declared(monitor: Mapping[str, Any], alerts: Sequence[views.AlertView]) -> Iterator[dict[str, Any]]:
    """Yield one row for each rule, each limit that has an alert of its own, and each override."""
    opened = {alert.get("rule"): alert for alert in alerts if alert["state"] != "resolved"}
    for name, rule in monitor.get("rules", {}).items():
        where = f" in {rule['segment']}" if rule.get("segment") else ""
        clear = f", until {rule['clear']}" if rule.get("clear") else ""
        yield {
            "what": "rule", "name": name, "when": f"{rule['when']}{where}{clear}", "windows": rule.get("windows", "1 of 1"),
            "severity": rule.get("severity", "warning"), **_state(opened.get(name)),
        }  # fmt: skip
    for limit in monitor.get("thresholds", ()):
        of = f" of {limit['column']}" if limit.get("column") else ""
        where = f" in {limit['segment']}" if limit.get("segment") else ""
        grades = ", ".join(
            f"{grade} {limit[grade]:g}" for grade in ("warning", "critical", "clear") if limit.get(grade) is not None
        )
        name = f"limit of {limit['check']}{of}{where}"
        alert = opened.get(name) or next(
            (one for one in opened.values() if one.get("limit") == limit["check"] and not where), None
        )
        yield {
            "what": "limit", "name": name, "when": grades, "windows": limit.get("windows", "1 of 1"), "severity": None, **_state(alert),
        }  # fmt: skip
    for place, override in enumerate(monitor.get("overrides", ()), 1):
        about = ", ".join(
            f"{key} {override[key]}" for key in ("check", "column", "segment", "kind") if override.get(key)
        )
        yield {
            "what": "override", "name": str(place), "when": about or "everything", "windows": override.get("windows"),
            "severity": override.get("severity"), "state": None, "since": None,
        }  # fmt: skip


def _state(alert: views.AlertView | None) -> dict[str, Any]:
    return (
        {"state": "ok", "since": None} if alert is None else {"state": alert["state"], "since": alert["window_start"]}
    )
