"""What is taken out of answers to those who do not decide what reaches out: addresses and secrets, and what is of models they do not see."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from monitors.channels import place
from service.declaration_file import to_toml
from service.identity import Identity

HIDDEN = "…"
_SAID = "# Addresses and secrets of channels and sources are left out: an admin's export has them.\n\n"
_VARIABLE = re.compile(r"\$\{[A-Za-z_]\w*\}")  # a name, and no secret
#: What of the process's health is about every model.
_OF_ALL = frozenset({"models", "failing_sources", "declaration", "lost", "home"})


def veiled(identity: Identity, name: str, answer: Any) -> Any:
    """Return the answer of a method of the workspace as ``identity`` may see it."""
    if name == "health" and identity.models is not None:
        return {key: value for key, value in answer.items() if key not in _OF_ALL}
    if identity.has("admin"):
        return answer
    if name == "declared":
        return [_declared(view) for view in answer]
    if name == "export":
        found = tomllib.loads(answer)
        shown = _file(found)
        return answer if shown == found else _SAID + to_toml(shown)
    return answer


def _declared(view: Mapping[str, Any]) -> dict[str, Any]:
    """Return a declared thing without its secrets, in its values and in its TOML."""
    hide = _HIDES.get(f"{view['kind']}s")
    if hide is None:
        return dict(view)
    return {**view, "values": hide(view["values"]), "toml": to_toml(_file(tomllib.loads(view["toml"])))}


def _file(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables of a declaration without their secrets."""
    found = dict(content)
    for section, hide in _HIDES.items():
        if section in found:
            found[section] = {name: hide(values) for name, values in found[section].items()}
    return found


def _channel(values: Mapping[str, Any]) -> dict[str, Any]:
    """Of an address its scheme and host are shown, as in the list of channels."""
    shown = {"url": place, "secret": _nothing}
    return {key: _unless_variable(shown[key], value) if key in shown else value for key, value in values.items()}


def _source(values: Mapping[str, Any]) -> dict[str, Any]:
    """Of a connection its scheme and host are shown; options are passed on to drivers, passwords among them."""
    found = dict(values)
    for key in found.keys() & {"connection", "read"}:
        found[key] = _unless_variable(_reached, found[key])
    if "options" in found:
        found["options"] = {name: _unless_variable(_nothing, value) for name, value in found["options"].items()}
    return found


def _unless_variable(hide: Callable[[str], str], value: str) -> str:
    return value if _VARIABLE.fullmatch(value) else hide(value)


def _nothing(value: str) -> str:
    del value
    return HIDDEN


def _reached(value: str) -> str:
    """Return where an address leads, without what comes before its host and after its path; a file's path as it is."""
    if "://" not in value:
        return value if "=" not in value and "@" not in value else HIDDEN
    try:
        parts = urlsplit(value)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname or HIDDEN}{port}{parts.path}"
    except ValueError:
        return HIDDEN


#: By section of a declaration: what hides the secrets in one entry.
_HIDES: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {"channels": _channel, "sources": _source}
