"""What a team declares of training: which trainer, which estimator, and how it is to be prepared, searched and combined."""

import re
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from reference_data.section import Section, parse_duration

#: The home's folder of the operator's own training code: modules with functions that make estimators, and scripts.
CODE_FOLDER = "training"

Scalar = int | float | str | bool
#: A dotted class of a library, or a function of the operator's own: ``package.module:function``.
EstimatorName = Annotated[str, Field(min_length=3, max_length=200)]
#: A variable of the service's environment.
EnvName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
Trigger = Literal["manual", "schedule", "alert", "labels", "age"]
Encoding = Literal["one_hot", "target", "ordinal"]

_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_MOST_ARGUMENTS = 100


def known_form(name: str) -> str:
    """Return ``name`` if it is written like an estimator; raises :class:`ValueError` saying how one is written."""
    if not _CLASS.fullmatch(name) and not _FUNCTION.fullmatch(name):
        raise ValueError(
            f"estimator {name!r} is not understood; write a class such as 'sklearn.ensemble.RandomForestRegressor', or a "
            "function of your own such as 'my_module:make_model'"
        )
    return name


class Member(Section):
    """One estimator of an ensemble, with its parameters."""

    estimator: EstimatorName
    params: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)

    @field_validator("estimator")
    @classmethod
    def _estimator(cls, value: str) -> str:
        return known_form(value)


class Ensemble(Section):
    """Several models as one.

    ``bagging``: ``count`` copies of the estimator, each on a sample of the rows. ``boosting``: ``count`` copies, each minding what the
    ones before got wrong. ``voting``: the members' mean. ``stacking``: a model (``final``) that learns from the members' answers.
    """

    kind: Literal["bagging", "boosting", "voting", "stacking"]
    members: tuple[Member, ...] = Field(default=(), max_length=20, description="of voting and stacking")
    count: int = Field(default=10, ge=2, le=1000, description="of bagging and boosting: how many copies")
    final: EstimatorName | None = Field(default=None, description="of stacking; left out: a linear model")

    @field_validator("members", mode="before")
    @classmethod
    def _by_name(cls, value: object) -> object:
        """A member without parameters may be written as its name."""
        if not isinstance(value, list | tuple):
            return value
        return [{"estimator": member} if isinstance(member, str) else member for member in value]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        several = self.kind in {"voting", "stacking"}
        if several and len(self.members) < 2:
            raise ValueError(f"an ensemble by {self.kind} needs two members or more; it has {len(self.members)}")
        if not several and self.members:
            raise ValueError(f"{self.kind} repeats one estimator: name it by retrain.estimator, and leave members out")
        if self.final is not None and self.kind != "stacking":
            raise ValueError(f"final is of stacking; an ensemble by {self.kind} has none")
        return self


class SparkPlan(Section):
    """Where Spark runs: ``master`` as Spark writes it, and its own settings by their names."""

    master: str = Field(default="local[*]", pattern=r"^(local(\[[\d*,]+\])?|yarn|(spark|k8s|mesos)://.+)$")
    conf: dict[str, str] = Field(default_factory=dict, description="such as 'spark.executor.memory' = '8g'")
    staging: str | None = Field(
        default=None,
        pattern=r"^(/|file:///|s3://|gs://|hdfs://).+$",
        description="folder for prepared rows that the cluster's workers see as well, such as '/mnt/shared' or 's3://bucket/driftdeck'",
    )


class MustNotRegress(Section):
    """A rule of the gate: the challenger's ``metric`` may be worse than the champion's by ``allowed`` of it, no more."""

    metric: str
    segment: str | None = Field(default=None, description="inside this one, such as 'carrier=AA'")
    allowed: float = Field(default=0.0, ge=0, lt=10)


