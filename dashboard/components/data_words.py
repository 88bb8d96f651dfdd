"""Data on its way in, in words: what is failing since when, what was refused, how far behind a source is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dashboard import text
from dashboard.components.health import Colour
from service.data_views import QuarantineGroup, SourceRunView, SourceView
from service.views import ModelView
from service.workspace import Workspace, WorkspaceError

#: state of a source, and of one of its runs -> (words with their shape, colour)
SOURCE: dict[str, tuple[str, Colour]] = {
    "failed": ("▲ Failed", "red"),
    "running": ("▷ Running", "blue"),
    "waiting": ("○ Waiting", "gray"),
    "ok": ("✓ OK", "green"),
    "done": ("✓ Done", "green"),
}

#: what happened to a column -> (words with their shape, colour)
SCHEMA: dict[str, tuple[str, Colour]] = {
    "appeared": ("● Appeared", "yellow"),
    "disappeared": ("◆ Disappeared", "orange"),
    "widened": ("● Widened", "yellow"),
    "returned": ("✓ Returned", "green"),
}
KIND = {"files": "files", "sql": "SQL", "stream": "stream"}
INTO = {"logs": "predictions", "labels": "labels"}
LOOKED_BACK = 50  # runs, for the first of those that failed


@dataclass(frozen=True, slots=True)
class Refused:
    """Rows that could not be taken. ``today``: those of the clock's day; None when some of a kind came before."""

    rows: int = 0
    today: int | None = 0
    first: str | None = None
    latest: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What the sentence of the page, and the overview, say of all data on its way in."""

    sources: list[SourceView] = field(default_factory=list)
    failing: list[tuple[SourceView, str | None]] = field(default_factory=list)  # with the time since when
    refused: Refused = Refused()
    silent: list[str] = field(default_factory=list)  # models whose data stopped coming
    unheld: list[str] = field(default_factory=list)  # models with rows, and no reference to hold them against
    rows: int = 0
    known: bool = True  # False: the workspace could not be asked


def clock(ws: Workspace) -> str | None:
    """Return the workspace's own time (ISO), which in the demo is not the wall's; None when it does not say."""
    return _told(ws, "now")


def system_clock(ws: Workspace) -> str | None:
    """Return the time (ISO) by which schedules are kept; None when the workspace does not say."""
    return _told(ws, "system_now")


def _told(ws: Workspace, name: str) -> str | None:
    try:
        found = ws.health().get(name)
    except WorkspaceError:
        return None
    return str(found) if found else None


def survey(ws: Workspace, models: Sequence[ModelView]) -> State:
    """Ask a workspace how its data comes in; quarantines are asked for only where there is something in them."""
    sources = ws.sources()
    failing = [(view, failing_since(ws.source_runs(view["name"], limit=LOOKED_BACK))) for view in failed(sources)]
    now = clock(ws)
    found = [
        refused(ws.quarantine_groups(model["name"]), now, model["timezone"])
        for model in models
        if model["rows"]["quarantined"]
    ]
    return State(
        sources,
        failing,
        together(found),
        [model["name"] for model in models if model["health"] == "no_data" and not _unheld(model)],
        [model["name"] for model in models if _unheld(model)],
        sum(model["rows"]["logs"] for model in models),
    )


def _unheld(model: ModelView) -> bool:
    return model["reference_version"] is None and model["rows"]["logs"] > 0


def failed(sources: Sequence[SourceView]) -> list[SourceView]:
    """Return the sources whose latest run failed."""
    return [view for view in sources if view["state"] == "failed"]


def failing_since(runs: Sequence[SourceRunView]) -> str | None:
    """Return when the unbroken series of failed runs began; ``runs`` come latest first."""
    since = None
    for run in runs:
        if run["state"] == "done":
            break
        if run["state"] == "failed":
            since = run["started_at"]
    return since


def refused(groups: Sequence[QuarantineGroup], now: str | None, timezone: str) -> Refused:
    """Sum up what a model refused; "today" is the day of ``now`` in the model's time zone."""
    if not groups:
        return Refused()
    rows = sum(group["rows"] for group in groups)
    first, latest = min(group["first_seen"] for group in groups), max(group["last_seen"] for group in groups)
    if now is None:
        return Refused(rows, None, first, latest)
    today = text.local(now, timezone).date()
    fresh = [group for group in groups if text.local(group["last_seen"], timezone).date() >= today]
    whole = all(text.local(group["first_seen"], timezone).date() >= today for group in fresh)
    return Refused(rows, sum(group["rows"] for group in fresh) if whole else None, first, latest)


def together(found: Sequence[Refused]) -> Refused:
    """Return what several models refused."""
    days = [one.today for one in found]
    return Refused(
        sum(one.rows for one in found),
        None if None in days else sum(day for day in days if day is not None),
        min((one.first for one in found if one.first), default=None),
        max((one.latest for one in found if one.latest), default=None),
    )


# -- sentences -----------------------------------------------------------------------------------------------------


