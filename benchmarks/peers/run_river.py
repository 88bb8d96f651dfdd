"""river: a drift detector per numeric column, fed row by row; categories are not what they take.

With ``--sweep`` the detectors never fire; each day tells instead the limit up to which it would have: KSWIN its smallest p-value,
Page-Hinkley its largest sum in standard deviations of the reference, ADWIN, which shows no statistic, the smallest of a ladder of deltas
that fires. Of KSWIN and Page-Hinkley that is what they do until they first fire; later they would have been reset.
"""

import _protocol as protocol
from river.drift import ADWIN, KSWIN, PageHinkley

LADDER = (1e-3, 1e-4, 1e-6, 1e-8, 1e-11, 1e-15, 1e-20)  # deltas; the default is 0.002


def judge(asked, model, reference, days):
    """Yield for each day whether its rows made a column's detector fire."""
    for column in reference.columns:
        if protocol.kind(reference[column]) != "numeric":
            for day, _ in days:
                yield protocol.unjudged(model, day, column, "river's detectors take numbers")
            continue
        yield from (_swept if asked.sweep else _fired)(asked, model, column, reference, days)


def _fired(asked, model, column, reference, days):
    detector = _detector(asked)
    _fed(detector, protocol.finite(reference[column]))
    for day, current in days:
        fired = _fed(detector, protocol.finite(current[column]))
        yield protocol.verdict(model, day, column, asked.detector, None, None, None, fired > 0, fired=fired)


def _swept(asked, model, column, reference, days):
    before = protocol.finite(reference[column])
    more = {}
    if asked.detector == "kswin":
        detector, fires, far = KSWIN(alpha=0, seed=42), "below", lambda: _smallest_p(detector)
    elif asked.detector == "page_hinkley":
        detector, fires, far = PageHinkley(threshold=float("inf")), "above", lambda: _sum(detector)
        more = {"center": 0.0, "spread": float(before.std()) or 1.0}
    else:
        detectors = [ADWIN(delta=delta) for delta in LADDER]
    for day, part in [(None, before), *((day, protocol.finite(current[column])) for day, current in days)]:
        if asked.detector == "adwin":
            fired = [delta for delta, each in zip(LADDER, detectors, strict=True) if _fed(each, part)]
            fires, value = "below", min(fired, default=1.0)
        else:
            value = _extreme(detector, part.tolist(), far, min if fires == "below" else max)
        if day is not None:
            name = f"{asked.detector} delta" if asked.detector == "adwin" else asked.detector
            yield protocol.verdict(model, day, column, name, value, None, fires, False, **more)


def _extreme(detector, values, far, worse):
    found = far()
    for value in values:
        detector.update(value)
        found = worse(found, far())
    return found


def _smallest_p(detector):
    return detector.p_value if len(detector.window) >= detector.window_size else 1.0


def _sum(detector):
    state = vars(detector)  # river shows whether it is beyond the threshold, not by how much
    up, down = state["_sum_increase"] - state["_min_increase"], state["_max_decrease"] - state["_sum_decrease"]
    return max(up, down) if state["_x_mean"].n >= detector.min_instances else 0.0


def _detector(asked):
    if asked.detector == "kswin":
        return KSWIN(seed=42, **({"alpha": asked.alpha} if asked.alpha else {}))
    if asked.detector == "page_hinkley":
        return PageHinkley(**({"threshold": asked.threshold} if asked.threshold else {}))
    return ADWIN(**({"delta": asked.alpha} if asked.alpha else {}))


def _fed(detector, values):
    fired = 0
    for value in values.tolist():
        detector.update(value)
        fired += detector.drift_detected
    return fired


protocol.run("river", ["adwin", "kswin", "page_hinkley"], judge)
