"""The declaration that a proposal comes to, as TOML to keep."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from reference_data.declaration import Declaration, ModelSpec
from service.declaration_file import dump
from service.setting_up_views import ColumnProposal, Note, Times
from service.wizard.tasks import first, of

ONE_SCORE = ("binary", "none")


@dataclass(frozen=True, slots=True)
class Model:
    """What is to be declared."""

    name: str
    task: str
    columns: list[ColumnProposal]
    positive: str | None
    classes: list[str]
    times: Times
    timezone: str
    window: str
    warnings_per_year: float
    pages_per_year: float
    file: str


def demoted(columns: list[ColumnProposal], task: str) -> list[ColumnProposal]:
    """Return columns in roles that the task has: what data has no use for is watched beside the others."""
    found = [dict(column) for column in columns]
    for column in found:
        role = column["role"]
        if task == "none" and role == "label":
            column.update(role="context", why=f"{column['why']}; without a prediction it is watched as a column")
        elif role == "score" and task not in ("binary", "multiclass"):
            column.update(
                role="context", why=f"a model of task {task} has no scores, so it is watched beside the others"
            )
        elif role == "list" and task != "ranking":
            column.update(role="ignored", why="only a ranking has lists")
    return found  # type: ignore[return-value]


def derived_prediction(model: Model) -> bool:
    """Say whether predictions are made of scores: a class is what the highest one says, or one half."""
    return (
        model.task in ("binary", "multiclass")
        and first(model.columns, "prediction") is None
        and bool(of(model.columns, "score"))
    )


def declare(model: Model) -> tuple[str, list[Note]]:
    """Return the TOML and what stands against it."""
    problems = [
        _impossible(
            f"{number} columns have the role {role}: {', '.join(of(model.columns, role))}",
            "keep it for one of them, and make the others features or ignored",
        )
        for role, number in Counter(column["role"] for column in model.columns).items()
        if number > 1 and role not in ("feature", "context", "ignored", "score")
    ]
    score, wrong = _score(model)
    if wrong:
        problems.append(wrong)
    if not any(column["role"] in ("feature", "context") for column in model.columns):
        problems.append(_impossible("no column is left to watch", "make at least one column a feature"))
    if problems:
        return "", problems
    try:
        spec = ModelSpec.model_validate(_values(model, score))
    except ValidationError as error:
        return "", [
            _impossible(f"{'.'.join(map(str, each['loc']))}: {each['msg'].removeprefix('Value error, ')}".removeprefix(": "),
                        "change the name or the column's role")
            for each in error.errors()
        ]  # fmt: skip
    head = f"# {' '.join(model.file.split())[:120]}, as Driftdeck's set-up recognised it. `driftdeck apply` declares it, as often as you like.\n\n"
    return head + dump(Declaration(models={spec.name: spec})), []


def _impossible(words: str, way_on: str) -> Note:
    return {"level": "impossible", "words": words, "way_on": way_on}


def _score(model: Model) -> tuple[str | dict[str, str] | None, Note | None]:
    scores = [column for column in model.columns if column["role"] == "score"]
    if not scores:
        return None, None
    if len(scores) == 1 and model.task in ONE_SCORE:
        return scores[0]["name"], None
    named = {column["score_of"]: column["name"] for column in scores if column["score_of"]}
    if len(named) < len(scores):
        lost = next(column["name"] for column in scores if not column["score_of"])
        way_on = "say which class each score is of, or ignore those that are none"
        return None, _impossible(f"`{lost}` is one of {len(scores)} scores, and nothing says of which class", way_on)
    return {str(name): column for name, column in named.items()}, None


def _values(model: Model, score: str | dict[str, str] | None) -> dict[str, Any]:
    columns = model.columns
    values: dict[str, Any] = {
        "name": model.name,
        "task": model.task,
        "features": {c["name"]: c["type"] for c in columns if c["role"] == "feature"},
        "context": {c["name"]: c["type"] for c in columns if c["role"] == "context"},
        "prediction": first(columns, "prediction") or ("prediction" if derived_prediction(model) else None),
        "score": score,
        "label": None if model.task == "none" else first(columns, "label") or "label",
        "positive": model.positive,
        "id": first(columns, "id") or "prediction_id",
        "subject": first(columns, "subject"),
        "time": _time(model),
        "timezone": model.timezone,
        "segments": [c["name"] for c in columns if c["segment"]],
        "query": first(columns, "list") if model.task == "ranking" else None,
        "monitor": {
            "window": model.window,
            "alert_budget": {"warnings_per_year": model.warnings_per_year, "pages_per_year": model.pages_per_year},
        }
        | ({"grace": "1h"} if model.window.endswith("h") else {}),
    }
    if values["query"] is not None:
        values["context"][values["query"]] = "categorical"
    if not values["features"]:
        values["features"], values["context"] = values["context"], {}
    return values


def _time(model: Model) -> str | None:
    return (first(model.columns, "time") or "event_time") if model.times == "column" else None
