"""A process that compares two files for the service, with limits on memory and time; started by :mod:`service.comparing_process`.

Standard input is the request, standard output the answer, both one JSON document.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

_RESERVED = 16  # times what files may hold: readers reserve address space that they never use, as for wide CSV


def main() -> None:
    """Answer one request."""
    from service.cli.lean import start_lean

    start_lean()
    import pyarrow as pa

    from service import compared_files  # noqa: F401 - what is loaded by now does not count as the files'

    pa.set_memory_pool(pa.system_memory_pool())  # the others reserve address space, which is what is limited here
    pa.set_cpu_count(1)
    request = json.loads(sys.stdin.buffer.read())
    _limit(request["memory"], request["seconds"])
    sys.stdout.write(json.dumps(answer(request["files"], request["options"]), allow_nan=False))
    sys.stdout.flush()
    os._exit(0)  # what libraries do at their end is no concern of the one who waits


def answer(files: dict[str, dict[str, str]], options: dict[str, Any]) -> dict[str, Any]:
    """Return what was found in files (path and name of each side), or an error in words."""
    from monitors.compare_inputs import CompareError
    from service.compared_files import compare_given
    from service.comparing_process import FULL
    from storage.file_formats.errors import FileError

    try:
        return {"found": compare_given(files, **options)}
    except MemoryError:  # Arrow's own is one, too
        return {"error": FULL}
    except (CompareError, FileError) as error:
        full = isinstance(error.__context__, MemoryError)
        return {"error": FULL if full else _named(str(error), files)}
    except Exception as error:  # whatever a hostile file does to its reader
        words = " ".join(str(error).split())[:300] or type(error).__name__
        return {"error": _named(f"the files cannot be compared: {words}", files)}


def _named(words: str, files: dict[str, dict[str, str]]) -> str:
    """Return what is said with the names that people gave the files."""
    for file in files.values():
        words = words.replace(file["path"], file["name"])
    return words


def _limit(memory: int, seconds: int) -> None:
    """Allow files of ``memory`` bytes, so many seconds of work, and address space for what is read; who started this watches what it holds."""
    from service.comparing_process import SPARE

    held = 2**30
    with suppress(OSError):
        held = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    for what, most in (
        (resource.RLIMIT_AS, held + memory * _RESERVED + SPARE),
        (resource.RLIMIT_FSIZE, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (most, resource.getrlimit(what)[1]))


if __name__ == "__main__":
    main()
