"""Ratios of the business, the service around a model, and two versions on the same rows: in a small real workspace."""

import math
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from service.uploads import Upload
from service.workspace import NotFoundError, WorkspaceError
from tests.support.tiny_workspace import DECLARATION, LIVE, MODEL, REFERENCE_DAYS, Tiny, rows, tiny

BUSINESS = """
[models.eta.monitor.business.a_mile]
title = "Minutes a mile"
numerator = "guess_of"
denominator = "distance"
unit = "min"
direction = "both"

[models.eta.monitor.business.late]
numerator = "abs(label - prediction) > 2"
unit = "share"
direction = "higher_is_worse"
severity = "page"
""".replace("guess_of", "prediction")


def declared(more: str = BUSINESS) -> str:
    return DECLARATION.replace('grace = "6h"\n\n[models.eta.retrain]', f'grace = "6h"\n{more}\n[models.eta.retrain]')


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Tiny]:
    with tiny(tmp_path / "home", declared()) as opened:
        opened.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        yield opened


def points(ws: Tiny, metric: str) -> list[Any]:
    return [point for point in ws.workspace.business(MODEL) if point["metric"] == metric]


@pytest.mark.slow
def test_a_ratio_is_the_ratio_of_sums_with_the_interval_of_the_delta_method(ws: Tiny) -> None:
    frame = ws.log_days(0)
    ws.run_at(1.5)
    (point,) = points(ws, "a_mile")
    a, b = frame["guess"].to_numpy(), frame["distance"].to_numpy()
    ratio = a.sum() / b.sum()
    error = np.sqrt(((a - ratio * b) ** 2).sum() * len(a) / (len(a) - 1)) / b.sum()
    assert point["value"] == pytest.approx(ratio)
    assert (point["upper"] - point["lower"]) / 2 == pytest.approx(1.959964 * error, abs=1e-9)
    assert (point["label"], point["n"], point["verdict"]) == ("Minutes a mile", 60, "ok")
    (late,) = points(ws, "late")
    share = (np.abs(frame["guess"] - frame["truth"]) > 2).mean()
    assert late["value"] == pytest.approx(share)


@pytest.mark.slow
def test_rows_without_a_label_do_not_count_where_labels_are_named(ws: Tiny) -> None:
    frame = ws.log_days(0, labels=False)
    ws.label(frame.head(40))
    ws.run_at(1.5)
    (late,) = points(ws, "late")
    first = frame.head(40)
    assert late["value"] == pytest.approx((np.abs(first["guess"] - first["truth"]) > 2).mean())


@pytest.mark.slow
def test_a_ratio_that_leaves_what_is_usual_pages_where_that_is_declared(ws: Tiny) -> None:
    for day in range(6):
        ws.log_days(day, bias=0.0 if day < 4 else 3.0)
    ws.run_at(6.5)
    verdicts = [point["verdict"] for point in points(ws, "late")]
    assert verdicts == ["ok"] * 4 + ["critical"] * 2
    (alert,) = [alert for alert in ws.workspace.alerts(MODEL) if alert["kind"] == "business"]
    assert alert["severity"] == "page"
    assert alert["members"] == ["late"]
    assert "Late is" in alert["message"]


@pytest.mark.slow
def test_a_ratio_whose_labels_come_late_alerts_when_they_come_and_waits_for_them(ws: Tiny) -> None:
    frames = []
    for day in range(12):
        frames.append(ws.log_days(day, bias=0.0 if day < 4 else 3.0, labels=False))
        if day >= 3:
            ws.label(frames[day - 3])  # three days late
        ws.run_at(day + 1.5)
    (alert,) = [alert for alert in ws.workspace.alerts(MODEL) if alert["kind"] == "business"]
    assert alert["window_start"].startswith(str((LIVE + timedelta(days=4)).date()))
    assert (alert["members"], alert["state"]) == (["late"], "firing")
    assert [event["state"] for event in alert["history"]] == ["firing"]


