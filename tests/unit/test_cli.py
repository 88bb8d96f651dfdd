"""The command line: output, exit codes, errors in one line, and a start that imports nothing heavy."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import service
from service import query_rows
from service.cli import main
from service.cli.progress import words
from service.cli.session import plain, printable, table
from storage.files import Reading, read_table
from tests.support.recording_workspace import DECLARATION, RecordingWorkspace

COMMANDS = (
    "demo", "serve", "apply", "export", "check", "reference", "log", "label", "run", "compare", "readings", "alerts",
    "ack", "retrain", "jobs", "versions", "deploy", "rollback", "models",
)  # fmt: skip


@dataclass
class Outcome:
    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def workspace(tmp_path: Path) -> RecordingWorkspace:
    return RecordingWorkspace(tmp_path)


@pytest.fixture
def run(
    workspace: RecordingWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run `driftdeck` in this process, on a workspace that records; `homes` of the function are the folders opened."""
    homes: list[Path] = []

    def open_workspace(home: Path, *, memory: str | None = None) -> RecordingWorkspace:
        homes.append(home)
        return workspace

    monkeypatch.setattr(service, "open_workspace", open_workspace)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTDECK_HOME", raising=False)
    monkeypatch.delenv("DRIFTDECK_DEBUG", raising=False)

    def invoke(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["driftdeck", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    invoke.homes = homes  # type: ignore[attr-defined]
    return invoke


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'pandas', 'numpy', 'duckdb', 'streamlit', 'sklearn', 'pyarrow', 'fastapi', 'pydantic', 'rich', 'httpx'}"
    code = f"import sys, service.cli; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_takes_json(run: Run, command: str) -> None:
    outcome = run(command, "--help")
    assert outcome.code == 0
    assert "--json" in outcome.out
    assert "--home" in outcome.out


def test_all_commands_are_listed(run: Run) -> None:
    listed = run("--help").out
    assert [command for command in COMMANDS if f"\n  {command} " not in listed] == []


@pytest.mark.parametrize("arguments", [("--json", "models"), ("models", "--json")])
def test_json_is_one_document_on_either_side_of_the_command(run: Run, arguments: tuple[str, ...]) -> None:
    outcome = run(*arguments)
    assert outcome.code == 0
    assert json.loads(outcome.out)[0]["name"] == "air_time"
    assert outcome.err == ""


@pytest.mark.parametrize(
    "arguments", [("--home", "h", "models"), ("models", "--home", "h"), ("--home", "x", "models", "--home", "h")]
)
def test_home_goes_on_either_side_of_the_command(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).code == 0
    assert run.homes == [Path("h")]  # type: ignore[attr-defined]


def test_home_comes_from_the_environment_or_is_the_default(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("models")
    monkeypatch.setenv("DRIFTDECK_HOME", "elsewhere")
    run("models")
    assert run.homes == [Path("driftdeck-home"), Path("elsewhere")]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "arguments",
    [(), ("nonsense",), ("models", "--nonsense"), ("readings",), ("readings", "air_time", "--since", "soon"),
     ("deploy", "air_time", "v1", "--as", "king"), ("deploy", "air_time", "v1", "--as", "shadow=0.5"),
     ("reference", "air_time"), ("reference", "air_time", "f.csv", "--since", "2013-01-01"),
     ("retrain", "air_time", "--no-wait"), ("alerts", "--fail-on", "drift"),
     ("log", "air_time", "f.csv", "--map", "half")],
)  # fmt: skip
def test_wrong_usage_is_exit_code_2(run: Run, arguments: tuple[str, ...]) -> None:
    outcome = run(*arguments)
    assert outcome.code == 2
    assert "Traceback" not in outcome.err


def test_an_error_of_the_workspace_is_one_line_and_exit_code_1(run: Run) -> None:
    outcome = run("log", "none", "rows.csv")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "driftdeck: there is no model 'none'; this workspace has: air_time\n"


def test_an_unforeseen_error_is_one_line_unless_its_trace_is_asked_for(
    run: Run, workspace: RecordingWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Any:
        raise RuntimeError("first\nsecond \x1b[31mred")

    monkeypatch.setattr(workspace, "models", broken)
    outcome = run("models")
    assert outcome.code == 1
    assert (
        outcome.err
        == "driftdeck: RuntimeError: first second \N{REPLACEMENT CHARACTER}[31mred (DRIFTDECK_DEBUG=1 shows where)\n"
    )
    monkeypatch.setenv("DRIFTDECK_DEBUG", "1")
    monkeypatch.setattr(sys, "argv", ["driftdeck", "models"])
    with pytest.raises(RuntimeError, match="first"):
        main()


def test_names_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2J\x9b\u202eb\n\tü") == "a\ufffd[2J\ufffd\ufffdb\n\tü"


def test_tables_leave_out_fractions_of_seconds_and_nothing_else() -> None:
    texts = ["2026-11-22T12:53:14.559637+00:00", "2026-11-22T12:53:14+00:00", "a:2026-11-22T12:53:14.559637+00:00:hook"]
    lines = table([{"at": text} for text in texts], {"at": "at"}, "none").splitlines()
    assert lines[1:] == ["2026-11-22T12:53:14+00:00", "2026-11-22T12:53:14+00:00", texts[2]]


def test_numbers_that_are_none_become_null() -> None:
    assert plain({"a": float("nan"), "b": [float("inf"), 1.5, True, None], 3: Path("x")}) == {
        "a": None, "b": [None, 1.5, True, None], "3": "x",
    }  # fmt: skip


def test_rows_are_appended_from_what_the_command_names(run: Run, workspace: RecordingWorkspace, monkeypatch) -> None:
    refused = [{"row": 3, "line": 5, "field": "distance", "error": "no number"}]
    answer = {"accepted": 2, "duplicates": 1, "rejected": refused, "rejected_rows": 1}
    calls: list[dict[str, Any]] = []

    def log(model: str, data: str, **how: Any) -> dict[str, Any]:
        calls.append({"model": model, "data": data} | how)
        how["progress"](10, 20, 3)
        return answer

    monkeypatch.setattr(workspace, "log", log)
    options = ("--map", "theirs=ours", "--encoding", "latin-1", "--delimiter", ";", "--strict", "--option", "key=a=b")
    outcome = run("log", "air_time", "rows.csv", "--key", "k", *options)
    assert outcome.out == "accepted 2, duplicates 1, rejected 1\n"
    assert outcome.err == "line 5, distance: no number\nnothing was stored\n"
    call = calls[0]
    assert (call["model"], call["data"], call["key"], call["strict"]) == ("air_time", "rows.csv", "k", True)
    assert call["reading"] == Reading("latin-1", ";", {"theirs": "ours"}, {"key": "a=b"})
    assert json.loads(run("log", "air_time", "-", "--json").out) == answer
    assert "driftdeck quarantine air_time" in run("log", "air_time", "rows.csv").err


def test_rows_of_which_none_is_taken_are_a_failure(run: Run, workspace: RecordingWorkspace, monkeypatch) -> None:
    refused = [{"row": 0, "field": "id", "error": "missing"}]
    answer = {"accepted": 0, "duplicates": 0, "rejected": refused, "rejected_rows": 1}
    monkeypatch.setattr(workspace, "label", lambda *_, **__: answer)
    assert run("label", "air_time", "rows.csv").code == 1


def test_what_was_kept_is_told_when_a_load_is_stopped(run: Run, workspace: RecordingWorkspace, monkeypatch) -> None:
    def log(*_: object, progress: Callable[[int, int, int], None], **__: object) -> None:
        progress(1, 2, 1234)
        raise KeyboardInterrupt

    monkeypatch.setattr(workspace, "log", log)
    outcome = run("log", "air_time", "rows.csv")
    assert outcome.code == 130
    assert outcome.err == "stopped: 1,234 rows are kept; the same command goes on from there\n"


def test_the_rows_of_a_query_are_appended_in_the_names_of_the_model(
    run: Run, workspace: RecordingWorkspace, monkeypatch, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop:
        shop.execute("CREATE TABLE t AS SELECT 1 AS a, 'x' AS b")
        shop.commit()
    tables: list[Any] = []

    def log(model: str, data: Any, **how: Any) -> dict[str, Any]:
        tables.append((data, how))
        return {"accepted": 1, "duplicates": 0, "rejected": [], "rejected_rows": 0}

    monkeypatch.setattr(workspace, "log", log)
    address = f"sqlite:///{tmp_path / 'shop.db'}"
    asked = ("log", "air_time", address, "--sql", "SELECT * FROM t", "--key", "k")
    assert run(*asked, "--map", "b=carrier").out == "accepted 1, duplicates 0, rejected 0\n"
    table, how = tables[0]
    assert table.to_pydict() == {"a": [1], "carrier": ["x"]}
    assert (how["key"], how["origin"]) == ("k/0", "query")
    assert "the query has no column 'c' to map; it has 'a', 'b'" in run(*asked, "--map", "c=d").err


def test_a_strict_query_may_have_columns_whose_kind_shows_late(
    run: Run, workspace: RecordingWorkspace, monkeypatch, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop:
        shop.execute("CREATE TABLE t (late, number, mixed)")
        shop.executemany("INSERT INTO t VALUES (?, ?, ?)", [(None, 1, 1), (None, 2, 2), ("x", 2.5, "far")])
        shop.commit()
    tables: list[Any] = []

    def log(model: str, data: Any, **how: Any) -> dict[str, Any]:
        tables.append((read_table(data).table, how))
        return {"accepted": 3, "duplicates": 0, "rejected": [], "rejected_rows": 0}

    monkeypatch.setattr(workspace, "log", log)
    monkeypatch.setattr(query_rows, "_CHUNK", 2)
    monkeypatch.setenv("SHOP", str(tmp_path / "shop.db"))
    outcome = run("log", "air_time", "sqlite:///${SHOP}", "--sql", "SELECT * FROM t", "--strict", "--key", "k")
    assert outcome.out == "accepted 3, duplicates 0, rejected 0\n"
    table, how = tables[0]
    assert (how["key"], how["strict"]) == ("k", True)
    assert table.to_pydict() == {"late": [None, None, "x"], "number": [1, 2, 2.5], "mixed": ["1", "2", "far"]}
    assert "NOWHERE is not set" in run("log", "air_time", "sqlite:///${NOWHERE}", "--sql", "SELECT 1").err


def test_progress_says_rows_bytes_rate_and_what_is_left() -> None:
    assert words(50 << 20, 200 << 20, 1000, 10.0) == "1,000 rows, 50 of 200 MB, 100 rows/s, about 30 s left"
    assert words(1 << 20, 0, 10, 2.0) == "10 rows, 1 MB, 5 rows/s"
    assert words(0, 0, 10, 0.0) == "10 rows, 0 rows/s"


def test_a_reference_is_made_from_data_or_from_a_past_window(run: Run, workspace: RecordingWorkspace) -> None:
    assert run("reference", "air_time", "jan.parquet", "--version", "3").code == 0
    assert run("reference", "air_time", "--since", "2013-01-01", "--until", "2013-03-05T00:00-05:00").code == 0
    calls = [(call["data"], call["version"]) for _, call in workspace.recorded]
    assert calls == [("jan.parquet", 3), (("2013-01-01T00:00:00", "2013-03-05T00:00:00-05:00"), None)]


@pytest.mark.parametrize(("arguments", "code"), [((), 0), (("--fail-on", "warning"), 3), (("--fail-on", "page"), 3)])
def test_open_alerts_can_decide_the_exit_code(run: Run, arguments: tuple[str, ...], code: int) -> None:
    outcome = run("alerts", "--json", *arguments)
    assert outcome.code == code
    assert {alert["severity"] for alert in json.loads(outcome.out)} == {"page", "notice"}


def test_resolved_and_milder_alerts_do_not_decide(run: Run, workspace: RecordingWorkspace, monkeypatch) -> None:
    page, notice = sorted(workspace.alerts(), key=lambda alert: alert["severity"] != "page")
    alerts = [{**page, "state": "resolved"}, {**notice, "severity": "warning"}]
    monkeypatch.setattr(workspace, "alerts", lambda *_, **__: alerts)
    assert run("alerts", "--fail-on", "page").code == 0
    assert run("alerts", "--fail-on", "warning").code == 3


def test_a_retrain_is_followed_to_its_end(run: Run, workspace: RecordingWorkspace, monkeypatch) -> None:
    monkeypatch.setattr("service.cli.loop._POLL_SECONDS", 0)
    outcome = run("retrain", "air_time", "--until", "2013-06-04", "--alert", "a1", "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out)["state"] == "succeeded"
    assert workspace.recorded[0][1]["alert_id"] == "a1"


def test_a_retrain_that_fails_is_a_failure(run: Run, workspace: RecordingWorkspace, monkeypatch) -> None:
    monkeypatch.setattr("service.cli.loop._POLL_SECONDS", 0)
    job = workspace.retrain("air_time", since=None, until=None) | {"state": "failed", "error": "no labelled rows"}
    monkeypatch.setattr(workspace, "job", lambda _: job)
    outcome = run("retrain", "air_time")
    assert outcome.code == 1
    assert "failed: no labelled rows" in outcome.out


@pytest.mark.parametrize(
    ("text", "role", "share"),
    [("champion", "champion", None), ("canary", "canary", None), ("canary=0.1", "canary", 0.1), ("canary=10%", "canary", 0.1)],
)  # fmt: skip
def test_roles_are_read(
    run: Run, workspace: RecordingWorkspace, monkeypatch, text: str, role: str, share: float
) -> None:
    asked: list[Any] = []
    version = workspace.versions("air_time")[0]

    def deploy(*given: Any, **named: Any) -> Any:
        asked.append((given, named))
        return version

    monkeypatch.setattr(workspace, "deploy", deploy)
    assert run("deploy", "air_time", "v1", "--as", text).code == 0
    assert asked == [(("air_time", "v1"), {"role": role, "share": share})]


def test_check_says_what_is_wrong_and_where(run: Run, tmp_path: Path) -> None:
    (tmp_path / "good.toml").write_text(DECLARATION)
    (tmp_path / "bad.toml").write_text('[models.a]\ntask = "guess"\n')
    assert run("check", "good.toml").out == "good.toml is valid: 1 model, 0 channels, 0 maintenance, 0 sources\n"
    outcome = run("check", "bad.toml")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("bad.toml: line 2: models.a.task: 'guess' is not allowed; allowed are 'binary'")
    report = run("check", "bad.toml", "--json")
    assert (report.code, json.loads(report.out)["valid"]) == (1, False)
    assert run("check", "none.toml").code == 1


def test_a_declaration_is_applied_and_written_out(run: Run, workspace: RecordingWorkspace, tmp_path: Path) -> None:
    (tmp_path / "d.toml").write_bytes(b"\xef\xbb\xbf" + DECLARATION.encode())
    assert json.loads(run("apply", "d.toml", "--json").out) == {"created": ["air_time"], "changed": [], "unchanged": []}
    assert workspace.recorded[0][1]["toml_text"] == DECLARATION
    assert run("export").out.strip() == DECLARATION.strip()


def test_comparing_two_files_needs_no_workspace(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("age\n" + "\n".join(str(i) for i in range(200)))
    (tmp_path / "b.csv").write_text("age\n" + "\n".join(str(i + 150) for i in range(200)))
    outcome = run("compare", "a.csv", "b.csv", "--json", "--fail-on", "drift")
    assert outcome.code == 3
    assert json.loads(outcome.out)["drift"] is True
    assert run("compare", "a.csv", "a.csv", "--fail-on", "drift").code == 0
    assert run("compare", "a.csv", "none.csv").code == 1
    unknown = run("compare", "a.csv", "b.csv", "--check", "horoscope")
    assert (unknown.code, unknown.out) == (2, "")
    assert run.homes == []  # type: ignore[attr-defined]


def test_a_host_that_others_reach_needs_a_token(run: Run) -> None:
    outcome = run("serve", "--host", "0.0.0.0", "--port", "0")
    assert outcome.code == 2
    assert "DRIFTDECK_TOKEN" in outcome.err


def test_a_busy_port_is_one_line(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        outcome = run("serve", "--port", str(taken.getsockname()[1]))
    assert outcome.code == 1
    assert outcome.err.count("\n") == 1
    assert "cannot listen on 127.0.0.1" in outcome.err


def _driftdeck(home: Path, *arguments: str) -> subprocess.Popen[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTDECK_")}
    command = [sys.executable, "-c", "from service.cli import main; main()", "--home", str(home), *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ, cwd=Path(__file__).parents[2]
    )


@pytest.mark.slow
def test_one_process_serves_a_home_and_leaves_in_order(tmp_path: Path) -> None:
    home = tmp_path / "home"
    serving = _driftdeck(home, "serve", "--port", "0")
    try:
        assert serving.stderr is not None
        url = serving.stderr.readline().split()[-1]
        with urllib.request.urlopen(f"{url}/healthz") as answer:
            assert json.load(answer)["ok"] is True
        with urllib.request.urlopen(url) as page:
            assert b"<html" in page.read()

        second = _driftdeck(home, "serve", "--port", "0")
        _, err = second.communicate(timeout=200)
        assert second.returncode == 1
        assert err.count("\n") == 1
        assert f"already served by process {serving.pid} at {url}" in err

        (tmp_path / "d.toml").write_text(DECLARATION)
        applied = _driftdeck(home, "apply", str(tmp_path / "d.toml"), "--json")
        out, err = applied.communicate(timeout=200)
        assert (applied.returncode, err) == (0, "")
        assert json.loads(out)["created"] == ["models.air_time"]
        assert (home / "endpoint.json").stat().st_mode & 0o777 == 0o600
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.communicate(timeout=200)
    assert serving.returncode == 0
    assert not (home / "endpoint.json").exists()
