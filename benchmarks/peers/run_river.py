"""river: a drift detector per numeric column, fed row by row; categories are not what they take."""

import _protocol as protocol
from river.drift import ADWIN, KSWIN, PageHinkley


def judge(asked, model, reference, days):
    """Yield for each day whether its rows made a column's detector fire."""
    for column in reference.columns:
        if protocol.kind(reference[column]) != "numeric":
            for day, _ in days:
                yield protocol.unjudged(model, day, column, "river's detectors take numbers")
            continue
        detector = _detector(asked)
        _fed(detector, reference[column])
        for day, current in days:
            fired = _fed(detector, current[column])
            yield protocol.verdict(model, day, column, asked.detector, None, None, None, fired > 0, fired=fired)


def _detector(asked):
    if asked.detector == "kswin":
        return KSWIN(seed=42, **({"alpha": asked.alpha} if asked.alpha else {}))
    if asked.detector == "page_hinkley":
        return PageHinkley(**({"threshold": asked.threshold} if asked.threshold else {}))
    return ADWIN(**({"delta": asked.alpha} if asked.alpha else {}))


def _fed(detector, series):
    fired = 0
    for value in protocol.finite(series).tolist():
        detector.update(value)
        fired += detector.drift_detected
    return fired


protocol.run("river", ["adwin", "kswin", "page_hinkley"], judge)
