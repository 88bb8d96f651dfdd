"""CSV, TSV and other delimited text.

The header and the delimiter are found by Python's ``csv`` (small, and honest about quotes); the rows are parsed by
``pyarrow.csv`` as text and typed afterwards over *all* values, because its own inference sees one block only and fails on a later
value that does not fit. DuckDB's sniffer is not used: what strangers hand in must not reach the engine that holds the data.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from storage.file_formats.blocks import Known, TextBlock, count_lines, record_lines, text_blocks
from storage.file_formats.column_types import Kinds, type_declared, type_text, unique_names
from storage.file_formats.encoding import UNDECODABLE, Utf8Stream
from storage.file_formats.errors import FileError, listing, shorten
from storage.file_formats.table import FileTable, refusal

_SAMPLE = 1 << 20
_LINES = 200
_BLOCK = 1 << 24
DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Header:
    """Where the rows begin, what separates their fields, and what the columns are called."""

    names: list[str]
    width: int  # fields of a row, which may be fewer than there are names
    delimiter: str
    offset: int  # bytes of UTF-8 before the first row
    lines: int  # and physical lines
    notes: list[str]


def read_delimited(
    stream: Utf8Stream, name: str, delimiter: str | None, *, kinds: Kinds | None = None
) -> tuple[pa.Table, list[str]]:
    """Read all of ``stream``. Lines with too many or too few fields are left out, and counted in the notes."""
    header = _header(stream, name, delimiter)
    body = b"".join(iter(lambda: stream.read(_BLOCK), b""))
    table, bad = _parse(body, header, name, quotes=True)
    if body.count(b'"') % 2 or any("\n" in row.text for row in bad):  # a quote that is never closed swallows lines
        other, other_bad = _parse(body, header, name, quotes=False)
        if len(other) > len(table):
            table, bad = other, other_bad
            header.notes.append(f"{name}: a quote is never closed, so quotes are read as plain characters")
    typed, notes = _typed(table, header, kinds)
    return typed, header.notes + _bad_lines(bad, header, name) + notes + stream.notes()


def iter_delimited(
    stream: Utf8Stream, name: str, delimiter: str | None, *, kinds: Kinds, known: Known
) -> Iterator[FileTable]:
    """Read ``stream`` in blocks of some 16 MB; the type of a column that ``kinds`` does not name may differ between them."""
    header = _header(stream, name, delimiter)
    start = {"offset": header.offset, "line": header.lines + 1}
    for block in text_blocks(stream, name, **start, delimiter=header.delimiter, known=known):
        yield _block_table(block, header, name, kinds)
    yield FileTable(_typed(_no_rows(header), header)[0], header.notes + stream.notes())


def _block_table(block: TextBlock, header: Header, name: str, kinds: Kinds) -> FileTable:
    quoted = b'"' in block.data
    text, bad = _parse(block.data, header, name, quotes=quoted)
    if quoted and (block.data.count(b'"') % 2 or any("\n" in row.text for row in bad)):
        other, other_bad = _parse(block.data, header, name, quotes=False)
        if len(other) > len(text):
            text, bad, quoted = other, other_bad, False
    records = len(text) + len(bad)
    lines: Sequence[int] | None = range(block.line, block.line + records)
    if count_lines(block.data) != records:
        found = record_lines(block.data, block.line, quoted=quoted)
        lines = found.tolist() if len(found) == records else None
    wanted = f"{header.width} fields"
    refused = [
        refusal(row.number - 1, row.text, f"the line has {row.actual_columns} fields, not {header.width}", wanted)
        for row in bad
    ]
    if UNDECODABLE.encode() in block.data:
        text, refused = _leave_undecodable(text, refused)
    table, notes = _typed(text, header, kinds)
    if refused:
        notes.append(f"{name}: lines refused: {len(refused):,} (such as {shorten(refused[0]['content'])!r})")
    return FileTable(table, notes, refused, lines, block.mark)


def _leave_undecodable(text: pa.Table, refused: list[dict[str, Any]]) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Refuse the rows with bytes that the declared encoding does not allow."""
    masks = [pc.match_substring(column, UNDECODABLE).fill_null(False).to_numpy() for column in text.columns]
    broken = np.flatnonzero(np.logical_or.reduce(masks))
    places = FileTable(text, refused=refused).places(broken)
    for index, place in zip(broken.tolist(), places.tolist(), strict=True):
        content = ",".join(str(cell) for row in text.slice(index, 1).to_pylist() for cell in row.values())
        words = "the line holds bytes that the encoding does not allow"
        refused.append(refusal(place, content, words, "text in the encoding that was named"))
    keep = np.ones(len(text), dtype=np.bool_)
    keep[broken] = False
    return text.filter(pa.array(keep)), sorted(refused, key=lambda entry: int(entry["row"]))


def _header(stream: Utf8Stream, name: str, delimiter: str | None) -> Header:
    sample = stream.take(_SAMPLE)
    header = _find_header(sample.decode("utf-8", "ignore"), len(sample) < _SAMPLE, name, delimiter)
    stream.put_back(sample[header.offset :])
    return header


