"""Which column is what: by its name, by its values, and by what it goes together with. Every guess carries its reason."""

from __future__ import annotations

from collections.abc import Callable

from reference_data import id_names
from reference_data.profile import RESERVED
from service.setting_up_views import ColumnProposal, Role, Sureness
from service.wizard import names
from service.wizard.facts import ColumnFacts, Facts, Pair, is_share
from service.wizard.guesses import SMALL, Guess, Table, is_list
from service.wizard.scores import guess_scores

_CLOSE = 0.6  # error in standard deviations below which one column of numbers may be the prediction of another
_SEGMENT = (2, 12)
#: Names that are read as something else, or stand for something else in readings.
_TAKEN = {*RESERVED, "prediction_id", "event_time", "model_version", "latency_ms", "label_time", "_role"}


def propose_columns(facts: Facts) -> list[ColumnProposal]:
    """Return every column with its role, in the file's order."""
    table = Table(facts, {column["name"]: column for column in facts["columns"]})
    for step in (_empty, _times, _outcomes, guess_scores, _keys, _labels_of_rows, _rest):
        step(table)
    segments = _segments(table)
    return [_proposal(column, table.guessed[column["name"]], segments) for column in facts["columns"]]


def _proposal(column: ColumnFacts, guess: Guess, segments: dict[str, str]) -> ColumnProposal:
    name = column["name"]
    return {
        "name": name,
        "role": guess.role,
        "type": type_of(column),
        "segment": name in segments,
        "score_of": guess.score_of,
        "why": guess.why + (f"; {segments[name]}" if name in segments else ""),
        "sure": guess.sure,
        "missing": column["missing"],
        "distinct": column["distinct"],
        "examples": column["examples"],
    }


def type_of(column: ColumnFacts) -> str:
    """Return the type a column is declared with."""
    values = {text for text, _ in column["top"]}
    if column["type"] == "numeric" and column["distinct"] == 2 and values == {"0", "1"}:
        return "boolean"
    if column["stored"] == "int" and set(id_names.words(column["name"])) & names.CODE:
        return "categorical"
    if column["time"] is not None and column["time"]["form"] in ("naive", "aware", "mixed"):
        return "datetime"
    return column["type"]


# -- one step after another ----------------------------------------------------------------------------------------
def _empty(table: Table) -> None:
    """Columns in which there is nothing to watch."""
    for column in table.free():
        if column["held"] == 0:
            table.guessed[column["name"]] = Guess("ignored", "empty in every row", "sure")


def _times(table: Table) -> None:
    """The event time: called so, no value missing, rising."""
    found = [column for column in table.free() if column["time"] is not None]
    for column in found:
        if names.flat(column["name"]) in names.LABEL_TIME:
            table.guessed[column["name"]] = Guess("label time", "when the label became known: its name says so", "sure")
    ranked = sorted((column for column in found if column["name"] not in table.guessed), key=_time_rank, reverse=True)
    if not ranked or _time_rank(ranked[0]) < 1:
        return
    best, known = ranked[0], ranked[0]["time"]
    assert known is not None
    reasons = ["its name says so" if names.says(best["name"], names.TIME) else "the most likely of the times"]
    if known["rising"] > 0.99:
        reasons.append("rows are in its order")
    if known["form"].startswith("epoch"):
        unit = {"epoch_s": "seconds", "epoch_ms": "milliseconds", "epoch_us": "microseconds"}[known["form"]]
        reasons.append(f"{unit} since 1970")
    sure: Sureness = "sure" if len(ranked) == 1 or _time_rank(best) > _time_rank(ranked[1]) + 1 else "likely"
    table.guessed[best["name"]] = Guess("time", "the event time: " + ", ".join(reasons), sure)


def _time_rank(column: ColumnFacts) -> float:
    known = column["time"]
    if known is None or column["distinct"] < 2 or column["missing"] > 0.2:
        return -1.0
    flat = names.flat(column["name"])
    rank = 4.0 if flat in names.TIME else 2.0 if names.says(column["name"], names.TIME) else 0.0
    if any(word in flat for word in ("birth", "expire", "expiry", "due", "signup", "geburt")):
        rank -= 4
    rank += 1.5 if not known["form"].startswith("epoch") else 0.0
    return rank + 2 * known["rising"] - 5 * column["missing"] - 5 * known["unreadable"]


