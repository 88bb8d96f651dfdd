"""What a declaration says of checks, held against the checks and columns that there are, before anything is applied."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping

from reference_data.declaration import ModelSpec
from reference_data.default_checks import DEFAULT_CHECKS
from reference_data.profile import RESERVED
from service.toml_lines import Path, find_lines

_SECTIONS = {"custom": "custom", "business": "business"}


def check_problems(models: Mapping[str, ModelSpec], text: str, own: Collection[str]) -> list[str]:
    """Return a problem for each name of a check or column that does not exist, and each expression that cannot be a check.

    ``own``: the names of the files in the home's folder of checks. Columns are looked at where they are known: features may be inferred
    later.
    """
    asked = [
        spec
        for spec in models.values()
        if spec.monitor.custom
        or spec.monitor.business
        or spec.monitor.costs
        or spec.monitor.thresholds
        or spec.monitor.rules
        or spec.monitor.overrides
        or spec.monitor.metric
        or spec.monitor.checks != DEFAULT_CHECKS
        or spec.retrain.must
    ]
    if not asked:
        return []  # without what checks need to be imported
    lines = find_lines(text)
    return [problem for spec in asked for problem in _of_model(spec, lines, frozenset(own))]


def _of_metric(spec: ModelSpec, path: Path, lines: dict[Path, int]) -> Iterator[str]:
    """Say that the declared metric does not exist, or is not one of the model's task."""
    from monitors.registry import every_metric

    name, where = spec.monitor.metric, _where((*path, "metric"), lines)
    if name is None:
        return
    fitting = [metric.name for metric in every_metric().values() if spec.task in metric.kinds]
    if not fitting:
        yield f"{where}: a model of the task {spec.task} has no labels to be judged by, so no metric either; leave metric out"
    elif name not in every_metric():
        yield f"{where}: there is no metric {name!r}; {_choice(name, fitting)}"
    elif name not in fitting:
        yield f"{where}: metric {name!r} is not one of the task {spec.task}; {_choice(name, fitting)}"


def _of_model(spec: ModelSpec, lines: dict[Path, int], own: frozenset[str]) -> Iterator[str]:
    from monitors.judge_thresholds import known_checks
    from monitors.own_sql import own_sql
    from monitors.registry import column_checks
    from service.declared_rules import rule_problems

    path: Path = ("models", spec.name, "monitor")
    for name in spec.monitor.checks:
        able = {*column_checks(), *own}
        if name not in able:
            yield f"{_where((*path, 'checks'), lines)}: there is no column check {name!r}; {_choice(name, able)}"
    yield from _of_metric(spec, path, lines)
    known = known_checks() | own | own_sql(spec).keys()
    columns = {*spec.features, *spec.context, *RESERVED}
    for limit in spec.monitor.thresholds:
        where = _where((*path, "thresholds"), lines)
        if limit.check not in known:
            yield f"{where}: there is no check {limit.check!r}; {_choice(limit.check, known)}"
        if limit.column is not None and spec.features and limit.column not in columns:
            yield f"{where}: there is no column {limit.column!r}; {_choice(limit.column, columns)}"
    yield from (f"{_where(key, lines)}: {words}" for key, words in rule_problems(spec, own))
    yield from _of_own(spec, (*path, "custom"), lines, own)
    if spec.retrain.must:
        from service.declared_training import training_problems

        yield from (f"{_where(key, lines)}: {words}" for key, words in training_problems(spec))


def _of_own(spec: ModelSpec, path: Path, lines: dict[Path, int], own: frozenset[str]) -> Iterator[str]:
    from monitors.judge_thresholds import known_checks
    from monitors.own_sql import COSTS, own_sql
    from storage.custom_checks import CustomCheckError, check_expression

    for name, declared in own_sql(spec).items():
        if declared.scope == "service":
            continue
        of_cost = name == COSTS and name not in spec.monitor.business
        where = _where((*path[:-1], "costs") if of_cost else (*path[:-1], _SECTIONS[declared.scope], name), lines)
        if name in known_checks() | own or (declared.scope == "business" and name in spec.monitor.custom):
            yield f"{where}: there is a check of this name already; give yours another"
        try:
            check_expression(spec, declared.check.sql, bind=bool(spec.features))
        except CustomCheckError as error:
            yield f"{where}: {error}"
    if spec.monitor.costs and spec.task not in ("binary", "multiclass"):
        where = _where((*path[:-1], "costs"), lines)
        yield f"{where}: costs are of pairs of classes, and the task is {spec.task}; declare a ratio of the business instead"


def _where(path: Path, lines: dict[Path, int]) -> str:
    known = next((path[:depth] for depth in range(len(path), 2, -1) if path[:depth] in lines), None)
    name = ".".join(path)
    return f"line {lines[known]}: {name}" if known else name


def _choice(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}There are {', '.join(sorted(known))}"
