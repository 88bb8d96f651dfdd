"""A made-up warehouse: ``python examples/etl/warehouse.py FOLDER`` writes training data, scored customers and a database.

``--one-more-day`` adds a file to the folder and rows to the table, as a nightly job would.
"""

from __future__ import annotations

import argparse
import csv
import math
import random
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

TRAINING_DAYS, DAYS, PER_DAY = 30, 7, 60
Row = dict[str, object]


def day_of(start: datetime) -> list[Row]:
    """Return the customers scored on one day, raw, with what became of each."""
    dice = random.Random(f"{start:%Y%m%d}")
    rows: list[Row] = []
    for number in range(PER_DAY):
        age, cents = dice.randint(18, 80), dice.randint(500, 9000)
        plan = dice.choice(["basic", "plus", "family"])
        score = 1 / (1 + math.exp((age - 42) / 10 + cents / 5000 - (plan == "basic")))
        rows.append(
            {
                "customer_id": f"{start:%Y%m%d}-{number}",
                "scored_at": (start + timedelta(minutes=dice.randrange(1440))).isoformat(),
                "birth_year": start.year - age,
                "spend_cents": cents,
                "plan": plan,
                "predicted": "yes" if score > 0.5 else "no",
                "p_leaves": round(score, 4),
                "left": "yes" if dice.random() < score else "no",
            }
        )
    return rows


def write(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def load(folder: Path, day: datetime) -> None:
    """Write the file of a day, and the outcomes of its customers a day later."""
    rows = day_of(day)
    write(folder / "scored" / f"{day:%Y-%m-%d}.csv", [{k: v for k, v in row.items() if k != "left"} for row in rows])
    known = (day + timedelta(days=1)).isoformat()
    ended = [(row["customer_id"], known if row["left"] == "yes" else None, known) for row in rows]
    with sqlite3.connect(folder / "crm.db") as database:
        database.execute("CREATE TABLE IF NOT EXISTS outcomes (customer_id TEXT, ended_at TEXT, known_at TEXT)")
        database.executemany("INSERT INTO outcomes VALUES (?, ?, ?)", ended)
    database.close()


def trained_on(row: Row) -> Row:
    """Return a row as the model knows it: features, prediction and label."""
    age = int(str(row["scored_at"])[:4]) - int(str(row["birth_year"]))
    names = ("customer_id", "scored_at", "plan", "predicted", "p_leaves", "left")
    return {name: row[name] for name in names} | {"age": age, "spend": int(str(row["spend_cents"])) / 100}


def main() -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--one-more-day", action="store_true")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if arguments.one_more_day:
        load(folder, today - timedelta(days=1))
        return
    first = today - timedelta(days=DAYS + 1)
    before = [first - timedelta(days=TRAINING_DAYS - i) for i in range(TRAINING_DAYS)]
    write(folder / "training.csv", [trained_on(row) for day in before for row in day_of(day)])
    for i in range(DAYS):
        load(folder, first + timedelta(days=i))


if __name__ == "__main__":
    main()
