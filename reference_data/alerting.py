"""What a team declares of alerts: rules, overrides of what alarms by itself, times of maintenance, and channels."""

import re
from datetime import datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, field_validator, model_validator

from reference_data.section import Name, Section, Severity, parse_duration

AlertKind = Literal[
    "data_drift",
    "prediction_drift",
    "concept_drift",
    "performance",
    "data_quality",
    "no_data",
    "latency",
    "business",
    "job",
    "watchdog",
]
_N_OF_M = re.compile(r"(\d{1,2})\s+of\s+(\d{1,2})")


def parse_windows(text: str) -> tuple[int, int]:
    """Read ``"2 of 3"``: so many of so many latest windows; raises :class:`ValueError` naming what is allowed."""
    match = _N_OF_M.fullmatch(text.strip())
    found = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= found[0] <= found[1] <= 50:
        raise ValueError(f"windows {text!r} is not understood; write for example '2 of 3', at most '50 of 50'")
    return found


def _windows(text: str) -> str:
    parse_windows(text)
    return text


def _duration(text: str) -> str:
    if not parse_duration(text):
        raise ValueError(f"duration {text!r} is no time at all; write for example '7d'")
    return text


def _link(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise ValueError(f"runbook {text!r} is not a link; write one that begins with https:// or http://")
    return text


Windows = Annotated[str, AfterValidator(_windows)]
Duration = Annotated[str, AfterValidator(_duration)]
Link = Annotated[str, AfterValidator(_link)]


class Rule(Section):
    """An alert of the team's own: an expression over the readings of a window, such as ``psi("age") > 0.2 and mae > 12``."""

    when: str = Field(max_length=2000)
    clear: str | None = Field(
        default=None, max_length=2000, description="once open, the alert goes on until this holds; left out: until `when` no longer does"
    )  # fmt: skip
    windows: Windows = Field(default="1 of 1", description="in how many of the latest windows it must hold")
    severity: Severity = "warning"
    kind: AlertKind = "business"
    segment: str | None = Field(default=None, description="the readings inside this segment, such as 'carrier=AA'")
    resolve_after: int | None = Field(default=None, ge=1, description="left out: as the monitor's")
    title: str = ""
    runbook: Link | None = None


class Override(Section):
    """What becomes of alerts that Driftdeck raises by itself: the first one that matches decides.

    ``check``, ``column`` and ``segment`` are names or patterns with ``*``; a segment pattern matches only what is inside segments.
    """

    check: str = "*"
    column: str = "*"
    segment: str | None = None
    kind: AlertKind | None = None
    severity: Literal["off", "notice", "warning", "page"] | None = Field(
        default=None, description="'off': readings are kept and nobody is told"
    )
    windows: Windows | None = Field(default=None, description="in how many of the latest windows it must hold")
    resolve_after: int | None = Field(default=None, ge=1)
    owner: str | None = None
    runbook: Link | None = None


class Maintenance(Section):
    """Times in which alerts of some models are silenced: once, from ``starts`` to ``ends``, or again and again by ``schedule``."""

    name: Name
    models: tuple[str, ...] = Field(default=("*",), description="names or patterns with *")
    schedule: str | None = Field(default=None, description="when it begins: a cron line")
    lasts: Duration = "1h"
    starts: datetime | None = None
    ends: datetime | None = None
    timezone: str = "UTC"
    comment: str = ""

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return known_zone(value)

    @model_validator(mode="after")
    def _some_time(self) -> Self:
        once = self.starts is not None and self.ends is not None
        if once == (self.schedule is not None) or (self.starts is None) != (self.ends is None):
            raise ValueError("maintenance has either starts and ends, or a schedule and how long it lasts")
        if self.starts is not None and self.ends is not None and self.ends <= self.starts:
            raise ValueError(f"maintenance ends {self.ends} before it starts {self.starts}")
        return self


class Channel(Section):
    """Where alerts of the given severities are sent; ``url`` is an Apprise address or that of a webhook."""

    name: Name
    url: str
    severity: tuple[Severity, ...] = Field(default=("page", "warning"), description="that are told at once")
    models: tuple[str, ...] = Field(default=("*",), description="names or patterns with *")
    kinds: tuple[AlertKind, ...] = Field(default=(), description="left out: all of them")
    resolved: bool = Field(default=True, description="tell of the end of what was told")
    renotify: Duration | None = Field(
        default=None, description="tell again while it fires and nobody took it, such as '7d'"
    )
    digest: str | None = Field(
        default=None, description="'daily', 'weekly' or a cron line: sums up alerts that were not told at once"
    )
    summary: str | None = Field(
        default=None, description="'weekly' or a cron line: the week that is over, across all models, in one message"
    )
    timezone: str = "UTC"
    picture: bool = Field(default=True, description="send the chart along where the channel takes pictures")
    secret: str | None = Field(default=None, description="webhooks: signs every message, such as '${HOOK_SECRET}'")
    allow_private: bool = Field(default=False, description="webhooks: may reach this machine and its networks")
    heartbeat: Duration | None = Field(
        default=None,
        description="webhooks: called so often while all is well, such as '5m', and told of no alerts unless severity is given",
    )

    @model_validator(mode="before")
    @classmethod
    def _called_only(cls, values: object) -> object:
        """A channel that is called to say that all is well is told of no alerts, unless it says of which."""
        if isinstance(values, dict) and values.get("heartbeat") and "severity" not in values:
            return values | {"severity": ()}
        return values

    @model_validator(mode="after")
    def _of_webhooks(self) -> Self:
        """What only webhooks have is refused elsewhere; an address that is a variable is looked at when it is filled in."""
        asked = [key for key in ("secret", "heartbeat") if getattr(self, key) is not None]
        if asked and not self.url.lower().startswith(("https://", "http://", "${")):
            raise ValueError(
                f"{' and '.join(asked)}: only webhooks have that, whose url begins with https:// or http://"
            )
        return self

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return known_zone(value)


def known_zone(value: str) -> str:
    """Return a time zone's name; raises :class:`ValueError` for one that is not known."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # unknown, malformed, or the name of a folder of zones
        words = f"time zone {value!r} is not known; write an IANA name such as 'Europe/Berlin' or 'UTC'"
        raise ValueError(words) from None
    return value
