"""What kind of model it is, and which class is the one that matters."""

from __future__ import annotations

from collections.abc import Mapping

from service.setting_up_views import ColumnProposal
from service.wizard import names
from service.wizard.facts import ColumnFacts, Facts

_MOST_CLASSES = 50
_POSITIVE = frozenset(
    [
        "yes",
        "y",
        "true",
        "t",
        "1",
        "positive",
        "pos",
        "bad",
        "default",
        "fraud",
        "churn",
        "churned",
        "left",
        "leaves",
        "spam",
        "malignant",
        "sick",
        "clicked",
        "click",
        "bought",
        "buy",
        "converted",
        "ja",
        "oui",
        "si",
        "sí",
    ]
)


def of(columns: list[ColumnProposal], role: str) -> list[str]:
    """Return the names of the columns with a role."""
    return [column["name"] for column in columns if column["role"] == role]


def first(columns: list[ColumnProposal], role: str) -> str | None:
    """Return the name of the column with a role, None if there is none."""
    return next(iter(of(columns, role)), None)


def guess_task(facts: Mapping[str, ColumnFacts], columns: list[ColumnProposal]) -> tuple[str, str]:
    """Return the task and the reason."""
    prediction, label, scores = first(columns, "prediction"), first(columns, "label"), of(columns, "score")
    if prediction is None and not scores:
        return "none", "there is no prediction, so the columns are watched as data" + (
            "" if label is None else f"; `{label}` is watched as one of them"
        )
    if first(columns, "list") is not None and (prediction or label):
        return "ranking", f"rows belong to lists (`{first(columns, 'list')}`), whose order is what counts"
    if len(scores) > 2:
        return "multiclass", f"there are {len(scores)} scores, one for each class"
    known = [facts[name] for name in (prediction, label) if name is not None]
    if not known:
        return "binary", f"`{scores[0]}` is a score between 0 and 1"
    if any(column["stored"] in ("int", "float") and not column["whole"] for column in known):
        fractional = next(c["name"] for c in known if c["stored"] in ("int", "float") and not c["whole"])
        return "regression", f"`{fractional}` holds numbers with decimals"
    classes = classes_of(facts, columns)
    if len(classes) <= 2 and all(column["distinct"] <= 2 for column in known):
        return "binary", f"`{known[0]['name']}` has two values: {' and '.join(classes)}"
    codes = all(column["stored"] in ("int", "float") for column in known)
    if len(classes) <= (20 if codes else _MOST_CLASSES):
        return (
            "multiclass",
            f"`{known[0]['name']}` has {len(classes)} values: {', '.join(classes[:4])}{', …' if len(classes) > 4 else ''}",
        )
    return "regression", f"`{known[0]['name']}` holds {len(classes) if len(classes) < 30 else 'many'} different numbers"


def classes_of(facts: Mapping[str, ColumnFacts], columns: list[ColumnProposal]) -> list[str]:
    """Return the classes that predictions and labels name, in alphabetical order."""
    found: set[str] = set()
    for role in ("prediction", "label"):
        name = first(columns, role)
        if name is not None:
            found |= {text for text, _ in facts[name]["top"]}
    return sorted(found | {c["score_of"] for c in columns if c["role"] == "score" and c["score_of"]})


def guess_positive(facts: Facts, columns: list[ColumnProposal], classes: list[str]) -> tuple[str | None, str]:
    """Return the positive class of a binary model and the reason: what the score points to, else its name, else the rarer one."""
    if len(classes) < 2:
        return (classes[0] if classes else None), "the only class there is"
    score, outcomes = first(columns, "score"), {first(columns, "label"), first(columns, "prediction")}
    told = [
        s for s in facts["separations"] if s["score"] == score and s["column"] in outcomes and s["value"] in classes
    ]
    if told:
        best = max(told, key=lambda s: s["area"])
        return best["value"], f"a high `{score}` goes with it"
    for each in classes:
        if names.flat(each) in _POSITIVE or each.casefold() in _POSITIVE:
            return each, "its name says so"
    outcome = first(columns, "label") or first(columns, "prediction")
    shares = {} if outcome is None else dict(next(c["top"] for c in facts["columns"] if c["name"] == outcome))
    rarer = min(classes, key=lambda each: shares.get(each, 0.0))
    return rarer, "the rarer of the two"
