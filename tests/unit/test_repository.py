"""The house rules that no linter knows."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PACKAGES = ["dashboard", "monitors", "reference_data", "retraining", "service", "storage"]


def _git(*arguments: str) -> str:
    command = ["git", "-c", "safe.directory=*", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    names = _git("ls-files", "-z").split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def texts(tracked: list[Path]) -> dict[str, str]:
    contents = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in tracked}
    return {name: data.decode("utf-8", "replace") for name, data in contents.items() if b"\0" not in data}


@pytest.fixture(scope="module")
def pins() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def _lines_with(pattern: str, texts: dict[str, str]) -> list[str]:
    forbidden = re.compile(pattern, re.IGNORECASE)
    return [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        if forbidden.search(line)
    ]


# The forbidden words are put together here, or this file would be the first to offend.


def test_no_file_names_a_package_registry(texts: dict[str, str]) -> None:
    hosts = ["py" + r"pi\.org", "python" + r"hosted\.org", "npm" + r"js\.(?:org|com)", "yarn" + r"pkg\.com"]
    addresses = ["(?<!no-emit-)index" + "-url", "/sim" + "ple/"]
    assert _lines_with("|".join(hosts + addresses), texts) == []


def test_no_file_names_a_path_of_one_machine(texts: dict[str, str]) -> None:
    assert (
        _lines_with(r"(?<![\w.-])/(?:" + "|".join(["ro" + "ot", "wo" + "rk", "Us" + "ers"]) + r")/[\w.]", texts) == []
    )


def test_no_python_file_carries_unfinished_work(texts: dict[str, str]) -> None:
    marks = r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"]) + r")\b"
    python = {name: text for name, text in texts.items() if name.endswith(".py")}
    assert _lines_with("(?-i:" + marks + ")", python) == []


def test_no_python_file_is_over_600_lines(texts: dict[str, str]) -> None:
    lengths = {name: len(text.splitlines()) for name, text in texts.items() if name.endswith(".py")}
    assert {name: length for name, length in lengths.items() if length > 600} == {}


def test_no_tracked_file_is_over_8_mebibytes(tracked: list[Path]) -> None:
    assert [path for path in tracked if path.stat().st_size > 8 * 2**20] == []


def test_every_folder_of_code_is_a_package(tracked: list[Path]) -> None:
    # import-linter and the wheel see packages only
    folders = {path.parent for path in tracked if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_constraints_pin_exact_versions(pins: dict[str, Requirement]) -> None:
    assert pins
    for name, pin in pins.items():
        assert re.fullmatch(r"==[^*,]+", str(pin.specifier)), f"{name} is not pinned to one version: {pin}"
        assert pin.url is None, f"{name} comes from an address: {pin}"


def test_constraints_hold_every_dependency(pins: dict[str, Requirement]) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = declared["project"]["optional-dependencies"].values()
    wanted = [
        *declared["project"]["dependencies"],
        *(line for extra in extras for line in extra if not line.startswith("driftdeck[")),  # its own extras
        *declared["build-system"]["requires"],
    ]
    for requirement in map(Requirement, [*wanted, "pip", "uv", "wheel"]):
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement.name} is missing from constraints.txt: run `make lock`"
        version = str(pin.specifier).removeprefix("==")
        assert requirement.specifier.contains(version, prereleases=True), (
            f"{pin} is outside {requirement}: run `make lock`"
        )


@pytest.mark.parametrize("script", [".ci/run", ".ci/debian-packages"])
def test_scripts_can_be_run(script: str) -> None:
    assert _git("ls-files", "--stage", script).startswith("100755 ")
