"""The fixture that holds our estimates to NannyML's: a few of its own rows, and what it estimates of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.estimates.cases import Case

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "parity"
CASES = {
    "car loans": ["car_value", "salary_range"],
    "credit cards": ["acq_channel"],
    "car prices": None,
}  # None: all inputs
_REFERENCE, _CURRENT = 6, 5  # windows of 1,000 rows


def write(cases: Sequence[Case], estimate: Callable[[Sequence[Case]], list[dict[str, Any]]]) -> None:
    """Write ``nannyml_estimates.json`` and one Parquet file a data set beside it."""
    expected = {}
    for case in cases:
        if case.name not in CASES:
            continue
        kept = CASES[case.name]
        numeric, categorical = (
            [n for n in names if kept is None or n in kept] for names in (case.numeric, case.categorical)
        )
        every = [*numeric, *categorical, "prediction", "label", "window"]
        every += [name for name in case.reference.columns if name.startswith("score")]
        later = case.current[every][case.current["window"] % 10 == 9].copy()  # from the whole time, shifted and not
        later = later[later["window"] < 10 * _CURRENT]
        small = replace(
            case, numeric=numeric, categorical=categorical, current=later.reset_index(drop=True),
            reference=case.reference[every][case.reference["window"] < _REFERENCE].reset_index(drop=True),
        )  # fmt: skip
        found = estimate([small])[0]
        name = case.name.replace(" ", "_")
        small.reference.to_parquet(FOLDER / f"nannyml_{name}_reference.parquet", compression="zstd")
        small.current.to_parquet(FOLDER / f"nannyml_{name}_current.parquet", compression="zstd")
        about = {"task": case.task, "numeric": numeric, "categorical": categorical, "classes": list(case.classes)}
        expected[case.name] = about | {"metrics": found}
    text = {
        "made_by": "python -m benchmarks.estimates fixture",
        "data": "NannyML 0.13.1, Apache License 2.0",
        "cases": expected,
    }
    (FOLDER / "nannyml_estimates.json").write_text(json.dumps(text, indent=1) + "\n")
