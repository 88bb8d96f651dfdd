"""What a rule of a model may speak of: every check and metric that is read of its windows, by name."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from monitors.expressions import (
    COVERAGE,
    DRIFT,
    DRIFTED,
    DRIFTED_SHARE,
    ROWS,
    SHIFT,
    Drift,
    ExpressionError,
    Node,
    Term,
    choice,
    leaves,
    parse,
    to_text,
)
from monitors.judge_door import DOOR_CHECKS
from monitors.own_sql import own_sql, resting_on_labels
from monitors.registry import column_checks, every_metric, label_unit
from monitors.rule_asked import trees
from monitors.sequence.readings import CHECK as SEQUENCE
from monitors.types import ESTIMATED
from reference_data.declaration import ModelSpec
from reference_data.plugins import discover
from reference_data.profile import RESERVED

#: What a rule calls the checks whose own names are longer.
SHORT = {ROWS: "row_count", COVERAGE: "label_coverage"}
_OUTCOMES = frozenset(RESERVED) - {"prediction", "score"}
_ESTIMATED_TASKS = ("binary", "multiclass", "regression")
_TRAFFIC = {
    "row_volume": ("rows that arrived, held against what is usual", "rows"),
    "freshness": ("time since the latest row, at the end of the window", "hours"),
    "repeated_rows": ("share of rows that came more than once", "share"),
    "error_share": ("share of requests that fail", "share"),
    **dict.fromkeys(DOOR_CHECKS, ("", "share")),
    "refused_rows": ("share of rows that were refused", "share"),
    "missing_columns": ("declared columns that stayed away", "columns"),
    "widened_columns": ("columns that brought values of another type", "columns"),
    "new_columns": ("columns that came and are not declared", "columns"),
}
#: The words of the language itself: name, what stands in brackets, what it says, and its unit.
WORDS: tuple[tuple[str, str, str, str], ...] = (
    (DRIFT, '"column"', "whether the verdict on the column is drift", ""),
    (SHIFT, '"column"', "how far the column moved, whatever its kind", "standard deviations"),
    (DRIFTED, "", "columns of the inputs that drifted", "columns"),
    (DRIFTED_SHARE, "", "their share of the columns that could be judged", "share"),
    (ROWS, "", "rows in the window", "rows"),
    (COVERAGE, "", "share of the rows whose label has come", "share"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of the vocabulary. ``of_column``: whether it needs a column in brackets."""

    name: str
    of_column: bool
    meaning: str
    unit: str


def vocabulary(spec: ModelSpec, files: Collection[str] = ()) -> dict[str, Entry]:
    """Return what may be read of a model's windows, by name; ``files`` are its home's own column checks."""
    found = [Entry(name, bool(of), meaning, unit) for name, of, meaning, unit in WORDS]
    found += [Entry(check.name, True, check.summary, check.unit) for check in column_checks().values()]
    for metric in every_metric().values():
        if spec.task in metric.kinds:
            unit = metric.unit.replace("label", label_unit(spec, None))
            found.append(Entry(metric.name, False, metric.summary, unit))
            if spec.task in _ESTIMATED_TASKS:
                estimated = f"{metric.label}, estimated before labels come"
                found.append(Entry(f"{ESTIMATED}{metric.name}", False, estimated, unit))
    for name, check in discover("monitors.multivariate", "CHECK").items():
        found.append(Entry(name, check.target != "rows", check.summary, check.unit))
    found += [Entry(name, False, meaning, unit) for name, (meaning, unit) in _TRAFFIC.items()]
    found.append(Entry(SEQUENCE, False, "evidence, in the order in which labels came, that the loss rose", "evidence"))
    for name, own in own_sql(spec).items():
        found.append(Entry(name, False, own.title or f"the model's own: {own.check.sql}", own.check.unit))
    found += [Entry(name, True, f"the home's own check, checks/{name}.py", "") for name in files]
    return {entry.name: entry for entry in found}


def columns_of(spec: ModelSpec) -> frozenset[str] | None:
    """Return the columns that a model has; None where its features are still to be inferred."""
    return frozenset({*spec.features, *spec.context, *RESERVED}) if spec.features else None


def own_columns(spec: ModelSpec) -> list[str]:
    """Return the columns that most rules are about: inputs, and what is predicted."""
    return [*spec.features, *spec.context, "prediction", *(["score"] if spec.score else []), "label"]