def test_a_ratio_that_cannot_be_is_refused_with_its_place(tmp_path: Path) -> None:
    with tiny(tmp_path / "home", "") as opened:
        wrong = BUSINESS.replace('"distance"', '"distanze"')
        with pytest.raises(WorkspaceError, match=r"business.a_mile.*no column 'distanze'"):
            opened.workspace.apply(declared(wrong))
        costs = '[models.eta.monitor.costs]\n"yes → no" = 5'
        with pytest.raises(WorkspaceError, match="costs are of pairs of classes"):
            opened.workspace.apply(declared(costs))


@pytest.mark.slow
def test_costs_are_the_mean_over_labelled_rows(tmp_path: Path) -> None:
    declaration = """
[models.spam]
task = "binary"
positive = "yes"
[models.spam.features]
x = "numeric"
[models.spam.monitor]
multivariate = []
[models.spam.monitor.costs]
"yes → no" = 50
"no → yes" = 2.5
"""
    rng = np.random.default_rng(1)

    def day(number: int) -> pd.DataFrame:
        labels, guesses = (rng.choice(["yes", "no"], 80) for _ in range(2))
        ids = [f"{number}-{i}" for i in range(80)]
        at = [LIVE + timedelta(days=number, minutes=i) for i in range(80)]
        return pd.DataFrame(
            {"prediction_id": ids, "event_time": at, "x": rng.normal(size=80), "prediction": guesses, "label": labels}
        )

    with tiny(tmp_path / "home", declaration) as opened:
        opened.workspace.reference("spam", pd.concat([day(number) for number in range(-10, 0)]))
        frame = day(0)
        opened.workspace.log("spam", frame.drop(columns="label"))
        opened.workspace.label("spam", frame[["prediction_id", "label"]])
        opened.clock.now = LIVE + timedelta(days=1.5)
        opened.workspace.run("spam")
        (point,) = opened.workspace.business("spam")
        pair = frame["label"] + frame["prediction"]
        assert point["label"] == "Cost a row"
        assert point["value"] == pytest.approx((pair == "yesno").mean() * 50 + (pair == "noyes").mean() * 2.5)


# -- the service -------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_latency_is_read_by_window_and_told_when_it_rises(ws: Tiny) -> None:
    def log(day: int, slow: float) -> None:
        frame = rows(REFERENCE_DAYS + day).drop(columns="truth")
        frame["latency_ms"] = np.random.default_rng(day).gamma(4, slow, len(frame))
        ws.workspace.log(MODEL, frame)

    for day in range(20):
        log(day, 1.0 if day < 18 else 6.0)
    ws.run_at(20.5)
    found = ws.workspace.service_points(MODEL)
    assert len(found) == 20
    frame = np.random.default_rng(3).gamma(4, 1.0, 60)
    assert found[3]["latency_p95"] == pytest.approx(np.quantile(frame, 0.95))
    assert found[3]["rows_per_second"] == pytest.approx(60 / 86_400)
    assert [point["verdict"] for point in found[14:]] == ["ok"] * 4 + ["warning"] * 2
    (alert,) = [alert for alert in ws.workspace.alerts(MODEL) if alert["kind"] == "latency"]
    assert (alert["severity"], alert["headline"]) == ("warning", "Answers take longer than usual")


@pytest.mark.slow
def test_a_model_that_logs_no_latency_has_no_readings_of_it(ws: Tiny) -> None:
    ws.log_days(0)
    ws.run_at(1.5)
    assert not [reading for reading in ws.workspace.readings(MODEL) if reading["scope"] == "service"]
    (point,) = ws.workspace.service_points(MODEL)
    assert (point["latency_p95"], point["rows"]) == (None, 60)


