"""Where rows lie on their way to Spark and models on their way back: a folder of this machine, or one that a cluster's workers see as well."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from retraining.types import TrainingError

#: What Spark (Hadoop) calls the stores that fsspec calls so.
_SCHEMES = {"s3": "s3a", "gs": "gs", "hdfs": "hdfs", "file": "file"}


@dataclass(frozen=True, slots=True)
class Place:
    """A folder for one fit. ``system`` is fsspec's file system, ``path`` the folder in it, ``uri`` what Spark calls the folder."""

    system: Any
    path: str
    uri: str

    def write(self, name: str, table: pa.Table) -> None:
        """Write a Parquet file; ``name`` may lie in a folder."""
        target = f"{self.path}/{name}"
        self.system.makedirs(target.rpartition("/")[0], exist_ok=True)
        with self.system.open(target, "wb") as file:
            pq.write_table(table, file, compression="zstd")

    def read(self, folder: str) -> pa.Table:
        """Return the rows of all Parquet files in a folder."""
        return pq.read_table(f"{self.path}/{folder}", filesystem=self.system)


@contextmanager
def staged(staging: str | None) -> Iterator[Place]:
    """Give a folder of its own inside of ``staging``, emptied and gone afterwards; without one, a temporary folder of this machine.

    Raises :class:`TrainingError` where it cannot be made.
    """
    import fsspec

    if staging is None:
        with tempfile.TemporaryDirectory(prefix="driftdeck-spark-") as folder:
            yield Place(fsspec.filesystem("file"), folder, Path(folder).as_uri())
        return
    given = staging if "://" in staging else Path(staging).as_uri()
    scheme, _, rest = given.partition("://")
    name = f"driftdeck-{uuid4().hex[:12]}"
    try:
        system, root = fsspec.core.url_to_fs(given)
        path = f"{root.rstrip('/')}/{name}"
        system.makedirs(path, exist_ok=False)
    except Exception as error:  # each store has its own
        raise TrainingError(
            f"spark.staging {staging!r} cannot be written to: {type(error).__name__}: {error}; name a folder that this machine and the "
            "cluster's workers see, and let retrain.env name the variables that its store wants"
        ) from error
    try:
        yield Place(system, path, f"{_SCHEMES[scheme]}://{rest.rstrip('/')}/{name}")
    finally:
        system.rm(path, recursive=True)
