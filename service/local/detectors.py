"""river's detectors over the losses of the champion, one by one, in the order in which its labels became known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from monitors import explain
from monitors.sequence import river_detectors
from monitors.sequence.baseline import loss_of
from reference_data.quantiles import quantiles
from service.local import sequence
from service.local.convert import iso
from service.workspace import NotFoundError, WorkspaceError
from storage.buckets import aware
from storage.loss_stream import loss_stream

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from reference_data.reference import Reference
    from service.local.core import Core

MOST = 200_000  # losses, the latest, that are gone through
LARGE = 0.8  # share of the reference's losses beyond which one counts as an error, where nothing is right or wrong


def detectors(core: Core, model: str, names: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return what each detector (by default all) found: ``detector``, ``watches``, ``rows`` and ``alarms``.

    An alarm has the ``number`` of the label, its ``label_time`` and the ``event_time`` of its row. Detectors of errors are given whether the answer was wrong;
    of a regression, whether its loss is larger than four in five of the reference's.
    """
    spec = core.spec(model)
    try:
        chosen = river_detectors.chosen(names)
    except KeyError as error:
        raise NotFoundError(str(error.args[0])) from None
    version, reference = sequence.watched(core, spec)
    source = sequence.loss_sources(core, spec).get(version)
    if reference is None or source is None:
        return []
    with core.db.cursor() as cursor:
        stream = loss_stream(cursor, model, version, source, MOST)
    limit, what = _errors(reference, spec)
    loss = loss_of(reference, spec.task)
    losses = stream["loss"].to_numpy()
    wrong = stream["wrong"].to_numpy() if limit is None else losses > limit
    found: list[dict[str, Any]] = []
    for detector in chosen:
        try:
            places = river_detectors.fired(
                detector, losses if detector.watches == "loss" else np.asarray(wrong, dtype=bool)
            )
        except river_detectors.MissingRiverError as error:
            raise WorkspaceError(str(error)) from None
        alarms = stream.take(pa.array(places, pa.int64())).to_pylist()
        found.append(
            {
                "detector": detector.name,
                "watches": loss if detector.watches == "loss" else what,
                "rows": stream.num_rows,
                "alarms": [
                    {
                        "number": place + 1,
                        "event_time": iso(aware(alarm["event_time"]), spec.zone),
                        "label_time": iso(aware(alarm["label_time"]), spec.zone),
                    }
                    for place, alarm in zip(places, alarms, strict=True)
                ],
            }
        )
    return found


def _errors(reference: Reference, spec: ModelSpec) -> tuple[float | None, str]:
    """Return the loss beyond which an answer counts as an error (None: answers are right or wrong by themselves), and that in words."""
    if spec.task != "regression" or reference.outcomes is None:
        return None, "error"
    column = reference.outcomes.total().column("absolute error")
    limit = float(quantiles(column, [LARGE])[0])
    return limit, f"absolute error above {explain.number(limit, column.entry.column.unit or '')}"
