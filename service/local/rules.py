"""Rules before they are declared: what they may speak of, and what they would have raised in the windows there are."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from monitors.blank import blank_reading
from monitors.conditions import rule_group
from monitors.expressions import DRIFT, DRIFTED, DRIFTED_SHARE, SHIFT, Drift, Node, Term, leaves, parse, to_text
from monitors.lifecycle import advance
from monitors.registry import DECIDING
from monitors.rule_facts import Facts, truth, unknown, values
from monitors.rule_terms import SHORT, Entry, problems, vocabulary
from monitors.types import Alert, AlertEvent, Reading
from reference_data.alerting import Rule
from reference_data.windows import Window
from service.local import rule_segments, segment_views
from service.local.convert import MIN_TIME, aware, iso, number
from service.local.due import fair, serving_stretches
from service.workspace import WorkspaceError
from storage.rule_readings import latest_said, rule_readings

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from reference_data.declaration import ModelSpec
    from service import alert_views
    from service.local.core import Core

TRIED = ""  # the name of a rule that has none yet
_TOLD = 8  # firings that the sentence names
_LONG = {short: long for long, short in SHORT.items()}


def rule_terms(core: Core, model: str) -> list[alert_views.RuleTerm]:
    """Return what a rule of a model may speak of: what is read of its windows with the latest value, then what is read once a rule names it."""
    spec = core.spec(model)
    known = vocabulary(spec, own_files(core))
    with core.db.cursor() as cursor:
        said = [row for row in latest_said(cursor, model) if _LONG.get(row["check"], row["check"]) in known]
    columns = [row["column"] for row in said if row["check"] == DECIDING]
    facts = Facts(_reading(row, model) for row in said)
    found: list[alert_views.RuleTerm] = []
    unread: list[alert_views.RuleTerm] = []
    example = min([*spec.features, *spec.context], default="column")
    for entry in known.values():
        if entry.name in (DRIFTED, DRIFTED_SHARE):
            ours = [_term(entry, Term(entry.name), facts.number(Term(entry.name)))]
        elif entry.name == SHIFT:
            ours = [_term(entry, term, facts.number(term)) for term in (Term(SHIFT, name) for name in columns)]
        elif entry.name == DRIFT:
            ours = [_term(entry, Drift(name), _as_number(facts.drifted(name))) for name in columns]
        else:
            rows = [row for row in said if row["check"] == SHORT.get(entry.name, entry.name)]
            ours = [_term(entry, Term(entry.name, row["column"]), row["value"], row["unit"]) for row in rows]
        found += ours
        if not ours:
            of = example if entry.of_column else None
            unread.append(_term(entry, Drift(example) if entry.name == DRIFT else Term(entry.name, of), None))
    return found + unread


def _term(entry: Entry, term: Term | Drift, value: float | None, unit: str = "") -> alert_views.RuleTerm:
    return {"term": to_text(term), "meaning": entry.meaning, "unit": unit or entry.unit, "latest": number(value)}


def _as_number(value: bool | None) -> float | None:  # noqa: FBT001
    return None if value is None else float(value)


def own_files(core: Core) -> list[str]:
    """Return the names of the home's own column checks."""
    return [file.stem for file in sorted((core.home.root / "checks").glob("[!_]*.py"))]


# -- trying one --------------------------------------------------------------------------------------------------------
def try_rule(
    core: Core,
    model: str,
    when: str,
    *,
    clear: str | None = None,
    windows: str = "1 of 1",
    segment: str | None = None,
    since: datetime | None = None,
) -> alert_views.RuleTrial:
    """Hold a rule against the readings there are, window by window, through the lifecycle that alerts go through.

    ``when`` may be the name of a declared rule. What is read now counts, late labels among it; of each window the readings of the version that
    served it. Raises :class:`WorkspaceError` for an expression that is not understood, naming the place and the nearest name there is.
    """
    spec = core.spec(model)
    name, rule = _rule(core, spec, when, clear, windows, segment)
    start = None if since is None else aware(since, spec.zone)
    trees = [parse(text) for text in (rule.when, rule.clear) if text is not None]
    by_window = _readings(core, spec, rule, trees, start)
    only = spec.monitor.model_copy(update={"rules": {name: rule}, "thresholds": (), "overrides": (), "runbooks": {}})
    course = _Course(spec.model_copy(update={"monitor": only}), name, rule)
    points: list[alert_views.RulePoint] = []
    for window, readings in by_window.items():
        facts = Facts(reading for reading in readings if reading.segment == rule.segment)
        holds = truth(trees[0], facts)
        course.step(window, readings, holds=holds)
        points.append({
            "window_start": iso(window.start, spec.zone), "window_end": iso(window.end, spec.zone), "holds": holds,
            "values": {term: number(value) for term, value in values(trees, facts).items()},
            "why": unknown(trees[:1], facts) if holds is None else "",
        })  # fmt: skip
    judged = sum(point["holds"] is not None for point in points)
    return {
        "model": model,
        "when": rule.when,
        "windows": len(points),
        "judged": judged,
        "sentence": _sentence(spec, course.firings, points, start),
        "firings": [_firing(firing, spec.zone) for firing in course.firings],
        "points": points,
    }


