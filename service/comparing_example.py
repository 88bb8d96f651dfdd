"""Two files to try a comparison with: January and July of the flights that ship with the package."""

from __future__ import annotations

import io
from datetime import datetime
from functools import cache
from importlib.resources import as_file, files

import pyarrow.compute as pc
import pyarrow.parquet as pq

from service.comparing_views import GivenFile

_COLUMNS = [
    "sched", "carrier", "origin", "dest", "distance", "hour", "dow", "seats", "plane_year",
    "temp", "wind_speed", "wind_dir", "precip", "visib", "dep_delay", "air_time",
]  # fmt: skip
_MONTHS = {"flights-january.parquet": (1, 2), "flights-july.parquet": (7, 8)}


@cache
def example_files() -> tuple[GivenFile, GivenFile]:
    """Return the flights that left New York in January and in July 2013, as Parquet."""
    with as_file(files("reference_data") / "flights" / "flights_2013.parquet") as path:
        table = pq.read_table(path, columns=_COLUMNS)
    made = []
    for name, (first, after) in _MONTHS.items():
        inside = pc.and_(
            pc.greater_equal(table["sched"], datetime(2013, first, 1)),  # noqa: DTZ001 - local times of New York
            pc.less(table["sched"], datetime(2013, after, 1)),  # noqa: DTZ001
        )
        sink = io.BytesIO()
        pq.write_table(table.filter(inside), sink)
        made.append(GivenFile(name, sink.getvalue()))
    return made[0], made[1]