@pytest.mark.slow
def test_what_processes_report_is_summed_by_window_and_counted_once(ws: Tiny) -> None:
    noon = LIVE + timedelta(hours=12)
    report = {
        "until": noon,
        "seconds": 60,
        "process": "a",
        "requests": 200,
        "errors": 4,
        "cpu_seconds": 30,
        "memory_bytes": 1e8,
    }
    assert ws.workspace.report_service(MODEL, [report, {**report, "process": "b", "memory_bytes": 3e8}]) == 2
    assert ws.workspace.report_service(MODEL, [report]) == 0
    later = {**report, "until": noon + timedelta(minutes=1), "cpu_seconds": 0}
    assert ws.workspace.report_service(MODEL, [later, later]) == 1
    (point,) = ws.workspace.service_points(MODEL)
    assert point["requests"] == 600
    assert point["error_share"] == pytest.approx(0.02)
    assert point["cpu"] == pytest.approx(30 / 120 + 30 / 60)
    assert point["memory"] == pytest.approx(1e8 + 3e8)


def test_a_report_counts_where_its_span_lies(ws: Tiny) -> None:
    ends = [LIVE + timedelta(days=1), LIVE + timedelta(days=2)]
    for end, requests in zip(ends, (100, 300), strict=True):
        ws.workspace.report_service(
            MODEL, [{"until": end, "seconds": 86_400, "process": "a", "requests": requests, "cpu_seconds": 8640}]
        )
    points = ws.workspace.service_points(MODEL)
    assert [(point["start"][:10], point["requests"]) for point in points] == [("2024-01-29", 100), ("2024-01-30", 300)]
    assert [point["error_share"] for point in points] == [None, None]  # nobody said that none failed
    assert points[0]["cpu"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"seconds": -1}, "seconds is -1"),
        ({"seconds": None}, "seconds is missing"),
        ({"requests": "many"}, "requests is 'many'"),
        ({"requests": 1.5}, "whole number"),
        ({"requests": math.nan}, "requests is nan"),
        ({"errors": 9, "requests": 3}, "errors is 9, of 3 requests"),
        ({"until": "yesterday"}, "until: 'yesterday' is no time"),
        ({"until": "1970-01-01"}, "until is 1970.*send a time of the last ten years"),
        ({"until": "2190-01-01"}, "until is 2190"),
        ({"seconds": 1e9}, "seconds is 1e.09; send reports of at most 2,678,400 s"),
        ({"gpu": 1}, "'gpu' is not known"),
    ],
)
def test_a_wrong_report_is_refused_with_its_field(ws: Tiny, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(WorkspaceError, match=words):
        ws.workspace.report_service(MODEL, [{"seconds": 60, "requests": 10, **wrong}])


@pytest.mark.slow
def test_more_failed_requests_than_usual_are_told(ws: Tiny) -> None:
    rng = np.random.default_rng(5)
    for day in range(18):
        ws.log_days(day)
        share = 0.01 if day < 16 else 0.2
        at = LIVE + timedelta(days=day, hours=12)
        ws.workspace.report_service(
            MODEL,
            [
                {
                    "until": at,
                    "seconds": 3600,
                    "process": "a",
                    "requests": 2000,
                    "errors": int(rng.binomial(2000, share)),
                }
            ],
        )
    ws.run_at(18.5)
    found = [reading for reading in ws.workspace.readings(MODEL, limit=5000) if reading["check"] == "error_share"]
    assert [reading["verdict"] for reading in sorted(found, key=lambda r: r["window_start"])][14:] == [
        "ok",
        "ok",
        "warning",
        "warning",
    ]
    (alert,) = [alert for alert in ws.workspace.alerts(MODEL) if alert["kind"] == "latency"]
    assert alert["headline"] == "More requests fail than usual"


# -- two versions ------------------------------------------------------------------------------------------------------
def shadow(ws: Tiny, frame: pd.DataFrame, off: float) -> None:
    other = frame.drop(columns="truth").assign(model_version="v1", guess=frame["truth"] + off, _role="shadow")
    ws.workspace.log(MODEL, other)


def test_a_nested_row_may_say_that_a_shadow_answered(ws: Tiny) -> None:
    row = {"prediction_id": "a", "event_time": LIVE.isoformat(), "features": {"distance": 3.0}, "prediction": 1.0}
    first, second, third = (row | {"model_version": "v1", "_role": role} for role in ("shadow", "boss", "serving"))
    taken = ws.workspace.log(MODEL, Upload([first], "1", None))
    assert taken["accepted"] == 1
    refused = ws.workspace.log(MODEL, Upload([second, third | {"prediction_id": "b"}], "2", None))
    assert (refused["accepted"], refused["rejected"][0]["field"]) == (1, "_role")


@pytest.mark.slow
def test_a_shadow_is_compared_on_the_very_same_rows(ws: Tiny) -> None:
    frames = []
    for day in range(7):
        frame = ws.log_days(day)
        shadow(ws, frame, 0.1)
        frames.append(frame)
    ws.run_at(7.5)
    found = ws.workspace.compare_versions(MODEL, "v1", "v0")
    every = pd.concat(frames)
    mae: Any = next(metric for metric in found["metrics"] if metric["metric"] == "mae")
    assert (found["paired"], found["n"]) == (True, 420)
    one = ws.workspace.compare_versions(MODEL, "v1", "v0", LIVE + timedelta(days=2), LIVE + timedelta(days=3))
    assert one["n"] == 60  # the end of a period is not in it
    assert mae["value"] == pytest.approx(0.1)
    assert mae["other"] == pytest.approx(np.abs(every["guess"] - every["truth"]).mean())
    by_day = [np.abs(f["guess"] - f["truth"]).mean() for f in frames]
    assert mae["upper"] - mae["lower"] == pytest.approx(2 * 2.4469 * np.std(by_day, ddof=1) / np.sqrt(7), rel=1e-3)
    assert mae["better"] == "v1"
    assert "v1" in found["sentence"]
    lift = {each["metric"]: each for each in ws.workspace.business_lift(MODEL, "v1", "v0")}["a_mile"]
    assert lift["n"] == lift["other_n"] == 420
    assert lift["value"] == pytest.approx((every["truth"] + 0.1).sum() / every["distance"].sum())


@pytest.mark.slow
def test_answers_that_are_no_numbers_leave_a_comparison_as_it_is(ws: Tiny) -> None:
    for day in range(6):
        frame = ws.log_days(day)
        shadow(ws, frame, math.nan if day == 3 else 0.1)
    ws.run_at(6.5)
    found = ws.workspace.compare_versions(MODEL, "v1", "v0")
    mae: Any = next(metric for metric in found["metrics"] if metric["metric"] == "mae")
    assert (found["paired"], found["n"]) == (True, 300)
    assert mae["value"] == pytest.approx(0.1)


@pytest.mark.slow
def test_canary_rows_are_compared_side_by_side_where_both_answered(ws: Tiny) -> None:
    for day in range(6):
        ws.log_days(day)
        if day >= 1:
            beside = rows(REFERENCE_DAYS + day, prefix="c", version="v1", bias=0.0).assign(
                guess=lambda f: f["truth"] + 3
            )
            ws.workspace.log(MODEL, beside.drop(columns="truth"))
            ws.label(beside)
    ws.run_at(6.5)
    found = ws.workspace.compare_versions(MODEL, "v1", "v0")
    mae = {metric["metric"]: metric for metric in found["metrics"]}["mae"]
    assert (found["paired"], found["n"]) == (False, 300)
    assert mae["better"] == "v0"
    assert mae["value"] == pytest.approx(3)


@pytest.mark.slow
def test_versions_that_never_were_are_named(ws: Tiny) -> None:
    ws.log_days(0)
    ws.run_at(1.5)
    with pytest.raises(NotFoundError, match=r"no version 'v9'; it has: v0"):
        ws.workspace.compare_versions(MODEL, "v9", "v0")
    with pytest.raises(WorkspaceError, match="name two"):
        ws.workspace.compare_versions(MODEL, "v0", "v0")
