"""What is done to a source's rows before they reach the model's door: names mapped, then a SELECT or a function of the operator's own."""

from __future__ import annotations

import importlib.util
import re
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from service.workspace import WorkspaceError
from storage.privacy import HIDDEN
from storage.transform import TransformError, check_select, select, shortened

Transform = Callable[[pa.Table], pa.Table]
_FUNCTION = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_./-]*\.py):([A-Za-z_][A-Za-z0-9_]*)")


def renamed(rows: Any, columns: Mapping[str, str]) -> Any:
    """Return rows (a table, or a list of objects) under the model's names; a column already there under one of them gives way."""
    if not columns:
        return rows
    if isinstance(rows, list):
        return [_renamed_row(row, columns) for row in rows]
    there = set(rows.column_names)
    taken = {model for own, model in columns.items() if own in there}
    keep = [name for name in rows.column_names if name in columns or name not in taken]
    kept = rows.select(keep)
    return kept.rename_columns([columns.get(name, name) for name in keep])


def _renamed_row(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    mapped = {model: row[own] for own, model in columns.items() if own in row}
    return {name: value for name, value in row.items() if name not in columns and name not in mapped} | mapped


def load(text: str | None, folder: Path) -> Transform | None:
    """Return the transform that a source declares; ``folder`` holds the operator's Python files. Raises :class:`WorkspaceError`."""
    if text is None:
        return None
    match = _FUNCTION.fullmatch(text.strip())
    if match is None:
        try:
            check_select(text)
        except TransformError as error:
            raise WorkspaceError(str(error)) from None
        return lambda table: select(table, text)
    return _guarded(text.strip(), _function(folder, match[1], match[2]))


def _function(folder: Path, name: str, function: str) -> Callable[[pa.Table], Any]:
    root = folder.resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise WorkspaceError(f"transform {name!r} lies outside of {folder}; put the file there")
    if not path.is_file():
        raise WorkspaceError(
            f"there is no transform {path}; put the file into {folder}, or write a SELECT over the table rows"
        )
    spec = importlib.util.spec_from_file_location(f"driftdeck_transform_{path.stem}", path)
    assert spec is not None and spec.loader is not None  # noqa: PT018  (a file that ends in .py has both)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise WorkspaceError(f"transform {name} cannot be loaded: {type(error).__name__}: {error}") from error
    found = getattr(module, function, None)
    if not callable(found):
        raise WorkspaceError(f"transform {name} has no function {function!r}; define `def {function}(rows): …` in it")
    return found  # type: ignore[no-any-return]


def _guarded(name: str, function: Callable[[pa.Table], Any]) -> Transform:
    def call(table: pa.Table) -> pa.Table:
        try:
            made = function(table)
        except Exception as error:
            raised = f"{name} raised {type(error).__name__}"
            raise TransformError(
                f"{raised}: {shortened(str(error))}", f"{raised}: {HIDDEN}{_line(error, name)}"
            ) from error
        parts = [] if made is None else list(made) if isinstance(made, list | tuple) else [made]
        wrong = next((part for part in parts if not isinstance(part, pa.Table)), None)
        if wrong is not None:
            raise TransformError(
                f"{name} returned {type(wrong).__name__}; return an Arrow table, a list of them, or None"
            )
        if not parts:
            return pa.table({})
        try:
            return pa.concat_tables(parts, promote_options="permissive")
        except pa.ArrowException as error:
            apart = f"{name} returned tables that do not go together"
            raise TransformError(f"{apart}: {shortened(str(error))}", f"{apart}: {HIDDEN}") from None

    return call


def _line(error: Exception, name: str) -> str:
    """Return where in the operator's file it went wrong, which tells what a hidden message would."""
    file = Path(name.rpartition(":")[0]).name
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).name == file]
    return f", line {lines[-1]}" if lines else ""


def as_table(rows: Any) -> pa.Table:
    """Return rows as an Arrow table; of a list of objects, a column of mixed kinds becomes text."""
    if isinstance(rows, pa.Table):
        return rows
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: _column([row.get(name) for row in rows]) for name in names})


def _column(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())
