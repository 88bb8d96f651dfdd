"""A model that is a program of the operator's own: what it learned is a folder, and a command answers with it.

A version that predicts by a command is stored as one zip file: what the training command left (``model/``), the operator's training
code as it was then (``code/``), and ``driftdeck.json``, which says how to ask it.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tempfile
import weakref
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from numpy.typing import NDArray

from retraining import environment

if TYPE_CHECKING:
    import pandas as pd

#: The member of an artefact's zip file that tells it from others.
CARD = "driftdeck.json"
#: Longest time that a command may take to answer, in seconds.
ANSWER_SECONDS = 120.0
#: Most bytes and files of the training code that go into an artefact.
MOST_CODE_BYTES, MOST_CODE_FILES = 50 * 2**20, 2000
_TAIL = 2000
_LONGEST_LINE = 64 * 1024
_GOODBYE = 5.0  # seconds
_EPOCH_1980 = (1980, 1, 1, 0, 0, 0)  # so that the same files make the same bytes


class CommandError(Exception):
    """A command of the operator's own did not do what was asked; the message says which, and ends with what it wrote."""


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    extra: Mapping[str, str],
    seconds: float,
    stdin: bytes = b"",
    declared: Sequence[str] = (),
    say: Callable[[str], None] | None = None,
) -> bytes:
    """Run a command without a shell and return what it wrote to standard output; it ends with the job that runs it.

    A first word ``python`` is this Python. With ``say`` its lines go there instead, as they come. Raises :class:`CommandError` when it cannot be
    started, fails, or takes longer than ``seconds`` (it and its children are ended then).
    """
    words = [sys.executable if command[0] in {"python", "python3"} else command[0], *command[1:]]
    shown = " ".join(command)
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as given:
        given.write(stdin)
        given.seek(0)
        try:
            child = subprocess.Popen(  # noqa: S603  declared by the operator, in the file only
                words,
                cwd=cwd,
                env=environment.of_command(extra, declared),
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=told if say is None else subprocess.STDOUT,
            )
        except OSError as error:
            raise CommandError(f"{shown!r} cannot be started: {error.strerror or error}") from error
        try:
            if say is None:
                out = _answer(child, seconds)
                told.seek(0)
                words_of_it = told.read().decode(errors="replace").strip()
            else:
                out, words_of_it = b"", _followed(child, seconds, say)
        except subprocess.TimeoutExpired as error:
            raise CommandError(f"{shown!r} took longer than {seconds:g} s and was ended") from error
    if child.returncode:
        last = words_of_it[-_TAIL:] or "nothing"
        raise CommandError(f"{shown!r} ended with exit code {child.returncode}; the last it said was: {last}")
    return out


def _answer(child: subprocess.Popen[bytes], seconds: float) -> bytes:
    """Return what it writes until it ends."""
    try:
        return child.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        _end(child)
        child.communicate()
        raise


