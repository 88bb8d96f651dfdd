"""The loop closed by itself on real flights: an alert starts a retrain, the gate lets its version in, and a rollback takes it back."""

import time
from collections.abc import Iterator
from datetime import date, datetime
from importlib.resources import files
from typing import Any

import pytest

from retraining import registry
from service.demo.flights import MODEL, ZONE, Flights, midnight
from service.demo.player import Player
from service.local import LocalWorkspace
from service.local.attend import attend

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

UNTIL = date(2013, 5, 22)
ONE_IN = 3  # flights that are logged: the rule is the same, the days are shorter


class Third(Flights):
    """Every third flight of the year."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("_by_departure", "_by_landing"):
            table = getattr(self, name)
            setattr(self, name, table[table["flight"] % ONE_IN == 0].reset_index(drop=True))


class Unattended(Player):
    """Plays days and looks at what is due after each, as the service does; nobody clicks anything after the first model."""

    def __init__(self, workspace: LocalWorkspace) -> None:
        super().__init__(workspace)
        self._flights = Third()

    def _first_model(self, flights: Flights) -> None:
        super()._first_model(flights)
        text = (files("service.demo") / "flights.toml").read_text("utf-8")
        text = text.replace('trigger = "manual"', 'trigger = "alert"').replace('promote = "manual"', 'promote = "auto"')
        self._ws.apply(text, actor="demo")

    def _day(self, flights: Flights) -> None:
        super()._day(flights)
        attend(self._ws.core)
        while any(job["state"] in {"queued", "running"} for job in self._ws.jobs(MODEL)):
            time.sleep(0.1)


@pytest.fixture(scope="module")
def spring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalWorkspace]:
    with LocalWorkspace.open(tmp_path_factory.mktemp("spring") / "home") as workspace:
        Unattended(workspace).play_now(UNTIL)
        yield workspace


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(ZONE)


def changes(workspace: LocalWorkspace, version: str) -> list[Any]:
    return [
        entry for entry in workspace.audit() if entry["action"] == "deploy" and entry["object"] == f"{MODEL}/{version}"
    ]


def test_the_alert_starts_the_retrain_and_the_gate_lets_its_version_in(spring: LocalWorkspace) -> None:
    (alert,) = [one for one in spring.alerts(MODEL) if one["severity"] == "page"]
    assert (alert["kind"], alert["model_version"]) == ("concept_drift", "v1")
    assert moment(alert["window_start"]).date() == date(2013, 4, 30)
    job = next(one for one in spring.jobs(MODEL) if one["version"] == "v2")
    assert (job["requested_by"], job["alert_id"], job["state"]) == ("trigger:alert", alert["id"], "succeeded")
    assert moment(job["created_at"]) == moment(alert["opened_at"])
    (version,) = [one for one in spring.versions(MODEL) if one["version"] == "v2"]
    assert version["gate_verdict"] == "passed"
    head = version["gate"][0]
    assert head["champion"] is not None
    assert head["upper"] is not None
    assert head["upper"] < 0, "better, and the interval without 0"
    (change,) = changes(spring, "v2")
    assert (change["actor"], change["detail"]["role"]) == ("promote:auto", "champion")
    assert "excludes 0" in change["detail"]["because"]
    assert spring.model(MODEL)["champion"] == "v2"
    assert spring.model(MODEL)["reference_version"] == version["reference_version"]


def test_the_new_version_answers_and_errs_less_than_the_old_one_in_the_shadow(spring: LocalWorkspace) -> None:
    since = midnight(date(2013, 5, 8))
    errors: dict[str, list[tuple[float, int]]] = {"v1": [], "v2": []}
    for point in spring.performance(MODEL, metric="mae", grain="1d"):
        if moment(point["start"]) >= since and point["value"] is not None:
            assert point["role"] == {"v1": "shadow", "v2": "serving"}[point["model_version"]]
            errors[point["model_version"]].append((point["value"], point["n"]))
    mean = {name: sum(v * n for v, n in found) / sum(n for _, n in found) for name, found in errors.items()}
    assert mean["v2"] < 0.85 * mean["v1"]


def test_once_there_are_rows_of_the_change_they_are_learned_from_and_the_gate_decides_again(
    spring: LocalWorkspace,
) -> None:
    job = next(one for one in spring.jobs(MODEL) if one["version"] == "v3")
    assert job["requested_by"] == "trigger:alert"
    assert "two hold-outs of rows since it began" in job["reason"]
    assert moment(job["period"][0]).date() == date(2013, 4, 30)
    (version,) = [one for one in spring.versions(MODEL) if one["version"] == "v3"]
    (change,) = changes(spring, "v3")
    assert change["actor"] == "promote:auto"
    assert (change["detail"]["role"] == "champion") == (version["gate_verdict"] == "passed")
    assert len(spring.jobs(MODEL)) == 3, "an alert has two retrains at most"


def test_a_rollback_brings_the_first_version_back_and_starts_nothing(spring: LocalWorkspace) -> None:
    former = spring.model(MODEL)["champion"]
    assert spring.rollback(MODEL, actor="ada")["version"] == "v1"
    assert spring.model(MODEL)["champion"] == "v1"
    assert spring.model(MODEL)["reference_version"] == 1
    assert former in spring.core.roles(MODEL).shadows
    record = spring.core.version(MODEL, "v1")
    registry.verified(spring.core.home.artefacts / record["artefact"], record["card"]["sha256"])
    row = Third().departures(midnight(UNTIL), midnight(date(2013, 5, 23))).head(1)
    answered = spring.predict_rows(MODEL, row)
    assert set(answered["model_version"]) == {"v1"}
    attend(spring.core)
    assert len(spring.jobs(MODEL)) == 3
    spring.core.control.verify_audit()
