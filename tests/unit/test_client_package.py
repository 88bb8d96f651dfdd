"""The client as a distribution: nothing but the standard library, and rows in words that JSON knows."""

import ast
import json
import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

import driftdeck_client
from driftdeck_client.records import encode, new_id

CLIENT = Path(__file__).parents[2] / "client"
SLOW = {"asyncio", "email", "http", "inspect", "logging", "pathlib", "socket", "ssl", "urllib.request", "uuid"}


def test_only_the_standard_library_is_imported() -> None:
    imported = set()
    for path in (CLIENT / "driftdeck_client").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(str(node.module).partition(".")[0])
    assert imported - sys.stdlib_module_names == {"driftdeck_client"}


def test_importing_it_drags_nothing_slow_along() -> None:
    script = "import sys; before = set(sys.modules); import driftdeck_client; print(*(set(sys.modules) - before))"
    command = [sys.executable, "-S", "-c", script]  # without site-packages
    found = subprocess.run(command, cwd=CLIENT, check=True, capture_output=True, text=True).stdout.split()
    assert "driftdeck_client.client" in found
    assert SLOW & set(found) == set()


def test_the_distribution_says_what_the_package_says() -> None:
    project = tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]
    assert project["name"] == "driftdeck-client"
    assert project["version"] == driftdeck_client.__version__
    assert project["dependencies"] == []
    assert (CLIENT / "LICENSE").read_text() == (CLIENT.parent / "LICENSE").read_text()


def test_the_examples_of_the_readme_are_python() -> None:
    parts = (CLIENT / "README.md").read_text().split("```python\n")[1:]
    assert len(parts) >= 4
    for part in parts:
        compile(part.partition("```")[0], "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_ids_sort_by_time_and_are_uuids_of_version_7() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    milliseconds = [UUID(name).int >> 80 for name in ids]
    assert milliseconds == sorted(milliseconds)
    assert {(UUID(name).version, UUID(name).variant) for name in ids} == {(7, "specified in RFC 4122")}
    assert abs(milliseconds[-1] / 1000 - datetime.now(UTC).timestamp()) < 3600


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(1.5), 1.5),
        (np.float64(2.5), 2.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([4.5]), 4.5),
        (np.array([1, 2]), [1, 2]),
        (np.str_("a"), "a"),
        (float("nan"), None),
        (np.float32("inf"), None),
        (pd.NaT, None),
        (pd.NA, None),
        (Decimal("1.5"), 1.5),
        (datetime(2024, 2, 1, 13, tzinfo=timezone(timedelta(hours=1))), "2024-02-01T12:00:00.000000+00:00"),
        (datetime(2024, 2, 1, 13), "2024-02-01T13:00:00.000000"),  # noqa: DTZ001  (in the model's zone)
        (pd.Timestamp("2024-02-01T13:00:00.123456789", tz="Europe/Berlin"), "2024-02-01T12:00:00.123456+00:00"),
        (date(2024, 2, 1), "2024-02-01"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ("Łódź 🛩 \ud800\n", "Łódź 🛩 \ud800\n"),
    ],
)
def test_values_become_json(value: Any, expected: Any) -> None:
    line = encode({"features": {"x": value, "y": float("nan")}})
    assert "\n" not in line
    assert json.loads(line) == {"features": {"x": expected, "y": None}}
    assert json.loads(encode({"x": value})) == {"x": expected}


def test_names_that_are_no_text_become_text() -> None:
    assert json.loads(encode({"features": {np.int64(1): 2, (1, 2): 3}})) == {"features": {"1": 2, "(1, 2)": 3}}
