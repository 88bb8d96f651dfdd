"""Made-up customers, with the standard library only: what a service would ask its model, and what became true later.

``python examples/churn_data.py > training.csv`` writes forty quiet days with predictions and labels: a reference.
"""

from __future__ import annotations

import csv
import math
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

PER_DAY = 150
QUIET_DAYS, LIVE_DAYS, CHANGED_DAYS = 40, 21, 9  # the rule changes for the last CHANGED_DAYS of the live ones


def customers(start: datetime, days: int, *, changed_from: int | None = None) -> Iterator[list[dict[str, object]]]:
    """Yield one day after another; from day ``changed_from`` on, those who used to stay leave and the other way round."""
    for day in range(days):
        dice = random.Random(f"{start:%Y%m%d}+{day}")
        changed = changed_from is not None and day >= changed_from
        yield [_customer(dice, start + timedelta(days=day), number, changed=changed) for number in range(PER_DAY)]


def _customer(dice: random.Random, day: datetime, number: int, *, changed: bool) -> dict[str, object]:
    age, spend = dice.gauss(42, 11), dice.lognormvariate(3.5, 0.6)
    plan, app = dice.choices(["basic", "plus", "family"], [5, 3, 2])[0], dice.random() < 0.7
    leaning = (42 - age) / 10 + (1 if plan == "basic" else -0.5) + (0 if app else 1.5) - spend / 100
    score = 1 / (1 + math.exp(-leaning))
    truth = 1 - score if changed else score
    return {
        "prediction_id": f"{day:%Y%m%d}-{number}",
        "event_time": (day + timedelta(seconds=dice.randrange(86_400))).isoformat(),
        "customer age": round(age, 1),
        "monthly spend": round(spend, 2),
        "plan": plan,
        "has app": app,
        "campaign": dice.choice(["spring", "none"]),
        "predicted": "yes" if score > 0.5 else "no",
        "p_leaves": round(score, 4),
        "left": "yes" if dice.random() < truth else "no",
    }


def midnight_today() -> datetime:
    """Return the beginning of this day, UTC."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def main() -> None:
    """Write the reference to standard output."""
    start = midnight_today() - timedelta(days=QUIET_DAYS + LIVE_DAYS)
    days = list(customers(start, QUIET_DAYS))
    writer = csv.DictWriter(sys.stdout, list(days[0][0]))
    writer.writeheader()
    for rows in days:
        writer.writerows(rows)


if __name__ == "__main__":
    main()
