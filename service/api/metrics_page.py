"""The page ``/metrics``: made at most once in some seconds, however many ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version

from prometheus_client import generate_latest

from service.api.traffic import Traffic
from service.measures import measures_of, render
from service.workspace import Workspace

FRESH = 2.0  # seconds


class MetricsPage:
    """Safe to use from several threads: whoever comes while the page is made waits for it."""

    def __init__(
        self,
        workspace: Workspace,
        vitals: Mapping[str, Callable[[], bool]],
        readings: int,
        traffic: Traffic,
        pending: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workspace, self._vitals, self._readings = workspace, vitals, readings
        self._traffic, self._pending, self._clock = traffic, pending, clock
        self._lock = threading.Lock()
        self._made: tuple[float, str] | None = None

    def text(self) -> str:
        """Return the page in the text format of Prometheus."""
        with self._lock:
            if self._made is None or self._clock() - self._made[0] >= FRESH:
                self._made = (self._clock(), self._state())
            state = self._made[1]
        return state + generate_latest(self._traffic.registry).decode()

    def _state(self) -> str:
        measures = measures_of(self._workspace, self._readings)
        measures.add("driftdeck_info", 1, version("driftdeck"))
        for part, alive in self._vitals.items():
            measures.add("driftdeck_up", 1 if alive() else 0, part)
        measures.add("driftdeck_up", 1, "stores")  # who could be asked
        measures.add("driftdeck_pending_body_bytes", self._pending())
        return render(measures)