def _find_header(text: str, complete: bool, name: str, delimiter: str | None) -> Header:  # noqa: FBT001
    if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n'):
        raise FileError(
            f"{name}: delimiter {delimiter!r} is not possible; give one character such as ',', ';', '|' or a tab"
        )
    lines = io.StringIO(text, newline="").readlines()
    if not complete and len(lines) > 1:
        lines.pop()  # it may be cut off
    skipped = 0
    while skipped < len(lines) and not lines[skipped].strip():
        skipped += 1
    if skipped < len(lines) and (first := lines[skipped].rstrip("\r\n")).lower().startswith("sep=") and len(first) == 5:
        delimiter, skipped = delimiter or first[4], skipped + 1  # Excel's way to say so
    if skipped == len(lines):
        raise FileError(f"{name}: the file is empty; it needs a line of column names, and rows below it")
    chosen = delimiter or _sniff(lines[skipped:])
    reader = csv.reader(lines[skipped:], delimiter=chosen)
    try:
        given = next(reader)
        above = skipped + reader.line_num
        offset = len("".join(lines[:above]).encode())
        widths = Counter(len(row) for row, _ in zip(_rows(reader), range(_LINES), strict=False))
    except csv.Error as error:
        raise FileError(
            f"{name}: the first line is not a list of column names ({error}); give one name for each column"
        ) from None
    width = widths.most_common(1)[0][0] if widths else len(given)
    names, notes = _fit([cell.strip() for cell in given], width, name)
    return Header(names, width, chosen, offset, above, notes)


def _rows(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    try:
        yield from (row for row in reader if row)
    except csv.Error:
        return


def _fit(given: list[str], width: int, name: str) -> tuple[list[str], list[str]]:
    """Make header and rows of one width: a row's first field without a name is an index, as R writes it."""
    notes = []
    if len(given) < width:
        notes.append(f"{name}: the rows have {width} fields, the first line {len(given)} names")
        extra = width - len(given)
        given = ["", *given] if extra == 1 else given + [""] * extra
    elif len(given) > width:
        notes.append(
            f"{name}: the rows have {width} fields for {len(given)} names; the columns {listing(given[width:])} have no values"
        )
    if given and all(_numeric(cell) for cell in given):
        notes.append(f"{name}: the first line looks like values ({listing(given, 3)}), yet is taken for column names")
    names, renamed = unique_names(given)
    return names, notes + renamed


def _numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _sniff(lines: list[str]) -> str:
    """Return the delimiter that splits most lines into the same number (above one) of fields; a comma if none does."""
    best, best_score = ",", (0.0, False, 0)
    for candidate in DELIMITERS:
        reader = csv.reader(lines[: _LINES * 2], delimiter=candidate)
        widths = [len(row) for row, _ in zip(_rows(reader), range(_LINES), strict=False)]
        if not widths:
            continue
        width, count = Counter(widths).most_common(1)[0]
        score = (
            round(count / len(widths), 1),
            widths[0] == width,
            width,
        )  # decimal commas are not in the line of names
        if width > 1 and score > best_score:
            best, best_score = candidate, score
    return best


def _options(header: Header, bad: list[pacsv.InvalidRow], *, quotes: bool, block: int) -> dict[str, object]:
    fields = [f"f{position}" for position in range(header.width)]

    def keep(row: pacsv.InvalidRow) -> str:
        bad.append(row)
        return "skip"

    return {
        "read_options": pacsv.ReadOptions(column_names=fields, block_size=max(block, 1 << 10), use_threads=False),
        "parse_options": pacsv.ParseOptions(
            delimiter=header.delimiter,
            quote_char='"' if quotes else False,
            newlines_in_values=quotes,
            ignore_empty_lines=header.width > 1,  # of a single column, an empty line is a missing value
            invalid_row_handler=keep,
        ),
        "convert_options": pacsv.ConvertOptions(
            column_types=dict.fromkeys(fields, pa.string()), null_values=[""], strings_can_be_null=True
        ),
    }


def _no_rows(header: Header) -> pa.Table:
    return pa.table([pa.array([], pa.string())] * header.width, [f"f{position}" for position in range(header.width)])


def _parse(body: bytes, header: Header, name: str, *, quotes: bool) -> tuple[pa.Table, list[pacsv.InvalidRow]]:
    bad: list[pacsv.InvalidRow] = []
    if not body.strip(b"\r\n"):
        return _no_rows(header), bad
    try:
        table = pacsv.read_csv(io.BytesIO(body), **_options(header, bad, quotes=quotes, block=len(body) + 1))
    except pa.ArrowInvalid as error:
        if quotes:
            return _parse(body, header, name, quotes=False)
        raise _unreadable(name, error) from None
    return (table if quotes else _unquoted(table)), bad


def _unquoted(table: pa.Table) -> pa.Table:
    columns = [pc.replace_substring_regex(column, r'^"(.*)"$', r"\1") for column in table.columns]
    return pa.table(columns, names=table.column_names)


def _unreadable(name: str, error: Exception) -> FileError:
    return FileError(f"{name}: the rows cannot be read ({shorten(error, 120)}); check for a quote that is never closed")


def _typed(table: pa.Table, header: Header, kinds: Kinds | None = None) -> tuple[pa.Table, list[str]]:
    columns: dict[str, pa.ChunkedArray] = {}
    notes: list[str] = []
    for position, name in enumerate(header.names):
        if position < header.width:
            values, comma = table.column(position), header.delimiter != ","
            kind = None if kinds is None else kinds.get(name)
            if kind is None:
                columns[name], found = type_text(name, values, decimal_comma=comma)
                notes += found
            else:
                columns[name] = type_declared(values, kind, decimal_comma=comma)
        else:
            columns[name] = pa.chunked_array([pa.nulls(len(table))])
    return pa.table(columns), notes


def _bad_lines(bad: list[pacsv.InvalidRow], header: Header, name: str) -> list[str]:
    if not bad:
        return []
    example = shorten(bad[0].text.splitlines()[0] if bad[0].text else "")
    return [
        f"{name}: lines left out because they do not have {header.width} fields: {len(bad):,} (such as {example!r})"
    ]
