"""What to say of a model of which no alert speaks: never that it is fine where nothing was judged."""

from __future__ import annotations

from collections.abc import Sequence

from service.views import ModelView

UNJUDGED = ("no_data", "insufficient")


def words(model: ModelView) -> str:
    """Return the end of the sentence that begins with the model's name (not escaped): its headline, or what is to be done."""
    if model["headline"]:
        return model["headline"].removeprefix(model["name"]).strip(" :.")
    if not model["rows"]["logs"]:
        return "has no data yet: send its first predictions, and it can be judged"
    if model["reference_version"] is None:
        return "has no reference yet, so nothing can be judged: freeze one from rows that were normal"
    if model["health"] == "no_data":
        return "has no data in its latest window"
    if model["health"] == "insufficient":
        return "has too few rows in its latest window to be judged"
    return "is within its natural variation: nothing to do"


def nothing_judged(models: Sequence[ModelView]) -> str | None:
    """Return the headline of models none of which could be judged, None when any was."""
    if not models or any(model["health"] not in UNJUDGED for model in models):
        return None
    if all(not model["rows"]["logs"] for model in models):
        return "No data yet"
    return "Nothing could be judged yet" if len(models) > 1 else "The model could not be judged yet"
