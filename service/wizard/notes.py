"""What is doubtful about a file, or impossible with it, and the way on."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from service.setting_up_views import Note, Proposal
from service.wizard.facts import Facts
from service.wizard.tasks import first
from service.wizard.windows import LEARN

_FEW, _LITTLE = 200, 80


def of(proposal: Proposal, facts: Facts, taken: Collection[str], now: datetime) -> list[Note]:
    """Return everything to know, the gravest first."""
    found = [
        *_impossible(proposal, taken),
        *_size(proposal),
        *_times(proposal, facts),
        *_outcomes(proposal),
        *_end(proposal, now),
        *_names(proposal),
    ]
    found += [
        _note(words, "look at the preview; a column can be given another type below") for words in facts["notes"][:4]
    ]
    rank = {"impossible": 0, "doubtful": 1, "note": 2}
    return sorted(found, key=lambda note: rank[note["level"]])


def _note(words: str, way_on: str) -> Note:
    return {"level": "note", "words": words, "way_on": way_on}


def _doubt(words: str, way_on: str) -> Note:
    return {"level": "doubtful", "words": words, "way_on": way_on}


def _impossible(proposal: Proposal, taken: Collection[str]) -> list[Note]:
    found: list[Note] = []
    if proposal["name"] in taken:
        words = f"there is a model {proposal['name']!r} already"
        found.append({"level": "impossible", "words": words, "way_on": "give this one another name"})
    if proposal["rows"] == 0:
        found.append({"level": "impossible", "words": "the file has no rows", "way_on": "drop one that has"})
    return found


def _size(proposal: Proposal) -> list[Note]:
    rows, usual, windows = proposal["rows"], proposal["rows_per_window"], proposal["windows_in_all"]
    if 0 < rows < _FEW:
        return [
            _doubt(
                f"{rows:,} rows are few: only large changes will be seen",
                "begin with more rows, or go on and let them come",
            )
        ]
    found = []
    if 0 < usual < _LITTLE:
        found.append(
            _doubt(f"{usual:,} rows a window are few: only large changes will be seen", "choose a longer window")
        )
    if proposal["times"] != "none" and 0 < proposal["reference_windows"] < LEARN:
        words = f"the reference holds {proposal['reference_windows']} windows: how much windows vary by themselves is learned well from {LEARN}"
        found.append(_doubt(words, "choose shorter windows or more of them for the reference"))
    if windows and windows == proposal["reference_windows"]:
        found.append(
            _note("every window belongs to the reference, so nothing is judged yet", "the next rows you send will be")
        )
    if proposal["sampled"] < rows:
        found.append(
            _note(
                f"{proposal['sampled']:,} of {rows:,} rows were looked at, spread over the file",
                "all of them will be taken in",
            )
        )
    return found


def _times(proposal: Proposal, facts: Facts) -> list[Note]:
    found = []
    name = first(proposal["columns"], "time")
    known = next((c["time"] for c in facts["columns"] if c["name"] == name), None)
    if proposal["times"] == "order":
        words = "no column says when, so the order of rows stands for time, in made-up days that end yesterday"
        found.append(
            _doubt(
                words,
                "choose the column that is the event time; or take every row as the reference, and let new rows come",
            )
        )
    if known is None or proposal["times"] != "column":
        return found
    if known["form"].startswith("epoch"):
        words = (
            f"`{name}` counts from 1970 and is turned into times here; rows that you send later need them in ISO 8601"
        )
        found.append(_note(words, "or declare a source with a transform"))
    if known["form"] == "mixed":
        words = f"some times of `{name}` have an offset and some have none; those without are taken to be UTC"
        found.append(_doubt(words, "write all of them with an offset"))
    if known["unreadable"] > 0:
        found.append(
            _doubt(
                f"{100 * known['unreadable']:.1f} % of `{name}` are no times: such rows are left out",
                "mend them in the file",
            )
        )
    if datetime.fromisoformat(known["last"]).year > 2100 or datetime.fromisoformat(known["first"]).year < 1950:
        found.append(
            _doubt(
                f"`{name}` reaches from {known['first'][:10]} to {known['last'][:10]}",
                "choose another column if that cannot be",
            )
        )
    missing = next(c["missing"] for c in facts["columns"] if c["name"] == name)
    if missing > 0:
        found.append(
            _doubt(f"{100 * missing:.1f} % of rows have no `{name}`: they are left out", "mend them in the file")
        )
    return found


def _end(proposal: Proposal, now: datetime) -> list[Note]:
    """Say what the end of the file means for a monitor that goes on."""
    windows = proposal["windows"]
    if proposal["times"] != "column" or len(windows) < 3:
        return []
    found = []
    start, last = (datetime.fromisoformat(windows[place]["start"]) for place in (-2, -1))
    if last + 2 * (last - start) < now:
        words = f"the file ends on {last:%Y-%m-%d}: the windows since then are empty, and an alert will say that no rows arrive"
        found.append(_note(words, "it ends when rows come again (the page Data shows the ways in), or silence it"))
    if windows[-1]["rows"] < 0.5 * proposal["rows_per_window"]:
        words = f"the last window has {windows[-1]['rows']:,} rows, since the file ends within it: that may be told as too few"
        found.append(_note(words, "leave it out of the file if that disturbs"))
    return found


def _outcomes(proposal: Proposal) -> list[Note]:
    columns, task = proposal["columns"], proposal["task"]
    prediction, label = first(columns, "prediction"), first(columns, "label")
    scores = [c["name"] for c in columns if c["role"] == "score"]
    found = []
    if prediction is None and scores and task in ("binary", "multiclass"):
        what = (
            f"a score of one half or more is {proposal['positive']!r}"
            if task == "binary"
            else "the class with the highest score"
        )
        found.append(
            _note(
                f"no column is the predicted class, so it is made of the scores: {what}",
                "send it as `prediction` later on",
            )
        )
    elif prediction is None:
        found.append(
            _doubt(
                "no column is the prediction, so only the data is watched, no model",
                "choose the column that is, if there is one",
            )
        )
    elif label is None and task != "none":
        how = (
            "performance is estimated from scores until labels come"
            if scores
            else "performance is measured once labels come"
        )
        found.append(
            _note(f"no column is the truth; {how}", f"send labels with `driftdeck label {proposal['name']} truth.csv`")
        )
    if first(columns, "id") is None and task != "none":
        found.append(
            _note("no column is an id, so rows get one", "send `prediction_id` with rows whose labels come later")
        )
    doubtful = [
        c["name"]
        for c in columns
        if c["sure"] == "doubtful" and c["role"] in ("prediction", "label", "score", "id", "time")
    ]
    if doubtful:
        found.append(
            _doubt(f"not sure about {', '.join(f'`{name}`' for name in doubtful)}", "look at their roles below")
        )
    return found


def _names(proposal: Proposal) -> list[Note]:
    called = {"version": "model_version", "latency": "latency_ms", "label time": "label_time"}
    found = []
    for role, ours in called.items():
        name = first(proposal["columns"], role)
        if name is not None and name != ours:
            found.append(_note(f"`{name}` is taken in as `{ours}`", f"send it under the name `{ours}` later on"))
    return found
