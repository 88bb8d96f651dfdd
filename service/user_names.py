"""What users may be called: never what the process itself acts under, on which rights rest."""

from __future__ import annotations

import re
import unicodedata

from service.workspace import WorkspaceError

_NAME = re.compile(r"[^\W_][\w.+-]{0,62}(@[\w.-]{1,90})?")
#: Names under which the process itself, or nobody in particular, acts.
RESERVED = frozenset(
    {"anonymous", "api", "cli", "dashboard", "driftdeck", "everyone", "operator", "provider", "schedule", "scheduler"}
    | {"session", "system", "token", "workspace"}
)


def user_name(name: str) -> str:
    """Return a name that a user may have; raises :class:`WorkspaceError` for others."""
    name = unicodedata.normalize("NFKC", name).strip()
    if not _NAME.fullmatch(name) or name.partition("@")[0].casefold() in RESERVED:
        raise WorkspaceError(
            f"{name[:80]!r} cannot be a user's name: write up to 63 letters, digits, dots, dashes and underscores, or an e-mail "
            f"address; not {', '.join(sorted(RESERVED))}"
        )
    return name


def folded(name: str) -> str:
    """Return a name as it is looked up: without case, and one way to write each letter."""
    return unicodedata.normalize("NFKC", name).strip().casefold()[:200]