def _outcomes(table: Table) -> None:
    """Prediction and label: one of them by name, the other by what agrees with it."""
    labels = _named(table, names.LABEL, lambda column: _may_be_outcome(column) and not names.is_score(column["name"]))
    predictions = _named(
        table,
        names.PREDICTION,
        lambda column: _may_be_outcome(column) and not (names.is_score(column["name"]) and is_share(column)),
    )
    label, prediction = labels[0] if labels else None, predictions[0] if predictions else None
    if label == prediction:
        label = next((name for name in labels if name != prediction), None)
    pair = _pair(table, label, prediction)
    if label is not None:
        words = _goes_with(pair, prediction) if pair else ""
        table.guessed[label] = Guess("label", f"the truth: its name says so{words}", "sure" if pair else "likely")
    if prediction is not None:
        words = _goes_with(pair, label) if pair else ""
        table.guessed[prediction] = Guess(
            "prediction", f"looks like the prediction: its name says so{words}", "sure" if pair else "likely"
        )
    if label is not None and prediction is None:
        _partner(table, label, "prediction", "looks like the prediction:")
    elif prediction is not None and label is None:
        _partner(table, prediction, "label", "looks like the truth:")
    elif label is None and prediction is None:
        _two_alike(table)


def _may_be_outcome(column: ColumnFacts) -> bool:
    if column["stored"] in ("int", "float", "bool"):
        return True
    return column["stored"] == "text" and column["type"] == "categorical" and column["distinct"] <= SMALL


def _named(table: Table, known: frozenset[str], allowed: Callable[[ColumnFacts], bool]) -> list[str]:
    """Return columns of such names, the one that is called exactly so first."""
    found = [column["name"] for column in table.free() if names.says(column["name"], known) and allowed(column)]
    return sorted(found, key=lambda name: (names.flat(name) not in known, len(name)))


def _pair(table: Table, a: str | None, b: str | None) -> Pair | None:
    if a is None or b is None:
        return None
    return next((pair for other, pair in table.pairs(a) if other == b), None)


def _goes_with(pair: Pair | None, other: str | None) -> str:
    if pair is None:
        return ""
    if pair["kind"] == "values":
        return f", and it agrees with `{other}` in {100 * pair['agreement']:.0f} % of rows"
    return f", and it correlates with `{other}` {pair['agreement']:.2f}"


def _partner(table: Table, name: str, role: Role, words: str) -> None:
    """Take the column that goes with ``name`` most closely, if one does."""
    mine = table.columns[name]
    close = [
        (pair["error"], other, pair)
        for other, pair in table.pairs(name)
        if other not in table.guessed
        and pair["error"] < _CLOSE
        and not (names.is_score(other) and is_share(table.columns[other]))
        and (pair["kind"] == "values") == (mine["distinct"] <= SMALL and (mine["stored"] != "float" or mine["whole"]))
    ]
    if close:
        _, other, pair = min(close, key=lambda entry: entry[0])
        clear = len(close) == 1
        table.guessed[other] = Guess(
            role, f"{words}{_goes_with(pair, name).removeprefix(', and')}", "likely" if clear else "doubtful"
        )


def _two_alike(table: Table) -> None:
    """Two columns of the same few texts that mostly agree, of which nobody says what they are: truth is what is missing more often, or comes last."""
    alike = [
        pair
        for pair in table.facts["pairs"]
        if pair["kind"] == "values"
        and not {pair["a"], pair["b"]} & table.guessed.keys()
        and table.columns[pair["a"]]["stored"] == "text"
        and pair["agreement"] < 1
    ]
    if len(alike) != 1:
        return
    a, b = (table.columns[alike[0][side]] for side in ("a", "b"))
    label, prediction = (a, b) if a["missing"] > b["missing"] else (b, a)
    words = f"`{{}}` has the same values and agrees in {100 * alike[0]['agreement']:.0f} % of rows: one is the prediction, the other the truth"
    table.guessed[prediction["name"]] = Guess("prediction", words.format(label["name"]), "doubtful")
    table.guessed[label["name"]] = Guess("label", words.format(prediction["name"]), "doubtful")


