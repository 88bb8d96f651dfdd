"""The settings of one process: a table of name, default and help; flags over environment over file.

The file is ``settings.toml`` in the home folder; the environment spells ``host`` as ``DRIFTDECK_HOST``.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.proxies import networks
from service.workspace import WorkspaceError

PREFIX = "DRIFTDECK_"
#: Read before settings exist, so they have no place in the file: where home is, and whether errors show their trace.
ENVIRONMENT_ONLY = {
    "home": "folder that holds the workspace (flag --home)",
    "debug": "1 shows the trace of an error instead of one line",
}
# Kubernetes puts DRIFTDECK_PORT=tcp://… and its kin into every container beside a service named driftdeck.
_INJECTED = re.compile(r"DRIFTDECK_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_\w+)")
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class SettingsError(WorkspaceError):
    """A setting is unknown or has a value that is not allowed."""


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a text")  # noqa: TRY004 - as the other readers do
    return value


def _optional_text(value: object) -> str | None:
    return _text(value).strip() or None


def _address(value: object) -> str | None:
    text = _optional_text(value)
    if text is not None and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", text):
        raise ValueError("an address such as https://driftdeck.example.com, without user, query and fragment")
    return None if text is None else text.rstrip("/")


def _port(value: object) -> int:
    return _whole(value, 0, 65535)


def _mebibytes(value: object) -> int:
    return _whole(value, 1, 4096)


def _whole(value: object, low: int, high: int) -> int:
    allowed = f"a whole number from {low} to {high}"
    try:
        number = int(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
    except ValueError:
        number = None
    if number is None or not low <= number <= high:
        raise ValueError(allowed)
    return number


def _count(value: object) -> int:
    return _whole(value, 1, 10**9)


def _few(value: object) -> int:
    return _whole(value, 1, 64)


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in (*_TRUE, *_FALSE):
        return value.lower() in _TRUE
    raise ValueError("true or false")


def _names(value: object) -> tuple[str, ...]:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise ValueError("a list of names (in the environment: separated by commas)")
    return tuple(item.strip().lower() for item in items if item.strip())


def _networks(value: object) -> tuple[str, ...]:
    items = _names(value)
    try:
        networks(items)
    except ValueError:
        raise ValueError("a list of addresses or networks, such as 10.0.0.7 or 10.0.0.0/8") from None
    return items


def _sign_in(value: object) -> str:
    if isinstance(value, bool):  # as YAML and TOML spell on and off
        return "on" if value else "off"
    if not isinstance(value, str) or value.lower() not in ("auto", "on", "off"):
        raise ValueError("one of auto, on, off")
    return value.lower()


def _issuer(value: object) -> str | None:
    text = _optional_text(value)
    if text is not None and not re.fullmatch(
        r"(https://[^\s/?#@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)(/[^\s?#]*)?", text
    ):
        raise ValueError("an https address, such as https://login.example.com/realms/ours")
    return text


def _roles(value: object) -> tuple[tuple[str, str], ...]:
    """Read ``claim value=role`` pairs, the strongest first."""
    allowed = "a list of VALUE=ROLE, ROLE one of viewer, operator, admin; * stands for everybody (in the environment: separated by commas)"
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise ValueError(allowed)
    pairs = [tuple(part.strip() for part in item.rpartition("=")[::2]) for item in items if item.strip()]
    strength = {"admin": 0, "operator": 1, "viewer": 2}
    if any(not name or role not in strength for name, role in pairs):
        raise ValueError(allowed)
    return tuple(sorted(((name, role) for name, role in pairs), key=lambda pair: strength[pair[1]]))


def _level(value: object) -> str:
    levels = ("debug", "info", "warning", "error")
    if not isinstance(value, str) or value.lower() not in levels:
        raise ValueError("one of " + ", ".join(levels))
    return value.lower()


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table. ``read`` turns what was given into the value, or raises ValueError(what is allowed)."""

    name: str
    default: Any
    read: Callable[[object], Any]
    help: str

    @property
    def variable(self) -> str:
        """Name of the environment variable."""
        return PREFIX + self.name.upper()


