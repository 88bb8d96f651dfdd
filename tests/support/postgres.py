"""A private PostgreSQL server in a temporary folder, on a socket and a free port of this machine."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

USER, PASSWORD, DATABASE = "ada", "l0ve/l@ce", "sales"
_SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=20", "shared_buffers=16MB")


def _owner() -> str | None:
    """The user that the server runs as: PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def server(programs: Path) -> Iterator[str]:
    """Run a server for the length of a block; gives the address of an empty database."""
    owner = _owner()
    folder = Path(tempfile.mkdtemp(prefix="driftdeck-postgres-"))
    how: dict[str, Any] = {"cwd": folder, "capture_output": True, "text": True}
    try:
        if owner is not None:
            entry = pwd.getpwnam(owner)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
            how |= {
                "user": entry.pw_uid,
                "group": entry.pw_gid,
                "extra_groups": [],
                "env": {"PATH": os.environ["PATH"], "HOME": str(folder)},
            }
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        made = [
            programs / "initdb",
            "-D",
            folder / "data",
            "-U",
            USER,
            "-A",
            "scram-sha-256",
            "--pwfile",
            secret,
            "--no-sync",
            "-E",
            "UTF8",
        ]
        subprocess.run([*map(str, made), "--locale=C"], check=True, **how)
        port = _free_port()
        options = " ".join(
            f"-c {setting}"
            for setting in (*_SETTINGS, "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}")
        )
        control = [str(programs / "pg_ctl"), "-D", str(folder / "data"), "-w", "-l", str(folder / "log")]
        subprocess.run(
            [*control, "-o", f"{options} -p {port}", "start"],
            check=True,
            **how | {"capture_output": False, "stdout": subprocess.DEVNULL},
        )
        try:
            address = f"{USER}:l0ve%2Fl%40ce@127.0.0.1:{port}"
            execute(f"postgresql://{address}/postgres", f"CREATE DATABASE {DATABASE}")
            yield f"postgresql://{address}/{DATABASE}"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, **how)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def execute(address: str, *statements: str) -> None:
    """Run statements, each committed by itself."""
    import sqlalchemy as sa

    engine = sa.create_engine(
        address.replace("postgresql://", "postgresql+pg8000://"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
