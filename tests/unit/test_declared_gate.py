"""The deployment gates that strangers copy: their shell steps run as they stand in the files."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml  # pinned: evidently needs it

from tests.support.tiny_workspace import MODEL, REFERENCE_DAYS, rows, tiny

FOLDER = Path(__file__).parents[2] / "examples" / "github-actions"
BASH = ["bash", "--noprofile", "--norc", "-e"]  # as the runner calls it


def gate() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / "drift-gate.yml").read_text("utf-8"))
    return found


def step(job: str, name: str) -> str:
    return next(str(each["run"]) for each in gate()["jobs"][job]["steps"] if each.get("name") == name)


@pytest.fixture
def runner(tmp_path: Path) -> dict[str, str]:
    """The environment of a runner: files to compare, a folder of its own, and an installer that only notes what was asked for."""
    tools = tmp_path / "bin"
    tools.mkdir()
    pip = tools / "pip"
    pip.write_text('#!/bin/sh\necho "$@" >> "$HERE/installed"\n')
    pip.chmod(pip.stat().st_mode | stat.S_IXUSR)
    for name, shift, seed in (("training", 0.0, 1), ("same", 0.0, 2), ("other", 3.0, 3)):
        rng = np.random.default_rng(seed)
        pd.DataFrame({"x": rng.normal(shift, 1, 800), "c": rng.choice(["a", "b"], 800)}).to_parquet(
            tmp_path / f"{name}.parquet"
        )
    return {
        "PATH": os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(tmp_path),
        "HERE": str(tmp_path),
        "REFERENCE": "training.parquet",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }


def shell(script: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BASH, "-c", script],
        cwd=environment["HERE"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(("current", "code"), [("same", 0), ("other", 3), ("nowhere", 1)])
def test_the_gate_opens_and_closes(runner: dict[str, str], current: str, code: int) -> None:
    runner |= {"CURRENT": f"{current}.parquet"}
    here = Path(runner["HERE"])
    assert shell(step("compare", "Install"), runner).returncode == 0
    assert (here / "installed").read_text() == "install driftdeck\n"
    done = shell(step("compare", "Compare"), runner)
    assert done.returncode == code, done.stderr
    assert (here / "output").read_text() == f"code={code}\n"
    if code == 1:
        assert "nowhere.parquet" in done.stderr
        return
    result = json.loads((here / "drift.json").read_text())
    assert result["drift"] is (code == 3)
    paged = shell(step("compare", "Page"), runner)
    assert paged.returncode == 0, paged.stderr
    assert "<table" in (here / "drift.html").read_text()
    assert "x" in (here / "summary").read_text()


def test_every_step_that_runs_is_tried_here_and_what_is_kept_is_what_is_written() -> None:
    jobs = gate()["jobs"]
    named = {(job, each["name"]) for job, content in jobs.items() for each in content["steps"] if "run" in each}
    assert named == {("compare", "Install"), ("compare", "Compare"), ("compare", "Page"), ("alerts", "No page is open")}
    kept = next(each for each in jobs["compare"]["steps"] if each.get("name") == "Keep")
    assert kept["with"]["path"].split() == ["drift.json", "drift.html"]
    assert "!cancelled()" in kept["if"]


@pytest.mark.slow
def test_an_open_page_closes_the_gate(runner: dict[str, str], tmp_path: Path) -> None:
    home = tmp_path / "home"
    with tiny(home) as opened:
        opened.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        opened.log_days(0, 1)
        opened.run_at(1.5)
    runner |= gate()["jobs"]["alerts"]["env"] | {"DRIFTDECK_HOME": str(home)}
    assert shell(step("alerts", "No page is open"), runner).returncode == 0
    with tiny(home, "") as opened:
        opened.log_days(1, 3, shift=5.0, bias=8.0)
        opened.run_at(4.5)
        severities = {alert["severity"] for alert in opened.workspace.alerts(MODEL)}
    assert "page" in severities
    assert shell(step("alerts", "No page is open"), runner).returncode == 3


@pytest.mark.slow
@pytest.mark.parametrize(("current", "code"), [("same", 0), ("other", 3)])
def test_the_gate_of_gitlab_does_the_same(runner: dict[str, str], current: str, code: int) -> None:
    job = yaml.safe_load((FOLDER / "gitlab-ci.yml").read_text("utf-8"))["drift-gate"]
    assert set(job["variables"]) == {"REFERENCE", "CURRENT"}
    done = shell("\n".join(job["script"]), runner | {"CURRENT": f"{current}.parquet"})
    assert done.returncode == code, done.stderr
    assert code not in job["allow_failure"]["exit_codes"]
    assert json.loads((Path(runner["HERE"]) / "drift.json").read_text())["drift"] is (code == 3)