def title(seen: State) -> str:
    """Return the state of data in a heading."""
    total, failing = len(seen.sources), len(seen.failing)
    if not seen.known:
        return "How data comes in is not known"
    if failing:
        verb = "is" if failing == 1 else "are"
        return "The source is failing" if total == 1 else f"{failing} of {text.plural(total, 'source')} {verb} failing"
    if not seen.rows:
        return "No data yet"
    if seen.silent:
        verb = "gets" if len(seen.silent) == 1 else "get"
        return f"{text.plural(len(seen.silent), 'model')} {verb} no data"
    if seen.refused.today is None or seen.refused.today > 0:
        return "Rows are being refused"
    return "Data is coming in"


def sentence(seen: State, timezone: str, now: str | None) -> str:
    """Return one sentence (Markdown) on sources and refused rows; times are of ``timezone``."""
    parts = [_sources(seen, timezone, now)]
    if seen.refused.rows:
        parts.append(refusals(seen.refused, timezone))
    elif seen.rows:
        parts.append("no row is in quarantine")
    if seen.silent:
        names = ", ".join(f"**{text.plain(name, 40)}**" for name in seen.silent[:3])
        more = f" and {len(seen.silent) - 3} more" if len(seen.silent) > 3 else ""
        parts.append(f"nothing comes for {names}{more}")
    parts += [
        f"**{text.plain(name, 40)}** has rows and no reference yet: `driftdeck reference {text.plain(name, 40)} FILE`"
        for name in seen.unheld[:3]
    ]
    return "; ".join(parts) + "."


def _sources(seen: State, timezone: str, now: str | None) -> str:
    total = len(seen.sources)
    if total == 0:
        return "No source is declared: rows come over HTTP, from files and from clients"
    counted = text.plural(total, "source")
    if not seen.failing:
        busy = sum(view["state"] == "running" for view in seen.sources)
        return f"{counted}, none is failing" + (f", {busy} running now" if busy else "")
    if len(seen.failing) > 1:
        names = ", ".join(f"**{text.plain(view['name'], 40)}**" for view, _ in seen.failing[:3])
        more = f" and {len(seen.failing) - 3} more" if len(seen.failing) > 3 else ""
        return f"{counted}, {len(seen.failing)} are failing: {names}{more}"
    view, since = seen.failing[0]
    words = f"{counted}, one is failing: **{text.plain(view['name'], 40)}**"
    if since is None:
        return words
    lasted = f" ({text.length(since, now)})" if now else ""
    return f"{words} since **{text.moment(since, timezone)}**{lasted}"


def refusals(found: Refused, timezone: str) -> str:
    """Return how many rows were refused, and when (Markdown)."""
    rows, verb = text.plural(found.rows, "row"), "was" if found.rows == 1 else "were"
    if found.today is None:
        return f"**{rows}** {verb} refused since {text.day(found.first, timezone)}, the latest {text.moment(found.latest, timezone)}"
    if found.today == found.rows:
        return f"**{rows}** {verb} refused today"
    if found.today:
        verb = "was" if found.today == 1 else "were"
        return f"**{text.plural(found.today, 'row')}** {verb} refused today, {found.rows:,} in all"
    return f"none was refused today, {rows} lie in quarantine since {text.day(found.first, timezone)}"


def ago(iso: str | None, now: str | None, timezone: str) -> str:
    """Return how long ago a moment was ("12 min ago"), or the moment itself when no clock is known."""
    if iso is None:
        return text.MISSING
    if now is None or datetime.fromisoformat(iso) > datetime.fromisoformat(now):
        return text.moment(iso, timezone)
    long_since = text.length(iso, now)
    return "just now" if long_since == "0 min" else f"{long_since} ago"


def until(iso: str | None, now: str | None, timezone: str) -> str:
    """Return how soon something comes ("in 12 min")."""
    if iso is None:
        return text.MISSING
    if now is None:
        return text.moment(iso, timezone)
    left = text.length(now, iso)
    return "now" if left == "0 min" else f"in {left}"


def lag(seconds: float | None) -> str:
    """Return how far a source is behind."""
    if seconds is None:
        return text.MISSING
    return "up to date" if seconds < 60 else f"{text.hours(seconds / 3600)} behind"


def seconds(value: float | None) -> str:
    """Return how long a run took."""
    if value is None:
        return text.MISSING
    return text.number(value, "s") if value < 100 else text.hours(value / 3600)


def outcome(run: SourceRunView) -> str:
    """Return what became of a run's rows in one sentence, without its error."""
    if run["rows"] == 0:
        return "nothing new"
    parts = [f"{run['accepted']:,} taken"]
    parts += [f"{run['duplicates']:,} were there"] if run["duplicates"] else []
    parts += [f"{run['rejected']:,} refused"] if run["rejected"] else []
    return f"{text.plural(run['rows'], 'row')} read: {', '.join(parts)}"


def origin(words: str | None) -> str | None:
    """Return where rows came from, of a long path its file only: "source nightly: …/today.csv"."""
    if words is None:
        return None
    plain = text.clean(words, 400)
    if len(plain) <= 36 or "/" not in plain:
        return plain
    before, colon, path = plain.rpartition(": ")
    return f"{before}{colon}…/{path.rpartition('/')[2]}"


def size(amount: float) -> str:
    """Return bytes as people write them: 38.4 MB."""
    for limit, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if amount >= limit:
            return text.number(amount / limit, unit)
    return text.number(amount, "B")
