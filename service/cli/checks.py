"""``checks``: what a column can be held against its reference by."""

from __future__ import annotations

import typer

from service.cli.session import Session, command, table


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "checks")(checks)


def checks(session: Session) -> None:
    """List the checks of columns: unit, what is worse, what they apply to, how exact they are, and their source."""
    from monitors.check_list import describe

    found = describe()
    rows = [{**entry, "kinds": ", ".join(entry["kinds"])} for entry in found]
    columns = {
        "check": "check", "kinds": "columns", "unit": "unit", "direction": "direction", "p_value": "p-value",
        "exact_from_rows": "--exact", "default": "default", "from_profiles": "from profiles",
    }  # fmt: skip
    session.show(found, lambda: table(rows, columns, "no checks"))
