"""Who serves: roles of versions as a fold over deployment events, which are only ever appended."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal, cast, get_args

Action = Literal["champion", "rollback", "shadow", "canary", "archived"]
ACTIONS: tuple[str, ...] = get_args(Action)


class RolloutError(Exception):
    """A change of roles that makes no sense; the message says why and what does."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One change of roles. ``share`` is a canary's share of traffic, between 0 and 1.

    ``reference_version`` is the version's own reference: the model is held against it while this version is champion.
    """

    at: datetime
    version: str
    action: Action
    actor: str
    share: float | None = None
    reference_version: int | None = None
    comment: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the event as JSON-ready values."""
        return {
            "at": self.at.isoformat(),
            "version": self.version,
            "action": self.action,
            "actor": self.actor,
            "share": self.share,
            "reference_version": self.reference_version,
            "comment": self.comment,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Deployment:
        """Rebuild from :meth:`to_dict`."""
        return cls(**{**data, "at": datetime.fromisoformat(data["at"])})


@dataclass(frozen=True, slots=True)
class Roles:
    """Who has which role now.

    ``former`` are the champions one can roll back to, the latest last. ``references`` is each version's own reference.
    ``champions`` are all reigns: (since when, version), in order.
    """

    champion: str | None = None
    champion_since: datetime | None = None
    former: tuple[str, ...] = ()
    shadows: tuple[str, ...] = ()
    canary: str | None = None
    share: float = 0.0
    references: tuple[tuple[str, int], ...] = ()
    champions: tuple[tuple[datetime, str], ...] = ()

    @property
    def reference_version(self) -> int | None:
        """The reference the model is held against: the champion's own."""
        return dict(self.references).get(self.champion) if self.champion else None

    @property
    def serving(self) -> tuple[str, ...]:
        """Versions whose answers are given out."""
        return tuple(version for version in (self.champion, self.canary) if version)

    def role(self, version: str) -> str:
        """Return ``champion``, ``canary``, ``shadow`` or ``candidate``: the role of a registered version."""
        if version == self.champion:
            return "champion"
        if version == self.canary:
            return "canary"
        return "shadow" if version in self.shadows else "candidate"


def roles(events: Iterable[Deployment]) -> Roles:
    """Fold events, in the order they were appended, to who has which role."""
    state = Roles()
    for event in events:
        state = _apply(state, event)
    return state


def roles_at(events: Iterable[Deployment], moment: datetime) -> Roles:
    """Return who had which role at a moment: what was appended for later is left out."""
    return roles(event for event in events if event.at <= moment)


def deploy(
    events: Sequence[Deployment],
    version: str,
    role: str,
    *,
    at: datetime,
    actor: str,
    known: Collection[str],
    share: float | None = None,
    reference_version: int | None = None,
    comment: str = "",
) -> Deployment:
    """Return the event that gives ``version`` a role; append it to make it so.

    ``known`` are the registered versions. Raises :class:`RolloutError` for an unknown version or role, a share that is not
    a canary's, and for a champion that would stay champion or be demoted without a successor.
    """
    now = roles(events)
    if version not in known:
        raise RolloutError(f"version {version!r} is not registered; there are {', '.join(sorted(known)) or 'none'}")
    choices = [action for action in ACTIONS if action != "rollback"]
    if role not in choices:
        raise RolloutError(f"role {role!r} is not known; choose {', '.join(choices)}")
    if version == now.champion:
        raise RolloutError(
            f"{version} is the champion already"
            if role == "champion"
            else f"{version} is the champion; promote another version or roll back before it can be {role}"
        )
    if (role == "canary") != (share is not None):
        raise RolloutError(
            "a canary needs a share of traffic, such as 0.1"
            if share is None
            else "only a canary has a share of traffic"
        )
    if share is not None and not 0 < share < 1:
        raise RolloutError(f"the canary's share {share:g} must lie between 0 and 1, such as 0.1")
    if role == "canary" and now.champion is None:
        raise RolloutError("a canary runs beside a champion and there is none; promote a version first")
    return Deployment(at, version, cast("Action", role), actor, share, reference_version, comment)


def promote(
    events: Sequence[Deployment],
    version: str,
    *,
    at: datetime,
    actor: str,
    known: Collection[str],
    reference_version: int | None = None,
    comment: str = "",
) -> Deployment:
    """Return the event that makes ``version`` champion; the present one becomes a shadow. Errors as :func:`deploy`."""
    return deploy(
        events,
        version,
        "champion",
        at=at,
        actor=actor,
        known=known,
        reference_version=reference_version,
        comment=comment,
    )


def rollback(events: Sequence[Deployment], *, at: datetime, actor: str, comment: str = "") -> Deployment:
    """Return the event that brings back the champion before the present one; the present one becomes a shadow.

    A second rollback goes one further back, it does not return. Raises :class:`RolloutError` when there is none.
    """
    now = roles(events)
    if not now.former:
        raise RolloutError(
            f"{now.champion} is the first champion: there is nothing to roll back to; promote another version instead"
            if now.champion
            else "there is no champion; promote a version first"
        )
    target = now.former[-1]
    return Deployment(at, target, "rollback", actor, None, dict(now.references).get(target), comment)


def route(prediction_id: str, now: Roles) -> str:
    """Return the version that answers: the canary for its share of ids, else the champion.

    The first 13 hexadecimal digits of md5(id), as a fraction of 16^13: the same id goes the same way on every engine.
    Raises :class:`RolloutError` without a champion.
    """
    if now.champion is None:
        raise RolloutError("there is no champion to answer; promote a version first")
    digest = hashlib.md5(prediction_id.encode(), usedforsecurity=False).hexdigest()
    in_share = int(digest[:13], 16) / 16**13 < now.share
    return now.canary if now.canary is not None and in_share else now.champion


def _apply(state: Roles, event: Deployment) -> Roles:
    version = event.version
    if event.reference_version is not None:
        references = dict(state.references) | {version: event.reference_version}
        state = replace(state, references=tuple(references.items()))
    if event.action == "champion":
        if version == state.champion:
            return state
        former = (*state.former, state.champion) if state.champion else state.former
        return _enthrone(state, version, former, event.at)
    if event.action == "rollback":
        former = state.former[: _last(state.former, version)]
        return _enthrone(state, version, former, event.at)
    state = _without(state, version)
    if event.action == "shadow":
        return replace(state, shadows=(*state.shadows, version))
    if event.action == "canary":
        return replace(state, canary=version, share=event.share or 0.0)
    kept = tuple(name for name in state.former if name != version)  # an archived version is not rolled back to
    return replace(state, former=_without_repeats(kept, state.champion))


def _enthrone(state: Roles, version: str, former: tuple[str, ...], at: datetime) -> Roles:
    previous, state = state.champion, _without(state, version)
    # only the latest champion is kept warm: a shadow costs as much as a champion
    reigned = {name for _, name in state.champions}
    shadows = tuple(name for name in state.shadows if name not in reigned)
    shadows = (*shadows, previous) if previous and previous not in shadows else shadows
    reigns = (*state.champions, (at, version))
    return replace(state, champion=version, champion_since=at, former=former, shadows=shadows, champions=reigns)


def _without(state: Roles, version: str) -> Roles:
    """Take a version out of shadows and canary."""
    shadows = tuple(shadow for shadow in state.shadows if shadow != version)
    if version != state.canary:
        return replace(state, shadows=shadows)
    return replace(state, shadows=shadows, canary=None, share=0.0)


def _without_repeats(former: tuple[str, ...], champion: str | None) -> tuple[str, ...]:
    """Drop a champion that would follow itself."""
    chain = (*former, champion)
    return tuple(name for name, after in pairwise(chain) if name is not None and name != after)


def _last(versions: tuple[str, ...], version: str) -> int:
    """Return where ``version`` stands last, or 0 when it is not there."""
    return max((index for index, name in enumerate(versions) if name == version), default=0)
