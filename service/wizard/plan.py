"""The proposal: what was recognised, what a person said of it, and what follows. Pure, so that a page asks at every change."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from reference_data.alerting import known_zone
from reference_data.schema import TASKS
from reference_data.windows import WindowSpec
from service.setting_up_views import Choices, ColumnProposal, Note, Proposal, Times, UploadView
from service.wizard import notes, windows
from service.wizard.facts import Facts
from service.wizard.model import Model, declare, demoted
from service.wizard.roles import propose_columns
from service.wizard.tasks import classes_of, first, guess_positive, guess_task
from service.workspace import WorkspaceError

_SHOWN = 400
_ENDING = re.compile(r"(\.(csv|tsv|txt|json|jsonl|ndjson|parquet|pq|arrow|feather|gz|zst|bz2|xz))+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a file that waits to be set up."""

    upload: UploadView
    facts: Facts


def propose(kept: Kept, choices: Choices, *, taken: Collection[str], now: datetime) -> Proposal:
    """Return the proposal with a person's choices in it; raises :class:`WorkspaceError` for choices that name what is not there."""
    facts = kept.facts
    by_name = {column["name"]: column for column in facts["columns"]}
    columns = _chosen(propose_columns(facts), choices)
    task, task_why = guess_task(by_name, columns)
    if choices.get("task"):
        task, task_why = _one_of("task", choices["task"], TASKS), "as you chose"
    columns = demoted(columns, task)
    classes = classes_of(by_name, columns) if task in ("binary", "multiclass") else []
    classes = classes or (["0", "1"] if task == "binary" else [])
    positive, positive_why = guess_positive(facts, columns, classes) if task == "binary" else (None, "")
    if task == "binary" and choices.get("positive"):
        positive, positive_why = choices["positive"], "as you chose"
    times, times_why = _times(columns, choices, {name for name, each in by_name.items() if each["time"]})
    zone, zone_why = _zone(facts, columns, choices, times)
    cut = _cut(facts, columns, choices, (times, zone), now)
    count = cut.reference
    model = Model(
        name=_name(kept.upload["name"], choices, taken),
        task=task,
        columns=columns,
        positive=positive,
        classes=classes,
        times=times,
        timezone=zone,
        window=cut.window,
        warnings_per_year=choices.get("warnings_per_year", 1.0),
        pages_per_year=choices.get("pages_per_year", 1.0),
        file=kept.upload["name"],
    )
    toml, problems = declare(model)
    usual, held = windows.usual_rows(cut.spans), sum(span.rows for span in cut.spans[:count])
    local = ZoneInfo(zone)
    watched = sum(c["role"] in ("feature", "context", "prediction", "score", "label") for c in columns)
    shown = max(0, len(cut.spans) - _SHOWN)
    proposal: Proposal = {
        "upload": kept.upload["id"],
        "file": kept.upload["name"],
        "bytes": kept.upload["bytes"],
        "rows": facts["rows"],
        "sampled": facts["sampled"],
        "columns": columns,
        "preview": facts["preview"],
        "name": model.name,
        "task": task,
        "task_why": task_why,
        "classes": classes,
        "positive": positive,
        "positive_why": positive_why,
        "times": times,
        "times_why": times_why,
        "timezone": zone,
        "timezone_why": zone_why,
        "window": cut.window,
        "window_why": cut.why,
        "windows": [
            {"start": span.start.astimezone(local).isoformat(), "rows": span.rows, "reference": place < count}
            for place, span in list(enumerate(cut.spans))[shown:]
        ],
        "windows_in_all": len(cut.spans),
        "rows_per_window": usual,
        "reference_windows": count,
        "reference_until": cut.spans[count - 1].end.astimezone(local).isoformat() if count > 0 else None,
        "reference_rows": held if times != "none" else facts["rows"],
        "reference_why": _reference_words(cut, choices, times),
        "warnings_per_year": model.warnings_per_year,
        "pages_per_year": model.pages_per_year,
        "smallest_shift": windows.smallest_shift(usual, held, watched, cut.window, model.warnings_per_year),
        "notes": [],
        "toml": toml,
    }
    proposal["notes"] = [*problems, *notes.of(proposal, facts, taken, now)]
    return proposal


def _one_of(what: str, value: str, allowed: Collection[str]) -> str:
    if value not in allowed:
        raise WorkspaceError(f"{what} {value!r} is not known; choose one of {', '.join(allowed)}")
    return value


def _chosen(columns: list[ColumnProposal], choices: Choices) -> list[ColumnProposal]:
    """Return columns as a person wants them. Taking a role that only one column can have takes it from the one that was guessed."""
    wanted = choices.get("columns", {})
    unknown = wanted.keys() - {column["name"] for column in columns}
    if unknown:
        raise WorkspaceError(
            f"the file has no column {min(unknown)!r}; it has {', '.join(c['name'] for c in columns[:30])}"
        )
    taken = {choice["role"] for choice in wanted.values() if "role" in choice and choice["role"] in _SINGLE}
    found: list[ColumnProposal] = []
    for column in columns:
        choice = wanted.get(column["name"], {})
        changed: ColumnProposal = {**column, **choice}
        if "role" in choice and choice["role"] != column["role"]:
            changed["why"], changed["sure"] = "as you chose", "sure"
        elif "role" not in choice and column["role"] in taken:
            changed["role"], changed["sure"] = "feature", "doubtful"
            changed["why"] = f"no longer the {column['role']}, since you chose another"
        if changed["role"] not in ("feature", "context"):
            changed["segment"] = False
        found.append(changed)
    return found


