"""A process that reads a stranger's file: what a hostile one does, it does to this process. Started by :mod:`service.wizard.reader`.

Standard input is a request in JSON; the answer, on standard output, is JSON too: what was found, or an error in words.
"""

from __future__ import annotations

import json
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from service.wizard.prepare import prepare
from service.wizard.sample import look
from storage.errors import StorageError
from storage.files import FileError


def main() -> None:
    """Answer one request."""
    pa.set_memory_pool(pa.system_memory_pool())  # the others reserve address space, which is what is limited here
    pa.set_cpu_count(2)
    request = json.load(sys.stdin)
    _limit(request["memory"], request["size"])
    try:
        answer: dict[str, Any] = {"found": _do(request)}
    except (StorageError, FileError) as error:
        answer = {"error": str(error).replace(request["path"], request["name"])}
    except MemoryError:
        answer = {"error": f"{request['name']} takes more memory than it is allowed; give it in smaller files"}
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        answer = {"error": f"{request['name']} could not be read: {lines[0][:300]}"}
    json.dump(answer, sys.stdout)


def _do(request: dict[str, Any]) -> Any:
    if request["do"] == "look":
        return look(request["path"], request["name"])
    return prepare(request["path"], request["target"], request["recipe"])


def _limit(memory: int, size: int) -> None:
    """Allow so much memory beyond what this process holds now, and files no larger than ``size``."""
    held = 2**30
    with suppress(OSError):
        held = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    for what, most in ((resource.RLIMIT_AS, held + memory), (resource.RLIMIT_FSIZE, size)):
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (most, resource.getrlimit(what)[1]))


if __name__ == "__main__":
    main()
