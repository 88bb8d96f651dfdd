"""How good the fake model is, and why: the outcome part of the fake workspace. All numbers are INVENTED TEST DATA."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from service import outcome_views as views
from tests.support import fake_story as story

_BLIND = "It rests on the inputs alone: if the rule from inputs to labels changed, it cannot see it."


class FakeOutcomes:
    """Answers what is asked of outcomes; mixed into the fake workspace, which knows how many weeks there are."""

    weeks: int

    def performance_detail(
        self, model: str, since: datetime, until: datetime, *, version: str | None = None
    ) -> views.DetailView:
        values = {"mae": 12.6, "rmse": 17.9, "bias": 9.4, "mape": 0.094, "r2": 0.964, "median_absolute_error": 9.1}
        before = {"mae": 7.62, "rmse": 10.4, "bias": 0.3, "mape": 0.052, "r2": 0.988, "median_absolute_error": 5.6}
        share = {"mape": "share", "r2": "variance"}
        return {
            "model": model,
            "model_version": version or "v1",
            "start": since.isoformat(),
            "end": until.isoformat(),
            "n": 5_960,
            "coverage": 0.62,
            "maturity": 0.66,
            "metrics": [
                {
                    "name": name,
                    "label": name.replace("_", " ").upper() if len(name) < 5 else name.replace("_", " ").capitalize(),
                    "unit": share.get(name, "min"),
                    "direction": "lower_is_worse" if name == "r2" else "higher_is_worse",
                    "value": value,
                    "lower": value * 0.97,
                    "upper": value * 1.03,
                    "reference": before[name],
                }
                for name, value in values.items()
            ],
            "classes": [],
            "confusion": [],
            "calibration": [],
            "by_range": [
                {
                    "lower": 20.0 + 40 * place,
                    "upper": 60.0 + 40 * place,
                    "n": 1_800 - 170 * place,
                    "mae": 5.5 + 2.3 * place,
                    "bias": 4.0 + 1.9 * place,
                    "reference_mae": 4.1 + 0.9 * place,
                }
                for place in range(8)
            ],
        }

    def concept(self, model: str) -> views.ConceptView | None:
        steps: list[views.ConceptStep] = []
        evidence = 1.0
        for number in range(story.REFERENCE_WEEKS, self.weeks):
            start, end = story.week(number)
            loss = story.FIRST[number]
            evidence = max(0.3, min(1e9, (evidence + 1) * math.exp(2.1 * (loss - 9.6))))
            steps.append(
                {
                    "start": start.isoformat(),
                    "end": end.isoformat(),
                    "event_start": start.isoformat(),
                    "event_end": end.isoformat(),
                    "n": story.rows_in(number),
                    "loss": loss,
                    "evidence": evidence,
                    "alarm": evidence >= 400,
                }
            )
        fired = next((step for step in steps if step["alarm"]), None)
        return {
            "model": model,
            "model_version": "v1",
            "loss": "absolute error",
            "unit": "min",
            "reference": story.REFERENCE_MAE,
            "threshold": 400.0,
            "average_run_length": 400.0,
            "steps": steps,
            "alarmed_at": fired["end"] if fired else None,
            "onset": story.week(story.HARM_WEEK)[0].isoformat() if fired else None,
            "onset_lower": story.week(story.HARM_WEEK - 1)[0].isoformat() if fired else None,
            "onset_upper": story.week(story.HARM_WEEK)[1].isoformat() if fired else None,
            "shape": "sudden" if fired else None,
            "size": 5.6 if fired else None,
            "sentence": "Since about 30 April each prediction misses by 5.6 min more: a sudden change. Chance alone would give "
            "this evidence once in 2,600 years."
            if fired
            else "The loss is as in the reference.",
        }

    def detectors(self, model: str, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        at = story.week(story.HARM_WEEK)[0].isoformat()
        alarm = {"number": 93_412, "event_time": at, "label_time": at}
        return [
            {
                "detector": name,
                "watches": "absolute error",
                "rows": 136_067,
                "alarms": [alarm] if name == "adwin" else [],
            }
            for name in names or ("adwin", "kswin")
        ]

    def estimates(self, model: str, metric: str | None = None) -> list[views.EstimatePoint]:
        points: list[views.EstimatePoint] = []
        for number in range(story.REFERENCE_WEEKS, self.weeks):
            start, end = story.week(number)
            value = 8.0 + 0.5 * story.wave(number, 5)
            realised = story.FIRST[number]
            points.append(
                {
                    "start": start.isoformat(),
                    "end": end.isoformat(),
                    "model_version": "v1",
                    "metric": metric or "mae",
                    "method": "DLE",
                    "value": value,
                    "lower": value - 2.1,
                    "upper": value + 2.1,
                    "threshold": story.THRESHOLD,
                    "realised": realised,
                    "coverage": 0.98,
                    "gap": realised - value,
                    "gap_significant": realised - value > 2.1,
                    "n": story.rows_in(number),
                    "verdict": "ok",
                    "sentence": f"About {value:.1f} min are to be expected. {_BLIND}",
                }
            )
        return points

    def change_parts(self, model: str, since: datetime, until: datetime) -> views.ChangeParts | None:
        return {
            "model": model,
            "model_version": "v1",
            "start": since.isoformat(),
            "end": until.isoformat(),
            "loss": "absolute error",
            "unit": "min",
            "reference": 7.62,
            "current": 13.3,
            "change": 5.68,
            "lower": 5.4,
            "upper": 5.9,
            "inputs": 0.31,
            "inputs_lower": 0.02,
            "inputs_upper": 0.6,
            "rule": 5.37,
            "rule_lower": 5.0,
            "rule_upper": 5.7,
            "overlap": 0.71,
            "n_reference": 20_000,
            "n": 20_000,
            "sentence": "Of 5.7 min more, 0.3 min come with other inputs and 5.4 min with another rule from inputs to label.",
        }

    def slices(self, model: str, since: datetime, until: datetime, *, limit: int = 10) -> list[views.SliceView]:
        found: list[views.SliceView] = [
            {
                "name": name,
                "columns": columns,
                "share": share,
                "n": int(24_000 * share),
                "reference": before,
                "current": now,
                "shrunk": (now - before) * 0.93,
                "lower": (now - before) * 0.84,
                "upper": (now - before) * 1.02,
                "p_value": 1e-7,
                "sentence": f"{name} loses {now - before:.1f} min, the whole 5.7 min.",
            }
            for name, columns, share, before, now in [
                ("carrier = VX", ["carrier"], 0.02, 11.4, 19.6),
                ("origin = JFK and distance 2,248–2,586", ["origin", "distance"], 0.11, 10.9, 18.7),
                ("carrier = UA", ["carrier"], 0.18, 9.6, 17.0),
            ]
        ]
        return found[:limit]

    def examples(self, model: str, since: datetime, until: datetime, *, limit: int = 20) -> list[views.RowExample]:
        start = story.week(story.HARM_WEEK)[0]
        return [
            {
                "id": f"2013-04-30-UA-{place}",
                "at": start.isoformat(),
                "values": {"carrier": "UA", "origin": "EWR", "dest": "SFO", "distance": 2565.0, "hour": 7.0 + place},
                "prediction": 371.0 - place,
                "label": 336.0 + place,
                "loss": 35.0 - 2 * place,
            }
            for place in range(min(limit, 5))
        ]

    def business(self, model: str) -> list[views.BusinessPoint]:
        points: list[views.BusinessPoint] = []
        for metric, label, unit, usual in [
            ("minutes_off", "Minutes planned wrongly a flight", "min", 7.6),
            ("late_gates", "Flights that miss their gate", "share", 0.04),
        ]:
            for number in range(story.REFERENCE_WEEKS, self.weeks):
                start, end = story.week(number)
                value = usual * story.FIRST[number] / story.REFERENCE_MAE
                points.append(
                    {
                        "metric": metric,
                        "label": label,
                        "unit": unit,
                        "start": start.isoformat(),
                        "end": end.isoformat(),
                        "model_version": "v1",
                        "role": "serving",
                        "value": value,
                        "lower": value * 0.97,
                        "upper": value * 1.03,
                        "n": story.rows_in(number),
                        "reference": usual,
                        "usual_lower": usual * 0.7,
                        "usual_upper": usual * 1.3,
                        "threshold": usual * 1.45,
                        "verdict": "warning" if value > usual * 1.45 else "ok",
                        "sentence": f"{label}: {value:.3g}.",
                    }
                )
        return points

    def business_lift(self, model: str, version: str, other: str) -> list[views.BusinessLift]:
        return [
            {
                "metric": "minutes_off",
                "label": "Minutes planned wrongly a flight",
                "unit": "min",
                "version": version,
                "other": other,
                "value": 7.1,
                "other_value": 12.6,
                "lift": -0.437,
                "lower": -0.46,
                "upper": -0.41,
                "n": 5_960,
                "other_n": 5_960,
                "sentence": f"{version} plans 44 % fewer minutes wrongly than {other}.",
            }
        ]

    def service_points(self, model: str) -> list[views.ServicePoint]:
        points: list[views.ServicePoint] = []
        for number in range(self.weeks):
            start, end = story.week(number)
            slow = 1.0 + 0.1 * story.wave(number, 9) + (1.6 if number == 13 else 0.0)
            reported = number >= story.REFERENCE_WEEKS
            points.append(
                {
                    "start": start.isoformat(),
                    "end": end.isoformat(),
                    "model_version": "v1",
                    "rows": story.rows_in(number),
                    "rows_per_second": story.rows_in(number) / (7 * 86_400),
                    "latency_p50": 4.1 * slow,
                    "latency_p95": 9.8 * slow,
                    "latency_p99": 17.5 * slow,
                    "requests": story.rows_in(number) if reported else None,
                    "error_share": 0.002 * slow if reported else None,
                    "cpu": 0.11 * slow if reported else None,
                    "memory": 4.1e8 + 2e6 * number if reported else None,
                    "verdict": "warning" if number == 13 else "ok",
                    "sentence": "Latency is as usual."
                    if number != 13
                    else "Nine in ten answers took up to 26 ms, 10 ms are usual.",
                }
            )
        return points

    def report_service(self, model: str, rows: Sequence[Mapping[str, Any]]) -> int:
        return len(rows)

    def compare_versions(
        self, model: str, version: str, other: str, since: datetime | None = None, until: datetime | None = None
    ) -> views.VersionComparison:
        start, end = story.week(max(self.weeks - 4, 0))[0], story.week(self.weeks)[0]
        metrics: list[views.VersionDifference] = [
            {
                "metric": name,
                "label": label,
                "unit": "min",
                "value": value,
                "other": before,
                "difference": value - before,
                "lower": value - before - 0.8,
                "upper": value - before + 0.8,
                "better": version if abs(value - before) > 0.8 else None,
            }
            for name, label, value, before in [
                ("mae", "Mean absolute error", 7.04, 12.63),
                ("rmse", "RMSE", 10.2, 17.9),
                ("bias", "Bias", 0.4, 9.4),
            ]
        ]
        return {
            "model": model,
            "version": version,
            "other": other,
            "start": start.isoformat(),
            "end": end.isoformat(),
            "n": 23_420,
            "paired": True,
            "metrics": metrics,
            "sentence": f"On 23,420 rows that both answered, {version} misses by 5.6 min less than {other}.",
        }

    def fairness(
        self, model: str, since: datetime | None = None, until: datetime | None = None
    ) -> list[views.FairnessView]:
        start, end = story.week(max(self.weeks - 1, 0))
        return [
            {
                "column": "carrier",
                "start": start.isoformat(),
                "end": end.isoformat(),
                "groups": [
                    {
                        "group": group,
                        "metric": "mae",
                        "label": "Mean absolute error",
                        "value": value,
                        "lower": value - 0.7,
                        "upper": value + 0.7,
                        "n": n,
                    }
                    for group, value, n in [
                        ("VX", 19.6, 110),
                        ("UA", 17.0, 1_090),
                        ("DL", 15.0, 830),
                        ("EV", 11.1, 980),
                    ]
                ],
                "gaps": [
                    {
                        "metric": "mae",
                        "label": "Mean absolute error",
                        "best": "EV",
                        "worst": "VX",
                        "difference": 8.5,
                        "lower": 7.3,
                        "upper": 9.7,
                        "ratio": 1.77,
                        "significant": True,
                        "sentence": "Predictions for VX miss by 8.5 min more than those for EV.",
                    }
                ],
            }
        ]
