"""Every metric of realised performance and what it says of itself: for the table of ``docs/metrics.md``."""

from __future__ import annotations

from typing import Any

from monitors.registry import every_metric

_TASKS = {"binary": "two classes", "multiclass": "several classes", "regression": "regression", "ranking": "ranking"}
_BETTER = {"higher_is_worse": "lower", "lower_is_worse": "higher", "both": "neither"}


def describe() -> list[dict[str, Any]]:
    """Return one JSON-ready entry a metric, by task and name; ``shown``: read in every window without being named."""
    entries = [
        {
            "metric": metric.name,
            "title": metric.label,
            "tasks": sorted(metric.kinds, key=list(_TASKS).index),
            "unit": metric.unit,
            "better": _BETTER[metric.direction],
            "from_profiles": metric.approximate or "exact",
            "shown": metric.shown,
            "summary": metric.summary,
            "citation": metric.citation,
        }
        for metric in every_metric().values()
    ]
    return sorted(entries, key=lambda entry: (list(_TASKS).index(entry["tasks"][0]), entry["metric"]))


def documentation() -> str:
    """Return the table of ``docs/metrics.md``."""
    head = "| metric | task | what it says | unit | better | from profiles | source |"
    lines = [head, "| " + " | ".join(["---"] * (head.count("|") - 1)) + " |"]
    for entry in describe():
        name = f"**`{entry['metric']}`**" if entry["shown"] else f"`{entry['metric']}`"
        tasks = ", ".join(_TASKS[task] for task in entry["tasks"])
        unit = entry["unit"].replace("label", "the label's")
        cells = [name, tasks, entry["summary"], unit, entry["better"], entry["from_profiles"], entry["citation"]]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(documentation())  # noqa: T201 - that is what it is run for
