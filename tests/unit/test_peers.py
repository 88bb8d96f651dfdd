"""Peers are measured as whole processes, and what is missing is said in words."""

import re
import sys

import pytest

from benchmarks.peers import PEERS, PeerError, environments, measure, run_peer


def test_a_command_is_measured_by_itself() -> None:
    ballast = bytearray(300 << 20)  # what this process holds is not the command's
    small = measure([sys.executable, "-S", "-c", "print('said')"])
    large = measure([sys.executable, "-S", "-c", "x = bytearray(100 << 20); sum(range(5_000_000))"])
    assert (small.code, small.stdout) == (0, "said\n")
    assert small.peak_bytes < 60 << 20 < 100 << 20 < large.peak_bytes < len(ballast)
    assert large.cpu_seconds > small.cpu_seconds


def test_a_command_that_fails_keeps_its_words() -> None:
    failed = measure([sys.executable, "-c", "import sys; sys.exit('no such thing')"])
    assert (failed.code, failed.stderr) == (1, "no such thing\n")
    assert measure(["no-such-command-here"]).code == 127


def test_a_peer_that_is_not_there(tmp_path, monkeypatch) -> None:
    with pytest.raises(PeerError, match="there are evidently, nannyml"):
        run_peer("deepchecks", [])
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    with pytest.raises(PeerError, match="peers install river"):
        run_peer("river", [])


@pytest.mark.parametrize("name", [*PEERS, *environments.ON_REQUEST])
def test_every_peer_has_a_script_and_pins(name: str) -> None:
    assert environments.script(name).is_file()
    lines = environments.requirements(name).read_text().splitlines()
    assert all(re.fullmatch(r"[\w.\[\]-]+==[\w.+-]+( ; .*)?|-r requirements-[\w-]+\.txt", line) for line in lines)
    assert re.fullmatch(r"\d+\.\d+\.\d+", environments.pinned(name))
