"""Whether there is a check or a column of a name, asked where no reading was found: a misspelt name is no empty list."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import TYPE_CHECKING

from monitors.judge_thresholds import known_checks
from monitors.rule_terms import WORDS, columns_of, vocabulary
from service.workspace import NotFoundError
from storage.readings import names_read

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service.local.core import Core


def known_names(core: Core, model: str, check: str | None, column: str | None) -> None:
    """Raise :class:`NotFoundError` for a check or a column that the model neither has nor ever had a reading of."""
    spec = core.spec(model)
    checks, columns = _checks(core, spec), columns_of(spec)
    lost_check = check is not None and check not in checks
    lost_column = column is not None and columns is not None and column not in columns
    if not lost_check and not lost_column:
        return
    with core.db.cursor() as cursor:
        read_checks, read_columns = names_read(cursor, model)
    if lost_check and check not in read_checks:
        raise NotFoundError(_words(model, "check", str(check), checks, read_checks))
    if lost_column and column not in read_columns:
        raise NotFoundError(_words(model, "column", str(column), columns or (), read_columns))


def _checks(core: Core, spec: ModelSpec) -> frozenset[str]:
    """Return every check that may come to have readings of a model: those of Driftdeck, of the declaration, and of the home's files."""
    files = [file.stem for file in (core.home.root / "checks").glob("[!_]*.py")]
    terms = vocabulary(spec, files).keys() - {name for name, *_ in WORDS}  # these are read by rules alone
    return frozenset({*terms, *known_checks()})


def _words(model: str, kind: str, name: str, known: Collection[str], read: Collection[str]) -> str:
    near = difflib.get_close_matches(name, sorted({*known, *read}), n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}? " if near else ""
    there = f"it has readings of: {', '.join(sorted(read))}" if read else f"there are: {', '.join(sorted(known))}"
    return f"model {model!r} has no {kind} {name[:80]!r}; {hint}{there}"
