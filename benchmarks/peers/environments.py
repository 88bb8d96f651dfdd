"""One virtual environment per peer, under ``.venv-peers``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1] / ".venv-peers"
PEERS = ("evidently", "nannyml", "alibi-detect", "river", "frouros", "whylogs")
#: installed when named only: PyTorch is larger than all of the rest
ON_REQUEST = ("alibi-detect-mmd",)


class PeerError(RuntimeError):
    """A peer is not installed, unknown, or failed; says so in words."""


def known(name: str) -> str:
    """Return the name of a peer, or raise :class:`PeerError` with those there are."""
    if name not in (*PEERS, *ON_REQUEST):
        raise PeerError(f"no peer {name!r}; there are {', '.join((*PEERS, *ON_REQUEST))}")
    return name


def script(name: str) -> Path:
    """Return the script that asks a peer."""
    return HERE / f"run_{known(name).removesuffix('-mmd').replace('-', '_')}.py"


def requirements(name: str) -> Path:
    """Return the file of a peer's pinned requirements."""
    return HERE / f"requirements-{known(name)}.txt"


def python(name: str) -> Path:
    """Return the interpreter of a peer's environment."""
    return ROOT / known(name) / "bin" / "python"


def _stamp(name: str) -> Path:
    return ROOT / name / ".installed"


def installed(name: str) -> bool:
    """Return whether a peer's environment holds what its requirements say now."""
    stamp = _stamp(known(name))
    return stamp.exists() and stamp.read_text() == requirements(name).read_text()


def install(names: list[str] | None = None) -> dict[str, str]:
    """Build the environments of the peers named (all by default); returns what failed, by name."""
    failed = {}
    for name in [known(name) for name in names] if names else PEERS:
        if installed(name):
            print(f"{name}: there already", file=sys.stderr)
            continue
        print(f"{name}: installing …", file=sys.stderr, flush=True)
        try:
            _build(name)
        except subprocess.CalledProcessError as error:
            failed[name] = (
                f"{' '.join(map(str, error.cmd[:4]))} …: exit code {error.returncode}\n{error.stderr or ''}".strip()
            )
            print(f"{name}: failed\n{failed[name]}", file=sys.stderr)
    return failed


def _build(name: str) -> None:
    environment, wanted = ROOT / name, requirements(name)
    uv = Path(sys.executable).parent / "uv"
    tool = str(uv) if uv.exists() else shutil.which("uv")
    if tool is None:
        _do([sys.executable, "-m", "venv", "--clear", environment])
        pip: list[str | Path] = [python(name), "-m", "pip", "install", "--quiet"]
    else:
        _do([tool, "venv", "--quiet", "--clear", "--python", sys.executable, environment])
        # without bytecode a tool would be compiled anew at every start, seconds that its users do not pay
        pip = [tool, "pip", "install", "--quiet", "--compile-bytecode", "--python", python(name)]
    _do([*pip, "-r", wanted])
    _stamp(name).write_text(wanted.read_text())


def _do(command: list[str | Path]) -> None:
    """Run a step. uv is told of the index and the folder of wheels that pip has been told of."""
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    for ours, theirs in (("PIP_INDEX_URL", "UV_DEFAULT_INDEX"), ("PIP_FIND_LINKS", "UV_FIND_LINKS")):
        if os.environ.get(ours):
            environment.setdefault(theirs, os.environ[ours])
    subprocess.run(list(map(str, command)), check=True, env=environment, stderr=subprocess.PIPE, text=True)


def pinned(name: str) -> str:
    """Return the version of a peer that its requirements name."""
    package = name.removesuffix("-mmd")
    lines = requirements(package).read_text().splitlines()
    return next(line.split("==")[1] for line in lines if line.startswith(f"{package}=="))


def show() -> None:
    """Print the peers, their versions, and whether they are installed."""
    for name in (*PEERS, *ON_REQUEST):
        state = "installed" if installed(name) else f"not installed: python -m benchmarks.peers install {name}"
        print(f"  {name:18}{pinned(name):10}{state}")