def _keys(table: Table) -> None:
    """Ids of rows, of persons and of lists; row numbers."""
    rows = table.facts["sampled"]
    for column in table.free():
        if column["counting"] and column["distinct"] == rows and not id_names.is_id(column["name"]):
            table.guessed[column["name"]] = Guess(
                "ignored", "a row number: the next file would begin with the same ones", "likely"
            )
    unique = [
        c
        for c in table.free()
        if c["distinct"] == c["held"] == rows
        and rows > 1
        and c["stored"] in ("int", "text")
        and id_names.is_id(c["name"])
    ]
    unique.sort(key=lambda c: (names.flat(c["name"]) not in id_names.ID, names.of_person(c["name"]), len(c["name"])))
    for column in unique[:1]:
        table.guessed[column["name"]] = Guess(
            "id", "the id of a prediction: its name says so, and no value comes twice", "sure"
        )
    if not unique:
        for column in table.free():
            if (
                column["stored"] == "text"
                and column["distinct"] == column["held"] == rows > 20
                and column["characters"] <= 40
            ):
                table.guessed[column["name"]] = Guess("id", "no value comes twice, as ids do", "doubtful")
                break
    for column in table.free():
        name, repeats = column["name"], column["held"] / max(1, column["distinct"])
        if names.of_person(name) and table.has("subject") is None and column["distinct"] > 20:
            table.guessed[name] = Guess(
                "subject", "says whom a row is about, so that a person's rows can be found and deleted", "likely"
            )
        elif names.flat(name) in names.LIST and is_list(column):
            if _ranks(table):
                table.guessed[name] = Guess(
                    "list", f"rows of one list share it: {repeats:.0f} rows each on average", "likely"
                )
            elif id_names.is_id(name):
                table.guessed[name] = Guess("ignored", "an id that groups rows", "likely")
        elif id_names.is_key(name, column["held"], column["distinct"]):
            table.guessed[name] = Guess("ignored", "an id: its values tell rows apart and say nothing else", "likely")


def _ranks(table: Table) -> bool:
    """Say whether predictions are numbers and labels grades, as lists have them."""
    prediction, label = table.has("prediction"), table.has("label")
    score = table.has("score")
    if label is None or (prediction is None and score is None):
        return False
    graded = table.columns[label]["whole"] and table.columns[label]["distinct"] <= 10
    if prediction is None:
        return graded
    column = table.columns[prediction]
    return graded and column["stored"] == "float" and not column["whole"]


def _labels_of_rows(table: Table) -> None:
    """What is logged beside a prediction: version and latency."""
    for column in table.free():
        flat = names.flat(column["name"])
        if flat in names.VERSION and column["distinct"] <= 50:
            table.guessed[column["name"]] = Guess("version", "the model's version: its name says so", "likely")
        elif (
            flat in names.LATENCY
            and column["stored"] in ("int", "float")
            and (column["low"] or 0) >= 0
            and table.has("latency") is None
        ):
            table.guessed[column["name"]] = Guess(
                "latency", "how long an answer took, in milliseconds: its name says so", "likely"
            )


def _rest(table: Table) -> None:
    """Whatever is left goes into the model, unless there is nothing in it to watch."""
    for column in table.free():
        name, kind = column["name"], type_of(column)
        if column["distinct"] <= 1 and column["missing"] == 0:
            table.guessed[name] = Guess("ignored", "the same value in every row", "sure")
        elif name in _TAKEN:
            table.guessed[name] = Guess(
                "ignored", "Driftdeck uses this name itself; rename the column to watch it", "sure"
            )
        elif column["rising"] and column["distinct"] > 3:
            words = "never lower than in the row before, as counters and dates are: it would always drift"
            table.guessed[name] = Guess("ignored", words, "likely")
        elif kind == "text" and id_names.is_own(column["held"], column["distinct"], column["characters"]):
            table.guessed[name] = Guess("ignored", "nearly every row has a value of its own", "likely")
        elif kind == "text":
            table.guessed[name] = Guess(
                "ignored", "free text; make it a feature to watch its length and its words", "likely"
            )
        else:
            table.guessed[name] = Guess(
                "feature", _feature_words(column, kind), "sure" if kind != "datetime" else "likely"
            )


def _feature_words(column: ColumnFacts, kind: str) -> str:
    if kind == "numeric":
        return f"numbers from {column['low']:.4g} to {column['high']:.4g}" if column["low"] is not None else "numbers"
    if kind == "boolean":
        return "only 0 and 1" if column["stored"] in ("int", "float") else "true or false"
    if kind == "categorical":
        return f"{column['distinct']:,} different values"
    return {"datetime": "times", "embedding": "lists of numbers"}.get(kind, kind)


def _segments(table: Table) -> dict[str, str]:
    """Return at most two columns by whose few values it is worth looking apart, with the reason."""
    low, high = _SEGMENT
    fitting = [
        c
        for c in table.facts["columns"]
        if table.guessed[c["name"]].role in ("feature", "context")
        and type_of(c) == "categorical"
        and low <= c["distinct"] <= high
        and len(c["top"]) > 1
        and c["top"][1][1] >= 0.05
        and table.facts["rows"] / c["distinct"] >= 200
    ]
    fitting.sort(key=lambda c: (not set(id_names.words(c["name"])) & names.GROUP, c["distinct"]))
    return {c["name"]: "few values with many rows each: looked at one by one too" for c in fitting[:2]}
