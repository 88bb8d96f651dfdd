"""skops: estimators of scikit-learn without a line of code in the file; only known types are loaded."""

from __future__ import annotations

import importlib
import io
import zipfile
from pathlib import Path
from typing import Any

from retraining.artefacts import ArtefactError, Format, Given, Trust, UntrustedArtefactError
from retraining.canonical import canonical
from retraining.own_command import is_packed

#: What scikit-learn's estimators hold beside its own classes and what skops knows. A ``partial`` is as safe as the function
#: in it, which is checked by itself.
_PARTS: frozenset[str] = frozenset(
    {
        "functools.partial",
        "numpy.dtype",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "scipy.interpolate._bsplines.BSpline",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.feature_selection._univariate_selection.f_regression",
        "sklearn.utils.validation.check_array",
    }
)
#: Parts of scikit-learn that touch files or the network.
_REACHING_OUT = ("sklearn.datasets.", "sklearn.externals.", "sklearn.utils._testing")


def dumps(estimator: Any, path: Path) -> bytes:
    """Return the bytes of a fitted estimator; raises :class:`UntrustedArtefactError` when :func:`_load` would refuse them."""
    import skops.io  # late: it brings all of scikit-learn along

    data = canonical(skops.io.dumps(estimator))
    _trusted(data, path)
    return data


def _load(data: bytes, path: Path, _trust: Trust) -> Any:
    import skops.io

    return skops.io.loads(data, trusted=_trusted(data, path))


def _take(data: bytes, path: Path, _trust: Trust) -> bytes:
    _trusted(data, path)
    return data


def _dump(given: Given) -> bytes:
    return dumps(given.estimator, Path(f"{given.name}-{given.version}.skops"))


def _claims(data: bytes, suffix: str) -> bool:
    return (suffix == ".skops" or zipfile.is_zipfile(io.BytesIO(data))) and not is_packed(data)


def _trusted(data: bytes, path: Path) -> list[str]:
    """Return the types to be trusted beyond skops' own list, or refuse."""
    import skops.io

    try:
        beyond: list[str] = skops.io.get_untrusted_types(data=data)
    except Exception as error:
        raise ArtefactError(f"the artefact {path} is not a skops file: {error}") from error
    refused = [name for name in beyond if name not in _PARTS and not _is_learned(name)]
    if refused:
        raise UntrustedArtefactError(
            f"the artefact {path} holds {', '.join(sorted(refused))}; only types of numpy, SciPy and scikit-learn are loaded"
        )
    return beyond


def _is_learned(name: str) -> bool:
    """Whether a dotted name is a class of scikit-learn's own (never a function, never a class it only re-exports)."""
    module, _, attribute = name.rpartition(".")
    if not module.startswith("sklearn.") or name.startswith(_REACHING_OUT) or ".tests." in name:
        return False
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ImportError:
        return False
    return isinstance(found, type) and found.__module__.startswith("sklearn.")


FORMAT = Format("skops", ".skops", _claims, _load, _take, (".skops",), _dump)
