"""MLflow is told of versions and roles, and never holds anything up."""

import logging
import threading

import pytest

from retraining.rollout import Roles
from service.local import mlflow_log

RECORD = {
    "model": "eta", "version": "v3", "trainer": "sklearn", "created_by": "ana", "alert_id": None, "job_id": "j1", "rows": 900,
    "card": {"sha256": "ab" * 32}, "gate": {"verdict": "passed", "sentence": "better"},
    "metrics": {"mae": 1.5, "r2 (all)": 0.5, "odd": float("nan")},
    "lineage": {"params": {"alpha": 1.0}, "data_sha256": "cd" * 32},
}  # fmt: skip


@pytest.fixture
def client(tmp_path, monkeypatch):
    from mlflow import MlflowClient  # takes more than a second, for every worker if it stood above

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "mlruns").as_uri()
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@pytest.mark.slow
def test_a_version_becomes_a_run_and_roles_become_aliases(client):
    mlflow_log.tell_version(client, RECORD)
    mlflow_log.tell_version(client, RECORD)  # told once
    mlflow_log.tell_version(client, RECORD | {"version": "v4"})
    found = {one.tags[mlflow_log.TAG]: one for one in client.search_model_versions("name = 'eta'")}
    assert set(found) == {"v3", "v4"}
    run = client.get_run(found["v3"].run_id).data
    assert (run.params["alpha"], run.metrics["mae"], run.metrics["r2 _all_"]) == ("1.0", 1.5, 0.5)
    assert (run.tags["driftdeck.gate"], run.tags["driftdeck.job"]) == ("passed", "j1")
    mlflow_log.tell_roles(client, "eta", {"champion": "v3", "canary": "v4"})
    assert client.get_model_version_by_alias("eta", "canary").tags[mlflow_log.TAG] == "v4"
    mlflow_log.tell_roles(client, "eta", {"champion": "v4", "canary": None})
    assert client.get_registered_model("eta").aliases == {"champion": str(found["v4"].version)}


def test_a_server_that_does_not_answer_is_a_line_in_the_log(monkeypatch, caplog):
    monkeypatch.setenv(mlflow_log.VARIABLE, "nonsense://nowhere")

    class Core:
        def version(self, model, version):
            return RECORD

        def roles(self, model):
            return Roles(champion="v3")

    with caplog.at_level(logging.ERROR):
        mlflow_log.log_version(Core(), "eta", "v3")  # type: ignore[arg-type]
        for thread in threading.enumerate():
            if thread.name == "mlflow":
                thread.join(60)
    assert "MLflow was not told of the version v3 of eta" in caplog.text


def test_without_a_server_nothing_is_told(monkeypatch):
    monkeypatch.delenv(mlflow_log.VARIABLE, raising=False)
    assert not mlflow_log.wanted()
    mlflow_log.log_roles(None, "eta")  # type: ignore[arg-type]  # it would fail if it asked anything
