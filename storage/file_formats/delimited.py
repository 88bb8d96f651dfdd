"""CSV, TSV and other delimited text.

The header and the delimiter are found by Python's ``csv`` (small, and honest about quotes); the rows are parsed by
``pyarrow.csv`` as text and typed afterwards over *all* values, because its own inference sees one block only and fails on a later
value that does not fit. DuckDB's sniffer is not used: what strangers hand in must not reach the engine that holds the data.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from storage.file_formats.column_types import type_text, unique_names
from storage.file_formats.encoding import Utf8Stream
from storage.file_formats.errors import FileError, listing, shorten

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
    notes: list[str]


def read_delimited(stream: Utf8Stream, name: str, delimiter: str | None) -> tuple[pa.Table, list[str]]:
    """Read all of ``stream``. Lines with too many or too few fields are left out, and counted in the notes."""
    header = _header(stream, name, delimiter)
    body = b"".join(iter(lambda: stream.read(_BLOCK), b""))
    table, bad = _parse(body, header, name, quotes=True)
    if body.count(b'"') % 2 or any("\n" in text for text in bad):  # a quote that is never closed swallows lines
        other, other_bad = _parse(body, header, name, quotes=False)
        if len(other) > len(table):
            table, bad = other, other_bad
            header.notes.append(f"{name}: a quote is never closed, so quotes are read as plain characters")
    typed, notes = _typed(table, header)
    return typed, header.notes + _bad_lines(bad, header, name) + notes + stream.notes()


def iter_delimited(stream: Utf8Stream, name: str, delimiter: str | None) -> Iterator[tuple[pa.Table, list[str]]]:
    """Read ``stream`` in blocks of some 16 MB; a column's type is found block by block, so it may differ between them."""
    header = _header(stream, name, delimiter)
    bad: list[str] = []
    first = stream.take(1)
    if not first:
        yield _typed(_no_rows(header), header)[0], header.notes
        return
    stream.put_back(first)
    try:
        reader = pacsv.open_csv(io.BufferedReader(stream), **_options(header, bad, quotes=True))
        for batch in reader:
            typed, notes = _typed(pa.Table.from_batches([batch]), header)
            yield typed, notes
    except pa.ArrowInvalid as error:
        raise _unreadable(name, error) from None
    yield _typed(_no_rows(header), header)[0], header.notes + _bad_lines(bad, header, name) + stream.notes()


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
        offset = len("".join(lines[: skipped + reader.line_num]).encode())
        widths = Counter(len(row) for row, _ in zip(_rows(reader), range(_LINES), strict=False))
    except csv.Error as error:
        raise FileError(
            f"{name}: the first line is not a list of column names ({error}); give one name for each column"
        ) from None
    width = widths.most_common(1)[0][0] if widths else len(given)
    names, notes = _fit([cell.strip() for cell in given], width, name)
    return Header(names, width, chosen, offset, notes)


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
    best, best_score = ",", (0.0, 0)
    for candidate in DELIMITERS:
        reader = csv.reader(lines[: _LINES * 2], delimiter=candidate)
        widths = [len(row) for row, _ in zip(_rows(reader), range(_LINES), strict=False)]
        if not widths:
            continue
        width, count = Counter(widths).most_common(1)[0]
        score = (round(count / len(widths), 1), width)
        if width > 1 and score > best_score:
            best, best_score = candidate, score
    return best


def _options(header: Header, bad: list[str], *, quotes: bool) -> dict[str, object]:
    fields = [f"f{position}" for position in range(header.width)]

    def keep(row: pacsv.InvalidRow) -> str:
        bad.append(row.text)
        return "skip"

    return {
        "read_options": pacsv.ReadOptions(column_names=fields, block_size=_BLOCK),
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


def _parse(body: bytes, header: Header, name: str, *, quotes: bool) -> tuple[pa.Table, list[str]]:
    bad: list[str] = []
    if not body.strip(b"\r\n"):
        return _no_rows(header), bad
    try:
        table = pacsv.read_csv(io.BytesIO(body), **_options(header, bad, quotes=quotes))
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


def _typed(table: pa.Table, header: Header) -> tuple[pa.Table, list[str]]:
    columns: dict[str, pa.ChunkedArray] = {}
    notes: list[str] = []
    for position, name in enumerate(header.names):
        if position < header.width:
            columns[name], found = type_text(name, table.column(position), decimal_comma=header.delimiter != ",")
            notes += found
        else:
            columns[name] = pa.chunked_array([pa.nulls(len(table))])
    return pa.table(columns), notes


def _bad_lines(bad: list[str], header: Header, name: str) -> list[str]:
    if not bad:
        return []
    example = shorten(bad[0].splitlines()[0] if bad[0] else "")
    return [
        f"{name}: lines left out because they do not have {header.width} fields: {len(bad):,} (such as {example!r})"
    ]
