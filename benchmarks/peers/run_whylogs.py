"""whylogs: both sides are profiled, and the profiles' drift scores read as they come (category ``DRIFT``)."""

import _protocol as protocol
import whylogs
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores


def judge(asked, model, reference, days):
    """Yield the verdicts of all days."""
    normal = whylogs.log(reference).view()
    for day, current in days:
        scores = calculate_drift_scores(
            target_view=whylogs.log(current).view(), reference_view=normal, with_thresholds=True
        )
        for column in reference.columns:
            found = scores.get(column)
            if found is None:
                yield protocol.unjudged(model, day, column, "whylogs gives no score")
                continue
            p = found["pvalue"]
            value, fires = (found["statistic"], "above") if p is None else (p, "below")
            limits = found["thresholds"]["DRIFT"]
            limit = asked.alpha if p is not None and asked.alpha else limits[0 if p is None else 1]
            drift = found["drift_category"] == "DRIFT" if limit == limits[0 if p is None else 1] else value < limit
            yield protocol.verdict(model, day, column, found["algorithm"], float(value), limit, fires, bool(drift))


protocol.run("whylogs", ["default"], judge)
