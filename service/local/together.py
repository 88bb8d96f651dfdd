"""Many small uploads of predictions as one: cast together, written in one commit, answered one by one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from service.local import ingest
from service.local.ingest import HTTP, append_block, canonical, takes, view
from service.uploads import Sent, Upload
from storage.append_common import Key
from storage.intake import Intake
from storage.logs import Arrival, append_logs
from storage.observed import Watch

if TYPE_CHECKING:
    from datetime import datetime

    from reference_data.declaration import ModelSpec
    from service import views
    from service.local.core import Core


def append_together(core: Core, model: str, sent: Sequence[Sent]) -> list[views.AppendView | Exception]:
    """Append uploads of JSON rows; see :class:`service.uploads.Together`."""
    spec = takes(core, model, "logs")
    arrival = core.now()
    found: dict[int, views.AppendView | Exception] = {}
    arrivals: dict[int, Arrival] = {}
    watches: dict[int, Watch] = {}
    alike: dict[Hashable, list[int]] = {}
    for place, one in enumerate(sent):
        alike.setdefault(_shape(one.upload), []).append(place)
    for places in alike.values():
        try:
            watches[places[0]], new = _cast(core, spec, {place: sent[place] for place in places}, arrival)
            arrivals |= new
        except Exception:  # one of them does it: which one shows when each goes by itself
            found |= {place: _alone(core, spec, sent[place]) for place in places}
    if arrivals:
        buckets = core.window_spec(spec.name).bucket
        results = append_logs(core.db, spec, [*arrivals.values()], arrival, buckets, patience=ingest.PATIENCE)
        answers = (
            result if isinstance(result, Exception) else core.ingested.count(model, "logs", view(result))
            for result in results
        )
        found |= dict(zip(arrivals, answers, strict=True))
        for place, watch in watches.items():
            if not isinstance(found[place], Exception):
                watch.done()
    return [found[place] for place in range(len(sent))]


def _shape(upload: Upload) -> Hashable:
    """Return the names that the rows of an upload have, nested ones too.

    Columns are told by the names that any row of a batch has. Uploads of the same names are therefore cast together as each would be by
    itself.
    """
    names: set[tuple[str, ...]] = set()
    for row in upload.rows:
        if isinstance(row, dict):
            for name, value in row.items():
                names.add((name,))
                if isinstance(value, dict):
                    names.add((name, ""))
                    names.update((name, "", inner) for inner in value)
    return frozenset(names)


def _cast(core: Core, spec: ModelSpec, sent: dict[int, Sent], at: datetime) -> tuple[Watch, dict[int, Arrival]]:
    """Cast uploads of the same shape at once; the first one brings what all of them showed."""
    rows = [row for one in sent.values() for row in one.upload.rows]
    whole = canonical(core, spec, "logs", Upload(rows), at)
    watch = Watch(core.db, spec, whole, at)
    also = watch.beside(None)
    arrivals: dict[int, Arrival] = {}
    for (place, one), intake in zip(sent.items(), _parts(whole, [one.upload for one in sent.values()]), strict=True):
        arrivals[place] = Arrival(intake, Key(one.key, one.upload.digest) if one.key else None, also)
        also = None
    return watch, arrivals


def _parts(whole: Intake, uploads: Sequence[Upload]) -> list[Intake]:
    """Part what was cast as one, so that each upload's refused rows count in that upload."""
    parts: list[Intake] = []
    first = taken = told = 0
    for upload in uploads:
        end, rejected = first + len(upload.rows), []
        while told < len(whole.rejected) and whole.rejected[told]["row"] < end:
            entry = whole.rejected[told]
            row = entry["row"] - first
            rejected.append({**entry, "row": row} | ({} if upload.lines is None else {"line": upload.lines[row]}))
            told += 1
        kept = len(upload.rows) - len({entry["row"] for entry in rejected})
        parts.append(Intake(whole.table.slice(taken, kept), rejected, origin=HTTP))
        first, taken = end, taken + kept
    return parts


def _alone(core: Core, spec: ModelSpec, one: Sent) -> views.AppendView | Exception:
    try:
        return append_block(core, spec, "logs", one.upload, key=one.key, origin=HTTP)
    except Exception as error:  # its sender's to see
        return error
