"""What the documentation says is tried: commands exist, declarations parse, examples run, extensions keep their contract."""

import importlib.util
import json
import re
import shlex
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType
from urllib.request import urlopen

import pytest
import typer.main
from streamlit.testing.v1 import AppTest

from monitors import channels
from monitors.channels import ChannelError, Message, channel_kind
from reference_data import plugins
from reference_data.declaration import Source
from service import context
from service.cli import app
from service.declaration_file import parse
from service.settings import documentation, load
from storage.sources import Context, SourceError
from tests.contract import test_checks_contract as checks_contract
from tests.contract import test_sources_contract as sources_contract
from tests.contract import test_trainers_contract as trainers_contract
from tests.support import served as serving
from tests.support.fake_workspace import FakeWorkspace
from tests.support.served import EXAMPLES, driftdeck, run

served = serving.served  # the fixture
ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMANDS = typer.main.get_command(app)


def blocks(language: str, *pages: Path) -> list[str]:
    return [found[2] for page in pages or PAGES for found in BLOCK.finditer(page.read_text()) if found[1] == language]


def shell_lines() -> list[str]:
    lines = [line for block in blocks("sh") for line in block.replace("\\\n", " ").splitlines()]
    return [line.split("  #")[0].strip() for line in lines if line.strip()]


def spoken(page: Path) -> str:
    return page.read_text().replace("\n", " ")


def driftdeck_commands() -> list[str]:
    inline = [found for page in PAGES for found in re.findall(r"`(driftdeck [^`…]+)`", spoken(page))]
    return sorted({line for line in [*shell_lines(), *inline] if line.startswith("driftdeck ")})


@pytest.mark.parametrize("line", driftdeck_commands())
def test_a_command_that_is_written_down_is_understood(line: str) -> None:
    words = shlex.split(line)[1:]
    with COMMANDS.make_context("driftdeck", words, resilient_parsing=False) as outer:
        name, command, rest = COMMANDS.resolve_command(outer, [*outer._protected_args, *outer.args])  # type: ignore[attr-defined]
        assert name
        if rest:  # a command that is only named is not called
            command.make_context(name, rest, parent=outer)


def test_make_targets_that_are_written_down_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    words = {word for page in PAGES for word in re.findall(r"`make ([a-z]+)`", spoken(page))}
    words |= {line.split()[1] for line in shell_lines() if line.startswith("make ")}
    assert {"demo", "test"} <= words <= targets


def completed(block: str) -> str:
    """Return a part of a declaration as a whole one: an entry of a source, or a table of a model that stands elsewhere."""
    if "[" not in block.partition("=")[0]:
        block = f'[sources.example]\nmodel = "example"\nread = "example.csv"\n{block}'
    names = set(re.findall(r"^\[{1,2}models\.([\w-]+)", block, re.MULTILINE))
    for name in sorted(names):
        header = f"[models.{name}]\n"
        if header not in block:
            block = header + block
        if not re.search(r"^task = ", block, re.MULTILINE):
            block = block.replace(header, f'{header}task = "regression"\n')
    return block


SETTINGS = "# settings.toml"  # how a block begins that is no declaration
DECLARED = [block for block in blocks("toml") if not block.startswith(SETTINGS)]


def test_settings_that_are_written_down_are_settings(tmp_path: Path) -> None:
    written = [block for block in blocks("toml") if block.startswith(SETTINGS)]
    assert written
    for block in written:
        (tmp_path / "settings.toml").write_text(block)
        load(tmp_path, {}, {})


@pytest.mark.parametrize("block", [*DECLARED, *(path.read_text() for path in EXAMPLES.rglob("driftdeck.toml"))])
def test_a_declaration_that_is_written_down_parses(block: str) -> None:
    found = parse(completed(block), None)
    assert found.models or found.sources or found.maintenance or found.channels


def test_the_channel_that_the_example_leaves_out_parses_too() -> None:
    text = (EXAMPLES / "driftdeck.toml").read_text()
    whole = re.sub(r"^# (?=\[channels|url|severity)", "", text, flags=re.MULTILINE)
    assert parse(whole, {"TEAM_WEBHOOK": "https://example.com/hook"}).channels["team"].url == "https://example.com/hook"


