"""The command line: ``driftdeck``. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from service.cli import (
    access,
    business,
    care,
    channels,
    checks,
    columns,
    compare,
    comparing,
    concept,
    data,
    declare,
    door,
    estimate,
    gate,
    labels,
    loop,
    monitor,
    performance,
    references,
    registry,
    replay,
    reporting,
    rules,
    runs,
    segments,
    serve,
    setting_up,
    silences,
    sources,
    studies,
    triggers,
    why,
)
from service.cli.session import FAILED, WRONG_USAGE, HomeOption, JsonOption, printable

app = typer.Typer(
    name="driftdeck",
    help="Watch machine-learning models: what changed, why, and what to do about it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (
    serve,
    declare,
    data,
    labels,
    runs,
    monitor,
    performance,
    business,
    compare,
    concept,
    checks,
    silences,
    channels,
    loop,
    gate,
    studies,
    registry,
    door,
    estimate,
    sources,
    references,
    replay,
    rules,
    triggers,
    segments,
    columns,
    why,
    care,
    access,
    reporting,
    comparing,
    setting_up,
):
    group.register(app)


def _version(asked: bool) -> None:  # noqa: FBT001 - called by typer
    if asked:
        from importlib.metadata import version

        print(f"driftdeck {version('driftdeck')}")
        raise typer.Exit


@app.callback()
def _shared(
    ctx: typer.Context,
    home: HomeOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - typer reads the default
    version: Annotated[  # noqa: FBT002
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    del version
    ctx.obj = {"home": home, "json": as_json}


def main() -> None:
    """Run ``driftdeck``; errors are one line on stderr, and their trace only with ``DRIFTDECK_DEBUG=1``."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except Exception as error:
        if os.environ.get("DRIFTDECK_DEBUG") == "1":
            raise
        print(f"driftdeck: {printable(_words(error))}", file=sys.stderr)
        sys.exit(_code(error))


def _expected() -> tuple[type[Exception], ...]:
    from service.workspace import WorkspaceError
    from storage.errors import StorageError
    from storage.file_formats.errors import FileError

    return WorkspaceError, StorageError, FileError


def _words(error: Exception) -> str:
    if isinstance(error, _expected()):
        return str(error)
    what = " ".join(str(error).split()) or "no further words"
    return f"{type(error).__name__}: {what} (DRIFTDECK_DEBUG=1 shows where)"


def _code(error: Exception) -> int:
    from service.settings import SettingsError

    return WRONG_USAGE if isinstance(error, SettingsError) else FAILED
