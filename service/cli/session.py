"""What every command shares: ``--home`` and ``--json`` on either side of it, output, errors in one line, exit codes."""

from __future__ import annotations

import functools
import inspect
import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from service.workspace import Workspace

FAILED, WRONG_USAGE, FOUND = 1, 2, 3
DEFAULT_HOME = Path("driftdeck-home")

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Folder of the workspace [env: DRIFTDECK_HOME; default: ./driftdeck-home]")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


@dataclass(frozen=True, slots=True)
class Session:
    """One command being run."""

    home: Path
    json: bool

    @contextmanager
    def workspace(self, memory: str | None = None) -> Iterator[Workspace]:
        """Open the workspace, in the process that serves it if there is one; else with so much ``memory`` for the database."""
        from service import endpoint, open_workspace

        if endpoint.find(self.home) is None:  # then this process judges, and looks things up, by itself
            from service.cli.lean import import_functions

            import_functions()
        with open_workspace(self.home, memory=memory) as workspace:
            yield workspace

    def show(self, data: Any, human: Callable[[], str] | None = None) -> None:
        """Print the answer on stdout: as JSON when asked for, else as ``human`` words it."""
        if self.json or human is None:
            print(json.dumps(plain(data), indent=2, allow_nan=False))
        else:
            print(printable(human()))

    def say(self, text: str) -> None:
        """Print a remark on stderr."""
        print(printable(text), file=sys.stderr, flush=True)


def plain(value: Any) -> Any:
    """Return ``value`` as JSON can hold it: numbers that are none become null, times become text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value if isinstance(value, str | int | bool | None) else str(value)


def printable(text: str) -> str:
    """Return text whose control characters cannot steer a terminal; names come from strangers' data."""
    return "".join(char if char in "\n\t" or char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], empty: str) -> str:
    """Return rows as aligned text; ``columns`` maps keys to headings. Without rows: ``empty``."""
    if not rows:
        return empty
    cells = [list(columns.values())] + [[_cell(row.get(key)) for key in columns] for row in rows]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join(lines)


#: Fractions of a second behind a time: --json has them, people need none.
_FRACTION = re.compile(r"(?<=^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{1,6}(?=[+-]\d\d:\d\d$)")


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = _FRACTION.sub("", " ".join(str(value).split()))
    return text if len(text) <= 100 else text[:99] + "…"


def parse_time(text: str | None) -> datetime | None:
    """Read an ISO 8601 time; without an offset it is in the model's time zone."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not an ISO 8601 time; write 2013-06-04 or 2013-06-04T12:00-04:00"
        ) from None


SinceOption = Annotated[
    datetime | None, typer.Option("--since", parser=parse_time, metavar="TIME", help="Event time from which, included.")
]
UntilOption = Annotated[
    datetime | None,
    typer.Option("--until", parser=parse_time, metavar="TIME", help="Event time until which, excluded."),
]


def command(app: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function ``(session, …)`` as a command that also takes ``--home`` and ``--json``."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(function, eval_str=True)
        keyword = inspect.Parameter.KEYWORD_ONLY
        own = [parameter.replace(kind=keyword) for parameter in list(signature.parameters.values())[1:]]
        shared = [
            inspect.Parameter("ctx", keyword, annotation=typer.Context),
            inspect.Parameter("home", keyword, default=None, annotation=HomeOption),
            inspect.Parameter("as_json", keyword, default=False, annotation=JsonOption),
        ]

        @functools.wraps(function)
        def run(*, ctx: typer.Context, home: Path | None, as_json: bool, **given: Any) -> None:
            before = ctx.obj or {}
            folder = home or before.get("home") or Path(os.environ.get("DRIFTDECK_HOME") or DEFAULT_HOME)
            function(Session(folder, as_json or before.get("json", False)), **given)

        parameters = [*own, *shared]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        del run.__wrapped__
        app.command(name)(run)
        return function

    return register
