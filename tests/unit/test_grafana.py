"""The dashboard for Grafana and the rules for Prometheus ask for what ``/metrics`` really has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # pinned: evidently needs it
from prometheus_client.parser import text_string_to_metric_families

from tests.support.company_home import company

FOLDER = Path(__file__).parents[2] / "docs" / "grafana"
_NAME = re.compile(r"(?<![\w:$\"])((?:driftdeck|process|up)(?:_\w+)?)(?![\w(])(\{[^}]*\})?")
_PAIR = re.compile(r'([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
_GROUPED = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
#: What Prometheus itself adds to every target.
_PROMETHEUS = {"up": {"job", "instance"}}


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, set[str]]]:
    """The metrics of a home in which everything has happened: their labels, and the values of these."""
    with company(tmp_path_factory.mktemp("company")) as (_, client):
        text = client.get("/metrics").text
    found: dict[str, dict[str, set[str]]] = {
        name: {label: set() for label in labels} for name, labels in _PROMETHEUS.items()
    }
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return found


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "driftdeck.json").read_text("utf-8"))
    return found


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> Iterator[tuple[str, str, str]]:
    """Give every query: where it stands, what it asks, and the labels that its legend or words name."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"], target["legendFormat"]
    for rule in rules():
        yield rule["alert"], rule["expr"], " ".join(rule["annotations"].values())


@pytest.mark.slow
@pytest.mark.parametrize(("where", "expression", "words"), list(queries()))
def test_every_query_asks_for_metrics_and_labels_that_there_are(
    exposed: dict[str, dict[str, set[str]]], where: str, expression: str, words: str
) -> None:
    asked = _NAME.findall(expression)
    assert asked, where
    labels: set[str] = set()
    for name, matchers in asked:
        assert name in exposed, f"{where}: there is no metric {name}"
        known = exposed[name]
        labels |= known.keys()
        for label, relation, value in _PAIR.findall(matchers):
            assert label in known, f"{where}: {name} has no label {label}"
            if relation == "=" and "$" not in value and label in ("scope", "part", "health"):
                assert value in known[label] | {"no_data"}, f"{where}: {label} is never {value}"
    for group in _GROUPED.findall(expression):
        assert {name.strip() for name in group.split(",")} <= labels, where
    shown = set(re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", words))
    assert shown <= labels, where
    kept = _GROUPED.findall(expression)
    if kept and " on " not in expression:
        assert shown <= {name.strip() for group in kept for name in group.split(",")}, where


def test_brackets_and_words_of_queries_are_closed() -> None:
    for where, expression, _ in queries():
        for opening, closing in ("()", "{}", "[]"):
            assert expression.count(opening) == expression.count(closing), where
        assert expression.count('"') % 2 == 0, where


@pytest.mark.slow
def test_the_variables_ask_for_what_there_is(exposed: dict[str, dict[str, set[str]]]) -> None:
    variables = {each["name"]: each for each in dashboard()["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    for name in ("model", "check", "column"):
        match = re.fullmatch(r"label_values\((driftdeck_\w+)(\{.*\})?, (\w+)\)", variables[name]["definition"])
        assert match is not None, name
        assert match[3] in exposed[match[1]]
        assert {label for label, _, _ in _PAIR.findall(match[2] or "")} <= exposed[match[1]].keys()
    used = set(re.findall(r"\$(\w+)", json.dumps([panel.get("targets") for panel in dashboard()["panels"]])))
    assert used - {"__rate_interval"} <= variables.keys()
    assert variables["check"]["current"]["value"] in exposed["driftdeck_reading_value"]["check"]


def test_the_dashboard_names_no_data_source_of_ours_and_its_panels_do_not_overlap() -> None:
    found = dashboard()
    assert found["uid"] == "driftdeck"
    panels = found["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert {panel["datasource"]["uid"], *(target["datasource"]["uid"] for target in panel["targets"])} == {
                "${datasource}"
            }


def test_the_dashboard_shows_what_a_company_asks_for() -> None:
    asked = " ".join(expression for _, expression, _ in queries())
    for name in (
        "driftdeck_model_health", "driftdeck_alerts", "driftdeck_reading_value", "driftdeck_reading_threshold",
        "driftdeck_performance", "driftdeck_label_coverage_ratio", "driftdeck_ingested_rows_total",
        "driftdeck_source_lag_seconds", "driftdeck_http_request_duration_seconds_bucket", "driftdeck_outbox",
    ):  # fmt: skip
        assert name in asked


def test_a_rule_says_how_grave_it_is() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "warning"}
        assert rule["annotations"]["summary"]
