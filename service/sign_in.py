"""Who is behind a token, a cookie or an open websocket; how browsers sign in, and out."""

from __future__ import annotations

import hmac
import ipaddress
import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NoReturn, cast

from service import passwords
from service.identity import SCOPES, Identity, Role, Scope
from service.throttle import GUESSABLE, Throttle, TooManyTriesError
from service.user_names import folded, user_name
from service.workspace import WorkspaceError

if TYPE_CHECKING:
    from service.oidc import Person
    from storage.control import Control
    from storage.control_access import Account, Session, Token

log = logging.getLogger(__name__)

IDLE, ABSOLUTE = timedelta(hours=12), timedelta(days=7)
TOKEN_PREFIX = "drift_"  # noqa: S105 - so that scanners of source code can find one that was left there
_NOTED = timedelta(minutes=5)  # how old what is kept of "last used" may be
_MOST_KNOWN = 10_000
_OPERATORS = frozenset({"operator", "secret"})  # known by what only they know, for as long as this process lives
REFUSED = "The name or the password is not right."


class SignInRefusedError(WorkspaceError):
    """A sign-in that failed; ``wait`` seconds have to pass before the next try, 0: it may be made at once."""

    def __init__(self, words: str, wait: float = 0.0) -> None:
        super().__init__(words)
        self.wait = wait


@dataclass(slots=True)
class _Known:
    """What a secret stands for. ``noted`` is when its last use was written down, ``until`` when it ends by itself."""

    identity: Identity
    noted: datetime
    used: datetime
    until: datetime | None

    def over(self, now: datetime) -> bool:
        """Say whether it has ended: by its time, or for want of use."""
        ended = self.until is not None and now >= self.until
        return ended or (self.identity.how == "session" and now - self.used >= IDLE)