def _rule(
    core: Core, spec: ModelSpec, when: str, clear: str | None, windows: str, segment: str | None
) -> tuple[str, Rule]:
    """Return the rule to be tried: a declared one by its name, or one made of what is given."""
    declared = spec.monitor.rules.get(when.strip())
    if declared is not None:
        given = {"clear": clear, "segment": segment, "windows": None if windows == "1 of 1" else windows}
        return when.strip(), declared.model_copy(update={key: each for key, each in given.items() if each is not None})
    files, inside = own_files(core), segment is not None
    found = [
        words for text in (when, clear) if text is not None for words in problems(text, spec, files, inside=inside)
    ]
    if segment is not None:
        segment_views.known_segment(core, spec.name, segment)
    near = difflib.get_close_matches(when.strip(), spec.monitor.rules, n=1, cutoff=0.6)
    if found and near:
        found.append(f"or did you mean the declared rule {near[0]!r}?")
    if found:
        raise WorkspaceError("; ".join(found))
    try:
        return TRIED, Rule(when=when, clear=clear, windows=windows, segment=segment)
    except ValidationError as error:
        raise WorkspaceError("; ".join(item["msg"].removeprefix("Value error, ") for item in error.errors())) from None


def _readings(
    core: Core, spec: ModelSpec, rule: Rule, trees: Sequence[Node], since: datetime | None
) -> dict[Window, list[Reading]]:
    """Return what the rule needs of every judged window, in order: of all rows in one query, inside a segment from its profiles."""
    named: set[tuple[str, str | None]] = set()
    every: set[str] = set()
    for leaf in (leaf for tree in trees for leaf in leaves(tree)):
        if isinstance(leaf, Drift) or leaf.name == SHIFT:
            named.add((DECIDING, leaf.column))
        elif leaf.name in (DRIFTED, DRIFTED_SHARE):
            every.add(DECIDING)
        else:
            named.add((SHORT.get(leaf.name, leaf.name), leaf.column))
    with core.db.cursor() as cursor:
        rows = rule_readings(cursor, spec.name, named | {(SHORT["rows"], None)}, every, since)
    found: dict[Window, list[Reading]] = defaultdict(list)
    for row in rows:
        reading = _reading(row, spec.name)
        found[reading.window].append(reading)
    if rule.segment is None or not found:
        return found
    there: dict[Window, list[Reading]] = {window: [] for window in found}
    for version, served in serving_stretches(core, spec, next(iter(found)).start):
        reference = core.reference_for(spec.name, version)
        windows = [] if reference is None else [window for window in fair(reference, served) if window in there]
        if reference is None or not windows:
            continue
        asked = frozenset({*named, *((check, None) for check in every)})
        for reading in rule_segments.inside(core, spec, reference, version, windows, rule.segment, asked):
            there[reading.window].append(reading)
    return {window: ours or found[window][:1] for window, ours in there.items()}


def _reading(row: Mapping[str, Any], model: str) -> Reading:
    """Make a reading of what was read of it."""
    window = Window(row["window_start"], row["window_end"])
    nan = float("nan")
    told = {
        name: row[name]
        for name in (
            "check",
            "scope",
            "column",
            "model_version",
            "reference_version",
            "n",
            "verdict",
            "significant",
            "unit",
        )
    }
    told |= {
        name: nan if row[name] is None else row[name] for name in ("value", "reference_value", "p_value", "effect")
    }
    return Reading(**(_BLANK | told | {"model": model, "window": window, "computed_at": window.end}))


