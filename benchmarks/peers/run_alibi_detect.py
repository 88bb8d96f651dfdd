"""alibi-detect: TabularDrift (K-S and chi-square), KSDrift on numeric columns, or MMDDrift (PyTorch) on all of them.

Its arrays cannot hold missing values: numbers take the reference's median, categories get a code of their own.
"""

import _protocol as protocol
import numpy as np
from alibi_detect.cd import KSDrift, MMDDrift, TabularDrift


def judge(asked, model, reference, days):
    """Yield the verdicts of all days; the verdict on the whole is the tool's own, by default corrected after Bonferroni."""
    kinds = {name: protocol.kind(reference[name]) for name in reference.columns}
    numeric = [name for name, kind in kinds.items() if kind == "numeric"]
    nominal = [name for name, kind in kinds.items() if kind == "categorical"]
    columns = [name for name in reference.columns if name in numeric or name in nominal]
    if asked.detector == "ks":
        columns = numeric
    codes = _codes(nominal, reference, days)
    base = _array(reference, columns, codes, reference)
    level = asked.alpha or 0.05
    detector = _detector(asked.detector, base, level, columns, codes)
    for day, current in days:
        data = _array(current, columns, codes, reference)
        whole = detector.predict(data)["data"]
        yield protocol.dataset(model, day, bool(whole["is_drift"]))
        if asked.detector == "mmd":
            value = float(whole["p_val"])
            yield protocol.verdict(model, day, "*", "mmd", value, level, "below", bool(whole["is_drift"]))
            continue
        for column, p in zip(columns, whole["p_val"], strict=True):
            name = "chi-square p_value" if column in codes and asked.detector == "tabular" else "K-S p_value"
            yield protocol.verdict(model, day, column, name, float(p), level, "below", bool(p < level))
        for column in reference.columns:
            if column not in columns:
                yield protocol.unjudged(model, day, column, "not a column the detector takes")


def _detector(name, base, level, columns, codes):
    if name == "mmd":
        return MMDDrift(base, backend="pytorch", p_val=level)
    if name == "ks":
        return KSDrift(base, p_val=level)
    levels = {index: None for index, column in enumerate(columns) if column in codes}  # those of the reference
    return TabularDrift(base, p_val=level, categories_per_feature=levels)


def _codes(nominal, reference, days):
    seen = {name: set(reference[name].dropna()) for name in nominal}
    for _, current in days:
        for name in nominal:
            seen[name] |= set(current[name].dropna())
    return {name: {value: code for code, value in enumerate(sorted(values, key=str))} for name, values in seen.items()}


def _array(frame, columns, codes, reference):
    parts = []
    for name in columns:
        if name in codes:
            parts.append(frame[name].map(codes[name]).astype("float64").fillna(len(codes[name])).to_numpy())
        else:
            values = frame[name].to_numpy(dtype="float64", na_value=np.nan)
            middle = np.median(protocol.finite(reference[name]))
            parts.append(np.where(np.isfinite(values), values, middle))
    return np.column_stack(parts).astype("float32")


protocol.run("alibi-detect", ["tabular", "ks", "mmd"], judge)
