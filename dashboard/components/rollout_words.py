"""What is said of training, versions and roles; pure, from views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboard import text
from dashboard.components import alert_words
from service.training_views import DeploymentView
from service.views import AlertView, JobView, ModelView, VersionView, WindowView

ACTIVE = ("queued", "running")
RECENT_WINDOWS, FEWEST_WINDOWS = 8, 3
HARM = ("concept_drift", "performance")


@dataclass(frozen=True, slots=True)
class Span:
    """Rows to train on: whole windows from ``since`` to the latest that has labels, and why one would take these."""

    name: str
    since: str
    until: str
    labels: int
    windows: int
    why: str


def spans(windows: Sequence[WindowView], alert: AlertView | None, data_until: str | None) -> list[Span]:
    """Return the periods worth offering, the best first; empty when no window has labels."""
    labelled = sorted(
        (window for window in windows if window["labels"]), key=lambda w: datetime.fromisoformat(w["start"])
    )
    if not labelled:
        return []
    recent = labelled[-RECENT_WINDOWS:]
    offered = [
        _span("The most recent windows", recent, data_until, "Old rows say less and less about what comes next.")
    ]
    if len(labelled) > len(recent):
        why = "The most to learn from; but what changed since is outnumbered."
        offered.append(_span("All labelled rows", labelled, data_until, why))
    if alert is None:
        return offered
    begun = datetime.fromisoformat(alert["window_start"])
    since = [window for window in labelled if datetime.fromisoformat(window["start"]) >= begun]
    if not since:
        return offered
    if len(since) >= FEWEST_WINDOWS:
        why = "Since the alert's first window: rows from before follow a rule that no longer holds."
        return [_span("Since the alert began", since, data_until, why), *offered]
    why = f"Only {text.plural(len(since), 'window')} since then: hardly enough to learn from and to judge by."
    return [*offered, _span("Since the alert began", since, data_until, why)]


def _span(name: str, windows: Sequence[WindowView], data_until: str | None, why: str) -> Span:
    end = windows[-1]["end"]
    until = min(end, data_until, key=datetime.fromisoformat) if data_until else end
    return Span(name, windows[0]["start"], until, sum(w["labels"] for w in windows), len(windows), why)


def harmful_alert(alerts: Sequence[AlertView], asked: str = "") -> AlertView | None:
    """Return the alert that asks for a retraining: the one named, else the oldest open one on performance or concept."""
    for alert in alerts:
        if asked and alert["id"] == asked:
            return alert
    found = [alert for alert in alerts if alert["state"] != "resolved" and alert["kind"] in HARM]
    return min(found, key=lambda alert: datetime.fromisoformat(alert["window_start"]), default=None)


def active(jobs: Sequence[JobView]) -> JobView | None:
    """Return the job under way."""
    return next((job for job in jobs if job["state"] in ACTIVE), None)


def shown(jobs: Sequence[JobView], version: VersionView | None) -> JobView | None:
    """Return the job to show: the one under way, else the one that made the version looked at, else the latest."""
    made = next((job for job in jobs if version is not None and job["id"] == version["job_id"]), None)
    return active(jobs) or made or latest(jobs)


def latest(jobs: Sequence[JobView]) -> JobView | None:
    """Return the job that was asked for last; of several at one moment, the first listed, as a workspace lists them so."""
    return max(jobs, key=lambda job: datetime.fromisoformat(job["created_at"]), default=None)


def in_vain(jobs: Sequence[JobView]) -> bool:
    """Say whether the training that was asked for last has ended without a version."""
    last = latest(jobs)
    return last is not None and last["state"] in ("failed", "lost", "cancelled") and last["version"] is None


def by_age(versions: Sequence[VersionView]) -> list[VersionView]:
    """Return versions, the newest first."""
    return sorted(
        versions, key=lambda v: (datetime.fromisoformat(v["created_at"]), len(v["version"]), v["version"]), reverse=True
    )


def waiting(versions: Sequence[VersionView], model: ModelView) -> VersionView | None:
    """Return the newest version that was trained in this champion's reign and is not champion."""
    since = datetime.fromisoformat(model["champion_since"]) if model["champion_since"] else None
    for version in by_age(versions):
        if version["version"] == model["champion"]:
            continue
        made = datetime.fromisoformat(version["created_at"])
        if since is None or made > since or (made == since and version["role"] == "candidate"):
            return version
    return None


