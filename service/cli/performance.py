"""``performance``: how good the model was, with intervals, and what stands behind it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.data import ModelArgument
from service.cli.session import Session, SinceOption, UntilOption, command, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.outcome_views import DetailView
    from service.views import PerformancePoint
    from service.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "performance")(performance)


def performance(
    session: Session,
    model: ModelArgument,
    metric: Annotated[str | None, typer.Option("--metric", help="This one [default: the headline metric].")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    detail: Annotated[  # noqa: FBT002 - typer reads the default
        bool, typer.Option("--detail", help="Every metric of the period, confusion, calibration, errors by range.")
    ] = False,
    version: Annotated[str | None, typer.Option("--version", help="What this version answered.")] = None,
    grain: Annotated[str | None, typer.Option("--grain", help="Such as 1d instead of the model's windows.")] = None,
) -> None:
    """Show a metric by window with its 95 % interval and the labels behind it, or with --detail all metrics of a period."""
    with session.workspace() as workspace:
        if detail:
            found = workspace.performance_detail(model, *_period(workspace, model, since, until), version=version)
            session.show(found, lambda: _detail(found))
            return
        points = workspace.performance(model, metric=metric, grain=grain)
        start, end = _aware(since, points), _aware(until, points)
    points = [
        point
        for point in points
        if version in (None, point["model_version"])
        and (start is None or datetime.fromisoformat(point["end"]) > start)
        and (end is None or datetime.fromisoformat(point["start"]) < end)
    ]
    session.show(points, lambda: _points(points, model))


def _aware(moment: datetime | None, points: Sequence[PerformancePoint]) -> datetime | None:
    """Return a naive time as one of the model's time zone, as the points are."""
    if moment is None or moment.tzinfo is not None or not points:
        return moment
    return moment.replace(tzinfo=datetime.fromisoformat(points[0]["start"]).tzinfo)


def _period(
    workspace: Workspace, model: str, since: datetime | None, until: datetime | None
) -> tuple[datetime, datetime]:
    """Return the period that is asked for; what is left out is that of the latest closed window with labels."""
    if since is not None and until is not None:
        return since, until
    windows = [window for window in workspace.windows(model) if window["closed"] and window["labels"]]
    if not windows:
        raise typer.BadParameter(f"no window of {model!r} has labels yet; name the period: --since, --until")
    start, end = (datetime.fromisoformat(windows[-1][side]) for side in ("start", "end"))
    return since or start, until or end


def _points(points: Sequence[PerformancePoint], model: str) -> str:
    columns = {
        "start": "window", "who": "version", "value": "value", "interval": "95 %", "usual": "usual", "threshold": "limit", "n": "labels",
        "here": "of rows", "mature": "of labels to come", "verdict": "verdict",
    }  # fmt: skip
    rows: list[dict[str, Any]] = [
        {
            **point,
            "who": point["model_version"] or point["role"],
            "interval": _span(point.get("ci_lower"), point.get("ci_upper")),
            "usual": _span(point["lower"], point["upper"]),
            "here": _percent(point.get("coverage")),
            "mature": _percent(point.get("maturity")),
        }
        for point in points
    ]
    shown = table(rows, columns, f"no labels to judge by yet; send some: `driftdeck label {model} FILE`")
    said = [point.get("sentence", "") for point in points if point["role"] != "shadow"]
    return "\n".join([shown, *said[-1:]])


def _detail(found: DetailView) -> str:
    metrics = {
        "label": "metric",
        "name": "name",
        "value": "value",
        "interval": "95 %",
        "reference": "reference",
        "unit": "unit",
    }
    here, come = _percent(found["coverage"]) or "–", _percent(found["maturity"]) or "–"
    heading = (
        f"{found['start']} to {found['end']}, version {found['model_version'] or '–'}: {found['n']:,} labels, {here} of the rows, "
        f"{come} of the labels to come"
    )
    parts = [
        heading,
        table(
            [{**one, "interval": _span(one["lower"], one["upper"])} for one in found["metrics"]],
            metrics,
            "no metric can be computed",
        ),
    ]
    if found["confusion"]:
        columns = {"label": "label \\ prediction"} | {f"p{place}": name for place, name in enumerate(found["classes"])}
        rows: list[Mapping[str, Any]] = [
            {"label": name} | {f"p{place}": n for place, n in enumerate(counts)}
            for name, counts in zip(found["classes"], found["confusion"], strict=True)
        ]
        parts.append(table(rows, columns, ""))
    if found["calibration"]:
        columns = {
            "bin": "score", "predicted": "predicted", "observed": "came true", "interval": "95 %", "reference": "reference", "n": "labels",
        }  # fmt: skip
        bins = [
            {
                **one,
                "bin": _span(one["lower"], one["upper"]),
                "interval": _span(one["observed_lower"], one["observed_upper"]),
            }
            for one in found["calibration"]
        ]
        parts.append(table(bins, columns, ""))
    if found["by_range"]:
        columns = {"range": "label", "mae": "mae", "bias": "bias", "reference_mae": "mae in reference", "n": "labels"}
        parts.append(
            table([{**one, "range": _span(one["lower"], one["upper"])} for one in found["by_range"]], columns, "")
        )
    return "\n\n".join(parts)


def _span(low: float | None, high: float | None) -> str | None:
    return None if low is None or high is None else f"{low:.4g} to {high:.4g}"


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.1%}"