def _followed(child: subprocess.Popen[bytes], seconds: float, say: Callable[[str], None]) -> str:
    """Hand on each line when it is written, and return the last of them once the command has ended."""
    last: deque[str] = deque(maxlen=_TAIL)

    def follow() -> None:
        assert child.stdout is not None
        with child.stdout as out:
            while line := out.readline(_LONGEST_LINE):
                text = line.decode(errors="replace").rstrip("\n")
                last.append(text)
                say(text)

    reader = Thread(target=follow, name="command-output", daemon=True)
    reader.start()
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        _end(child)
        raise
    finally:
        reader.join(_GOODBYE)  # what it has left running may hold its output open
    return "\n".join(last)[-_TAIL:].strip()


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the command and whatever it has started."""
    with suppress(psutil.Error):
        for process in psutil.Process(child.pid).children(recursive=True):
            with suppress(psutil.Error):
                process.kill()
    child.kill()
    child.wait()


def code_files(folder: Path) -> Iterator[Path]:
    """Give the files of the operator's training code, sorted; hidden ones and caches are passed over.

    Raises :class:`CommandError` when they are more than an artefact should hold.
    """
    total = 0
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not _passed_over(path, folder))
    for path in found:
        total += path.stat().st_size
    if total > MOST_CODE_BYTES or len(found) > MOST_CODE_FILES:
        raise CommandError(
            f"{folder} holds {len(found):,} files, {total / 2**20:.0f} MB; a version keeps the code it was made by, at most "
            f"{MOST_CODE_FILES:,} files and {MOST_CODE_BYTES // 2**20} MB: put data elsewhere"
        )
    yield from found


def _passed_over(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(folder).parts)


@dataclass(eq=False)
class CommandModel:
    """Answers by a command: a JSON object a row on its standard input, a JSON object a row on its standard output.

    ``packed`` is the zip file. ``classes_`` (sorted) and ``predict_proba`` are there for classification only, the latter only when the
    command gives ``scores``.
    """

    packed: bytes
    command: tuple[str, ...]
    regression: bool
    classes_: NDArray[Any]
    scored: bool
    _unpacked: Path | None = field(default=None, repr=False)
    _lock: Any = field(default_factory=Lock, repr=False)

    def predict(self, inputs: pd.DataFrame) -> NDArray[Any]:
        """Return float64 (regression) or text, shape (n,); raises :class:`CommandError` for answers that are none."""
        if not self.regression and self.scored:
            return np.asarray(self.classes_[self.scores(inputs).argmax(axis=1)])
        answers = self._ask(inputs)
        try:
            values = [answer["prediction"] for answer in answers]
            return (
                np.array(values, dtype=np.float64)
                if self.regression
                else np.array([str(v) for v in values], dtype=object)
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CommandError(
                f"{' '.join(self.command)!r} answered {json.dumps(answers[0])[:200]}; each line is an object such as "
                + ('{"prediction": 12.5}' if self.regression else '{"prediction": "yes"}')
            ) from error

    def scores(self, inputs: pd.DataFrame) -> NDArray[np.float64]:
        """Return probabilities in the order of ``classes_``, shape (n, classes), made to sum to 1."""
        answers = self._ask(inputs)
        try:
            found = np.array([[float(answer["scores"].get(str(c), 0.0)) for c in self.classes_] for answer in answers])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CommandError(
                f"{' '.join(self.command)!r} answered {json.dumps(answers[0])[:200]}; each line is an object such as "
                '{"scores": {"yes": 0.8, "no": 0.2}}'
            ) from error
        total = found.sum(axis=1, keepdims=True)
        if not np.isfinite(found).all() or (found < 0).any() or (total <= 0).any():
            raise CommandError(
                f"{' '.join(self.command)!r} gave scores that are not probabilities of {list(self.classes_)}"
            )
        return np.asarray(found / total)

    def scores_given(self, inputs: pd.DataFrame) -> bool:
        """Whether the command's answers to these rows have ``scores``."""
        return all("scores" in answer for answer in self._ask(inputs))

    def _ask(self, inputs: pd.DataFrame) -> list[dict[str, Any]]:
        folder = self._folder()
        clean = inputs.astype(object).where(inputs.notna(), None)
        rows = "\n".join(json.dumps(row) for row in clean.to_dict(orient="records")) + "\n"
        extra = {"DRIFTDECK_MODEL": str(folder / "model")}
        out = run(
            (*self.command, str(folder / "model")),
            cwd=folder / "code",
            extra=extra,
            seconds=ANSWER_SECONDS,
            stdin=rows.encode(),
        )
        try:
            answers = [dict(json.loads(line)) for line in out.decode().splitlines() if line.strip()]
        except (ValueError, TypeError) as error:
            raise CommandError(f"{' '.join(self.command)!r} wrote what are no JSON objects: {out[:200]!r}") from error
        if len(answers) != len(inputs):
            raise CommandError(f"{' '.join(self.command)!r} gave {len(answers)} answers to {len(inputs)} rows")
        return answers

    def _folder(self) -> Path:
        with self._lock:
            if self._unpacked is None:
                folder = Path(tempfile.mkdtemp(prefix="driftdeck-model-"))
                weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
                with zipfile.ZipFile(io.BytesIO(self.packed)) as file:
                    file.extractall(folder)
                for name in ("model", "code"):
                    (folder / name).mkdir(exist_ok=True)
                self._unpacked = folder
            return self._unpacked


class ScoredCommandModel(CommandModel):
    """One whose command gives ``scores``."""

    def predict_proba(self, inputs: pd.DataFrame) -> NDArray[np.float64]:
        """Return probabilities in the order of ``classes_``, shape (n, classes)."""
        return self.scores(inputs)


def pack(
    model: Path, code: Path, command: Sequence[str], *, regression: bool, classes: Sequence[str], scored: bool
) -> CommandModel:
    """Return what a training command left in ``model`` as a model that ``command`` answers for; the same files, the same bytes."""
    card = {"command": list(command), "regression": regression, "classes": list(classes), "scored": scored}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        _write(file, CARD, json.dumps(card, sort_keys=True).encode())
        for path in sorted(path for path in model.rglob("*") if path.is_file() and not path.is_symlink()):
            _write(file, f"model/{path.relative_to(model).as_posix()}", path.read_bytes())
        for path in code_files(code):
            _write(file, f"code/{path.relative_to(code).as_posix()}", path.read_bytes())
    return unpack(buffer.getvalue())


def _write(file: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH_1980)
    entry.compress_type = zipfile.ZIP_DEFLATED
    file.writestr(entry, data)


def is_packed(data: bytes) -> bool:
    """Whether these bytes are of :func:`pack`."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            return CARD in file.namelist()
    except zipfile.BadZipFile:
        return False


def unpack(data: bytes) -> CommandModel:
    """Return the model of :func:`pack`'s bytes; nothing is run, and nothing unpacked before it is asked."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        card = json.loads(file.read(CARD))
    kind = ScoredCommandModel if card["scored"] else CommandModel
    classes = np.array(card["classes"], dtype=object)
    return kind(data, tuple(card["command"]), card["regression"], classes, card["scored"])
