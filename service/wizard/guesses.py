"""What columns are taken for while they are looked at one after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from service.setting_up_views import Role, Sureness
from service.wizard.facts import ColumnFacts, Facts, Pair

SMALL = 60  # distinct values up to which numbers may be classes


@dataclass(slots=True)
class Guess:
    """What a column is taken for."""

    role: Role
    why: str
    sure: Sureness = "likely"
    score_of: str | None = None


@dataclass(slots=True)
class Table:
    """Columns by name, and what was guessed so far."""

    facts: Facts
    columns: dict[str, ColumnFacts]
    guessed: dict[str, Guess] = field(default_factory=dict)

    def free(self) -> Iterator[ColumnFacts]:
        """Yield the columns of which nothing was guessed yet."""
        return (column for column in self.facts["columns"] if column["name"] not in self.guessed)

    def has(self, role: Role) -> str | None:
        """Return the first column of a role, None when there is none."""
        return next((name for name, guess in self.guessed.items() if guess.role == role), None)

    def pairs(self, name: str) -> Iterator[tuple[str, Pair]]:
        """Yield what goes together with a column, and how closely."""
        for pair in self.facts["pairs"]:
            if name in (pair["a"], pair["b"]):
                yield (pair["b"] if pair["a"] == name else pair["a"]), pair


def is_list(column: ColumnFacts) -> bool:
    """Say whether the values of a column come several times each, as the names of lists do."""
    return 1.5 < column["held"] / max(1, column["distinct"]) < 1000 and column["distinct"] > 5