_SINGLE = frozenset({"prediction", "label", "id", "time", "subject", "list", "version", "latency", "label time"})


def _times(columns: list[ColumnProposal], choices: Choices, able: Collection[str]) -> tuple[Times, str]:
    column = first(columns, "time")
    asked = choices.get("times")
    if asked in ("order", "none") or (asked == "column" and column is not None):
        return asked, "as you chose"
    if column is not None:
        return "column", f"`{column}` says when each prediction was made"
    more = " (a column could be chosen as one)" if able else ""
    return (
        "order",
        f"no column is the event time{more}, so the order of rows stands for it: each day of the file is as many rows",
    )


def _zone(facts: Facts, columns: list[ColumnProposal], choices: Choices, times: Times) -> tuple[str, str]:
    """Return the zone in which days begin, and why."""
    if times == "order":
        return "UTC", "times are made up, in UTC"
    if choices.get("timezone"):
        try:
            return known_zone(choices["timezone"]), "as you chose"
        except ValueError as error:
            raise WorkspaceError(str(error)) from None
    name = first(columns, "time")
    known = next((c["time"] for c in facts["columns"] if c["name"] == name), None)
    if known is None:
        return "UTC", "nothing says otherwise"
    if known["zone"] is not None:
        return known["zone"], f"its offsets ({', '.join(known['offsets'])}) are those of that zone"
    if known["form"] == "naive":
        return "UTC", "times have no offset; choose the zone they were written in, if it was another"
    if known["form"] == "aware" and known["offsets"]:
        return "UTC", f"times have their offsets ({', '.join(known['offsets'][:4])}), which point to no single zone"
    return "UTC", "times are absolute; choose the zone in which your days begin"


@dataclass(frozen=True, slots=True)
class _Cut:
    """The file in windows, of which the first few are the reference."""

    window: str
    why: str
    spans: list[windows.Span]
    reference: int


def _cut(facts: Facts, columns: list[ColumnProposal], choices: Choices, when: tuple[Times, str], now: datetime) -> _Cut:
    times, zone = when
    window = choices.get("window")
    if window is not None:
        try:
            window = str(WindowSpec.parse(window))
        except ValueError as error:
            raise WorkspaceError(str(error)) from None
    name = first(columns, "time")
    known = next((c["time"] for c in facts["columns"] if c["name"] == name), None)
    if times == "none" or (times == "column" and known is None):
        return _Cut(window or "1d", "until rows come with times, a day", [], 0)
    if times == "order" or known is None:
        found = windows.in_order(facts["rows"], now)
        return _Cut("1d", f"a day stands for {windows.usual_rows(found):,} rows", found, _asked(choices, found, "1d"))
    if window is None:
        window, why = windows.guess_window(known, zone)
    else:
        why = "as you chose"
    found = windows.spans(known, window, zone)
    return _Cut(window, why, found, _asked(choices, found, window))


def _asked(choices: Choices, found: list[windows.Span], window: str) -> int:
    wanted = choices.get("reference_windows")
    return windows.guess_reference(found, window) if wanted is None else max(1, min(int(wanted), len(found)))


def _reference_words(cut: _Cut, choices: Choices, times: Times) -> str:
    if times == "none":
        return "every row, since nothing says when they were"
    if "reference_windows" in choices:
        return "as you chose"
    left = len(cut.spans) - cut.reference
    if left == 0:
        return "every row: there are too few windows to learn from some and judge others"
    return f"the first {cut.reference} of {len(cut.spans)} windows, so that {left} are left to be judged"


def _name(file: str, choices: Choices, taken: Collection[str]) -> str:
    """Return the model's name: as chosen, or made of the file's, one that is free."""
    if choices.get("name"):
        return choices["name"].strip()
    bare = re.sub(r"[^a-z0-9_]+", "_", _ENDING.sub("", file).casefold()).strip("_")
    bare = (bare if bare[:1].isalpha() and bare[:1].isascii() else f"model_{bare}").rstrip("_")[:50]
    name, number = bare, 2
    while name in taken:
        name, number = f"{bare}_{number}", number + 1
    return name


def bounds(proposal: Proposal) -> tuple[str, str] | None:
    """Return the reference's period (ISO, aware), None when every row belongs to it whatever its time."""
    if not proposal["windows"] or proposal["reference_until"] is None:
        return None
    return proposal["windows"][0]["start"] if proposal["windows_in_all"] <= _SHOWN else _EARLY, proposal[
        "reference_until"
    ]


_EARLY = datetime(1900, 1, 2, tzinfo=UTC).isoformat()


def order_of(proposal: Proposal) -> tuple[str, int] | None:
    """Return, for a file in whose order rows came, when its made-up days begin (ISO) and how many there are."""
    if proposal["times"] != "order" or not proposal["windows"]:
        return None
    return proposal["windows"][0]["start"], proposal["windows_in_all"]


def impossible(proposal: Proposal) -> list[Note]:
    """Return what has to be settled before anything is set up."""
    return [note for note in proposal["notes"] if note["level"] == "impossible"]
