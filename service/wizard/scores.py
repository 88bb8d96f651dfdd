"""Which columns are scores: by their names, by what makes 1 together, by what tells classes apart."""

from __future__ import annotations

from service.wizard import names
from service.wizard.facts import ColumnFacts, is_share
from service.wizard.guesses import SMALL, Guess, Table, is_list


def guess_scores(table: Table) -> None:
    """Scores: fractions that make 1 together, or whose name says so, or that tell the classes apart."""
    if table.has("prediction") is None and _has_lists(table):
        _ranking_score(table)
        return
    outcome = table.has("prediction") or table.has("label")
    classes = [text for text, _ in table.columns[outcome]["top"]] if outcome else []
    if outcome and _of_numbers(table, outcome):
        _ranking_score(table)
        return
    for group in table.facts["sums_to_one"]:
        free = [name for name in group if name not in table.guessed]
        if len(free) < 2 or not any(names.is_score(name) or names.class_in(name, classes) for name in free):
            continue
        for name in free:
            best = names.class_in(name, classes) or _told_apart(table, name, outcome)
            table.guessed[name] = Guess(
                "score", f"one of {len(free)} scores that make 1 together", "sure" if best else "doubtful", best
            )
        return
    named = [c["name"] for c in table.free() if names.is_score(c["name"]) and (is_share(c) or _unit(c))]
    told = {
        s["score"]: s for s in table.facts["separations"] if s["column"] == table.has("label") or s["column"] == outcome
    }
    if not named and outcome:
        named = [name for name, found in told.items() if found["area"] > 0.9 and name not in table.guessed][:1]
    if len(named) > 1 and outcome:
        fitting = {name: best for name in named if (best := names.class_in(name, classes))}
        if len(fitting) > 1:
            for name, best in fitting.items():
                table.guessed[name] = Guess("score", f"the score of class {best!r}: its name says so", "likely", best)
            return
    for name in named[:1]:
        why = (
            "its name says so and its values lie between 0 and 1"
            if names.is_score(name)
            else "its values lie between 0 and 1"
        )
        if name in told:
            why += f", and it tells `{told[name]['value']}` apart (AUC {told[name]['area']:.2f})"
        table.guessed[name] = Guess("score", f"looks like the score: {why}", "sure" if name in told else "likely")


def _unit(column: ColumnFacts) -> bool:
    return column["stored"] in ("int", "float") and (column["low"] or 0) >= 0 and (column["high"] or 0) <= 1


def _of_numbers(table: Table, outcome: str) -> bool:
    """Say whether the outcome is a quantity, not a class."""
    column = table.columns[outcome]
    return column["stored"] in ("int", "float") and (not column["whole"] or column["distinct"] > SMALL)


def _ranking_score(table: Table) -> None:
    """Give a list's score the place of the prediction when nothing else has it."""
    if table.has("prediction") is None and table.has("label") is not None:
        found = [c["name"] for c in table.free() if names.is_score(c["name"]) and c["stored"] == "float"]
        for name in found[:1]:
            table.guessed[name] = Guess("prediction", "a score is what this model predicts: its name says so", "likely")


def _has_lists(table: Table) -> bool:
    """Say whether rows belong to lists: a column that is called so, whose values come several times each."""
    return any(names.flat(c["name"]) in names.LIST and is_list(c) for c in table.free())


def _told_apart(table: Table, score: str, outcome: str | None) -> str | None:
    found = [s for s in table.facts["separations"] if s["score"] == score and s["column"] == outcome]
    return max(found, key=lambda s: s["area"])["value"] if found else None