def readable_inside(spec: ModelSpec, name: str) -> bool:
    """Whether something is read inside of segments: rows, what concerns a column, and the headline metric."""
    metric = every_metric().get(name)
    if metric is not None:
        return name == spec.monitor.metric if spec.monitor.metric else metric.headline
    return name in column_checks() or name in {ROWS, SHORT[ROWS], DRIFT, SHIFT, DRIFTED, DRIFTED_SHARE}


def problems(text: str, spec: ModelSpec, files: Collection[str] = (), *, inside: bool = False) -> list[str]:
    """Return what is wrong with an expression for this model, in words: the text itself, or names in it that there are not.

    ``inside``: it is about a segment, of which less is read.
    """
    try:
        tree = parse(text)
    except ExpressionError as error:
        return [str(error)]
    named = list(leaves(tree))
    if not named:
        return ["the rule names nothing that is read of a window, so it is always the same; name a check or a metric"]
    known = vocabulary(spec, files)
    found = [problem for leaf in named for problem in _problems(leaf, known, spec)]
    lost = [leaf for leaf in named if isinstance(leaf, Term) and not readable_inside(spec, leaf.name)] if inside else []
    able = [name for name in known if readable_inside(spec, name)]
    return found or [f"{to_text(leaf)} is not read inside of segments; {choice(leaf.name, able)}" for leaf in lost]


def _problems(leaf: Term | Drift, known: dict[str, Entry], spec: ModelSpec) -> Iterator[str]:
    columns = columns_of(spec)
    if isinstance(leaf, Term):
        name = {long: short for short, long in SHORT.items()}.get(leaf.name, leaf.name)
        entry = known.get(name)
        if entry is None:
            near = {each for each, it in known.items() if it.of_column == (leaf.column is not None)}
            yield f"{to_text(leaf)}: there is no {leaf.name!r} to be read of this model; {choice(leaf.name, near)}"
            return
        if entry.of_column and leaf.column is None:
            yield f'{leaf.name} needs a column in brackets, such as {leaf.name}("{min(spec.features, default="age")}")'
        if not entry.of_column and leaf.column is not None:
            yield f"{to_text(leaf)}: {leaf.name} is of no column; write {to_text(Term(leaf.name, None, leaf.aspect))}"
            return
    if leaf.column is not None and columns is not None and leaf.column not in columns:
        yield f"{to_text(leaf)}: there is no column {leaf.column!r}; {choice(leaf.column, own_columns(spec))}"


# -- what rules need ---------------------------------------------------------------------------------------------------
def resting(spec: ModelSpec) -> frozenset[str]:
    """Return the names of the rules that rest on labels: they are heard again when these come."""
    late = resting_on_labels(spec)
    return frozenset(name for name, found in trees(spec).items() if any(_rests(t, late) for t in found))


def _rests(tree: Node, late: frozenset[str]) -> bool:
    ours = {*every_metric(), "coverage", "label_coverage", SEQUENCE, *late}
    return any(leaf.column in _OUTCOMES or (isinstance(leaf, Term) and leaf.name in ours) for leaf in leaves(tree))


# -- the language in one table -----------------------------------------------------------------------------------------
_FORMS = (
    ('`psi("age")`, `mae`, `latency_p95`', "a check of a column, a metric or anything else that is read of a window, by its name", "a number"),
    ('`value("late-gates")`, `value("my-check", "age")`', "the same, for names that are no plain words", "a number"),
    ("`reference(mae)`", "the reference's own value of it", "a number"),
    ('`p_value(psi, "age")`, `p_value(mae)`', "its p-value, where it has one", "a number"),
    ("`estimated_mae`", "a metric as it was estimated before labels came", "a number"),
    *((f"`{name}({of})`" if of else f"`{name}`", f"{words}{f', in {unit}' if unit == 'standard deviations' else ''}", "true or false" if name == DRIFT else "a number")
      for name, of, words, unit in WORDS),
    ("`abs(a)`, `min(a, b, …)`, `max(a, b, …)`, `a + b`, `a - b`, `a * b`, `a / b`, `-a`, `( )`", "arithmetic", "a number"),
    ("`a < b`, `<=`, `>`, `>=`, `==`, `!=`, `1 < a <= 2`", "comparisons", "true or false"),
    ("`p and q`, `p or q`, `not p`", "put together; `and` binds tighter than `or`", "true or false"),
)  # fmt: skip


def documentation() -> str:
    """Return the table of ``docs/rules.md``."""
    lines = ["| write | for | is |", "| --- | --- | --- |"]
    return "\n".join(lines + [f"| {write} | {words} | {kind} |" for write, words, kind in _FORMS])
