"""What ``/metrics`` tells of a workspace: a table of names, kinds, labels and help, and the text format of Prometheus.

The client library renders a sample in about 12 µs, which fifty models of two hundred columns do not leave time for; lines are written here
(0.0.4 of the format), and those of readings once for each window that is judged. What the process itself counts (requests, memory) is rendered by
the library.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from service.workspace import Workspace

Sample = tuple[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: a row of the table in ``docs/company.md``."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    labels: tuple[str, ...]
    help: str


_READING = ("model", "scope", "check", "column", "segment")
TABLE: tuple[Metric, ...] = (
    Metric("driftdeck_info", "gauge", ("version",), "Always 1"),
    Metric("driftdeck_up", "gauge", ("part",), "1 while a part of the process is alive: the stores, the scheduler"),
    Metric("driftdeck_models", "gauge", (), "Models declared"),
    Metric("driftdeck_model_info", "gauge", ("model", "task", "champion", "owner", "window"), "Always 1"),
    Metric(
        "driftdeck_model_health",
        "gauge",
        ("model", "health"),
        "Always 1; health is page, warning, notice, ok, no_data or insufficient",
    ),
    Metric("driftdeck_rows", "gauge", ("model", "kind"), "Rows held: logs, labels, quarantined; at most a minute old"),
    Metric("driftdeck_data_until_timestamp_seconds", "gauge", ("model",), "Latest event time; at most a minute old"),
    Metric(
        "driftdeck_performance",
        "gauge",
        ("model", "metric", "unit"),
        "Headline metric of the latest window that was judged",
    ),
    Metric(
        "driftdeck_performance_threshold",
        "gauge",
        ("model", "metric", "unit"),
        "What the headline metric is held against",
    ),
    Metric(
        "driftdeck_label_coverage_ratio", "gauge", ("model",), "Share of the rows of that window that have their label"
    ),
    Metric(
        "driftdeck_drifted_columns", "gauge", ("model",), "Inputs whose drift is material in the latest judged window"
    ),
    Metric(
        "driftdeck_reading_value", "gauge", _READING, "Value of a check in the latest judged window, in its own unit"
    ),
    Metric("driftdeck_reading_threshold", "gauge", _READING, "What the value is held against"),
    Metric(
        "driftdeck_reading_verdict",
        "gauge",
        (*_READING, "verdict"),
        "Always 1; verdict is ok, drift, warning, critical, insufficient, no_data or error",
    ),
    Metric(
        "driftdeck_reading_window_end_timestamp_seconds",
        "gauge",
        ("model", "scope"),
        "Event time at which the window of the readings ends",
    ),
    Metric(
        "driftdeck_readings_left_out",
        "gauge",
        ("model",),
        "Readings that are not here, for there may be so many (setting metrics_readings); what is in trouble comes first",
    ),
    Metric("driftdeck_alerts", "gauge", ("model", "kind", "severity", "state"), "Alerts, resolved ones too"),
    Metric("driftdeck_last_run_timestamp_seconds", "gauge", ("model",), "When the model was looked at last"),
    Metric("driftdeck_last_run_duration_seconds", "gauge", ("model",), "How long that took"),
    Metric("driftdeck_last_run_state", "gauge", ("model", "state"), "Always 1; how that went"),
    Metric("driftdeck_jobs", "gauge", ("model", "state"), "Training jobs"),
    Metric("driftdeck_source_up", "gauge", ("model", "source"), "1 unless the latest run of the source failed"),
    Metric(
        "driftdeck_source_lag_seconds", "gauge", ("model", "source"), "Age of the latest event that the source brought"
    ),
    Metric(
        "driftdeck_source_last_run_timestamp_seconds", "gauge", ("model", "source"), "When the source was read last"
    ),
    Metric("driftdeck_outbox", "gauge", ("channel", "state"), "Messages: waiting, sent, failed (given up)"),
    Metric(
        "driftdeck_ingested_rows_total",
        "counter",
        ("model", "kind", "outcome"),
        "Rows that came since the start: logs and labels that were accepted, duplicate or refused",
    ),
    Metric("driftdeck_write_queue_length", "gauge", (), "Writes that wait for the database"),
    Metric("driftdeck_pending_body_bytes", "gauge", (), "Bytes of request bodies that wait to be stored"),
    Metric(
        "driftdeck_ingestion_throttled_total",
        "counter",
        (),
        "Appends that were told to come again (429) since the start",
    ),
    Metric(
        "driftdeck_http_requests_total", "counter", ("method", "route", "status"), "Requests answered since the start"
    ),
    Metric(
        "driftdeck_http_request_duration_seconds", "histogram", ("method", "route"), "Time to the end of the answer"
    ),
)
BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in TABLE}


@dataclass(slots=True)
class Measures:
    """What is known now: samples by metric, and lines that were rendered before."""

    samples: dict[str, list[Sample]] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, value: float | None, *labels: str | None) -> None:
        """Add a sample; a value that cannot be said is left out."""
        if value is not None and not math.isnan(value):
            self.samples.setdefault(name, []).append((tuple(label or "" for label in labels), value))

    def count(self, name: str, items: Iterable[tuple[str, ...]]) -> None:
        """Add how often each combination of labels occurs."""
        for labels, number in sorted(Counter(items).items()):
            self.add(name, number, *labels)


@runtime_checkable
class Measured(Protocol):
    """A workspace that can tell all of it at once, and fast."""

    def measures(self, readings: int) -> Measures:
        """Return what is known now, with at most so many readings."""
        ...


def measures_of(workspace: Workspace, readings: int) -> Measures:
    """Return the measures of any workspace; one that is not :class:`Measured` is asked as a page would ask it."""
    if isinstance(workspace, Measured):
        return workspace.measures(readings)
    found = Measures()
    models = workspace.models()
    found.add("driftdeck_models", len(models))
    for model in models:
        name, metric = model["name"], model["metric"]
        found.add("driftdeck_model_info", 1, name, model["task"], model["champion"], model["owner"], model["window"])
        found.add("driftdeck_model_health", 1, name, model["health"])
        held: dict[str, Any] = dict(model["rows"])
        for kind, number in held.items():
            found.add("driftdeck_rows", number, name, kind)
        found.add("driftdeck_drifted_columns", model["drifted"], name)
        found.add("driftdeck_label_coverage_ratio", model["label_coverage"], name)
        if metric is not None:
            found.add("driftdeck_performance", metric["value"], name, metric["name"], metric["unit"])
            found.add("driftdeck_performance_threshold", metric["threshold"], name, metric["name"], metric["unit"])
    alerts = workspace.alerts()
    found.count("driftdeck_alerts", ((a["model"], a["kind"], a["severity"], a["state"]) for a in alerts))
    found.count("driftdeck_jobs", ((job["model"], job["state"]) for job in workspace.jobs()))
    return found


# -- the text format ---------------------------------------------------------------------------------------------------
def line(metric: Metric, labels: Sequence[str], value: float) -> str:
    """Return one line: ``name{label="text"} 1.5``."""
    if not labels:
        return f"{metric.name} {number(value)}"
    pairs = ",".join(f'{name}="{escaped(text)}"' for name, text in zip(metric.labels, labels, strict=True))
    return f"{metric.name}{{{pairs}}} {number(value)}"


def escaped(text: str) -> str:
    """Return a label's text as the format wants it: backslash, newline and quote escaped; half characters cannot be written."""
    if "\\" in text or '"' in text or "\n" in text:
        text = text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def number(value: float) -> str:
    """Return a number as Go reads it."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(float(value))


def render(measures: Measures) -> str:
    """Return the lines of every metric of the table that there is something to say of, in its order."""
    parts: list[str] = []
    for metric in TABLE:
        ready, samples = measures.lines.get(metric.name, ()), measures.samples.get(metric.name, ())
        if ready or samples:
            parts.append(f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.kind}")
            parts += ready
            parts += [line(metric, labels, value) for labels, value in samples]
    return "\n".join(parts) + "\n"
