"""Telling an MLflow server of finished jobs and of roles, where one is named by ``MLFLOW_TRACKING_URI`` and the extra is installed.

Nothing here can fail a job or a deployment: what goes wrong is logged. A version becomes one run (parameters, metrics, the gate's
verdict) and one version of a registered model named as the model; roles become aliases.
"""

from __future__ import annotations

import atexit
import logging
import math
import os
import threading
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from service.local.core import Core

log = logging.getLogger(__name__)
VARIABLE = "MLFLOW_TRACKING_URI"
#: Tag of a registered version that says which of ours it is.
TAG = "driftdeck.version"
_LONGEST = 500
#: Seconds for which the end of a process waits for a server.
_PATIENCE = 15.0
#: MLflow's own settings, unless the environment has them: nothing is sent to anybody else, and nobody is waited for for long.
_MODEST = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
_turn = threading.Lock()  # versions are numbered by MLflow: one after the other


def wanted() -> bool:
    """Whether a server is named, and the extra ``mlflow`` is there to speak to it."""
    return bool(os.environ.get(VARIABLE)) and find_spec("mlflow") is not None


def log_version(core: Core, model: str, version: str) -> None:
    """Tell of a version that was registered, beside whatever comes next."""
    if wanted():
        record, roles = core.version(model, version), _named(core, model)

        def tell(client: Any) -> None:
            tell_version(client, record)
            tell_roles(client, model, roles)

        _beside(tell, f"version {version} of {model}")


def log_roles(core: Core, model: str) -> None:
    """Tell of who is champion and canary now, beside whatever comes next."""
    if wanted():
        roles = _named(core, model)
        _beside(lambda client: tell_roles(client, model, roles), f"roles of {model}")


def _named(core: Core, model: str) -> dict[str, str | None]:
    roles = core.roles(model)
    return {"champion": roles.champion, "canary": roles.canary}


def _beside(tell: Callable[[Any], None], what: str) -> None:
    """Do it in a thread of its own: a server that does not answer must not hold up a registration."""

    def run() -> None:
        for name, value in _MODEST.items():
            os.environ.setdefault(name, value)
        try:
            from mlflow import MlflowClient

            with _turn:
                tell(MlflowClient(tracking_uri=os.environ[VARIABLE], registry_uri=os.environ[VARIABLE]))
        except Exception:  # whatever a server that is not ours answers
            log.exception("MLflow was not told of the %s", what)

    thread = threading.Thread(target=run, name="mlflow", daemon=True)
    thread.start()
    atexit.register(thread.join, _PATIENCE)  # a command that ends now lets it finish, for a while


def tell_version(client: Any, record: Mapping[str, Any]) -> None:
    """Write a version's run and register it, with an ``MlflowClient``; what was told before is not told again."""
    model, version = record["model"], record["version"]
    _have_model(client, model)
    if _number(client, model, version) is not None:
        return
    experiment = client.get_experiment_by_name(f"driftdeck/{model}")
    number = client.create_experiment(f"driftdeck/{model}") if experiment is None else experiment.experiment_id
    run = client.create_run(number, run_name=version, tags=_tags(record))
    for name, value in (record["lineage"].get("params") or {}).items():
        client.log_param(run.info.run_id, name, str(value)[:_LONGEST])
    for name, value in record["metrics"].items():
        if isinstance(value, int | float) and math.isfinite(value):
            client.log_metric(run.info.run_id, _plain(name), value)
    client.set_terminated(run.info.run_id, "FINISHED")
    source = f"{run.info.artifact_uri}/driftdeck-{version}"
    client.create_model_version(model, source, run.info.run_id, tags={TAG: version, "sha256": record["card"]["sha256"]})


def tell_roles(client: Any, model: str, roles: Mapping[str, str | None]) -> None:
    """Set or take away the aliases ``champion`` and ``canary`` of a registered model."""
    _have_model(client, model)
    known = client.get_registered_model(model).aliases
    for alias, version in roles.items():
        number = None if version is None else _number(client, model, version)
        if number is not None:
            client.set_registered_model_alias(model, alias, number)
        elif version is None and alias in known:
            client.delete_registered_model_alias(model, alias)


def _have_model(client: Any, model: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(model, tags={"driftdeck": "true"})
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _number(client: Any, model: str, version: str) -> str | None:
    """Return MLflow's own number of one of our versions, None before it was told."""
    found = client.search_model_versions(f"name = '{model}'")
    return next((str(one.version) for one in found if one.tags.get(TAG) == version), None)


def _tags(record: Mapping[str, Any]) -> dict[str, str]:
    lineage = record["lineage"]
    told = {
        "trainer": record["trainer"],
        "gate": record["gate"]["verdict"],
        "gate sentence": record["gate"]["sentence"],
        "created by": record["created_by"],
        "data sha256": lineage.get("data_sha256"),
        "code sha256": lineage.get("code_sha256"),
        "alert": record["alert_id"],
        "job": record["job_id"],
        "rows": record["rows"],
    }
    return {f"driftdeck.{name.replace(' ', '_')}": str(value) for name, value in told.items() if value is not None}


def _plain(name: str) -> str:
    """Return a metric's name in the letters that MLflow takes."""
    return "".join(letter if letter.isalnum() or letter in "_-. /" else "_" for letter in name)
