"""The long way: a workspace of its own, fed with rows day by day and run after each, as in production."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.alarms.generator import START, Model
from benchmarks.alarms.ours import LOUD, Episode
from service.local import LocalWorkspace

AFTER = timedelta(hours=7)  # that a day is looked at after its end: the grace period is 6 h


@dataclass(frozen=True, slots=True)
class Day:
    """One day's rows, and the labels that arrive with it."""

    end: datetime
    rows: pa.Table
    labels: pa.Table | None = None


def declaration(
    name: str, task: str, types: Mapping[str, str], *, label: str | None = None, checks: Sequence[str] | None = None
) -> str:
    """Return the declaration of a model that is watched by the day."""
    columns = "\n".join(f'"{column}" = "{kind}"' for column, kind in types.items())
    own = "" if checks is None else f"checks = [{', '.join(repr(check) for check in checks)}]\n"
    truth = "" if label is None else f'label = "{label}"\n'
    return (
        f'[models.{name}]\ntask = "{task}"\n{truth}[models.{name}.features]\n{columns}\n'
        f'[models.{name}.monitor]\nwindow = "1d"\nmultivariate = []\n{own}'
    )


def alerts(declared: str, name: str, reference: pa.Table, days: Iterable[Day]) -> list[Episode]:
    """Return the alerts of warning or above, with the number of the day after which each was first seen."""
    clock = [START]
    found: dict[str, dict[str, Any]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalWorkspace.open(Path(folder) / "home", now=lambda: clock[0]) as workspace,
    ):
        workspace.apply(declared)
        workspace.reference(name, reference)
        for number, day in enumerate(days):
            clock[0] = day.end + AFTER
            workspace.log(name, day.rows)
            if day.labels is not None:
                workspace.label(name, day.labels)
            workspace.run(name)
            for alert in workspace.alerts(name):
                if alert["severity"] not in LOUD or alert["state"] == "pending":
                    continue
                held = found.setdefault(alert["id"], {"day": number, "columns": {}, "over": float("inf")})
                held["alert"] = alert
                for column in alert["members"]:
                    held["columns"].setdefault(column, number)
                if alert["state"] == "resolved":
                    held["over"] = min(held["over"], number)
    ordered = sorted(found.values(), key=lambda held: (held["day"], held["alert"]["kind"]))
    return [
        Episode(held["day"], held["alert"]["kind"], held["columns"], held["over"], held["alert"]["message"])
        for held in ordered
    ]


def of_model(model: Model, checks: Sequence[str] | None = None) -> list[Episode]:
    """Return the alerts of a generated model's rows."""
    types = {feature.name: feature.type for feature in model.features}
    days = (Day(window.end, model.table(number)) for number, window in enumerate(model.windows))
    return alerts(declaration("synthetic", "none", types, checks=checks), "synthetic", model.reference_table(), days)


def agreement_row(model: Model, ours: Sequence[Episode]) -> dict[str, Any]:
    """Return whether a workspace fed with the rows raises the alerts that the profiles raise."""
    theirs = of_model(model)
    short, long = ([(e.day, e.kind, tuple(sorted(e.columns.items()))) for e in part] for part in (ours, theirs))
    return {
        "cell": model.cell.name,
        "drift": "none" if model.drift is None else f"{model.drift.column} {model.drift.change} {model.drift.size:g}",
        "seed": model.seed,
        "days": len(model.windows),
        "alerts of profiles": len(short),
        "alerts of the workspace": len(long),
        "same": sorted(short) == sorted(long),
    }
