"""What Prometheus reads: every metric of the table, in its format, whatever names there are, of the latest windows only."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from service.api.metrics_page import FRESH, MetricsPage
from service.api.traffic import Traffic, route_of
from service.local.reading_board import ReadingBoard, Shown
from service.measures import TABLE, Measures, Metric, escaped, line, number, render
from service.settings import Settings
from storage.database import Database
from storage.readings import SCHEMA, append_readings
from tests.support.company_home import client_of, company
from tests.support.fake_workspace import HOSTILE
from tests.support.tiny_workspace import LIVE, MODEL, REFERENCE_DAYS, Tiny, rows, tiny

PAGE = Path(__file__).parents[2] / "docs" / "company.md"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Tiny, TestClient]]:
    with company(tmp_path_factory.mktemp("company")) as (opened, client):
        yield opened, client


def samples(text: str) -> dict[str, list[Any]]:
    """Return the samples of a page by name, as the library of Prometheus reads them."""
    found: dict[str, list[Any]] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


@pytest.mark.slow
def test_every_metric_of_the_table_is_told_with_its_labels(served: tuple[Tiny, TestClient]) -> None:
    answer = served[1].get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = samples(answer.text)
    for metric in TABLE:
        name = f"{metric.name}_count" if metric.kind == "histogram" else metric.name
        assert name in found, metric.name
        assert {tuple(sample.labels) for sample in found[name]} == {metric.labels}, metric.name
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", answer.text, re.MULTILINE))
    assert {metric.name: types[metric.name] for metric in TABLE} == {metric.name: metric.kind for metric in TABLE}
    assert "process_resident_memory_bytes" in found


def test_no_sample_comes_twice(served: tuple[Tiny, TestClient]) -> None:
    text = served[1].get("/metrics").text
    names = [each.rsplit(" ", 1)[0] for each in text.splitlines() if not each.startswith("#")]
    assert len(set(names)) == len(names) > 50
    heads = re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)
    assert len(set(heads)) == len(heads)


def test_names_follow_the_conventions() -> None:
    for metric in TABLE:
        assert re.fullmatch(r"driftdeck_[a-z0-9_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert not re.search(r"_(ms|millis|minutes|hours|kb|mb|percent)(_|$)", metric.name), metric.name
        assert all(re.fullmatch(r"[a-z_]+", label) for label in metric.labels)
        assert "\n" not in metric.help


def test_what_is_told_is_what_the_workspace_says(served: tuple[Tiny, TestClient]) -> None:
    opened, client = served
    found = samples(client.get("/metrics").text)
    view = opened.workspace.model(MODEL)
    held = {sample.labels["kind"]: sample.value for sample in found["driftdeck_rows"]}
    assert held == view["rows"]
    assert view["metric"] is not None
    (performance,) = found["driftdeck_performance"]
    assert (performance.labels["metric"], performance.value) == (
        view["metric"]["name"],
        pytest.approx(view["metric"]["value"]),
    )
    assert found["driftdeck_drifted_columns"][0].value == view["drifted"] > 0
    assert found["driftdeck_model_health"][0].labels["health"] == view["health"]
    alerts = opened.workspace.alerts()
    assert sum(sample.value for sample in found["driftdeck_alerts"]) == len(alerts) > 0
    ingested = {(s.labels["kind"], s.labels["outcome"]): s.value for s in found["driftdeck_ingested_rows_total"]}
    assert ingested["logs", "refused"] == 1
    assert ingested["labels", "accepted"] == 120
    assert found["driftdeck_source_up"][0].labels == {"model": MODEL, "source": "files"}


def test_readings_are_those_of_the_latest_judged_window(served: tuple[Tiny, TestClient]) -> None:
    opened, client = served
    found = samples(client.get("/metrics").text)
    told = {
        (s.labels["check"], s.labels["column"]): s.value
        for s in found["driftdeck_reading_value"]
        if s.labels["scope"] == "column" and not s.labels["segment"] and s.labels["column"] in ("distance", "city")
    }
    readings = [
        r for r in opened.workspace.readings(MODEL) if r["scope"] == "column" and r["column"] in ("distance", "city")
    ]
    last = max(r["window_start"] for r in readings if r["verdict"] not in ("no_data", "insufficient"))
    assert told == {
        (r["check"], r["column"]): pytest.approx(r["value"])
        for r in readings
        if r["window_start"] == last and r["value"] is not None
    }


@pytest.mark.slow
def test_what_is_judged_next_is_told_next(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as opened:
        opened.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        empty = samples(render(opened.workspace.measures(100)))
        assert "driftdeck_reading_value" not in empty
        assert empty["driftdeck_model_health"][0].labels["health"] == "no_data"
        ends = []
        for day in (1, 2):
            opened.log_days(day - 1)
            opened.run_at(day + 0.5)
            found = samples(render(opened.workspace.measures(100)))
            ends.append(
                {s.labels["scope"]: s.value for s in found["driftdeck_reading_window_end_timestamp_seconds"]}["column"]
            )
        assert ends == [LIVE.timestamp() + 86400, LIVE.timestamp() + 2 * 86400]
        again = opened.reopen()
        assert render(again.measures(100)).count("driftdeck_reading_verdict{") == len(
            found["driftdeck_reading_verdict"]
        )


def test_a_cap_leaves_out_what_is_well_first_and_says_how_much(served: tuple[Tiny, TestClient]) -> None:
    opened, _ = served
    everything, few = (samples(render(opened.workspace.measures(most))) for most in (5000, 5))
    verdicts = [s.labels["verdict"] for s in everything["driftdeck_reading_verdict"]]
    assert everything["driftdeck_readings_left_out"][0].value == 0
    assert few["driftdeck_readings_left_out"][0].value == len(verdicts) - 5
    rank = {"critical": 0, "warning": 1, "drift": 1}
    worst = sorted(rank.get(verdict, 3) for verdict in verdicts)[:5]
    assert sorted(rank.get(s.labels["verdict"], 3) for s in few["driftdeck_reading_verdict"]) == worst


# -- names from strangers ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name", [*HOSTILE, 'a"b', "a\\b", "a\nb", "\\n", "", "Łódź × 東京", 'x"} 1\nevil_metric 1', "\x00\x1b[31m", "tab\t"]
)
def test_a_label_says_what_the_name_is(name: str) -> None:
    text = f"# TYPE m gauge\n{line(Metric('m', 'gauge', ('a', 'b'), 'help'), (name, 'x'), 1.0)}\n"
    (family,) = text_string_to_metric_families(text)
    (sample,) = family.samples
    assert sample.labels == {"a": name, "b": "x"}


def test_half_a_character_breaks_nothing() -> None:
    assert escaped("a\ud800b").encode() == b"a?b"


@pytest.mark.parametrize(
    ("value", "text"), [(math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN"), (1e-12, "1e-12"), (3, "3.0")]
)
def test_numbers_are_written_as_go_reads_them(value: float, text: str) -> None:
    assert number(value) == text


def test_what_cannot_be_said_is_not() -> None:
    measures = Measures()
    measures.add("driftdeck_models", math.nan)
    measures.add("driftdeck_models", None)
    assert render(measures) == "\n"


# -- the board ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    found = Database.open(tmp_path / "x.duckdb", lambda: LIVE)
    yield found
    found.close()


@dataclass
class Written:
    """A board and the database that it reads."""

    db: Database
    board: ReadingBoard = field(default_factory=ReadingBoard)

    def of(self, champions: dict[str, str | None]) -> dict[str, Shown]:
        with self.db.cursor() as cursor:
            return self.board.of(cursor, champions, 10)

    def told(self, champion: str | None = None) -> dict[str, float]:
        """Return the values that are told of model m."""
        shown = self.of({"m": champion})["m"]
        return {":".join(key): reading.value for group in shown.scopes.values() for key, reading in group.items()}

    def write(self, *readings: dict[str, Any]) -> None:
        for reading in readings:
            row: dict[str, Any] = {
                "model": "m", "model_version": "v1", "reference_version": 1, "check": "psi", "scope": "column", "column": "a",
                "segment": None, "day": 1, "value": 0.1, "threshold": 0.2, "n": 1, "n_reference": 1, "verdict": "ok",
                "significant": False, "material": False, "harmful": False, "unit": "", "sentence": "",
            } | reading  # fmt: skip
            start = LIVE + timedelta(days=int(row.pop("day")))
            row |= {"window_start": start, "window_end": start + timedelta(days=1), "computed_at": start}
            append_readings(self.db, {name: [row.get(name)] for name in SCHEMA.names})


@pytest.fixture
def written(db: Database) -> Written:
    return Written(db)


def test_late_labels_change_the_window_that_is_shown_and_no_older_one(written: Written) -> None:
    written.write({"day": 1}, {"day": 2, "value": 0.3}, {"day": 2, "check": "wasserstein", "value": 1.0})
    assert written.told() == {"psi:a:": 0.3, "wasserstein:a:": 1.0}
    written.write({"day": 1, "value": 9.0}, {"day": 2, "value": 0.4})
    assert written.told() == {"psi:a:": 0.4, "wasserstein:a:": 1.0}
    written.write({"day": 3, "value": 0.5})
    assert written.told() == {"psi:a:": 0.5}


def test_a_window_that_says_nothing_hides_no_window_that_does(written: Written) -> None:
    written.write({"day": 1}, {"day": 2, "verdict": "no_data", "value": None})
    assert written.told() == {"psi:a:": 0.1}
    written.write({"day": 3, "verdict": "insufficient"})
    assert written.told() == {"psi:a:": 0.1}
    written.write({"day": 3, "value": 0.7}, {"day": 3, "column": "b", "verdict": "no_data", "value": None})
    shown = written.of({"m": None})["m"]
    assert shown.lines["driftdeck_reading_value"] == [
        'driftdeck_reading_value{model="m",scope="column",check="psi",column="a",segment=""} 0.7'
    ]
    assert len(shown.lines["driftdeck_reading_verdict"]) == 2


def test_the_champions_readings_are_told_and_segments_only_in_trouble(written: Written) -> None:
    written.write(
        {"day": 5, "model_version": "v2", "value": 0.9},
        {"day": 4},
        {"day": 4, "segment": "c=x", "verdict": "ok"},
        {"day": 4, "segment": "c=y", "verdict": "critical", "value": 2.0},
        {"day": 4, "model": "gone"},
    )
    assert written.told("v1") == {"psi:a:": 0.1, "psi:a:c=y": 2.0}
    assert "gone" not in written.of({"m": "v1"})
    assert written.told("v2") == {"psi:a:": 0.9}
    assert written.told("unheard") == {"psi:a:": 0.9}


# -- the page ----------------------------------------------------------------------------------------------------------
def test_the_page_is_made_once_in_a_while_however_many_ask() -> None:
    asked: list[int] = []
    clock = [0.0]

    class Quick:
        def measures(self, readings: int) -> Measures:
            asked.append(readings)
            return Measures()

    page = MetricsPage(Quick(), {"scheduler": lambda: False}, 7, Traffic(), lambda: 3, lambda: clock[0])  # type: ignore[arg-type]
    first = page.text()
    assert 'driftdeck_up{part="scheduler"} 0.0' in first
    assert "driftdeck_pending_body_bytes 3.0" in first
    clock[0] = FRESH / 2
    page.text()
    assert asked == [7]
    clock[0] = FRESH
    page.text()
    assert asked == [7, 7]


@pytest.mark.slow
def test_requests_are_counted_by_route_and_never_by_name(served: tuple[Tiny, TestClient]) -> None:
    opened, _ = served
    with client_of(opened, Settings(token="sesame")) as client:
        client.get("/api/v1/models/secret-name")
        client.headers["authorization"] = "Bearer sesame"
        client.get("/api/v1/models/secret-name")
        client.get(f"/api/v1/models/{MODEL}/columns/distance")
        client.post(f"/api/v1/models/{MODEL}/logs", json={"rows": []})
        client.get("/api/v1/secret-name")
        client.request("SECRET", "/secret-name")
        text = client.get("/metrics").text
    assert "secret-name" not in text
    assert "SECRET" not in text
    found = {(s.labels["route"], s.labels["status"]) for s in samples(text)["driftdeck_http_requests_total"]}
    assert {
        ("other", "401"),
        ("/api/v1/models/{model}", "404"),
        ("/api/v1/models/{model}/logs", "200"),
        ("other", "404"),
        ("page", "404"),
    } <= found
    assert "/api/v1/models/{model}/columns/{column}" in {route for route, _ in found}


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/metrics", "/metrics"),
        ("/", "page"),
        ("/api/v1/models/x/labels", "/api/v1/models/{model}/labels"),
        ("/apiary", "page"),
        ("/reports/evidently/m/2026-01-01", "/reports/evidently"),
    ],
)
def test_paths_are_told_by_their_pattern(path: str, route: str) -> None:
    assert route_of({}, path) == route


def test_an_append_that_is_told_to_come_again_counts_as_throttled() -> None:
    traffic = Traffic()
    traffic.answered("POST", "/api/v1/models/{model}/logs", 429, 0.1)
    traffic.answered("POST", "/api/v1/models/{model}/logs", 200, 0.1)
    assert traffic.registry.get_sample_value("driftdeck_ingestion_throttled_total") == 1


def test_the_documentation_has_every_metric() -> None:
    listed = re.findall(r"^\| `(driftdeck_\w+)` \| (\w+) \| ([^|]*) \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert listed == [
        (metric.name, metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.help) for metric in TABLE
    ]
