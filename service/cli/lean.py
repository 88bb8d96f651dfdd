"""A process that starts at once: what libraries import only to look whether it is there is kept from them.

For processes of one short command; a server or a notebook takes its time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec

_SPARED = (
    "f2py",
    "testing",
    "ctypeslib",
    "typing",
    "ma",
    "polynomial",
    "matlib",
    "rec",
    "char",
    "strings",
    "core",
    "fft",
)


class _NotHere:
    """A finder that says of some modules that they are not installed."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name in self._names:
            raise ModuleNotFoundError(f"{name} is not looked for yet", name=name)
        return None


@contextmanager
def _hidden(*names: str) -> Iterator[None]:
    finder = _NotHere(frozenset(names))
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def start_lean() -> None:
    """Import Arrow without pandas and SciPy's functions without NumPy's tools for tests and Fortran: half a second less.

    Arrow imports pandas to tell whether a value is one of its objects, of which there are none in this process; asked to make one, it
    imports it then. Does nothing to what is imported already.
    """
    import pyarrow as pa

    with _hidden("pandas"):
        pa.array([0])
    import_functions()


def import_functions() -> None:
    """Import SciPy's functions without NumPy's tools for tests and Fortran, which it takes along: a tenth of a second less."""
    import numpy as np

    names = vars(np)
    spared = [name for name in _SPARED if name not in names]
    names.update(dict.fromkeys(spared))  # SciPy takes all of NumPy's public names, which would import them
    try:
        import scipy.special  # noqa: F401
    finally:
        for name in spared:
            if names.get(name) is None:
                names.pop(name, None)
