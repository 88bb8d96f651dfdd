"""The declaration file: TOML to :class:`Declaration` with errors that name the line, and back again."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reference_data.declaration import Declaration, ModelSpec
from reference_data.section import parse_duration, parse_rows
from service.toml_lines import Path, find_lines
from service.workspace import WorkspaceError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_TOML_PLACE = re.compile(r"^(.*) \(at line (\d+), column (\d+)\)$", re.DOTALL)
_BARE = re.compile(r"[A-Za-z0-9_-]+")
#: The tables of a file that hold named things.
SECTIONS = ("models", "channels", "maintenance", "sources")
#: TOML has no null: an empty text takes away a default that may be None (``label = ""``: there are no labels).
_NULLABLE = tuple(
    name
    for name, field in ModelSpec.model_fields.items()
    if field.default is not None and type(None) in get_args(field.annotation)
)


class DeclarationError(WorkspaceError):
    """A declaration is not valid; ``problems`` are one line each, the message all of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def parse(text: str, environ: Mapping[str, str] | None) -> Declaration:
    """Read a declaration. ``${NAME}`` in texts becomes that variable of ``environ`` (None: is kept as written).

    Raises :class:`DeclarationError` naming, for every problem, line, key, value, what is allowed.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.match(str(error))
        where = f"line {place[2]}, column {place[3]}: " if place else ""
        raise DeclarationError([f"{where}not TOML: {place[1] if place else error}"]) from None
    lines = find_lines(text)
    problems: list[str] = []
    expanded = content if environ is None else _expand(content, environ, (), lines, problems)
    problems += _named_twice(content, lines)
    try:
        declaration = Declaration.model_validate(_named(expanded))
    except ValidationError as error:
        problems += [_describe(item, lines) for item in error.errors(include_url=False)]
    else:
        problems += _bad_schedules(declaration, lines)
        if not problems:
            return declaration
    raise DeclarationError(sorted(problems, key=_line_number))


def _named_twice(content: Mapping[str, Any], lines: dict[Path, int]) -> list[str]:
    return [
        f"{_where((section, key, 'name'), lines)}: 'name' is not a key here; the table has the name already: {key}"
        for section in SECTIONS
        if isinstance(content.get(section), dict)
        for key, entry in content[section].items()
        if isinstance(entry, dict) and "name" in entry
    ]


def _bad_schedules(declaration: Declaration, lines: dict[Path, int]) -> list[str]:
    from monitors.schedule import parse_schedule

    def parse_cron(text: str, timezone: str) -> None:
        if text.strip().lower().startswith("every"):
            raise ValueError(f"schedule {text!r} is no cron line; write one, such as '0 7 * * 1'")
        parse_schedule(text, timezone)

    problems = []
    for name, spec in declaration.models.items():
        try:
            if parse_rows(spec.monitor.schedule) is None:
                parse_schedule(spec.monitor.schedule, spec.timezone)
        except ValueError as error:
            problems.append(f"{_where(('models', name, 'monitor', 'schedule'), lines)}: {error}")
        try:
            parse_duration(spec.monitor.timeout)
        except ValueError as error:
            problems.append(f"{_where(('models', name, 'monitor', 'timeout'), lines)}: {error}")
    for name, channel in declaration.channels.items():
        for key, words in {"digest": ("daily", "weekly"), "summary": ("weekly",)}.items():
            value = getattr(channel, key)
            if value is None or value in words:
                continue
            try:
                parse_cron(str(value), channel.timezone)
            except ValueError as error:
                known = " and ".join(map(repr, words))
                verb = "are" if len(words) > 1 else "is"
                problems.append(f"{_where(('channels', name, key), lines)}: {error}; {known} {verb} understood too")
    for name, maintenance in declaration.maintenance.items():
        if maintenance.schedule is not None:
            try:
                parse_cron(maintenance.schedule, maintenance.timezone)
            except ValueError as error:
                problems.append(f"{_where(('maintenance', name, 'schedule'), lines)}: {error}")
    for name, source in declaration.sources.items():
        model = declaration.models.get(source.model)  # one that is declared already is looked at when it is applied
        try:
            parse_schedule(source.schedule, model.timezone if model else "UTC")
        except ValueError as error:
            problems.append(f"{_where(('sources', name, 'schedule'), lines)}: {error}")
    return problems


def unknown_models(declaration: Declaration, text: str, known: Collection[str]) -> list[str]:
    """Return a problem for each source whose model is declared neither in the file nor among ``known``."""
    there = sorted({*declaration.models, *known})
    lines = find_lines(text)
    return [
        f"{_where(('sources', name, 'model'), lines)}: there is no model {source.model!r}; "
        f"declare it in this file or before; there are {', '.join(there) or 'none yet'}"
        for name, source in declaration.sources.items()
        if source.model not in there
    ]


def _line_number(problem: str) -> int:
    match = re.match(r"line (\d+):", problem)
    return int(match[1]) if match else 0


def dump(declaration: Declaration) -> str:
    """Return the declaration as TOML, defaults left out; :func:`parse` gives the same declaration back."""
    return to_toml(content(declaration))


def content(declaration: Declaration) -> dict[str, Any]:
    """Return what a file holds of a declaration: sections, in them names, in them values that are no defaults."""
    result = declaration.model_dump(exclude_defaults=True)
    for section in SECTIONS:
        for entry in result.get(section, {}).values():
            entry.pop("name")
    for entry in result.get("models", {}).values():
        for name in _NULLABLE:
            if name in entry and entry[name] is None:
                entry[name] = ""
    return result


def to_toml(content: Mapping[str, Any]) -> str:
    """Return tables of TOML's own values (and tuples) as text."""
    return "\n".join(_tables(content, ())).lstrip("\n") + "\n"


