"""A reference: what normal is for a model, frozen and versioned."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from reference_data.profile import Layout, Profile
from reference_data.segments import Segments
from reference_data.windows import Window, WindowSpec


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Frozen layouts and the profile of every bucket of the reference period.

    ``inputs`` holds features, context, prediction and score; ``outcomes`` holds label and what is derived from it (None without
    labels). Both are stacked along a first axis of ``buckets`` (start of each bucket, aware, ascending; a reference without
    event times has a single bucket). Natural variation between windows is read off these.
    """

    model: str
    version: int
    created_at: datetime
    source: str
    period: Window
    buckets: tuple[datetime, ...]
    inputs: Profile
    outcomes: Profile | None
    segments: Segments | None = (
        None  # the inputs again, by segment; None in references older than that, or without segments
    )

    @property
    def rows(self) -> int:
        """Rows in the reference."""
        return int(self.inputs.rows.sum())

    def windows(self, spec: WindowSpec) -> tuple[list[Window], Profile, Profile | None]:
        """Return the reference's own windows of ``spec``, with inputs and outcomes merged to one profile each.

        The first and the last are left out if the ends of the period cut them off (less than half of the median rows).
        """
        groups: dict[Window, list[int]] = {}
        for index, bucket in enumerate(self.buckets):
            groups.setdefault(spec.containing(bucket), []).append(index)
        sizes = {window: int(self.inputs.rows[rows].sum()) for window, rows in groups.items()}
        enough = 0.5 * float(np.median(list(sizes.values()))) if sizes else 0.0
        every = sorted(groups)
        kept = [window for window in every if sizes[window] >= enough or window not in (every[0], every[-1])]

        def merged(profile: Profile) -> Profile:
            parts = [profile[groups[window]].total() for window in kept]
            return Profile(profile.layout, np.stack([p.counts for p in parts]), np.stack([p.moments for p in parts]))

        return kept, merged(self.inputs), None if self.outcomes is None else merged(self.outcomes)

    def to_bytes(self) -> bytes:
        """Serialise: a compressed ``.npz`` of the arrays and one JSON header. No code is stored, so none runs on loading."""
        header: dict[str, Any] = {
            "model": self.model,
            "version": self.version,
            "created_at": self.created_at.isoformat(),
            "source": self.source,
            "period": [self.period.start.isoformat(), self.period.end.isoformat()],
            "buckets": [bucket.isoformat() for bucket in self.buckets],
            "inputs": self.inputs.layout.to_dict(),
            "outcomes": None if self.outcomes is None else self.outcomes.layout.to_dict(),
        }
        arrays = {"inputs_counts": self.inputs.counts, "inputs_moments": self.inputs.moments}
        if self.outcomes is not None:
            arrays |= {"outcomes_counts": self.outcomes.counts, "outcomes_moments": self.outcomes.moments}
        if self.segments is not None:
            arrays |= {"segments": np.frombuffer(self.segments.to_bytes(), dtype=np.uint8)}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8), **arrays)  # type: ignore[arg-type]
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Reference:
        """Rebuild from :meth:`to_bytes`."""
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            header = json.loads(arrays["header"].tobytes())
            inputs = Profile(Layout.from_dict(header["inputs"]), arrays["inputs_counts"], arrays["inputs_moments"])
            outcomes = None
            if header["outcomes"] is not None:
                layout = Layout.from_dict(header["outcomes"])
                outcomes = Profile(layout, arrays["outcomes_counts"], arrays["outcomes_moments"])
            segments = Segments.from_bytes(arrays["segments"].tobytes()) if "segments" in arrays else None
        start, end = (datetime.fromisoformat(moment) for moment in header["period"])
        return cls(
            model=header["model"],
            version=header["version"],
            created_at=datetime.fromisoformat(header["created_at"]),
            source=header["source"],
            period=Window(start, end),
            buckets=tuple(datetime.fromisoformat(moment) for moment in header["buckets"]),
            inputs=inputs,
            outcomes=outcomes,
            segments=segments,
        )
