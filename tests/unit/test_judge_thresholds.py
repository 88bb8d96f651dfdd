"""Fixed limits: which way they hold, what they are relative to, which verdict stands, and what passes none."""

from dataclasses import replace
from typing import Any

import pytest

from monitors.judge_thresholds import direction, fixed_verdict, known_checks, with_limits
from monitors.types import Reading
from reference_data.declaration import ModelSpec
from tests.unit.test_judge_quality import blank, reference_of_nothing


def spec(**limit: Any) -> ModelSpec:
    return ModelSpec.model_validate(
        {"name": "m", "task": "regression", "features": {"x": "numeric"}, "monitor": {"thresholds": [limit]}}
    )


def reading(check: str, value: float, **fields: Any) -> Reading:
    base = replace(blank(reference_of_nothing()), check=check, value=value, n=100, column="x", sentence="So it is.")
    return replace(base, **fields)


@pytest.mark.parametrize(
    ("limit", "found", "verdict"),
    [
        ({"check": "psi", "warning": 0.1, "critical": 0.2}, reading("psi", 0.05), None),
        ({"check": "psi", "warning": 0.1, "critical": 0.2}, reading("psi", 0.1), "warning"),
        ({"check": "psi", "warning": 0.1, "critical": 0.2}, reading("psi", 0.3), "critical"),
        ({"check": "psi", "critical": 0.2, "column": "y"}, reading("psi", 0.3), None),
        ({"check": "psi", "critical": 0.2}, reading("psi", 0.3, segment="k=a"), None),
        ({"check": "psi", "critical": 0.2}, reading("psi", 0.3, verdict="insufficient"), None),
        ({"check": "psi", "critical": 0.2}, reading("psi", float("nan")), None),
        ({"check": "unseen_share", "warning": 0.0}, reading("unseen_share", 0.0), None),
        ({"check": "unseen_share", "warning": 0.0}, reading("unseen_share", 0.01), "warning"),
        ({"check": "accuracy", "warning": 0.9}, reading("accuracy", 0.85, scope="performance"), "warning"),
        ({"check": "accuracy", "warning": 0.9}, reading("accuracy", 0.95, scope="performance"), None),
        ({"check": "bias", "warning": 2.0}, reading("bias", -3.0, scope="performance"), "warning"),
        ({"check": "mae", "warning": 1.5, "relative": True}, reading("mae", 3.1, reference_value=2.0), "warning"),
        ({"check": "mae", "warning": 1.5, "relative": True}, reading("mae", 2.9, reference_value=2.0), None),
        ({"check": "psi", "warning": 2.0, "relative": True}, reading("psi", 0.5, lower=0.1, upper=0.3), "warning"),
        ({"check": "psi", "warning": 2.0, "relative": True}, reading("psi", 9.0), None),
        ({"check": "mmd", "critical": 0.1}, reading("mmd", 0.2, scope="multivariate", column=None), "critical"),
        ({"check": "row_count", "critical": 200}, reading("row_count", 99, scope="traffic", verdict="insufficient"), "critical"),
        ({"check": "row_count", "critical": 200}, reading("row_count", 0, scope="traffic", verdict="no_data", n=0), None),
        ({"check": "row_volume", "warning": 0.5, "relative": True}, reading("row_volume", 40, scope="traffic", reference_value=100), "warning"),
        ({"check": "row_volume", "warning": 3, "relative": True}, reading("row_volume", 400, scope="traffic", reference_value=100), "warning"),
        ({"check": "row_volume", "warning": 3, "relative": True}, reading("row_volume", 40, scope="traffic", reference_value=100), None),
    ],
)  # fmt: skip
def test_a_limit_gives_its_verdict(limit: dict[str, Any], found: Reading, verdict: str | None) -> None:
    passed = fixed_verdict(spec(**limit), found)
    assert (None if passed is None else passed[0]) == verdict


def test_the_graver_verdict_stands_and_the_sentence_says_which_limit_was_passed() -> None:
    limits = spec(check="psi", warning=0.1, critical=0.5)
    drifted, page, quiet = with_limits(
        limits, [reading("psi", 0.2, verdict="drift"), reading("psi", 0.6, verdict="drift"), reading("psi", 0.01)]
    )
    assert (drifted.verdict, page.verdict, quiet.verdict) == ("drift", "critical", "ok")
    assert page.threshold == 0.5
    assert drifted.sentence == "So it is. 0.200 is at or above the fixed limit of 0.100 (warning)."
    assert quiet.sentence == "So it is."


def test_every_check_has_a_way() -> None:
    ways = {name: direction(spec(check="psi", warning=1), name, {}) for name in known_checks()}
    assert set(ways.values()) == {"higher_is_worse", "lower_is_worse", "both"}
    assert "domain_classifier" in ways
    assert ways["row_count"] == ways["label_coverage"] == "lower_is_worse"
