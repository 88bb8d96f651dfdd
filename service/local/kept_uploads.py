"""Files that wait to be set up: one folder each in the home, with what is known of them, for a day."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from service.wizard import reader
from service.wizard.plan import Kept
from service.workspace import ConflictError, NotFoundError, WorkspaceError

if TYPE_CHECKING:
    from service.local.core import Core
    from service.setting_up_views import UploadView
    from service.wizard.facts import Facts

LARGEST = 2 * 2**30  # bytes
_KEEP, _MOST = timedelta(hours=24), 8
_ID = re.compile(r"[0-9a-f]{16}")
_CHUNK = 1 << 20
#: Folders that this process writes to or reads from, which nobody tidies away meanwhile.
_IN_USE: Counter[Path] = Counter()
_LOCK = threading.Lock()


@contextmanager
def in_use(place: Path, *, most: int | None = None) -> Iterator[None]:
    """Keep a folder from being tidied away; raises :class:`ConflictError` when ``most`` are in use already."""
    with _LOCK:
        if most is not None and len(_IN_USE) >= most:
            raise ConflictError(f"{len(_IN_USE)} files are being taken in or set up; try again in a minute")
        _IN_USE[place] += 1
    try:
        yield
    finally:
        with _LOCK:
            _IN_USE[place] -= 1
            if not _IN_USE[place]:
                del _IN_USE[place]


def folder(core: Core, upload: str) -> Path:
    """Return where a kept file lies; raises :class:`NotFoundError` when it is not there (any more)."""
    path = core.home.root / "uploads" / upload
    if _ID.fullmatch(upload) is None or not (path / "about.json").exists():
        raise NotFoundError("this file is not kept any more: files wait a day to be set up. Drop it again")
    return path


def keep(core: Core, data: Path | BinaryIO, name: str | None) -> UploadView:
    """Copy a file into the home; raises :class:`WorkspaceError` for one that is not there, or too large."""
    _tidy(core)
    if isinstance(data, Path):
        try:
            with data.expanduser().open("rb") as file:
                return _store(core, file, name or data.name)
        except OSError as error:
            raise WorkspaceError(f"{data} cannot be read: {error.strerror or error}; give a file of rows") from None
    return _store(core, data, name or "upload")


def _store(core: Core, file: BinaryIO, name: str) -> UploadView:
    upload = secrets.token_hex(8)
    place = core.home.root / "uploads" / upload
    with in_use(place, most=_MOST):
        return _copy(core, file, name, place)


def _copy(core: Core, file: BinaryIO, name: str, place: Path) -> UploadView:
    place.mkdir(parents=True, mode=0o700)
    place.parent.chmod(0o700)
    size, digest = 0, hashlib.blake2b(digest_size=6)
    try:
        with (place / "file").open("wb") as target:
            while chunk := file.read(_CHUNK):
                size += len(chunk)
                if size > LARGEST:
                    raise WorkspaceError(
                        f"{name} is larger than {LARGEST >> 30} GiB; declare the model, and load it with `driftdeck log`"
                    )
                digest.update(chunk)
                target.write(chunk)
        if size == 0:
            raise WorkspaceError(f"{name} is empty; drop a file of rows")
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    about = {
        "id": place.name,
        "name": name[:200],
        "bytes": size,
        "mark": digest.hexdigest(),
        "at": core.now().isoformat(),
    }
    write(place / "about.json", about)
    return {"id": place.name, "name": name[:200], "bytes": size}


def known(core: Core, upload: str) -> Kept:
    """Return what is known of a kept file, which is read when nobody has asked before."""
    place = folder(core, upload)
    about = read(place / "about.json")
    if not (place / "file").exists():
        raise NotFoundError(
            f"{about['name']} was set up, and is not kept any more; drop it again to set up another model"
        )
    if not (place / "facts.json").exists():
        with in_use(place):
            write(place / "facts.json", reader.look(place / "file", about["name"]))
    facts = cast("Facts", read(place / "facts.json"))
    return Kept({"id": upload, "name": about["name"], "bytes": about["bytes"]}, facts)


def forget_rows(place: Path) -> None:
    """Delete the file and what was made of it; how its set-up went stays to be asked for."""
    for name in ("file", "rows.arrow"):
        with suppress(OSError):
            (place / name).unlink()


def read(path: Path) -> dict[str, Any]:
    """Return what a file of ours holds."""
    return cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))


def write(path: Path, values: Any) -> None:
    """Write a file of ours, whole or not at all."""
    draft = path.with_suffix(f".{secrets.token_hex(4)}")
    draft.write_text(json.dumps(values), encoding="utf-8")
    draft.chmod(0o600)
    draft.replace(path)


def _tidy(core: Core) -> None:
    """Delete files that have waited for too long, and the oldest when there are too many."""
    kept: list[tuple[datetime, Path]] = []
    for place in (core.home.root / "uploads").glob("*"):
        try:
            kept.append((datetime.fromisoformat(read(place / "about.json")["at"]), place))
        except (OSError, ValueError, KeyError):
            _remove(place)
    kept.sort()
    now = core.now()
    for number, (at, place) in enumerate(kept):
        if now - at > _KEEP or len(kept) - number >= _MOST:
            _remove(place)


def _remove(place: Path) -> None:
    with _LOCK:
        if place not in _IN_USE:
            shutil.rmtree(place, ignore_errors=True)
