"""Every check of a column and what it says of itself: for ``driftdeck checks`` and for the table of ``docs/checks.md``."""

from __future__ import annotations

from typing import Any

from monitors.registry import column_checks
from reference_data.default_checks import DEFAULT_CHECKS

_WORSE = {"higher_is_worse": "higher", "lower_is_worse": "lower", "both": "either way"}
_KINDS = {"ordered": "ordered", "nominal": "categories"}


def describe() -> list[dict[str, Any]]:
    """Return one JSON-ready entry a check, by name.

    ``kinds`` is ``ordered`` (numbers, times, lengths of text), ``nominal`` (categories, truth values) or both; ``exact_from_rows``
    says whether ``compare --exact`` computes it from rows; ``default`` whether it is read unless others are named.
    """
    return [
        {
            "check": check.name,
            "title": check.label,
            "kinds": sorted(check.kinds, reverse=True),
            "unit": check.unit,
            "direction": check.direction,
            "p_value": check.p_function is not None,
            "from_profiles": check.approximate or "exact",
            "exact_from_rows": check.row_function is not None,
            "default": check.name in DEFAULT_CHECKS,
            "summary": check.summary,
            "citation": check.citation,
        }
        for check in column_checks().values()
    ]


def documentation() -> str:
    """Return the table of ``docs/checks.md``."""
    head = "| check | columns | unit | worse | p-value | from profiles | rows, with `--exact` | source |"
    lines = [head, "| " + " | ".join(["---"] * (head.count("|") - 1)) + " |"]
    for entry in describe():
        name = f"**`{entry['check']}`**" if entry["default"] else f"`{entry['check']}`"
        columns = ", ".join(_KINDS[kind] for kind in entry["kinds"])
        worse, p_value = _WORSE[entry["direction"]], "yes" if entry["p_value"] else ""
        rows = "exact" if entry["exact_from_rows"] else ""
        cells = [name, columns, entry["unit"], worse, p_value, entry["from_profiles"], rows, entry["citation"]]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(documentation())  # noqa: T201 - that is what it is run for
