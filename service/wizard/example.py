"""A made-up example to try things with: customers, who of them is likely to leave, and who did."""

from __future__ import annotations

import csv
import io
import math
import random
from datetime import UTC, datetime, timedelta

NAME = "example_churn.csv"
_DAYS, _WRONG, _A_DAY = 60, 9, 200  # on the last days those who used to stay leave, and there are younger customers


def csv_text(now: datetime) -> str:
    """Return sixty days of rows that end at the latest midnight, the same for the same day."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    dice = random.Random(f"{midnight:%Y%m%d}")
    out = io.StringIO()
    rows = [
        _customer(dice, midnight - timedelta(days=_DAYS - day), number, wrong=day >= _DAYS - _WRONG)
        for day in range(_DAYS)
        for number in range(_A_DAY)
    ]
    rows.sort(key=lambda row: row["scored_at"])
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _customer(dice: random.Random, day: datetime, number: int, *, wrong: bool) -> dict[str, str]:
    age, spend = dice.gauss(36 if wrong else 42, 11), dice.lognormvariate(3.5, 0.6)
    plan, app = dice.choices(["basic", "plus", "family"], [5, 3, 2])[0], dice.random() < 0.7
    leaning = (42 - age) / 10 + (1 if plan == "basic" else -0.5) + (0 if app else 1.5) - spend / 100
    score = 1 / (1 + math.exp(-leaning))
    truth = 0.5 * score + 0.4 if wrong else score
    return {
        "request_id": f"{day:%Y%m%d}-{number:04}",
        "scored_at": (day + timedelta(seconds=dice.randrange(86_400))).isoformat(),
        "age": f"{age:.1f}",
        "monthly_spend": f"{spend:.2f}",
        "plan": plan,
        "has_app": "true" if app else "false",
        "support_calls": str(int(dice.expovariate(0.8))),
        "predicted": "leaves" if score > 0.5 else "stays",
        "p_leaves": f"{score:.4f}",
        "actual": "leaves" if dice.random() < truth else "stays",
    }
