"""river's drift detectors on a stream of losses, under their own names and with their own defaults.

They watch single losses in the order in which labels came. None of them takes days that vary by themselves, or a reference, into account: they are here for
those who know them, beside the sequential test, and never raise an alert.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from monitors.checks._cells import Values

Watches = Literal["loss", "error"]


@dataclass(frozen=True, slots=True)
class StreamDetector:
    """One of river's detectors: ``watches`` says whether it takes the loss, or whether an answer was wrong."""

    name: str
    watches: Watches
    make: Callable[..., Any]
    citation: str


def _of(module: str, name: str) -> Callable[..., Any]:
    def make(**settings: Any) -> Any:
        from importlib import import_module

        try:
            found = getattr(import_module(module), name)
        except ImportError:
            raise MissingRiverError from None
        return found(**settings)

    return make


class MissingRiverError(ImportError):
    """The extra is not installed."""

    def __init__(self) -> None:
        super().__init__("river is not installed; install the extra that has it: pip install 'driftdeck[streams]'")


DETECTORS: dict[str, StreamDetector] = {
    each.name: each
    for each in (
        StreamDetector("adwin", "loss", _of("river.drift", "ADWIN"), "Bifet and Gavaldà 2007"),
        StreamDetector("kswin", "loss", _of("river.drift", "KSWIN"), "Raab, Heusinger and Schleif 2020"),
        StreamDetector("page_hinkley", "loss", _of("river.drift", "PageHinkley"), "Page 1954"),
        StreamDetector("ddm", "error", _of("river.drift.binary", "DDM"), "Gama et al. 2004"),
        StreamDetector("eddm", "error", _of("river.drift.binary", "EDDM"), "Baena-García et al. 2006"),
        StreamDetector("hddm_a", "error", _of("river.drift.binary", "HDDMA"), "Frías-Blanco et al. 2015"),
        StreamDetector("hddm_w", "error", _of("river.drift.binary", "HDDMW"), "Frías-Blanco et al. 2015"),
    )
}
DEFAULTS: dict[str, dict[str, Any]] = {"kswin": {"seed": 42}}  # it samples its window: the same stream, the same alarms


def chosen(names: Sequence[str] | None) -> list[StreamDetector]:
    """Return the detectors of these names, all by default; raises :class:`KeyError` listing them for another name."""
    unknown = [name for name in names or () if name not in DETECTORS]
    if unknown:
        raise KeyError(f"there is no detector {unknown[0]!r}; there are {', '.join(DETECTORS)}")
    return list(DETECTORS.values()) if names is None else [DETECTORS[name] for name in dict.fromkeys(names)]


def fired(detector: StreamDetector, values: Values | NDArray[np.bool_], **settings: Any) -> list[int]:
    """Return the places in a stream at which a detector fires; it starts anew after each, as river's do.

    ``values``: losses, or for those that watch errors whether each answer was wrong. Raises :class:`MissingRiverError`.
    """
    made = detector.make(**{**DEFAULTS.get(detector.name, {}), **settings})
    found = []
    for place, value in enumerate(values.tolist()):
        made.update(value)
        if made.drift_detected:
            found.append(place)
    return found
