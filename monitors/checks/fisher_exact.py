"""Fisher's exact test."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import Values, sides
from monitors.checks._chance import ONCE_IN
from monitors.checks._proportions import category_scores, compared_categories
from monitors.types import Check
from reference_data.profile import ColumnProfile


def fisher_exact(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the two-sided p-value of the table of both sides by two categories.

    With more categories, the one whose share moved furthest in standard errors is held against all others, and the p-value
    is multiplied by the number of categories (Bonferroni). NaN where a side has no values.
    """
    from monitors.fisher import fisher_p

    left, right = sides(reference, current)
    scores = category_scores(left, right)
    foremost = np.nan_to_num(scores, nan=-1.0).argmax(axis=-1)[..., None]
    one = (np.take_along_axis(part, foremost, axis=-1)[..., 0].ravel() for part in (left, right))
    whole = (part.sum(axis=-1).ravel() for part in (left, right))
    tests = compared_categories(left, right).ravel()
    p = np.full(len(tests), np.nan)
    for index, (a, b, n, m) in enumerate(zip(*one, *whole, strict=True)):
        if n and m:
            p[index] = min(1.0, tests[index] * fisher_p(int(a), int(n), int(b), int(m)))
    return p.reshape(left.shape[:-1])


def level(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the p-value that chance alone falls below at most once in a hundred times."""
    left, right = sides(reference, current)
    held = (left.sum(axis=-1) > 0) & (right.sum(axis=-1) > 0)
    return np.asarray(np.where(held, ONCE_IN, np.nan))


CHECK = Check(
    name="fisher_exact",
    scope="column",
    kinds=frozenset({"nominal"}),
    unit="probability",
    direction="lower_is_worse",
    summary="The chance of a difference at least as unlikely as this one, if both sides came from one source.",
    citation="Fisher (1922), On the interpretation of chi-square from contingency tables, J. R. Stat. Soc. 85(1).",
    column_function=fisher_exact,
    p_function=fisher_exact,
    level_function=level,
    approximate="exact on the reference's cells",
    title="Fisher's exact test (p-value)",
)
