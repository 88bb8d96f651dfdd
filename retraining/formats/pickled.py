"""joblib and pickle: code that runs when it is opened. Only when the operator turns it on, and only files that were signed here.

A registered file is a first line, the HMAC-SHA256 (RFC 2104) of the rest with a key made of the home's, and the stranger's bytes.
"""

from __future__ import annotations

import hmac
import io
from pathlib import Path
from typing import Any

from retraining.artefacts import ArtefactError, Format, TamperedArtefactError, Trust, UntrustedArtefactError

_FIRST = b"driftdeck signed pickle 1\n"
_DIGEST = 32
_OFF = "a joblib or pickle file runs whatever it holds when it is opened, and the setting allow_pickle is off; save the model with skops or as ONNX, or"


def _signature(data: bytes, key: bytes) -> bytes:
    own = hmac.digest(
        key, b"driftdeck signs a pickle", "sha256"
    )  # the home's key hashes subjects, too: not the same one
    return hmac.digest(own, data, "sha256")


def _load(data: bytes, path: Path, trust: Trust) -> Any:
    if not trust.allow_pickle():
        raise UntrustedArtefactError(f"the artefact {path} was not loaded: {_OFF} let the operator turn it on")
    signature, held = data[len(_FIRST) : len(_FIRST) + _DIGEST], data[len(_FIRST) + _DIGEST :]
    key = trust.key()
    if key is None or not hmac.compare_digest(signature, _signature(held, key)):
        raise TamperedArtefactError(
            f"the artefact {path} does not carry this home's signature, and was not loaded; import the model again from a file you trust"
        )
    import joblib

    try:
        return joblib.load(io.BytesIO(held))  # reads plain pickles as well
    except Exception as error:  # whatever a stranger's classes raise
        raise ArtefactError(
            f"the artefact {path} cannot be opened: {type(error).__name__}: {error}; are the libraries here that it was made with?"
        ) from error


def _take(data: bytes, path: Path, trust: Trust) -> bytes:
    if not trust.allow_pickle():
        raise UntrustedArtefactError(
            f"{path} was not opened: {_OFF} set allow_pickle = true in settings.toml if you trust whoever made this file"
        )
    key = trust.key()
    if key is None:
        raise UntrustedArtefactError(f"{path} was not opened: this home has no key to sign it with")
    return _FIRST + _signature(data, key) + data


FORMAT = Format(
    "pickle",
    ".signed",
    lambda data, _suffix: data.startswith(_FIRST),
    _load,
    _take,
    (".joblib", ".pkl", ".pickle"),
)
