"""Users, tokens and sessions: who may do what, and what of it is kept is of no use to whoever reads it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from storage.control_base import ControlBase, to_text
from storage.errors import AlreadyExistsError, MissingRecordError


@dataclass(frozen=True, slots=True)
class Account:
    """A user. ``password`` is a hash with its parameters, None for one who signs in at the provider ``issuer``."""

    id: int
    name: str
    folded: str
    role: str
    password: str | None
    issuer: str | None
    subject: str | None
    disabled: bool
    created_at: datetime
    created_by: str
    changed_at: datetime
    seen_at: datetime | None
    sessions: int


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a program, without its secret. ``models`` None: all of them."""

    id: int
    name: str
    scopes: tuple[str, ...]
    models: tuple[str, ...] | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in. ``account`` None: with the operator's token, whose digest is ``bound``."""

    id: int
    account: int | None
    bound: str | None
    started_at: datetime
    seen_at: datetime


def has_admin(control: Path) -> bool:
    """Say whether the file (not opened by this process) holds a user who may make others; False when there is no such file."""
    try:
        with closing(sqlite3.connect(f"{control.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as con:
            found = con.execute("SELECT 1 FROM account WHERE role = 'admin' AND NOT disabled LIMIT 1").fetchone()
    except sqlite3.OperationalError:  # no file, or one of before there were users
        return False
    return found is not None


class Access(ControlBase):
    """Three tables; every method is one short transaction."""

    access_changes = 0  # how often something was changed on which a remembered answer may rest

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """Hold a transaction after which nothing that is remembered of access counts any more."""
        try:
            with self._transaction() as con:
                yield con
        finally:
            self.access_changes += 1

    # -- users ---------------------------------------------------------------------------------------------------------
    def accounts(self) -> list[Account]:
        """Return every user by name."""
        return [_account(row) for row in self._rows(f"{_ACCOUNTS} ORDER BY folded")]

    def account(self, folded: str) -> Account | None:
        """Return a user by their name without case."""
        return _account_or_none(self._row(f"{_ACCOUNTS} WHERE folded = ?", (folded,)))

    def account_by_id(self, number: int) -> Account | None:
        """Return a user by their number, which is never given to another."""
        return _account_or_none(self._row(f"{_ACCOUNTS} WHERE id = ?", (number,)))

    def account_at(self, issuer: str, subject: str) -> Account | None:
        """Return the user whom a provider knows as ``subject``."""
        return _account_or_none(self._row(f"{_ACCOUNTS} WHERE issuer = ? AND subject = ?", (issuer, subject)))

    def add_account(
        self,
        name: str,
        folded: str,
        role: str,
        at: datetime,
        by: str,
        *,
        password: str | None = None,
        issuer: str | None = None,
        subject: str | None = None,
    ) -> int:
        """Add a user and return their number; raises :class:`AlreadyExistsError` when the name is taken."""
        with self._transaction() as con:
            if con.execute("SELECT 1 FROM account WHERE folded = ?", (folded,)).fetchone():
                raise AlreadyExistsError(f"there is a user {name!r} already")
            added = con.execute(
                "INSERT INTO account (name, folded, role, password, issuer, subject, created_at, created_by, changed_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (name, folded, role, password, issuer, subject, to_text(at), by, to_text(at)),
            )
            return int(added.lastrowid or 0)

    def change_account(
        self,
        number: int,
        at: datetime,
        *,
        role: str | None = None,
        password: str | None = None,
        disabled: bool | None = None,
        keep: int | None = None,
    ) -> int:
        """Change what is given; a new password or being disabled ends their sessions (but ``keep``). Returns how many ended."""
        ends = password is not None or disabled is True
        with self._change() as con:
            done = con.execute(
                "UPDATE account SET role = coalesce(?, role), password = coalesce(?, password), "
                "disabled = coalesce(?, disabled), changed_at = ? WHERE id = ?",
                (role, password, None if disabled is None else int(disabled), to_text(at), number),
            )
            if not done.rowcount:
                raise MissingRecordError(f"there is no user number {number}")
            if not ends:
                return 0
            ended = con.execute("DELETE FROM session WHERE account = ? AND id IS NOT ?", (number, keep))
            return ended.rowcount

    def rehash(self, number: int, before: str, password: str) -> None:
        """Put a stronger hash of the same password in the place of ``before``; their sessions go on."""
        with self._transaction() as con:
            con.execute("UPDATE account SET password = ? WHERE id = ? AND password = ?", (password, number, before))

    def remove_account(self, number: int) -> None:
        """Remove a user and their sessions."""
        with self._change() as con:
            con.execute("DELETE FROM account WHERE id = ?", (number,))

    # -- tokens --------------------------------------------------------------------------------------------------------
    def tokens(self) -> list[Token]:
        """Return every token, those that were revoked too, by name."""
        return [_token(row) for row in self._rows("SELECT * FROM token ORDER BY name")]

    def token(self, name: str) -> Token | None:
        """Return a token by its name."""
        row = self._row("SELECT * FROM token WHERE name = ?", (name,))
        return None if row is None else _token(row)

    def token_by_digest(self, digest: str) -> Token | None:
        """Return the token whose secret has this SHA-256."""
        row = self._row("SELECT * FROM token WHERE digest = ?", (digest,))
        return None if row is None else _token(row)

    def add_token(
        self,
        name: str,
        digest: str,
        scopes: Sequence[str],
        models: Sequence[str] | None,
        expires_at: datetime | None,
        at: datetime,
        by: str,
    ) -> None:
        """Add a token; raises :class:`AlreadyExistsError` when the name is taken, by one that was revoked too."""
        with self._transaction() as con:
            if con.execute("SELECT 1 FROM token WHERE name = ?", (name,)).fetchone():
                raise AlreadyExistsError(f"there is a token {name!r} already, or there was; give another name")
            con.execute(
                "INSERT INTO token (name, digest, scopes, models, created_at, created_by, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    name,
                    digest,
                    json.dumps(list(scopes)),
                    None if models is None else json.dumps(list(models)),
                    to_text(at),
                    by,
                    None if expires_at is None else to_text(expires_at),
                ),
            )

    def revoke_token(self, number: int, at: datetime, by: str) -> None:
        """Make a token worthless; one that is so already stays as it was."""
        with self._change() as con:
            con.execute(
                "UPDATE token SET revoked_at = ?, revoked_by = ? WHERE id = ? AND revoked_at IS NULL",
                (to_text(at), by, number),
            )

    def token_used(self, number: int, at: datetime) -> None:
        """Keep when a token was used last."""
        with self._transaction() as con:
            con.execute("UPDATE token SET used_at = ? WHERE id = ?", (to_text(at), number))

    # -- sessions ------------------------------------------------------------------------------------------------------
    def add_session(self, digest: str, account: int | None, bound: str | None, at: datetime) -> int:
        """Keep a session that begins, and when its user was seen; returns its number."""
        with self._transaction() as con:
            added = con.execute(
                "INSERT INTO session (digest, account, bound, started_at, seen_at) VALUES (?, ?, ?, ?, ?)",
                (digest, account, bound, to_text(at), to_text(at)),
            )
            con.execute("UPDATE account SET seen_at = ? WHERE id = ?", (to_text(at), account))
            return int(added.lastrowid or 0)

    def session_by_digest(self, digest: str) -> Session | None:
        """Return the session whose secret has this SHA-256."""
        return _session_or_none(self._row("SELECT * FROM session WHERE digest = ?", (digest,)))

    def session(self, number: int) -> Session | None:
        """Return a session by its number."""
        return _session_or_none(self._row("SELECT * FROM session WHERE id = ?", (number,)))

    def session_seen(self, number: int, at: datetime) -> None:
        """Keep when a session was used last."""
        with self._transaction() as con:
            con.execute("UPDATE session SET seen_at = ? WHERE id = ?", (to_text(at), number))
            con.execute(
                "UPDATE account SET seen_at = ? WHERE id = (SELECT account FROM session WHERE id = ?)",
                (to_text(at), number),
            )

    def end_session(self, number: int) -> bool:
        """End a session; returns whether there was one."""
        with self._change() as con:
            return bool(con.execute("DELETE FROM session WHERE id = ?", (number,)).rowcount)

    def end_every_session(self) -> None:
        """End all sessions: a backup knows of none that has ended since."""
        with self._change() as con:
            con.execute("DELETE FROM session")

    def drop_sessions(self, *, started_before: datetime, seen_before: datetime) -> None:
        """Forget sessions that are over by themselves."""
        with self._change() as con:
            con.execute(
                "DELETE FROM session WHERE started_at <= ? OR seen_at <= ?",
                (to_text(started_before), to_text(seen_before)),
            )


_ACCOUNTS = "SELECT *, (SELECT count(*) FROM session WHERE session.account = account.id) AS sessions FROM account"


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _account(row: Any) -> Account:
    return Account(
        id=row["id"],
        name=row["name"],
        folded=row["folded"],
        role=row["role"],
        password=row["password"],
        issuer=row["issuer"],
        subject=row["subject"],
        disabled=bool(row["disabled"]),
        created_at=datetime.fromisoformat(row["created_at"]),
        created_by=row["created_by"],
        changed_at=datetime.fromisoformat(row["changed_at"]),
        seen_at=_time(row["seen_at"]),
        sessions=row["sessions"],
    )


def _account_or_none(row: Any) -> Account | None:
    return None if row is None else _account(row)


def _token(row: Any) -> Token:
    return Token(
        id=row["id"],
        name=row["name"],
        scopes=tuple(json.loads(row["scopes"])),
        models=None if row["models"] is None else tuple(json.loads(row["models"])),
        created_at=datetime.fromisoformat(row["created_at"]),
        created_by=row["created_by"],
        expires_at=_time(row["expires_at"]),
        used_at=_time(row["used_at"]),
        revoked_at=_time(row["revoked_at"]),
        revoked_by=row["revoked_by"],
    )


def _session_or_none(row: Any) -> Session | None:
    if row is None:
        return None
    times = (datetime.fromisoformat(row[name]) for name in ("started_at", "seen_at"))
    return Session(row["id"], row["account"], row["bound"], *times)
