"""Checks that a team keeps as Python files in its home's folder ``checks``: one file each, as in ``monitors/checks``.

The folder is the operator's: nothing that comes over HTTP puts a file there. What goes wrong with one file becomes its reading.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from monitors.checks._cells import Values
from monitors.judge_custom import OwnCheck, Variation, custom_readings
from monitors.registry import column_checks
from monitors.types import Check, Reading
from reference_data.plugins import discover
from reference_data.profile import ColumnProfile, Profile
from reference_data.reference import Reference
from reference_data.windows import Window, WindowSpec
from storage.custom_checks import CustomValue


@dataclass(frozen=True, slots=True)
class HomeCheck:
    """One file: its check, or what is wrong with it in words."""

    name: str
    check: Check | None
    error: str | None = None


def load_checks(folder: Path) -> list[HomeCheck]:
    """Return the checks of a folder's files in order of name, those of broken files too; files that begin with ``_`` are helpers."""
    if not folder.is_dir():
        return []
    files = [path for path in sorted(folder.glob("*.py")) if not path.name.startswith("_")]
    return [_load(path, path.stat().st_mtime_ns, path.stat().st_size) for path in files]


@lru_cache(maxsize=128)
def _load(path: Path, changed: int, size: int) -> HomeCheck:  # noqa: ARG001  (a file that changed is read again)
    spec = importlib.util.spec_from_file_location(f"driftdeck_check_{path.stem}", path)
    if spec is None or spec.loader is None:
        return HomeCheck(path.stem, None, f"{path.name} cannot be read as Python")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a file that ends the process ends itself only
        return HomeCheck(path.stem, None, f"{path.name} cannot be loaded: {type(error).__name__}: {error}")
    check = getattr(module, "CHECK", None)
    return HomeCheck(path.stem, check if isinstance(check, Check) else None, _problem(path, check))


def _problem(path: Path, check: object) -> str | None:
    if not isinstance(check, Check):
        return f"{path.name} defines no CHECK; write `CHECK = Check(name={path.stem!r}, …)` (from monitors.types import Check)"
    if check.name != path.stem:
        return f"{path.name} defines a check called {check.name!r}; a file is named as its check: rename one"
    if check.name in column_checks() or check.name in discover("monitors.metrics", "CHECK"):
        return f"{path.name} has the name of a check that comes with Driftdeck; give it another"
    if check.scope != "column" or check.column_function is None:
        return f"{path.name} has no column_function: a function of the reference's column and the windows', one value a window"
    return None


def home_readings(
    file: HomeCheck,
    reference: Reference,
    window_spec: WindowSpec,
    windows: Sequence[Window],
    inputs: Profile,
    blank: Reading,
    *,
    level: float,
    least: int,
) -> list[Reading]:
    """Return a file's readings of every column it applies to, for windows whose profiles are ``inputs`` (windows,).

    ``level``: the largest significant p-value, of all columns together. A file that cannot be used has one reading a window that says why,
    a column on which its function fails likewise.
    """
    failed = replace(blank, scope="custom", check=file.name, verdict="error")
    if file.error is not None or file.check is None:
        return [replace(failed, window=window, error=file.error, sentence=f"{file.error}.") for window in windows]
    total = reference.inputs.total()
    names = [name for name in total.layout.names if total.layout.entry(name).bins.kind in file.check.kinds]
    found: list[Reading] = []
    for name in names:
        try:
            values, usual = _values(file.check, reference, window_spec, name, total, inputs)
        except (Exception, SystemExit) as error:
            words = f"{file.name} of {name} could not be computed: {type(error).__name__}: {error}"
            found += [
                replace(failed, column=name, window=window, error=words, sentence=f"{words}.") for window in windows
            ]
            continue
        check = file.check
        own = OwnCheck(check.name, check.unit, check.direction, name)
        found += custom_readings(
            own,
            windows,
            values,
            usual,
            window_spec,
            blank=replace(blank, scope="custom"),
            level=level / len(names),
            least=least,
        )
    return found


def _values(
    check: Check, reference: Reference, window_spec: WindowSpec, name: str, total: Profile, inputs: Profile
) -> tuple[list[CustomValue], Variation]:
    kept, rest, past = _left_out(reference, window_spec)
    now = inputs.column(name)
    value = _called(check, total.column(name), now)
    usual = _called(check, rest.column(name), past.column(name)) if len(kept) > 1 else np.zeros(0)
    values = [CustomValue(float(v), int(n)) for v, n in zip(value, now.rows.tolist(), strict=True)]
    rows = past.column(name).rows if len(kept) > 1 else np.zeros(0, dtype=np.int64)
    starts = tuple(window.start for window in kept) if len(kept) > 1 else ()
    return values, Variation(starts, usual, rows, f"{len(kept)} windows of the reference, each held against the others")


def _called(check: Check, base: ColumnProfile, now: ColumnProfile) -> Values:
    assert check.column_function is not None
    value = np.asarray(check.column_function(base, now), dtype=np.float64)
    if value.shape != now.rows.shape:
        raise ValueError(
            f"the function returned an array of shape {value.shape}; {now.rows.shape} is needed: one value a window"
        )
    return value


@lru_cache(maxsize=8)
def _left_out(reference: Reference, window_spec: WindowSpec) -> tuple[list[Window], Profile, Profile]:
    """Return a reference's windows, all the others beside each, and each."""
    groups: dict[Window, list[int]] = {}
    for index, bucket in enumerate(reference.buckets):
        if reference.inputs.rows[index]:
            groups.setdefault(window_spec.containing(bucket), []).append(index)
    kept = sorted(groups)
    parts = _stacked([reference.inputs[np.asarray(groups[window])].total() for window in kept])
    places = np.arange(len(kept))
    rest = _stacked([parts[np.flatnonzero(places != place)].total() for place in places]) if len(kept) > 1 else parts
    return kept, rest, parts


def _stacked(profiles: Sequence[Profile]) -> Profile:
    layout = profiles[0].layout
    return Profile(layout, np.stack([p.counts for p in profiles]), np.stack([p.moments for p in profiles]))
