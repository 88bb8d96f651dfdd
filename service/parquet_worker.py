"""A process that turns Parquet into Arrow for the service: what a hostile file does, it does to this process.

Started by :mod:`service.parquet`. Standard input is a socket; each message on it is a request (JSON) with two files: the Parquet bytes,
and where the Arrow stream goes. The answer is JSON: nothing, or what is wrong.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


class _TooLargeError(Exception):
    """The file holds more than is allowed."""


def main() -> None:
    """Answer requests until the other end is closed."""
    pa.set_memory_pool(pa.system_memory_pool())  # the others reserve address space, which is what is limited here
    with socket.socket(fileno=os.dup(0)) as calls:
        while True:
            message, files, _, _ = socket.recv_fds(calls, 4096, 2)
            if not message:
                return
            try:
                calls.sendall(json.dumps(_answer(json.loads(message), *files)).encode())
            finally:
                for file in files:
                    os.close(file)


def _answer(limits: dict[str, int], source: int, target: int) -> dict[str, str]:
    _limit(limits["size"])
    try:
        _convert(mmap.mmap(source, 0, access=mmap.ACCESS_READ), target, limits)
    except _TooLargeError as error:
        return {"too_large": str(error)}
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        lines = str(error).splitlines()
        return {"error": lines[0] if lines else type(error).__name__}
    return {}


def _limit(size: int) -> None:
    """Allow twice what may be read, and half a gigabyte, beyond what this process holds now; and files no larger than that."""
    held = 2**30
    with suppress(OSError):
        held = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    for what, most in ((resource.RLIMIT_AS, held + 2 * size + 2**29), (resource.RLIMIT_FSIZE, 2 * size)):
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (most, resource.getrlimit(what)[1]))


def _convert(data: Any, target: int, limits: dict[str, int]) -> None:
    with pq.ParquetFile(pa.BufferReader(pa.py_buffer(data))) as file:
        about = file.metadata
        unpacked = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
        if unpacked > limits["size"] or about.num_rows * 8 > limits["size"]:
            raise _TooLargeError(f"unpacked the rows take more than {limits['size'] // 2**20} MiB")
        if about.num_rows > limits["rows"]:
            raise _TooLargeError(f"the file holds {about.num_rows:,} rows, and {limits['rows']:,} are allowed")
        if about.num_columns > limits["columns"]:
            raise _TooLargeError(f"the file holds {about.num_columns:,} columns, and {limits['columns']:,} are allowed")
        with (
            os.fdopen(os.dup(target), "wb", buffering=0) as out,
            pa.ipc.new_stream(pa.PythonFile(out, "w"), file.schema_arrow) as writer,
        ):
            for group in range(about.num_row_groups):
                writer.write_table(file.read_row_group(group, use_threads=False))


if __name__ == "__main__":
    main()