class SignIn:
    """The accounts, tokens and sessions of one process, which alone changes them."""

    def __init__(
        self, control: Control, now: Callable[[], datetime], ticks: Callable[[], float], token: str | None = None
    ) -> None:
        """``token``: the operator's. ``ticks`` gives seconds that are never put back."""
        self._control, self._now, self._token = control, now, token
        self._bound = None if token is None else passwords.digest(token)
        self._known: dict[str, _Known] = {}
        self._seen_changes = control.access_changes
        self._lock = threading.Lock()
        self._key = secrets.token_bytes(32)
        self._wrong: OrderedDict[tuple[str, str], None] = OrderedDict()  # by network and digest
        self._opened: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._names, self._addresses = Throttle(5, 60.0, ticks), Throttle(20, 300.0, ticks)

    @property
    def now(self) -> Callable[[], datetime]:
        """The clock by which sessions end."""
        return self._now

    # -- who is it -------------------------------------------------------------------------------------------------------
    def by_token(self, secret: str) -> Identity | None:
        """Return who a program's token stands for; None when it is unknown, over or revoked."""
        digest = passwords.digest(secret)
        return self._remembered(f"token {digest}", lambda: self._look_up_token(digest))

    def operator(self, token: str, address: str) -> None:
        """Let the operator's token, which is right, through; raises :class:`TooManyTriesError` where it may have been guessed.

        A long one is not, and one that has opened from this address before never waits.
        """
        place, digest = _network(address), passwords.digest(token)
        with self._lock:
            if len(token) >= GUESSABLE or (place, digest) in self._opened:
                return
        wait = self._addresses.waiting(place)
        if wait > 0:
            raise TooManyTriesError(wait)
        with self._lock:
            _note_once(self._opened, (place, digest))

    def missed(self, token: str, address: str) -> float:
        """Count a token that opens nothing among the failed tries of an address; return how many seconds the next one has to wait, or 0.

        The same one sent again is no other guess: a program whose token was revoked makes nobody wait who signs in from its address.
        """
        place, digest = _network(address), passwords.digest(token)
        with self._lock:
            if not _note_once(self._wrong, (place, digest)):
                return 0.0
        wait = self._addresses.wait(place)
        if wait > 0:
            with self._lock:
                self._wrong.pop((place, digest), None)  # nobody has said yet that it is wrong
        else:
            log.warning("a token from %s opens nothing here", address)
        return wait

    def by_cookie(self, secret: str | None) -> Identity | None:
        """Return who is signed in in a browser; None when the session is unknown or has ended."""
        if not secret:
            return None
        digest = passwords.digest(secret)
        return self._remembered(
            f"cookie {digest}", lambda: self._look_up_session(self._control.session_by_digest(digest))
        )

    def identity(self, handle: str | None) -> Identity | None:
        """Return who is behind a handle now; None when their session has ended, or the handle is none of ours."""
        return self._behind(handle, uses=True)

    def lives(self, handle: str) -> bool:
        """Say whether what is behind a handle goes on; asking is no use of a session."""
        return self._behind(handle, uses=False) is not None

    def _behind(self, handle: str | None, *, uses: bool) -> Identity | None:
        words, _, mark = (handle or "").rpartition("/")
        if not words or not hmac.compare_digest(mark.encode(), self._mark(words).encode()):
            return None
        how, _, rest = words.partition("/")
        if how in _OPERATORS:
            return Identity(rest, "admin", how=how)
        if how != "session":
            return None
        return self._remembered(
            f"number {rest}", lambda: self._look_up_session(self._control.session(int(rest))), uses=uses
        )

    def handle(self, identity: Identity) -> str:
        """Return what stands for an identity within this process: for a session its number, asked anew every time."""
        words = f"{identity.how}/{identity.key if identity.how == 'session' else identity.name}"
        return f"{words}/{self._mark(words)}"

    def _mark(self, words: str) -> str:
        return hmac.new(self._key, words.encode(), "sha256").hexdigest()

    def _remembered(self, key: str, look_up: Callable[[], _Known | None], *, uses: bool = True) -> Identity | None:
        """Return what a key stands for, from memory unless something has changed since."""
        now = self._now()
        known = self._recall(key)
        if known is None or known.over(now):  # over in memory: it may have been used under another key
            changes = self._control.access_changes
            known = look_up()
            if known is None or known.over(now):
                return None
            with self._lock:
                if changes == self._control.access_changes == self._seen_changes:
                    self._known[key] = known
        if uses:
            known.used = max(known.used, now)
            if now - known.noted >= _NOTED:
                known.noted = now
                self._note(known.identity, now)
        return known.identity

    def _recall(self, key: str) -> _Known | None:
        with self._lock:
            if self._seen_changes != self._control.access_changes or len(self._known) > _MOST_KNOWN:
                self._seen_changes = self._control.access_changes
                self._known.clear()
            return self._known.get(key)

    def _note(self, identity: Identity, now: datetime) -> None:
        if identity.how == "session" and identity.key is not None:
            self._control.session_seen(identity.key, now)
        elif identity.key is not None:
            self._control.token_used(identity.key, now)

    def _look_up_token(self, digest: str) -> _Known | None:
        token: Token | None = self._control.token_by_digest(digest)
        if token is None or token.revoked_at is not None:
            return None
        models = None if token.models is None else frozenset(token.models)
        scopes = cast("frozenset[Scope]", frozenset(token.scopes) & frozenset(SCOPES))
        role: Role = "admin" if "admin" in scopes else "operator" if scopes & {"act", "log"} else "viewer"
        who = Identity(f"token:{token.name}", role, scopes, models, "token", token.id)
        return _Known(who, token.used_at or token.created_at, self._now(), token.expires_at)

    def _look_up_session(self, session: Session | None) -> _Known | None:
        if session is None:
            return None
        until = session.started_at + ABSOLUTE
        if session.account is None:
            if self._bound is None or session.bound != self._bound:
                return None
            who = Identity("token", "admin", how="session", key=session.id)
        else:
            account = self._control.account_by_id(session.account)
            if account is None or account.disabled:
                return None
            who = Identity(account.name, cast("Role", account.role), how="session", key=session.id)
        return _Known(who, session.seen_at, session.seen_at, until)

    # -- in and out ------------------------------------------------------------------------------------------------------
    def with_password(self, name: str, password: str, address: str) -> str:
        """Begin a session and return its secret; raises :class:`SignInRefusedError`, in the same words whatever was wrong."""
        key = folded(name)
        self._admit(key, address)
        account = self._control.account(key)
        kept = account.password if account is not None and account.password is not None else None
        right = passwords.matches(password, kept or passwords.nobodys())
        if account is None or kept is None or not right or account.disabled:
            # what was typed as a name may be a password: it is kept only if it is a name
            self._refused(account.name if account is not None else "unknown user", address)
        if passwords.outdated(kept):
            self._control.rehash(account.id, kept, passwords.hashed(password))
        self._names.passed(key)
        self._addresses.passed(_network(address))
        return self.begin(account, address, "password")

    def change_password(self, identity: Identity, password: str, new: str, address: str) -> str:
        """Change one's own password: ends every session of theirs and begins a new one, whose secret it returns.

        Raises :class:`SignInRefusedError` for a present password that is not right, :class:`WorkspaceError` for a new one that will not do.
        """
        account = self._control.account(folded(identity.name)) if identity.how == "session" else None
        if account is None or account.password is None:
            raise WorkspaceError(
                "you have no password here: you signed in at the provider or with the operator's token"
            )
        self._admit(account.folded, address)
        if not passwords.matches(password, account.password):
            self._refused(account.name, address)
        self._names.passed(account.folded)
        self._addresses.passed(_network(address))
        kept = passwords.hashed(passwords.accepted(new, account.name))
        self._control.change_account(account.id, self._now(), password=kept)
        self._control.append_audit(account.name, "change password", account.name, {}, address, self._now())
        return self.begin(account, address, "password")

    def with_token(self, token: str, address: str) -> str:
        """Begin a session of whoever knows the operator's token; raises :class:`SignInRefusedError`."""
        self._admit("", address)
        given, known = token.strip().encode(), (self._token or "").encode()
        if not known or not hmac.compare_digest(given, known):
            self._refused("the operator's token", address)
        self._addresses.passed(_network(address))
        self._names.passed("")
        return self.begin(None, address, "token")

    def with_person(self, person: Person, address: str) -> str:
        """Begin a session of somebody whom the provider knows; raises :class:`SignInRefusedError`.

        They are told apart by the provider's number for them, never by name or e-mail address: who takes those over gets nothing.
        """
        account, now = self._control.account_at(person.issuer, person.subject), self._now()
        if account is None:
            name = _name_of(person)
            if self._control.account(folded(name)) is not None:
                self._turn_away(name, address, "Another user has your name here. Ask an admin.")
            self._control.add_account(
                name, folded(name), person.role, now, "provider", issuer=person.issuer, subject=person.subject
            )
            self._control.append_audit("provider", "add user", name, {"role": person.role}, address, now)
        elif account.disabled:
            self._turn_away(account.name, address, "You are shut out here. Ask an admin.")
        elif account.role != person.role:
            self._control.change_account(account.id, now, role=person.role)
            self._control.append_audit("provider", "change user", account.name, {"role": person.role}, address, now)
        return self.begin(self._control.account_at(person.issuer, person.subject), address, "provider")

    def begin(self, account: Account | None, address: str, how: str) -> str:
        """Begin a session of a user (None: of the operator) and return its secret, which is kept nowhere."""
        now, secret = self._now(), passwords.secret()
        self._control.drop_sessions(started_before=now - ABSOLUTE, seen_before=now - IDLE)
        number = None if account is None else account.id
        self._control.add_session(passwords.digest(secret), number, self._bound if account is None else None, now)
        name = "token" if account is None else account.name
        self._control.append_audit(name, "sign in", name, {"how": how}, address, now)
        return secret

    def end(self, cookie: str | None, address: str) -> None:
        """End the session of a cookie, if it is one."""
        who = self.by_cookie(cookie)
        if who is not None and who.key is not None and self._control.end_session(who.key):
            self._control.append_audit(who.name, "sign out", who.name, {}, address, self._now())

    def _admit(self, name: str, address: str) -> None:
        # an address that has to wait tries no name: it would make every user wait
        wait = self._addresses.wait(_network(address)) or self._names.wait(name)
        if wait > 0:
            raise SignInRefusedError(str(TooManyTriesError(wait)), wait)

    def _refused(self, who: str, address: str) -> NoReturn:
        self._turn_away(who, address, REFUSED)

    def _turn_away(self, who: str, address: str, words: str) -> NoReturn:
        self._control.append_audit("anonymous", "sign in refused", who, {}, address, self._now())
        log.warning("a sign-in from %s was refused", address)
        raise SignInRefusedError(words)


def _note_once(noted: OrderedDict[tuple[str, str], None], key: tuple[str, str]) -> bool:
    """Remember a key; return whether it was not known. The oldest are forgotten first."""
    fresh = key not in noted
    noted[key] = None
    noted.move_to_end(key)
    while len(noted) > _MOST_KNOWN:
        noted.popitem(last=False)
    return fresh


def _network(address: str) -> str:
    """Return under what the tries of an address are counted: of IPv6 the network, all of whose addresses are one household's."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return address
    return str(found.ipv4_mapped or ipaddress.ip_network((int(found), 64), strict=False))


def _name_of(person: Person) -> str:
    """Return what somebody from the provider is called here: one of a kind where what they are called there will not do."""
    try:
        return user_name(person.name)
    except WorkspaceError:
        return f"provider-{passwords.digest(person.issuer + person.subject)[:12]}"
