"""Privacy at the door: columns that are dropped, hashed or masked before anything of a row is stored."""

from __future__ import annotations

import hmac
import os
import re
import secrets
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from storage.errors import StorageError

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec, PrivacyAction

HIDDEN = "(hidden)"  # stands in messages for a value that must not be told
_QUOTED = re.compile(r"[\"'`](?:.*[\"'`]|.*)", re.DOTALL)  # one mark alone: all behind it
_IN_BRACKETS = re.compile(r"\(.*\)", re.DOTALL)
_DIGITS = 32  # hexadecimal ones of a hash: 128 bits
_KEY_BYTES = 32


def load_key(path: Path) -> bytes:
    """Return the home's key from ``path``, made at random when it is first asked for and readable by its owner only.

    Raises :class:`StorageError` for a file that holds no key: hashes under another one would match nothing stored.
    """
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # whoever came first has made it
            os.link(draft, path)
        draft.unlink()
    try:
        key = bytes.fromhex(path.read_text().strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise StorageError(f"{path} holds no key of {_KEY_BYTES} bytes in hexadecimal: put back the one of your backup")
    return key


def hide(spec: ModelSpec, column: str, value: str, key: bytes | None) -> str:
    """Return ``value`` as it is stored under ``column``: hashed or masked if the model declares that, else as it is.

    The same value gives the same hash in every column and model of a home, so ids of labels match ids of predictions, and a
    deletion finds the subject. Raises :class:`ValueError` for a column that is dropped, or without the key that a hash needs.
    """
    action = spec.privacy.get(column)
    return value if action is None else _function(action, column, key)(value)


def needs_key(spec: ModelSpec) -> bool:
    """Whether the model hashes a column."""
    return "hash" in spec.privacy.values()


def keeps_content(spec: ModelSpec) -> bool:
    """Whether a refused line may be kept as it stands: only of a model that hides nothing."""
    return not spec.privacy


def keeps_words(spec: ModelSpec) -> bool:
    """Whether an error over the model's rows may be told as it stands, though it may quote them: not if they are of persons."""
    return not spec.privacy and spec.subject is None


def unquoted(text: str) -> str:
    """Return an error's words without whatever is quoted in them: all between the first quotation mark and the last.

    >>> unquoted("invalid input for type integer: 'O'Neill', line 1")
    'invalid input for type integer: (hidden), line 1'
    """
    return _QUOTED.sub(HIDDEN, text)


def unbracketed(text: str) -> str:
    """Return an error over a file without what stands in brackets, where its reader is quoted."""
    return _IN_BRACKETS.sub(HIDDEN, text)


@dataclass(frozen=True, slots=True)
class Door:
    """What the rows of one model pass on their way in."""

    spec: ModelSpec
    key: bytes | None = None

    def hides(self, column: str | None) -> bool:
        """Whether a column's values must not be told."""
        return column is not None and (column in self.spec.privacy or column.partition(".")[0] in self.spec.privacy)

    def hide(self, column: str | None, texts: pa.Array) -> pa.Array:
        """Hash or mask a column of texts if the model declares that; each distinct value once, NULL stays NULL."""
        action = None if column is None else self.spec.privacy.get(column)
        if column is None or action is None:
            return texts
        function = _function(action, column, self.key)
        encoded = texts.dictionary_encode()
        values = [None if value is None else function(value) for value in encoded.dictionary.to_pylist()]
        return pa.array(values, pa.string()).take(encoded.indices)


def _function(action: PrivacyAction, column: str, key: bytes | None) -> Callable[[str], str]:
    if action == "mask":
        return masked
    if action == "drop":
        raise ValueError(f"column {column!r} is dropped, so nothing of it is stored; declare hash to find values again")
    if key is None:
        raise ValueError(f"column {column!r} is hashed, and that needs the key of the home")
    return lambda value: hmac.digest(key, value.encode(), "sha256").hex()[:_DIGITS]


def masked(value: str) -> str:
    """Return the shape of a text: letters become ``a`` or ``A``, digits ``0``, all else stays."""
    return "".join(map(_shape, value))


@lru_cache(maxsize=1 << 16)
def _shape(character: str) -> str:
    kind = unicodedata.category(character)
    if kind[0] in "LM":
        return "A" if kind in ("Lu", "Lt") else "a"
    return "0" if kind[0] == "N" else character
