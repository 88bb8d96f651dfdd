"""Changing what is declared from the dashboard: key by key, validated as a file is, by the one owner of each thing."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any, cast

from service.declaration_file import DeclarationError, to_toml
from service.local import declare, owners
from service.local.owners import SECTION
from service.toml_lines import read_key
from service.workspace import ConflictError, NotFoundError, WorkspaceError
from storage.control_owners import REMOVABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.alert_views import DeclaredObject
    from service.local.core import Core
    from storage.control_owners import Owned

_LINE = re.compile(r"^line \d+(, column \d+)?: ")
#: Values that may hold secrets: the audit trail, which forgets nothing, says only that they were changed.
_SECRET = frozenset({"url", "secret", "connection", "options"})
_UNTOLD = "(not kept here)"


def edit(
    core: Core, kind: str, name: str, changes: Mapping[str, Any], *, take_over: bool, actor: str
) -> DeclaredObject:
    """Change or make one declared thing; the dashboard owns it from then on.

    Keys are dotted as in TOML (``monitor.alert_budget.pages_per_year``, ``features."customer age"``, ``overrides.0.severity``); None
    takes a key out. Raises :class:`ConflictError` for what a file owns unless it is taken over, :class:`DeclarationError` for keys and
    values that are not allowed, and nothing is changed then.
    """
    kind = owners.kind_of(kind)
    place = f"{SECTION[kind]}.{name}"
    with core.mutex:
        before = owners.find(core, kind, name)
        if before is not None:
            _refuse_files(before, take_over=take_over)
        earlier = owners.values(before) if before else {}
        text = to_toml({SECTION[kind]: {name: _changed(place, earlier, changes)}})
        try:
            wanted = declare.read(core, text, actor)
        except DeclarationError as error:  # the lines are those of a text that nobody wrote
            raise DeclarationError([_LINE.sub("", problem) for problem in error.problems]) from None
        declare.keep(core, wanted, "dashboard", actor, [], take_over=True)
        after = cast("Owned", owners.find(core, kind, name))
        detail = _told(earlier, owners.values(after)) | ({"taken_over": True} if _was_files(before) else {})
        if before is None or before.spec != after.spec or _was_files(before):
            core.control.append_audit(actor, "edit", place, detail, "workspace", core.now())
    return owners.view(after)


def remove(core: Core, kind: str, name: str, *, take_over: bool, actor: str) -> None:
    """Take back a channel, a maintenance or a source; a file that declares it does not bring it back unasked.

    Raises :class:`NotFoundError` for what is not there, :class:`ConflictError` for a model, and for what a file owns unless it is taken
    over.
    """
    kind = owners.kind_of(kind)
    place = f"{SECTION[kind]}.{name}"
    with core.mutex:
        before = owners.find(core, kind, name)
        if before is None:
            known = ", ".join(each.name for each in core.control.owned(kind)) or "none"
            raise NotFoundError(f"there is no {place}; there are {known}")
        if kind not in REMOVABLE:
            raise ConflictError(
                f"{place} stays: its rows, references and versions hang on it. Set its monitor.schedule if it shall be looked at less often"
            )
        _refuse_files(before, take_over=take_over)
        if kind == "source" and actor not in declare.OPERATORS:
            raise WorkspaceError(
                f"{place}: sources are taken back with the command line: driftdeck remove sources.{name}"
            )
        core.control.remove_declared(kind, name)
        if _was_files(before):
            owners.remember_removal(core, kind, name, actor)
        detail = _told(owners.values(before), {})
        core.control.append_audit(actor, "remove", place, detail, "workspace", core.now())


def _was_files(owned: Owned | None) -> bool:
    return owned is not None and owned.declared_in == "file"


def _refuse_files(owned: Owned, *, take_over: bool) -> None:
    if _was_files(owned) and not take_over:
        place = f"{SECTION[owned.kind]}.{owned.name}"
        raise ConflictError(
            f"{place} is owned by a file; change it there and apply it, or take it over (--take-over): the dashboard owns it then, and "
            "applying the file will say so"
        )


def _changed(place: str, values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with the changes made; raises :class:`DeclarationError` for a key inside of what is no table."""
    result: dict[str, Any] = copy.deepcopy(dict(values))
    for key, value in changes.items():
        path = read_key(key)
        if path is None:
            raise DeclarationError([f"{place}: {key!r} is not a key; write one such as monitor.tolerance"])
        _put(place, result, path, value)
    return result


def _put(place: str, table: Any, path: tuple[str, ...], value: Any) -> None:
    *through, last = path
    for part in through:
        inner = _inside(table, part)
        if inner is None and isinstance(table, dict) and value is not None:
            inner = table[part] = {}
        if isinstance(table, list | tuple) and isinstance(inner, tuple):
            raise DeclarationError([f"{place}: {'.'.join(path)} lies too deep; set the whole list"])
        if isinstance(table, dict) and isinstance(inner, tuple):
            inner = table[part] = list(inner)
        if inner is None:
            return  # what is not there need not be taken out
        table = inner
    if isinstance(table, dict):
        if value is None:
            table.pop(last, None)
        else:
            table[last] = _without_none(value)
    elif isinstance(table, list) and _inside(table, last) is not None:
        table[int(last)] = _without_none(value)
        table[:] = [each for each in table if each is not None]
    else:
        raise DeclarationError([f"{place}: there is nothing at {'.'.join(path)}; set {'.'.join(through)} as a whole"])


def _inside(table: Any, part: str) -> Any:
    if isinstance(table, dict):
        return table.get(part)
    if isinstance(table, list | tuple) and part.isdecimal() and int(part) < len(table):
        return table[int(part)]
    return None


def _without_none(value: Any) -> Any:
    """Return a value as TOML can hold it: without keys that are None."""
    if isinstance(value, dict):
        return {str(key): _without_none(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_without_none(inner) for inner in value if inner is not None]
    return value


def _told(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what changed, by dotted key: ``before`` and ``after``, without what may hold secrets."""
    old, new = _flat(before), _flat(after)
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return {
        when: {key: _UNTOLD if key.split(".")[0] in _SECRET else values[key] for key in keys if key in values}
        for when, values in (("before", old), ("after", new))
    }


def _flat(values: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{path}{key}.")
        else:
            flat[f"{path}{key}"] = owners.plain(value)
    return flat