def _named(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content with every declared thing carrying its key as its name, and empty texts as None."""
    result = dict(content)
    for section in SECTIONS:
        entries = content.get(section)
        if isinstance(entries, dict):
            result[section] = {
                key: {"name": key} | _without_empty(entry) if isinstance(entry, dict) else entry
                for key, entry in entries.items()
            }
    return result


def _without_empty(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: None if value == "" and key in _NULLABLE else value for key, value in entry.items()}


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Return a stored text with its ``${VAR}`` filled in; raises :class:`DeclarationError` naming a variable that is not set."""

    def replace(match: re.Match[str]) -> str:
        if match[1] not in environ:
            raise DeclarationError([f"environment variable {match[1]} is not set; set it where Driftdeck runs"])
        return environ[match[1]]

    return _VARIABLE.sub(replace, text)


def _expand(value: Any, environ: Mapping[str, str], path: Path, lines: dict[Path, int], problems: list[str]) -> Any:
    if isinstance(value, dict):
        return {key: _expand(inner, environ, (*path, key), lines, problems) for key, inner in value.items()}
    if isinstance(value, list):
        return [_expand(inner, environ, (*path, str(i)), lines, problems) for i, inner in enumerate(value)]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        if match[1] in environ:
            return environ[match[1]]
        problems.append(
            f"{_where(path, lines)}: environment variable {match[1]} is not set; set it, or write the value itself"
        )
        return match[0]

    return _VARIABLE.sub(replace, value)


def _describe(error: ErrorDetails, lines: dict[Path, int]) -> str:
    """Return one problem as line, key, value and what is allowed."""
    path = tuple(str(part) for part in error["loc"] if part != "[key]")
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        allowed = _fields(path[:-1])
        near = difflib.get_close_matches(path[-1], allowed, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}? " if near else ""
        return f"{_where(path, lines)}: {path[-1]!r} is not a key here; {hint}Allowed are {', '.join(allowed)}"
    if kind == "missing":
        return f"{_where(path[:-1], lines)}: {path[-1]!r} is missing{_choices(path)}"
    if kind == "value_error":
        return f"{_where(path, lines)}: {context['error']}"
    if kind == "literal_error":
        near = difflib.get_close_matches(str(error["input"]), re.findall(r"'([^']*)'", context["expected"]), n=1)
        hint = f"did you mean {near[0]!r}? Allowed" if near else "allowed"
        return f"{_where(path, lines)}: {error['input']!r} is not allowed; {hint} are {context['expected']}"
    if kind == "string_pattern_mismatch" and path[-1] == "name":
        return (
            f"{_where(path[:-1], lines)}: the name {error['input']!r} is not allowed; write small letters, digits, "
            "'_' and '-', a letter first, at most 63 of them"
        )
    message = error["msg"].removeprefix("Input ").replace("should be", "it should be", 1)
    return f"{_where(path, lines)}: {error['input']!r} is not allowed; {message}"


def _where(path: Path, lines: dict[Path, int]) -> str:
    """Return ``line 7: models.x.task`` for the deepest part of ``path`` that stands in the file."""
    known = next((path[:depth] for depth in range(len(path), 0, -1) if path[:depth] in lines), None)
    name = ".".join(_key(part) for part in path) or "the file"
    return f"line {lines[known]}: {name}" if known else name


def _section(path: Path) -> type[BaseModel] | None:
    """Return the class that describes the table at ``path``."""
    shape: type[BaseModel] | None = Declaration
    parts = iter(path)
    for part in parts:
        annotation = shape.model_fields[part].annotation if shape and part in shape.model_fields else None
        inner = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
        shape = next((kind for kind in inner if issubclass(kind, BaseModel)), None)
        if annotation not in inner or (shape is not None and shape is not annotation):
            next(parts, None)  # a table of named entries: the next part is a name
    return shape


def _fields(path: Path) -> list[str]:
    shape = _section(path)
    return [name for name in shape.model_fields if name != "name"] if shape else []


def _choices(path: Path) -> str:
    shape = _section(path[:-1])
    annotation = shape.model_fields[path[-1]].annotation if shape else None
    values = [value for value in get_args(annotation) if isinstance(value, str)]
    return f"; allowed are {', '.join(repr(value) for value in values)}" if values else ""


def _tables(table: Mapping[str, Any], path: Path) -> Iterator[str]:
    """Yield the lines of a table: its values first, then the tables inside it."""
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    if path and (plain or not table):
        yield f"\n[{'.'.join(_key(part) for part in path)}]"
    for key, value in plain.items():
        yield f"{_key(key)} = {_value(value)}"
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _tables(value, (*path, key))


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(key)} = {_value(inner)}' for key, inner in value.items())} }}"
    if isinstance(value, datetime):
        return value.isoformat()
    return _text(str(value))


def _text(text: str) -> str:
    """Return a basic string of TOML: quote, backslash and control characters escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda match: f"\\u{ord(match[0]):04x}", escaped) + '"'
