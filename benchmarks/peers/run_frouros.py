"""frouros: K-S and chi-square at the level of its first example (0.001), a distance with a permutation test, or a streaming detector.

The permutation tests are at 0.01: with 1000 permutations no p-value reaches 0.001. With ``--permutations 0`` a distance is given bare.
"""

import _protocol as protocol
import frouros.detectors.concept_drift as concept
import frouros.detectors.data_drift as batch
from frouros.callbacks import PermutationTestDistanceBased

LEVEL, PERMUTED = 0.001, 0.01
DISTANCES = {
    "psi": batch.PSI,
    "js": batch.JS,
    "kl": batch.KL,
    "hellinger": batch.HellingerDistance,
    "emd": batch.EMD,
    "energy": batch.EnergyDistance,
    "bhattacharyya": batch.BhattacharyyaDistance,
    "mmd": batch.MMD,
}
STREAMS = {
    "adwin": (concept.ADWIN, concept.ADWINConfig, "delta"),
    "kswin": (concept.KSWIN, concept.KSWINConfig, "alpha"),
    "page_hinkley": (concept.PageHinkley, concept.PageHinkleyConfig, None),
    "ddm": (concept.DDM, concept.DDMConfig, None),
    "eddm": (concept.EDDM, concept.EDDMConfig, None),
    "hddm": (concept.HDDMA, concept.HDDMAConfig, None),
    "stepd": (concept.STEPD, concept.STEPDConfig, None),
    "cusum": (concept.CUSUM, concept.CUSUMConfig, None),
}


def judge(asked, model, reference, days):
    """Yield the verdicts of all columns."""
    for column in reference.columns:
        kind = protocol.kind(reference[column])
        if asked.detector == "tests" and kind == "categorical":
            rows = _chi_square(asked, model, column, reference, days)
        elif kind != "numeric":
            rows = (protocol.unjudged(model, day, column, f"{asked.detector} takes numbers") for day, _ in days)
        elif asked.detector in STREAMS:
            rows = _stream(asked, model, column, reference, days)
        else:
            rows = _numeric(asked, model, column, reference, days)
        yield from rows


def _numeric(asked, model, column, reference, days):
    level = asked.alpha or (LEVEL if asked.detector == "tests" else PERMUTED)
    if asked.detector == "tests":
        detector = batch.KSTest()
    elif asked.permutations == 0:
        detector = DISTANCES[asked.detector]()
    else:
        test = PermutationTestDistanceBased(num_permutations=asked.permutations or 1000, random_state=31)
        detector = DISTANCES[asked.detector](callbacks=test)
    detector.fit(X=protocol.finite(reference[column]))
    for day, current in days:
        found, log = detector.compare(X=protocol.finite(current[column]))
        more = {}
        if asked.permutations == 0:
            distance, limit = float(found.distance), asked.threshold
            drift = limit is not None and distance > limit
            yield protocol.verdict(model, day, column, asked.detector, distance, limit, "above", drift)
            continue
        if asked.detector == "tests":
            p = float(found.p_value)
        else:
            p = float(log["PermutationTestDistanceBased"]["p_value"])
            more = {"distance": float(found.distance)}
        yield protocol.verdict(model, day, column, f"{asked.detector} p_value", p, level, "below", p <= level, **more)


def _chi_square(asked, model, column, reference, days):
    level = asked.alpha or LEVEL
    detector = batch.ChiSquareTest()
    detector.fit(X=reference[column].dropna().astype(str).to_numpy(dtype=object))
    for day, current in days:
        found, _ = detector.compare(X=current[column].dropna().astype(str).to_numpy(dtype=object))
        p = float(found.p_value)
        yield protocol.verdict(model, day, column, "chi-square p_value", p, level, "below", p <= level)


def _stream(asked, model, column, reference, days):
    of, config, name = STREAMS[asked.detector]
    chosen = {name: asked.alpha} if name and asked.alpha else {}
    if asked.threshold is not None and asked.detector in ("page_hinkley", "cusum"):
        chosen["lambda_"] = asked.threshold
    if asked.detector == "kswin":
        chosen["seed"] = 31
    detector = of(config=config(**chosen))
    _fed(detector, reference[column])
    for day, current in days:
        fired = _fed(detector, current[column])
        yield protocol.verdict(model, day, column, asked.detector, None, None, None, fired > 0, fired=fired)


def _fed(detector, series):
    fired = 0
    for value in protocol.finite(series).tolist():
        detector.update(value=value)
        if detector.drift:
            fired += 1
            detector.reset()
    return fired


protocol.run("frouros", ["tests", *DISTANCES, *(name for name in STREAMS if name not in DISTANCES)], judge)
