"""The ratios of the business as they were read, window by window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitors.own_sql import ratios, title
from service.local.convert import iso, number
from storage.readings import current_readings

if TYPE_CHECKING:
    from service import outcome_views
    from service.local.core import Core


def business(core: Core, model: str) -> list[outcome_views.BusinessPoint]:
    """Return the declared ratios in the order in which they are declared, then by window."""
    spec = core.spec(model)
    declared = ratios(spec)
    with core.db.cursor() as cursor:
        rows = current_readings(cursor, model, scope="business")
    places = {name: place for place, name in enumerate(declared)}
    known = sorted(
        (row for row in rows if row["check"] in declared), key=lambda r: (places[r["check"]], r["window_start"])
    )
    return [
        {
            "metric": row["check"],
            "label": title(row["check"], declared[row["check"]]),
            "unit": declared[row["check"]].unit,
            "start": iso(row["window_start"], spec.zone),
            "end": iso(row["window_end"], spec.zone),
            "model_version": row["model_version"],
            "role": "serving",
            "value": number(row["value"]),
            "lower": number(row["ci_lower"]),
            "upper": number(row["ci_upper"]),
            "n": row["n"],
            "reference": number(row["reference_value"]),
            "usual_lower": number(row["lower"]),
            "usual_upper": number(row["upper"]),
            "threshold": number(row["threshold"]),
            "verdict": row["verdict"],
            "sentence": row["sentence"],
        }
        for row in known
    ]