_NEVER = Window(MIN_TIME, MIN_TIME)
_BLANK = {field.name: getattr(blank_reading("", "", (0, 0), _NEVER, MIN_TIME), field.name) for field in fields(Reading)}


class _Course:
    """A rule's alerts over the windows, moved on by the lifecycle itself."""

    def __init__(self, spec: ModelSpec, name: str, rule: Rule) -> None:
        self.spec, self.rule = spec, rule
        self.group = frozenset({rule_group(name)})
        self.alerts: dict[str, Alert] = {}
        self.firings: list[_Firing] = []
        self._ids = count(1)
        self._held: list[Window] = []  # in which it held, since the alert began

    def step(self, window: Window, readings: Sequence[Reading], *, holds: bool | None) -> None:
        """Move on by one window."""
        changes = advance(
            list(self.alerts.values()), readings, self.spec, window.end, None, lambda: str(next(self._ids)), only=self.group
        )  # fmt: skip
        if holds:
            self._held.append(window)
        for alert, event in changes:
            self.alerts[alert.id] = alert
            self._hear(alert, event)
        firing = self.firings[-1] if self.firings else None
        if firing is not None and firing.open and holds and firing.windows[-1] != window:
            firing.windows.append(window)

    def _hear(self, alert: Alert, event: AlertEvent) -> None:
        if event.state == "firing" and not (self.firings and self.firings[-1].open):
            back = alert.needs[1] if alert.needs[0] > 1 and not alert.returns else 1
            self.firings.append(_Firing(self._held[-back:], alert.message))
        elif event.state == "resolved":
            self._held.clear()
            if self.firings:
                self.firings[-1].open = False


class _Firing:
    """One time that the rule's alert would have fired: the windows in which it held."""

    def __init__(self, windows: Sequence[Window], sentence: str) -> None:
        self.windows, self.sentence, self.open = list(windows), sentence, True


def _firing(firing: _Firing, zone: ZoneInfo) -> alert_views.RuleFiring:
    first, last = firing.windows[0], firing.windows[-1]
    return {
        "since": iso(first.start, zone),
        "until": None if firing.open else iso(last.end, zone),
        "windows": len(firing.windows),
        "sentence": firing.sentence,
    }


# -- in words ----------------------------------------------------------------------------------------------------------
def _sentence(
    spec: ModelSpec, firings: Sequence[_Firing], points: Sequence[alert_views.RulePoint], since: datetime | None
) -> str:
    if not points:
        return (
            f"There are no judged windows yet to hold the rule against; compute them with `driftdeck run {spec.name}`."
        )
    first = since or datetime.fromisoformat(points[0]["window_start"])
    start = _day(first, spec.zone, year=True)
    judged = [point for point in points if point["holds"] is not None]
    if not judged:
        return f"It could not be said in any of the {len(points)} windows since {start}: {points[-1]['why']}."
    unsaid = len(points) - len(judged)
    why = next((point["why"] for point in reversed(points) if point["holds"] is None), "")
    beside = f" Of {unsaid} of {len(points)} windows it cannot be said ({why})." if unsaid else ""
    if not firings:
        held = sum(point["holds"] is True for point in points)
        almost = f", though it held in {_windows(held)}" if held else ""
        return f"It would not have fired since {start}{almost}.{beside}"
    times = "once" if len(firings) == 1 else "twice" if len(firings) == 2 else f"{len(firings)} times"
    told = ", ".join(_span(firing, spec.zone) for firing in firings[:_TOLD])
    more = f", and {len(firings) - _TOLD} more" if len(firings) > _TOLD else ""
    return f"It would have fired {times} since {start}: {told}{more}.{beside}"


def _span(firing: _Firing, zone: ZoneInfo) -> str:
    first, last = firing.windows[0], firing.windows[-1]
    short = first.end - first.start < timedelta(hours=20)
    begin, end = (_day(window.start, zone, hour=short) for window in (first, last))
    still = ", still going on" if firing.open else ""
    return f"{begin if begin == end else f'{begin} to {end}'} ({_windows(len(firing.windows))}{still})"


def _day(moment: datetime, zone: ZoneInfo, *, year: bool = False, hour: bool = False) -> str:
    local = moment.astimezone(zone)
    return f"{local.day} {local:%B}{f' {local.year}' if year else ''}{f' {local:%H:%M}' if hour else ''}"


def _windows(number_of: int) -> str:
    return f"{number_of} window{'' if number_of == 1 else 's'}"