def test_the_page_of_settings_is_the_table_of_settings() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == documentation(), (
        "run python -m service.settings > docs/settings.md"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_files_that_are_named_exist() -> None:
    named = {
        name
        for page in PAGES
        for name in re.findall(
            r"`((?:dashboard|docs|examples|monitors|reference_data|retraining|service|storage|tests)/[\w/.]*)`",
            page.read_text(),
        )
    }
    made_here = {"storage/sources/", *(f"{folder}/{name}.py" for folder, name in EXTENSIONS)}
    assert sorted(name for name in named - made_here if not (ROOT / name).exists()) == []


def test_pictures_are_there_and_light() -> None:
    pictures = set((ROOT / "docs" / "images").glob("*.png"))
    shown = {ROOT / name for name in re.findall(r"docs/images/\w+\.png", (ROOT / "README.md").read_text())}
    assert shown == pictures
    assert {path.name for path in pictures if path.stat().st_size > 400_000} == set()


# -- extensions --------------------------------------------------------------------------------------------------------
EXTENSIONS = [
    ("monitors/checks", "overlap"),
    ("monitors/channels", "append"),
    ("storage/sources", "feed"),
    ("retraining/trainers", "ridge"),
    ("dashboard/pages", "labels"),
]


@pytest.fixture
def extension(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The example of CONTRIBUTING.md as a file of its folder, found by the same scan as all others."""
    folder, name = request.param
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = text.split(f"`{folder}/{name}.py`\n", 1)[1]
    found = BLOCK.search(section)
    assert found is not None
    (tmp_path / f"{name}.py").write_text(found[2])
    package = importlib.import_module(folder.replace("/", "."))
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    full = f"{package.__name__}.{name}"
    plugins.discover.cache_clear()
    yield importlib.import_module(full)
    plugins.discover.cache_clear()
    monkeypatch.delattr(package, name)
    del sys.modules[full]


def example(folder: str):
    return pytest.mark.parametrize("extension", [pair for pair in EXTENSIONS if pair[0] == folder], indirect=True)


@example("monitors/checks")
def test_the_check_of_the_example_keeps_the_contract(extension: ModuleType) -> None:
    check = plugins.discover("monitors.checks", "CHECK")[extension.CHECK.name]
    checks_contract.test_metadata_is_complete(check)
    for kind in check.kinds:
        for test in (
            checks_contract.test_windows_at_once_equal_one_at_a_time,
            checks_contract.test_a_reference_for_each_window_broadcasts,
            checks_contract.test_empty_windows_give_nan_and_no_crash,
            checks_contract.test_an_empty_reference_does_not_crash,
            checks_contract.test_a_merged_window_is_checked_as_its_rows_together,
        ):
            test(check, kind)


@example("monitors/channels")
def test_the_channel_of_the_example_delivers_and_says_when_it_cannot(extension: ModuleType, tmp_path: Path) -> None:
    assert channel_kind(extension.CHANNEL.example) is extension.CHANNEL
    message = Message("alert-1:firing", "Error rose", "9 → 15 min", "page")
    channels.send(f"append://{tmp_path}/alerts.jsonl", message)
    assert json.loads((tmp_path / "alerts.jsonl").read_text())["key"] == "alert-1:firing"
    with pytest.raises(ChannelError, match="No such file"):
        channels.send(f"append://{tmp_path}/nowhere/alerts.jsonl", message)


@example("storage/sources")
def test_the_source_of_the_example_reads_on_from_where_it_was(extension: ModuleType, httpserver_pages: str) -> None:
    sources_contract.test_every_kind_of_place_says_what_it_reads_without_secrets(extension.SOURCE)
    source = Source(name="x", model="m", kind="feed", connection=httpserver_pages)
    context_ = Context(now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    chunks = list(extension.SOURCE.read(source, {}, context_))
    assert [row["prediction_id"] for chunk in chunks for row in chunk.rows] == ["a", "b", "c"]
    rest = extension.SOURCE.read(source, {"": chunks[0].position}, context_)
    assert [row["prediction_id"] for chunk in rest for row in chunk.rows] == ["c"]
    with pytest.raises(SourceError, match="answered 404"):
        list(extension.SOURCE.read(source.model_copy(update={"connection": f"{httpserver_pages}/no"}), {}, context_))


@pytest.fixture
def httpserver_pages() -> Iterator[str]:
    """A feed of two pages on a free port."""
    pages = {"": (["a", "b"], "2"), "2": (["c"], "3"), "3": ([], "3")}

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?after=")
            ids, following = pages[query]
            body = json.dumps({"rows": [{"prediction_id": name} for name in ids], "next": following}).encode()
            self.send_response(404 if path.endswith("/no") else 200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/feed"
        server.shutdown()
        thread.join()


@example("retraining/trainers")
def test_the_trainer_of_the_example_keeps_the_contract(extension: ModuleType, tmp_path: Path) -> None:
    trainer = plugins.discover("retraining.trainers", "TRAINER")[extension.TRAINER.name]
    trainers_contract.test_it_says_what_it_is(trainer)
    for task in trainer.tasks:
        fitted = trainers_contract.made(trainer, task, tmp_path)
        trainers_contract.test_it_learns_the_rule(trainer, task, fitted)
        trainers_contract.test_probabilities_are_probabilities(trainer, task, fitted)
        trainers_contract.test_a_row_alone_is_answered_as_among_others(trainer, task, fitted)
        trainers_contract.test_two_runs_agree_to_the_digit(trainer, task, fitted, tmp_path)
        trainers_contract.test_the_artefact_is_stored_and_answers_the_same(trainer, task, fitted, tmp_path)
        trainers_contract.test_missing_and_unseen_values_are_answered(trainer, task, fitted)
        trainers_contract.test_only_declared_features_are_used(trainer, task, fitted)
        trainers_contract.test_no_rows_get_no_answers(trainer, task, fitted)


@example("dashboard/pages")
def test_the_page_of_the_example_draws(extension: ModuleType) -> None:
    def script() -> None:
        import importlib

        importlib.import_module("dashboard.pages.labels").render()

    context.set_workspace(FakeWorkspace())
    try:
        page = AppTest.from_function(script, default_timeout=30).run()
    finally:
        context.set_workspace(None)
    assert not page.exception
    assert page.title[0].value == extension.PAGE.title
    assert "labels for" in page.markdown[0].value


# -- examples ----------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_the_path_for_ones_own_model_leads_to_one_alert(served: dict[str, str]) -> None:
    said = run([sys.executable, EXAMPLES / "log_from_service.py"], served)
    assert said == "sent 3150 predictions and 3150 labels\n"
    assert run([sys.executable, EXAMPLES / "log_from_service.py"], served) == "sent 0 predictions and 0 labels\n"
    driftdeck(served, "run", "churn")
    (alert,) = driftdeck(served, "alerts", "churn")
    assert (alert["kind"], alert["severity"], alert["state"]) == ("concept_drift", "page", "firing")
    job = driftdeck(served, "retrain", "churn")
    assert (job["state"], job["version"], job["alert_id"]) == ("succeeded", "v1", alert["id"])
    (version,) = driftdeck(served, "versions", "churn")  # the made-up rule is a straight one, and the gate says so
    assert version["gate_verdict"] == "warned"
    assert "does not beat a linear model" in version["gate_sentence"]


@pytest.mark.slow
def test_the_example_for_curl_runs(served: dict[str, str]) -> None:
    said = run(["bash", EXAMPLES / "curl.sh"], served)
    assert said.count('"accepted":1') == 2
    assert said.splitlines()[-1].startswith("[")


@pytest.mark.slow
def test_calls_that_are_written_down_are_in_the_api(served: dict[str, str]) -> None:
    with urlopen(served["DECK_URL"] + "/api/openapi.json", timeout=30) as answer:
        paths = json.load(answer)["paths"]
    written = re.findall(r"(GET|POST) /api(/v1/[\w/{}]+(?:\.\w+)?)", (ROOT / "docs" / "http.md").read_text())
    assert len(written) > 15
    assert [(method, path) for method, path in written if method.lower() not in paths.get(path, {})] == []


@pytest.mark.slow
def test_json_that_is_written_down_is_accepted(served: dict[str, str]) -> None:
    body, answer = (json.loads(block) for block in blocks("json", ROOT / "docs" / "http.md"))
    assert set(answer) == {"accepted", "duplicates", "rejected", "rejected_rows"}
    data = json.dumps(body)
    address = served["DECK_URL"] + "/api/v1/models/churn/logs"
    said = run(["curl", "-s", address, "-H", "Content-Type: application/json", "-d", data], served)
    assert json.loads(said) == {"accepted": 1, "duplicates": 0, "rejected": [], "rejected_rows": 0}