TABLE: tuple[Setting, ...] = (
    Setting(
        "host",
        "127.0.0.1",
        _text,
        "address to listen on; at any but a loopback address people and programs have to sign in",
    ),
    Setting("port", 8501, _port, "port to listen on; 0 takes a free one"),
    Setting("token", None, _optional_text, "secret that callers send as `Authorization: Bearer …`"),
    Setting(
        "sign_in",
        "auto",
        _sign_in,
        "auto: needed unless the address is a loopback one and no token is set; on: needed always; off: refused at other addresses",
    ),
    Setting("oidc_issuer", None, _issuer, "OpenID Connect provider at which people sign in"),
    Setting("oidc_client_id", None, _optional_text, "what this service is called there"),
    Setting("oidc_client_secret", None, _optional_text, "secret of this service there; none for a public client"),
    Setting("oidc_scopes", ("openid", "profile", "email"), _names, "scopes that are asked for"),
    Setting("oidc_claim", "groups", _text, "claim of the ID token that decides the role; a dot leads into a claim"),
    Setting(
        "oidc_roles",
        (),
        _roles,
        "values of that claim and the role each gives, as `mlops=admin`; `*=viewer` is for everybody; who has none is not let in",
    ),
    Setting(
        "oidc_domains", (), _names, "only people whose verified e-mail address ends in one of these domains are let in"
    ),
    Setting("allowed_hosts", (), _names, "further names by which browsers may reach the service"),
    Setting(
        "trusted_proxies",
        (),
        _networks,
        "addresses or networks of proxies in front: who calls is then read from X-Forwarded-For, the right-most address that is none of them",
    ),
    Setting("public_url", None, _address, "address at which people reach Driftdeck; links in messages begin with it"),
    Setting("max_body_mb", 64, _mebibytes, "largest request body in MiB, after decompression"),
    Setting("max_rows", 1_000_000, _count, "most rows that one request may append"),
    Setting("max_columns", 20_000, _count, "most columns that a row of a request may have"),
    Setting(
        "max_pending_mb",
        256,
        _mebibytes,
        "most MiB of request bodies that wait to be stored; beyond it callers are told to wait",
    ),
    Setting(
        "declaration", None, _optional_text, "TOML file that is applied at the start and whenever its content changes"
    ),
    Setting("metrics_readings", 5000, _count, "most readings that /metrics tells, of all models together"),
    Setting("scheduler", True, _switch, "run monitors by their schedules"),
    Setting("max_runs", 2, _few, "most monitors that are run at once; others wait for their turn"),
    Setting("max_jobs", 2, _few, "most training jobs that are at work at once; others wait for their turn"),
    Setting(
        "allow_pickle",
        False,
        _switch,
        "take in and open models kept by joblib or pickle, which run whatever is in them; only files signed when they were taken in",
    ),
    Setting("log_level", "warning", _level, "debug, info, warning or error"),
)
_SECRET = frozenset({"token", "oidc_client_secret"})
_BY_NAME = {setting.name: setting for setting in TABLE}


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force; fields are the names of :data:`TABLE`."""

    host: str = "127.0.0.1"
    port: int = 8501
    token: str | None = None
    sign_in: str = "auto"
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = None
    oidc_scopes: tuple[str, ...] = ("openid", "profile", "email")
    oidc_claim: str = "groups"
    oidc_roles: tuple[tuple[str, str], ...] = ()
    oidc_domains: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    public_url: str | None = None
    max_body_mb: int = 64
    max_rows: int = 1_000_000
    max_columns: int = 20_000
    max_pending_mb: int = 256
    declaration: str | None = None
    metrics_readings: int = 5000
    scheduler: bool = True
    max_runs: int = 2
    allow_pickle: bool = False
    max_jobs: int = 2
    log_level: str = "warning"


def load(home: Path, flags: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    """Return the settings: ``flags`` that are not None, else the environment, else the file, else the default.

    Raises :class:`SettingsError` for an unknown name or a value that is not allowed.
    """
    values: dict[str, Any] = {}
    layers = (_from_file(home / "settings.toml"), _from_environment(environ), _from_flags(flags))
    for layer in layers:
        for name, (source, given) in layer.items():
            try:
                values[name] = _BY_NAME[name].read(given)
            except ValueError as allowed:
                shown = "the value given" if name in _SECRET else repr(given)
                raise SettingsError(f"{source}: {shown} is not allowed; write {allowed}") from None
    return Settings(**values)


def documentation() -> str:
    """Return ``docs/settings.md``: the table for people."""
    lines = [
        "# Settings",
        "",
        "A flag wins over the environment, the environment over `settings.toml` in the home folder, the file over the",
        "default. An unknown name stops the start, and the nearest valid one is named. (This page is made from",
        "`service/settings.py` by `python -m service.settings > docs/settings.md`.)",
        "",
        "| in `settings.toml` | environment | default | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for name, meaning in ENVIRONMENT_ONLY.items():
        default = "`./driftdeck-home`" if name == "home" else ""
        lines.append(f"| | `{PREFIX}{name.upper()}` | {default} | {meaning} |")
    lines += [f"| `{row.name}` | `{row.variable}` | {_shown(row.default)} | {row.help} |" for row in TABLE]
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    if value is None or value == ():
        return ""
    shown = ", ".join(value) if isinstance(value, tuple) else str(value).lower() if isinstance(value, bool) else value
    return f"`{shown}`"


def _from_flags(flags: Mapping[str, object]) -> dict[str, tuple[str, object]]:
    return {name: (f"--{name.replace('_', '-')}", value) for name, value in flags.items() if value is not None}


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[str, object]]:
    found: dict[str, tuple[str, object]] = {}
    for variable, value in environ.items():
        name = variable.removeprefix(PREFIX).lower()
        if (
            not variable.startswith(PREFIX)
            or name in ENVIRONMENT_ONLY
            or _INJECTED.fullmatch(variable)
            or (name == "port" and "://" in value)
        ):
            continue
        if name not in _BY_NAME:
            valid = [setting.variable for setting in TABLE] + [PREFIX + key.upper() for key in ENVIRONMENT_ONLY]
            raise SettingsError(f"environment variable {variable} is not a setting; {_nearest(variable, valid)}")
        found[name] = (f"environment variable {variable}", value)
    return found


def _from_file(path: Path) -> dict[str, tuple[str, object]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from None
    for name in content:
        if name not in _BY_NAME:
            raise SettingsError(f"{path}: {name!r} is not a setting; {_nearest(name, list(_BY_NAME))}")
    return {name: (f"{path}: {name}", value) for name, value in content.items()}


def _nearest(name: str, valid: list[str]) -> str:
    near = difflib.get_close_matches(name, valid, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{hint}Valid are {', '.join(valid)}"


if __name__ == "__main__":
    print(documentation(), end="")  # noqa: T201 - this is how the page is made
