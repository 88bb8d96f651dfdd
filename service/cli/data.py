"""``log``, ``label``: data in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from service.cli.progress import progress
from service.cli.query import Query, append_query
from service.cli.session import Session, command

if TYPE_CHECKING:
    from service.views import AppendView

_MEMORY = "200MB"  # what the database may hold while rows come in

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model.")]
DataArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="CSV, TSV, text, JSON, JSON lines, Parquet or Arrow, also compressed: a file, a pattern, a folder, s3://, gs:// or "
        "az://; - is standard input; or a database's address with --sql.",
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option("--key", help="Name of this append: sent twice, it is kept once [default: a file's own content]."),
]
MapOption = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="THEIRS=OURS", help="A column of the file and what the model calls it; repeat it."),
]
EncodingOption = Annotated[
    str | None, typer.Option("--encoding", help="Encoding of text, such as latin-1 [default: found out].")
]
DelimiterOption = Annotated[
    str | None, typer.Option("--delimiter", help="What separates fields; tab for a tab [default: found out].")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Keep nothing if a single row is bad.")]
StoreOption = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="NAME=VALUE", help="Of an object store: endpoint_url, key, secret, …; repeat it."),
]
SqlOption = Annotated[
    str | None, typer.Option("--sql", metavar="SELECT", help="The query, when DATA is a database's address.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "log")(log)
    command(app, "label")(label)


def log(
    session: Session,
    model: ModelArgument,
    data: DataArgument,
    key: KeyOption = None,
    mapping: MapOption = None,
    encoding: EncodingOption = None,
    delimiter: DelimiterOption = None,
    strict: StrictOption = False,  # noqa: FBT002 - typer reads the default
    option: StoreOption = None,
    sql: SqlOption = None,
) -> None:
    """Append predictions. Loading the same file again goes on where an earlier run ended, and doubles nothing."""
    _append(session, "log", model, data, key, strict, (mapping, encoding, delimiter, option, sql))


def label(
    session: Session,
    model: ModelArgument,
    data: DataArgument,
    key: KeyOption = None,
    mapping: MapOption = None,
    encoding: EncodingOption = None,
    delimiter: DelimiterOption = None,
    strict: StrictOption = False,  # noqa: FBT002 - typer reads the default
    option: StoreOption = None,
    sql: SqlOption = None,
) -> None:
    """Append labels, joined to predictions by id. Loading the same file again goes on where an earlier run ended."""
    _append(session, "label", model, data, key, strict, (mapping, encoding, delimiter, option, sql))


_Given = tuple[Sequence[str] | None, str | None, str | None, Sequence[str] | None, str | None]


def _append(
    session: Session,
    verb: Literal["log", "label"],
    model: str,
    data: str,
    key: str | None,
    strict: bool,  # noqa: FBT001 - as it comes from typer
    given: _Given,
) -> None:
    from storage.files import Reading

    mapping, encoding, delimiter, options, sql = given
    reading = Reading(encoding, delimiter, _pairs("--map", mapping), _pairs("--option", options))
    with session.workspace(memory=_MEMORY) as workspace, progress(session, data) as shown:
        append = workspace.log if verb == "log" else workspace.label
        try:
            if sql is not None:
                query = Query(data, sql, reading.columns)
                result = append_query(append, model, query, key=key, strict=strict, shown=shown)
            else:
                result = append(model, data, key=key, strict=strict, reading=reading, progress=shown)
        except KeyboardInterrupt:
            shown.close()
            session.say(f"stopped: {shown.rows:,} rows are kept; the same command goes on from there")
            raise
    _report(session, model, result, strict=strict)


def _pairs(option: str, given: Sequence[str] | None) -> dict[str, str]:
    pairs = {}
    for text in given or ():
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise typer.BadParameter(f"{option} {text!r} must be written NAME=VALUE")
        pairs[name] = value
    return pairs


def _report(session: Session, model: str, result: AppendView, *, strict: bool) -> None:
    rejected, count = result["rejected"], result["rejected_rows"]
    shown = [f"{_place(item)}, {item['field']}: {item['error']}" for item in rejected[:20]]
    if count > len(shown) and shown:
        shown.append(f"and {count - len(shown):,} more")
    if count and not session.json:
        where = "nothing was stored" if strict else f"they are kept apart: driftdeck quarantine {model}"
        session.say("\n".join([*shown, where]))
    session.show(result, lambda: f"accepted {result['accepted']}, duplicates {result['duplicates']}, rejected {count}")
    if count and not result["accepted"] and not result["duplicates"]:
        raise typer.Exit(1)


def _place(item: dict[str, object]) -> str:
    return f"line {item['line']}" if item.get("line") is not None else f"row {item['row']}"
