"""The API keeps what its OpenAPI page promises: no call, however odd, ends in a server error or in an undeclared shape."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance
from starlette.applications import Starlette

from service.api.app import api_routes
from service.api.bodies import ARROW, LINES, PARQUET
from service.local import LocalWorkspace
from service.settings import Settings

DECLARATION = """
[models.eta]
task = "regression"
segments = ["city"]

[models.eta.features]
distance = "numeric"
city = "categorical"
"""
CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
START = datetime(2024, 1, 1, tzinfo=UTC)


@schemathesis.serializer(ARROW, PARQUET)
def _as_bytes(_: schemathesis.SerializationContext, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.serializer(LINES)
def _as_lines(_: schemathesis.SerializationContext, value: object) -> bytes:
    return f"{json.dumps(value)}\n".encode()


def _rows(days: int, start: datetime) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = days * 48
    return pd.DataFrame(
        {
            "prediction_id": [f"{start:%m}-{i}" for i in range(n)],
            "event_time": [start + timedelta(minutes=30 * i) for i in range(n)],
            "distance": rng.normal(10, 2, n),
            "city": rng.choice(["Berlin", "Łódź"], n),
            "prediction": rng.normal(20, 4, n),
            "label": rng.normal(20, 4, n),
        }
    )


@pytest.fixture(scope="module")
def api_schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The schema of an API on a real workspace; calls that name a model name the one there is."""
    home: Path = tmp_path_factory.mktemp("home")
    with LocalWorkspace.open(home, now=lambda: START + timedelta(days=60)) as workspace:
        workspace.apply(DECLARATION)
        workspace.reference("eta", _rows(30, START))
        current = _rows(14, START + timedelta(days=35))
        workspace.log("eta", current)
        workspace.label("eta", current)
        workspace.run()
        loaded = schemathesis.openapi.from_asgi(
            "/api/openapi.json", Starlette(routes=api_routes(workspace, Settings(max_body_mb=1)))
        )
        yield loaded.exclude(path_regex="/(retrain|apply)$")  # these start processes, and declare what the others call


@pytest.mark.slow
def test_every_call_is_answered_as_declared(api_schema: Any) -> None:
    found: list[Exception] = []
    for result in api_schema.get_all_operations():
        operation = result.ok()

        @given(case=operation.as_strategy())
        @settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        def answered_as_declared(case: schemathesis.Case) -> None:
            if "model" in case.path_parameters:
                case.path_parameters["model"] = "eta"
            case.call_and_validate(checks=CHECKS)

        try:
            answered_as_declared()
        except Exception as error:
            found.append(error)
    if found:
        raise ExceptionGroup("calls that were not answered as declared", found)