def former_champion(versions: Sequence[VersionView], model: ModelView) -> VersionView | None:
    """Return the version that a rollback would bring back."""
    return next((version for version in versions if version["version"] == model["rollback_to"]), None)


def rolled_back(deployments: Sequence[DeploymentView]) -> dict[str, str]:
    """Return when each version was rolled back (ISO) that has not been champion since. ``deployments``: newest first."""
    champion: str | None = None
    found: dict[str, str] = {}
    for event in reversed(deployments):
        if event["role"] == "rollback" and champion is not None:
            found[champion] = event["at"]
        if event["role"] in ("champion", "rollback"):
            champion = event["version"]
            found.pop(champion, None)
    return found


def reservation(version: VersionView, back: Mapping[str, str], timezone: str) -> str | None:
    """Say why a version is not what the gate recommends; None when it is."""
    name = version["version"]
    if name in back:
        return f"rolled back on {text.day(back[name], timezone, year=True)}"
    said = {"failed": "did not pass its gate", "warned": "its gate warns", "none": "no gate has judged it"}
    return said.get(version["gate_verdict"])


def headline(model: ModelView, versions: Sequence[VersionView], jobs: Sequence[JobView]) -> str:
    """Return the state of the loop in one line (plain text)."""
    job, last, ready, champion = active(jobs), latest(jobs), waiting(versions, model), model["champion"]
    if job is not None:
        return "A training job waits its turn" if job["state"] == "queued" else "A new version is being trained"
    if ready is not None:
        verdict = "did not pass the gate" if ready["gate_verdict"] == "failed" else "waits for you"
        role = {"shadow": "runs as a shadow", "canary": "is in canary"}.get(ready["role"])
        return f"{ready['version']} {role or 'is trained and ' + verdict}"
    if last is not None and in_vain(jobs):
        ended = {"failed": "failed", "lost": "was lost", "cancelled": "was cancelled"}[last["state"]]
        return f"The last training {ended}; {champion} goes on serving" if champion else f"The last training {ended}"
    if champion is None:
        return "No version serves yet"
    since, until = model["champion_since"], alert_words.now(model)
    if since is None:
        return f"No job is running; {champion} serves"
    if until is None or (datetime.fromisoformat(until) - datetime.fromisoformat(since)).days < 2:
        return f"{champion} serves since {text.day(since, model['timezone'], year=True)}"
    return f"No job is running; {champion} has served for {text.length(since, until)}"


def trained_on(version: VersionView, timezone: str) -> str:
    """Return 30 Apr – 3 Jun 2013."""
    return days(version["period"], timezone) or text.MISSING


def days(period: Sequence[str] | None, timezone: str) -> str:
    """Return the days of a period; empty when it is not known."""
    return text.period(period[0], period[1], timezone, year=True) if period and len(period) == 2 else ""


def headline_value(version: VersionView) -> str:
    """Return the headline metric of a version as its gate measured it, with its unit; a dash when there was no gate."""
    return (
        text.number(version["gate"][0]["challenger"], version["gate"][0]["unit"]) if version["gate"] else text.MISSING
    )


def gate_counts(version: VersionView) -> str:
    """Return 7 of 8 passed, 1 warning."""
    judged = [row["verdict"] for row in version["gate"] if row["verdict"] != "info"]
    if not judged:
        return "nothing to compare with" if version["gate"] else "no gate"
    warned, failed = judged.count("warn"), judged.count("fail")
    words = [f"{judged.count('pass')} of {len(judged)} passed"]
    words += [text.plural(warned, "warning")] if warned else []
    words += [f"{failed} failed"] if failed else []
    return ", ".join(words)
