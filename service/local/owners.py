"""One owner for everything that is declared: a file, or the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from reference_data.alerting import Channel, Maintenance
from reference_data.declaration import Declaration, ModelSpec, Source
from service.declaration_file import content, to_toml
from service.workspace import ConflictError, NotFoundError
from storage.control_owners import KINDS, REMOVABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from reference_data.section import Section
    from service.alert_views import DeclaredObject
    from service.local.core import Core
    from storage.control_owners import Owned

#: The table of a file for each kind of thing.
SECTION = {"model": "models", "channel": "channels", "maintenance": "maintenance", "source": "sources"}
_SPECS: dict[str, type[Section]] = {
    "model": ModelSpec,
    "channel": Channel,
    "maintenance": Maintenance,
    "source": Source,
}
_REMOVED = "taken_back/{kind}/{name}"


def kind_of(word: str) -> str:
    """Return the kind that ``word`` names, as ``channel`` or as the table ``channels``; raises :class:`NotFoundError`."""
    for kind, section in SECTION.items():
        if word in (kind, section):
            return kind
    raise NotFoundError(f"nothing is declared as {word!r}; there are {', '.join(SECTION.values())}")


def find(core: Core, kind: str, name: str) -> Owned | None:
    """Return a declared thing as it is kept, None if there is none."""
    return next((each for each in core.control.owned(kind) if each.name == name), None)


def put(core: Core, kind: str, spec: Any, declared_in: str, actor: str) -> None:
    """Keep a declared thing; that it was taken back before is forgotten."""
    control = core.control
    keepers: dict[str, Callable[[Any, str, str, datetime], None]] = {
        "model": control.put_model,
        "channel": control.put_channel,
        "maintenance": control.put_maintenance,
        "source": control.put_source,
    }
    keepers[kind](spec, declared_in, actor, core.now())
    removed = _REMOVED.format(kind=kind, name=spec.name)
    if core.control.get_setting(removed) is not None:
        core.control.put_setting(removed, None)


def remember_removal(core: Core, kind: str, name: str, actor: str) -> None:
    """Note that somebody took back what a file declared, so that the file does not bring it back unasked."""
    when = core.now().isoformat(timespec="minutes")
    core.control.put_setting(_REMOVED.format(kind=kind, name=name), f"{actor} on {when}")


def refuse_dashboards(core: Core, wanted: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse to change by a file what the dashboard owns, or took back; ``wanted``: specs by kind and name."""
    problems = []
    for kind, specs in wanted.items():
        there = {each.name: each for each in core.control.owned(kind)}
        for name, spec in specs.items():
            owned, place = there.get(name), f"{SECTION[kind]}.{name}"
            removed = core.control.get_setting(_REMOVED.format(kind=kind, name=name))
            if owned is not None and owned.declared_in == "dashboard" and parsed(owned) != spec:
                problems.append(
                    f"{place} was changed in the dashboard by {owned.actor} on {owned.changed_at:%Y-%m-%d %H:%M} UTC, and the dashboard "
                    "owns it now"
                )
            elif owned is None and removed is not None:
                problems.append(f"{place} was taken back in the dashboard by {removed}")
    if problems:
        raise ConflictError(
            "\n".join(problems)
            + "\nNothing was changed. Take over what the file says with `driftdeck apply --take-over FILE`, or write into the file what "
            "the dashboard has (`driftdeck declared --toml`)"
        )


def parsed(owned: Owned) -> Any:
    """Return what was declared."""
    return _SPECS[owned.kind].model_validate(owned.spec)


def vanished(core: Core, wanted: Declaration, kinds: tuple[str, ...] = KINDS) -> list[Owned]:
    """Return what files declared and ``wanted`` does not have."""
    return [
        each
        for kind in kinds
        for each in core.control.owned(kind)
        if each.declared_in == "file" and each.name not in getattr(wanted, SECTION[kind])
    ]


def left_alone(core: Core, wanted: Declaration) -> list[str]:
    """Say what files declared before and this one does not have, in the sections it has."""
    spoken = tuple(kind for kind in KINDS if getattr(wanted, SECTION[kind]))
    gone = vanished(core, wanted, spoken)
    stays = [f"{SECTION[each.kind]}.{each.name}" for each in gone if each.kind not in REMOVABLE]
    asked = [f"{SECTION[each.kind]}.{each.name}" for each in gone if each.kind in REMOVABLE]
    notes = [f"not in this file, and left as they are: {', '.join(stays)}"] if stays else []
    if asked:
        notes.append(
            f"not in this file, and left as they are: {', '.join(asked)}; `apply --prune`, or prune = true at the top of the "
            "file, takes them back"
        )
    return notes


def take_back_vanished(core: Core, wanted: Declaration) -> list[str]:
    """Take back channels, maintenance and sources that files declared and this one does not have; returns their places."""
    gone = vanished(core, wanted, REMOVABLE)
    for each in gone:
        core.control.remove_declared(each.kind, each.name)
    return [f"{SECTION[each.kind]}.{each.name}" for each in gone]


# -- views -------------------------------------------------------------------------------------------------------------
def values(owned: Owned) -> dict[str, Any]:
    """Return what a file would hold of it: no defaults, secrets as they were written."""
    section = SECTION[owned.kind]
    declaration = Declaration.model_validate({section: {owned.name: owned.spec}})
    return cast("dict[str, Any]", content(declaration)[section][owned.name])


def view(owned: Owned) -> DeclaredObject:
    """Return it as people see it."""
    found = values(owned)
    return {
        "kind": cast("Any", owned.kind),
        "name": owned.name,
        "declared_in": owned.declared_in,
        "actor": owned.actor,
        "changed_at": owned.changed_at.isoformat(),
        "values": plain(found),
        "toml": to_toml({SECTION[owned.kind]: {owned.name: found}}),
    }


def plain(value: Any) -> Any:
    """Return values as JSON has them."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value if isinstance(value, str | int | float | bool) else str(value)


def declared(core: Core) -> list[DeclaredObject]:
    """Return every declared thing with its one owner."""
    return [view(each) for each in core.control.owned()]
