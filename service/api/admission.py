"""How much may be under way at once: beyond it a caller is told when to come again, instead of being queued without an end."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from anyio import CapacityLimiter, WouldBlock

from service.api.errors import ApiError
from storage.pace import Pace

#: Parquet and compressed Arrow may hold far more than their size shows: this many times the allowed body, no more.
UNPACKED = 16
_SMALL = 256 * 1024  # bytes of a body that is parsed in a moment
_WAITING = 64  # small appends that wait for their commit at once; the more, the more of them share one
_TURN = 15.0  # seconds that a comparison is likely to take
_COMPARED = (
    4  # pairs of files that are compared or wait for it: each waits in a thread that everything else needs as well
)
_ARRIVING = 16  # forms with files that are on their way in at once,
_OF_ONE = 4  # and of these of one caller: who sends slowly keeps nobody else from sending
_PARSING = 4  # large bodies that are parsed or written at once: each is several times its size by then


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one request may bring."""

    body: int  # bytes, decompressed
    rows: int
    columns: int

    def refuse_rows(self, rows: int) -> None:
        """Refuse too many rows with 413."""
        if rows > self.rows:
            words = f"the body holds {rows:,} rows, and {self.rows:,} are allowed"
            raise ApiError(413, f"{words}; send smaller batches, or raise the setting max_rows")

    def refuse_columns(self, columns: int) -> None:
        """Refuse too many columns with 413."""
        if columns > self.columns:
            words = f"a row holds {columns:,} columns, and {self.columns:,} are allowed"
            raise ApiError(413, f"{words}; send the columns that the model declares, or raise the setting max_columns")


class Admission:
    """Counts the bytes of bodies from their arrival to their answer; safe to use from several threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._lock = threading.Lock()
        self._pace = Pace()
        self.small, self.large = CapacityLimiter(_WAITING), CapacityLimiter(_PARSING)
        self.compared = CapacityLimiter(_COMPARED)
        self._arriving: Counter[str] = Counter()  # forms, by caller

    @property
    def held(self) -> int:
        """Bytes of the bodies that wait."""
        return self._held

    @contextmanager
    def place(self, announced: int) -> Iterator[Place]:
        """Hold ``announced`` bytes, and what is added to them, for the length of a block."""
        place = Place(self)
        try:
            place.hold(announced)
            yield place
        finally:
            self._release(place.size)

    @contextmanager
    def arrive(self, caller: str) -> Iterator[None]:
        """Let a caller send a form with files for the length of a block; raises :class:`ApiError` (429) when too many are on their way."""
        with self._lock:
            if self._arriving[caller] >= _OF_ONE or self._arriving.total() >= _ARRIVING:
                words = f"{self._arriving[caller]} of your uploads and {self._arriving.total()} in all are on their way in already"
                raise ApiError(429, f"{words}; send it again in {_TURN:g} s", headers={"retry-after": f"{_TURN:g}"})
            self._arriving[caller] += 1
        try:
            yield
        finally:
            with self._lock:
                self._arriving[caller] -= 1
                self._arriving += Counter()  # nobody is remembered who sends nothing

    @contextmanager
    def compare(self) -> Iterator[None]:
        """Hold one of the places for comparisons, for files that have arrived, for the length of a block; raises :class:`ApiError` (429) when all are taken."""
        mine = object()
        try:
            self.compared.acquire_on_behalf_of_nowait(mine)
        except WouldBlock:
            words = f"{_COMPARED} comparisons are under way, or wait for their turn; send it again in {_TURN:g} s"
            raise ApiError(429, words, headers={"retry-after": f"{_TURN:g}"}) from None
        try:
            yield
        finally:
            self.compared.release_on_behalf_of(mine)

    def lane(self, size: int) -> CapacityLimiter:
        """Return the threads in which a body of this size is taken in: large ones may not keep small ones waiting."""
        return self.small if size <= _SMALL else self.large

    def take(self, size: int) -> None:
        """Count so many bytes more; 429 when that is too much."""
        with self._lock:
            if self._held and self._held + size > self._limit:
                seconds = self._pace.seconds_for(self._held)
                raise busy(f"bodies of {self._held / 2**20:.0f} MiB are being stored already", seconds)
            self._held += size

    def _release(self, size: int) -> None:
        with self._lock:
            self._held -= size
        self._pace.did(size)


class Place:
    """One request's share."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.size = 0

    def hold(self, size: int) -> None:
        """Hold at least ``size`` bytes in all; raises :class:`ApiError` (429) when there is no room."""
        if size > self.size:
            self._admission.take(size - self.size)
            self.size = size


def busy(reason: str, seconds: float) -> ApiError:
    """Return the refusal of a request that should come again."""
    words = f"{reason}; nothing of this request was stored: send it again in {seconds:g} s"
    return ApiError(429, words, headers={"retry-after": f"{seconds:g}"})
