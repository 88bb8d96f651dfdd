"""What every test shares: the order of the folders, no silent skips in CI, and a real Chromium."""

import functools
import gc
import importlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from playwright.sync_api import Browser, sync_playwright

TESTS = Path(__file__).parent
FOLDERS = ["unit", "contract", "property", "parity", "story", "browser", "faults"]  # quick ones first
IN_CI = os.environ.get("CI") == "true"
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else ""


def _rank(item: pytest.Item) -> tuple[int, bool]:
    folder = _folder(item)
    return FOLDERS.index(folder) if folder in FOLDERS else len(FOLDERS), "slow" in item.keywords


@pytest.hookimpl(tryfirst=True)  # before `-m` reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _folder(item) == "browser":
            item.add_marker("browser")
    items.sort(key=_rank)


def pytest_collection() -> None:
    """Collect nothing while the tests are imported: nearly all of it stays."""
    gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Keep what all tests have imported out of every later collection: it lives as long as the process."""
    gc.enable()
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let go of it at the end: DuckDB's bindings report what outlives the interpreter."""
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def _found_once() -> Iterator[None]:
    """What two test tools find out again for every call is found out once; what no test of this run has imported is left alone.

    AppTest looks for components in the metadata of every installed package; Typer's runner puts the whole command line together.
    """
    with pytest.MonkeyPatch.context() as patch:
        if "streamlit.testing.v1" in sys.modules:
            scanner = importlib.import_module("streamlit.components.v2.manifest_scanner")
            patch.setattr(scanner, "scan_component_manifests", functools.cache(scanner.scan_component_manifests))
        if (runner := sys.modules.get("typer.testing")) is not None:
            patch.setattr(runner, "_get_command", functools.cache(typer.main.get_command))
        yield


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"nothing may be skipped in CI: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    report = yield
    _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    report = yield
    _forbid_skip(report)
    return report


def _program(package: str, *names: str) -> str:
    """The path of the first of these programs that there is; without one a loud skip, which CI turns into a failure."""
    folders = [os.environ.get("PATH", ""), *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]
    path = next(filter(None, (shutil.which(name, path=os.pathsep.join(folders)) for name in names)), None)
    if path is None:
        pytest.skip(f"NO {names[0].upper()} on the PATH: apt-get install {package}")
    return path


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium that Playwright can drive."""
    return _program("chromium", "chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def postgresql() -> Path:
    """The folder of PostgreSQL's programs: initdb, postgres, pg_ctl."""
    return Path(_program("postgresql", "initdb")).resolve().parent


@pytest.fixture(scope="session")
def node() -> str:
    """The path of Node.js, 18 or newer."""
    return _program("nodejs", "node")


@pytest.fixture(scope="session")
def java() -> str:
    """The path of Java, 17 or newer."""
    return _program("default-jdk-headless", "java")


@pytest.fixture(scope="module")  # a running Playwright holds the thread's event loop: not beyond the module
def browser(chromium: str) -> Iterator[Browser]:
    """A headless Chromium; take `browser.new_page()` or, for a theme, `browser.new_context(color_scheme="dark")`."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield running
        running.close()