class Retrain(Section):
    """Who trains, when, and what a new version may do by itself."""

    trainer: str = "sklearn"
    trigger: tuple[Trigger, ...] = Field(default=("manual",), description="what starts it; 'manual' always may")
    schedule: str | None = Field(default=None, description="of the trigger 'schedule': a cron line or 'every 7d'")
    after_labels: int | None = Field(default=None, ge=1, description="of the trigger 'labels': so many new ones")
    max_age: str | None = Field(default=None, description="of the trigger 'age': of the champion's newest row, '90d'")
    cooldown: str = Field(default="1d", description="after a retrain, no trigger starts another")
    per_month: int = Field(default=4, ge=1, le=1000, description="most retrains in 30 days that triggers start")
    promote: Literal["manual", "shadow", "canary", "auto"] = Field(
        default="manual", description="what becomes of a version that passes its gate"
    )
    canary_share: float = Field(default=0.1, gt=0, lt=1)
    period: str = Field(
        default="auto", description="rows to learn from: 'auto', 'all', 'since change', 'backtest' or 'last 8w'"
    )
    size: Literal["auto", "all"] | int = Field(
        default="auto", description="rows at most; 'auto': where the latest learning curve levels off, if there is one"
    )
    half_life: str | None = Field(default=None, description="a row this much older counts half, such as '8w'")
    must: tuple[MustNotRegress, ...] = Field(default=(), description="what a new version must not be worse at")
    keep_versions: int = Field(default=20, ge=2, le=10_000, description="artefacts of archived versions that stay")
    retries: int = Field(default=0, ge=0, le=5, description="of a job whose process died")
    memory_mb: int | None = Field(default=None, ge=256, description="address space of a job")
    job_timeout: str = Field(default="1d", description="longest run of a job, whoever trains")
    holdout: str = Field(default="1w", description="most recent labelled stretch kept for the gate")
    estimator: EstimatorName | None = Field(
        default=None, description="a class such as 'sklearn.linear_model.Ridge', or 'my_module:make_model'"
    )
    params: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict, description="of the estimator")
    encoding: Encoding | None = Field(
        default=None, description="of categories; left out: what suits the estimator (trees by number, others one_hot)"
    )
    balance: bool = Field(default=False, description="classes count alike, however rare they are")
    search: dict[str, list[Scalar]] = Field(
        default_factory=dict, description="values to try, by parameter: { max_depth = [4, 8] }"
    )
    candidates: int = Field(default=12, ge=1, le=200, description="most combinations that a search tries")
    ensemble: Ensemble | None = None
    part_rows: int = Field(
        default=500_000, ge=100, le=10_000_000, description="rows in memory at once, of the trainer 'partitioned'"
    )
    command: tuple[str, ...] = Field(
        default=(), max_length=_MOST_ARGUMENTS, description="a training script of your own"
    )
    predict: tuple[str, ...] = Field(
        default=(), max_length=_MOST_ARGUMENTS, description="the script that answers with what command left"
    )
    timeout: str = Field(default="1h", description="longest run of command")
    env: tuple[EnvName, ...] = Field(
        default=(), max_length=50, description="variables of the environment that training code may read, by name"
    )
    spark: SparkPlan = SparkPlan()

    @model_validator(mode="before")
    @classmethod
    def _command_is_a_trainer(cls, given: object) -> object:
        """Whoever declares a command need not say twice who trains."""
        return {"trainer": "command", **given} if isinstance(given, dict) and given.get("command") else given

    @field_validator("trigger", mode="before")
    @classmethod
    def _triggers(cls, value: object) -> object:
        """One may be written as its name."""
        return (value,) if isinstance(value, str) else value

    @field_validator("period")
    @classmethod
    def _period(cls, value: str) -> str:
        if value.startswith("last "):
            parse_duration(value.removeprefix("last "))
        elif value not in ("auto", "all", "since change", "backtest"):
            raise ValueError(f"period {value!r} is not allowed; write auto, all, since change, backtest or 'last 8w'")
        return value

    @field_validator("cooldown", "max_age")
    @classmethod
    def _length(cls, value: str | None) -> str | None:
        if value is not None:
            parse_duration(value)
        return value

    @field_validator("half_life")
    @classmethod
    def _half_life(cls, value: str | None) -> str | None:
        if value is not None and not parse_duration(value):
            raise ValueError(
                f"half_life {value!r} would make every row but the latest count nothing; write for example '8w'"
            )
        return value

    @field_validator("holdout")
    @classmethod
    def _holdout(cls, value: str) -> str:
        if not parse_duration(value):
            raise ValueError(f"holdout {value!r} keeps nothing to judge a new version by; write for example '1w'")
        return value

    @field_validator("timeout", "job_timeout")
    @classmethod
    def _timeout(cls, value: str) -> str:
        if parse_duration(value) < timedelta(seconds=1):
            raise ValueError(f"timeout {value!r} leaves no time to train; write for example '1h'")
        return value

    @field_validator("estimator")
    @classmethod
    def _estimator(cls, value: str | None) -> str | None:
        return value if value is None else known_form(value)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        needs = {"schedule": self.schedule, "labels": self.after_labels, "age": self.max_age}
        keys = {"schedule": "schedule", "labels": "after_labels", "age": "max_age"}
        for name, given in needs.items():
            if (name in self.trigger) != (given is not None):
                raise ValueError(f"the trigger {name!r} and {keys[name]} go together; write both or neither")
        if self.trainer == "command" and not self.command:
            raise ValueError("trainer 'command' needs a command; write for example command = ['python', 'train.py']")
        if self.trainer != "command" and (self.command or self.predict):
            raise ValueError(
                f"command and predict are of the trainer 'command', and trainer is {self.trainer!r}; leave one of them out"
            )
        empty = sorted(name for name, values in self.search.items() if not values)
        if empty:
            raise ValueError(f"search {empty} names no value to try; write for example max_depth = [4, 8]")
        both = sorted(self.search.keys() & self.params.keys())
        if both:
            raise ValueError(f"{both} are set by params and searched; leave one of them out")
        if self.search and self.ensemble is not None and self.ensemble.members:
            raise ValueError("search tries parameters of one estimator; give those of an ensemble's members by params")
        if self.estimator is not None and self.ensemble is not None and self.ensemble.members:
            raise ValueError("estimator and ensemble.members both say what to fit; leave one of them out")
        return self

    @property
    def reach(self) -> tuple[str, ...]:
        """What of this runs on the operator's machine or sends data elsewhere, in words: declared in the file only, never over HTTP."""
        members = () if self.ensemble is None else self.ensemble.members
        final = None if self.ensemble is None else self.ensemble.final
        names = [self.estimator, final, *(member.estimator for member in members)]
        own = [name for name in names if name is not None and ":" in name]
        spark = [] if self.spark == SparkPlan() else [self.spark.model_dump_json()]
        commands = map(repr, (self.command, self.predict) if self.command else ())
        return (*own, *commands, *self.env, *spark)
