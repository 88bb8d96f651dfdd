"""Mean absolute error of the demo's versions by period, from a running demo: ``python examples/year_errors.py [URL]``."""

import json
import sys
from urllib.request import urlopen

PERIODS = [
    ("2013-03-05", "2013-04-30"),
    ("2013-04-30", "2013-06-04"),
    ("2013-06-04", "2013-07-02"),
    ("2013-06-04", "2013-10-15"),
    ("2013-10-22", "2013-12-31"),
]


def main(url: str) -> None:
    """Print one line for each period, version and role: the days' errors, weighted by their labelled rows."""
    with urlopen(f"{url}/api/v1/models/air_time/performance?metric=mae&grain=1d") as answer:
        days = [day for day in json.load(answer) if day["value"] is not None and day["role"] != "reference"]
    for since, until in PERIODS:
        held = [day for day in days if since <= day["start"][:10] < until]
        for version, role in sorted({(day["model_version"], day["role"]) for day in held}):
            own = [day for day in held if (day["model_version"], day["role"]) == (version, role)]
            rows = sum(day["n"] for day in own)
            error = sum(day["value"] * day["n"] for day in own) / rows
            print(f"{since} to {until}  {version} {role:<8} {error:6.2f} min over {rows:7,} rows")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8501")
