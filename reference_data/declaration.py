"""What a team declares of a model: the schema of ``driftdeck.toml``, validated, with every default in one place."""

import re
from datetime import timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from reference_data.profile import RESERVED
from reference_data.schema import Column, ColumnType, Task
from reference_data.windows import WindowSpec

Severity = Literal["notice", "warning", "page"]

_DURATION = re.compile(r"(\d+)\s*(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]


def parse_duration(text: str) -> timedelta:
    """Read ``"90s"``, ``"15m"``, ``"6h"``, ``"2d"``, ``"1w"``; raises :class:`ValueError` naming what is allowed."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"duration {text!r} is not understood; write a number and s, m, h, d or w, such as '6h'")
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        raise ValueError(f"duration {text!r} is longer than time itself; write a shorter one, such as '6h'") from None


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Budget(_Section):
    """How many *false* pages and warnings a model may raise in a year."""

    pages_per_year: float = Field(default=1.0, gt=0, le=1000)
    warnings_per_year: float = Field(default=1.0, gt=0, le=1000)


class Monitor(_Section):
    """When windows close, how often they are looked at, and what makes an alert."""

    window: str = "1d"
    grace: str = "6h"
    schedule: str = "*/15 * * * *"
    min_rows: int = Field(default=30, ge=1)
    alert_budget: Budget = Budget()
    resolve_after: int = Field(default=2, ge=1, description="quiet windows before an alert is resolved")
    tolerance: float = Field(
        default=0.1, ge=0, lt=1, description="Jensen-Shannon distance below which drift is immaterial"
    )
    performance_tolerance: float = Field(
        default=0.1, ge=0, description="relative loss of performance that is immaterial"
    )

    @field_validator("window")
    @classmethod
    def _window(cls, value: str) -> str:
        WindowSpec.parse(value)
        return value

    @field_validator("grace")
    @classmethod
    def _grace(cls, value: str) -> str:
        parse_duration(value)
        return value


class Retrain(_Section):
    """Who trains, when, and what a new version may do by itself."""

    trainer: str = "sklearn"
    trigger: Literal["manual", "schedule", "alert"] = "manual"
    promote: Literal["manual", "shadow", "canary", "auto"] = "manual"
    holdout: str = Field(default="1w", description="most recent labelled stretch kept for the gate")
    params: dict[str, int | float | str | bool] = Field(default_factory=dict)

    @field_validator("holdout")
    @classmethod
    def _holdout(cls, value: str) -> str:
        if not parse_duration(value):
            raise ValueError(f"holdout {value!r} keeps nothing to judge a new version by; write for example '1w'")
        return value


class ModelSpec(_Section):
    """One model. ``prediction``, ``score``, ``label``, ``id`` and ``time`` are column names in files and tables.

    ``features`` go into the model; ``context`` is logged and monitored beside it. Both may be left out: they are
    inferred when the first reference is made.
    """

    name: Name
    task: Task
    features: dict[str, ColumnType] = Field(default_factory=dict)
    context: dict[str, ColumnType] = Field(default_factory=dict)
    units: dict[str, str] = Field(default_factory=dict)
    prediction: str | None = "prediction"
    score: str | dict[str, str] | None = None
    label: str | None = "label"
    positive: str | None = None
    id: str | None = "prediction_id"
    subject: str | None = None
    time: str | None = "event_time"
    timezone: str = "UTC"
    segments: list[str] = Field(default_factory=list)
    owner: str | None = None
    monitor: Monitor = Monitor()
    retrain: Retrain = Retrain()

    @field_validator("timezone")
    @classmethod
    def _timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):  # unknown, malformed, or the name of a folder of zones
            words = f"time zone {value!r} is not known; write an IANA name such as 'Europe/Berlin' or 'UTC'"
            raise ValueError(words) from None
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        both = self.features.keys() & self.context.keys()
        if both:
            raise ValueError(f"columns {sorted(both)} are declared both as features and as context; keep one")
        known = self.features | self.context
        reserved = RESERVED.keys() & (self.features.keys() | self.context.keys())
        if reserved:
            raise ValueError(f"columns {sorted(reserved)} have names Driftdeck uses itself; rename them")
        lost = [name for name in self.segments if known and name not in known]
        if lost:
            raise ValueError(f"segments {lost} are not columns of the model; it has {sorted(known)}")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The model's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Declared inputs, features first, in the declared order."""
        entries = [(self.features, "feature"), (self.context, "context")]
        return tuple(
            Column(name, kind, "feature" if role == "feature" else "context", self.units.get(name))
            for columns, role in entries
            for name, kind in columns.items()
        )


class Channel(_Section):
    """Where alerts of the given severities are sent; ``url`` is an Apprise address."""

    name: Name
    url: str
    severity: tuple[Severity, ...] = ("page", "warning")


class Declaration(_Section):
    """A whole declaration file."""

    models: dict[str, ModelSpec] = Field(default_factory=dict)
    channels: dict[str, Channel] = Field(default_factory=dict)
