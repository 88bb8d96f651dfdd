"""What a declaration says of training, held against what there is to be named."""

from __future__ import annotations

from collections.abc import Iterator

from monitors.expressions import choice
from reference_data.declaration import ModelSpec
from retraining.rule_metrics import rule_metric_names
from service.declared_rules import segment_problems
from service.toml_lines import Path


def training_problems(spec: ModelSpec) -> Iterator[tuple[Path, str]]:
    """Yield (key, problem) for each rule of the gate (``retrain.must``) that speaks of a metric or segment that there is not."""
    path: Path = ("models", spec.name, "retrain", "must")
    known = rule_metric_names(spec.task)
    for rule in spec.retrain.must:
        if not known:
            yield (
                path,
                f"a model of the task {spec.task} has no labels to be judged by, so no rules of the gate; leave must out",
            )
        elif rule.metric not in known:
            yield (
                path,
                f"the gate of a model of the task {spec.task} has no metric {rule.metric!r}; {choice(rule.metric, known)}",
            )
        if rule.segment is not None:
            yield from ((path, words) for words in segment_problems(spec, rule.segment))
