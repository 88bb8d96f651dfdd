"""The numbers of the fake workspace. All of them are INVENTED TEST DATA in the shape of the flights story."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/New_York")
START = datetime(2013, 1, 1, tzinfo=ZONE)
THRESHOLD, LOWER, UPPER, REFERENCE_MAE = 10.97, 5.3, 9.9, 7.62
HARM_WEEK, REFERENCE_WEEKS = 17, 9

# fmt: off
FIRST = [8.1, 7.4, 7.0, 7.9, 6.5, 6.9, 7.6, 6.9, 10.2, 9.8, 9.1, 8.2, 8.0, 7.1, 8.6, 9.5, 9.5, 14.95, 13.7, 13.2, 12.1,
         12.6, 12.4, 13.3, 15.3, 17.6, 16.6, 11.9, 11.8, 11.3, 11.3, 17.3, 17.6, 17.3, 13.9, 14.2, 15.8, 15.2, 16.3, 13.2,
         14.0, 7.9, 7.8, 8.3, 6.9, 9.1, 8.5, 7.9, 12.2, 8.2, 8.0, 7.0]
SECOND = [7.3, 7.7, 6.7, 7.0, 6.7, 8.8, 7.8, 6.0, 6.9, 7.2, 6.8, 7.4, 7.5, 7.3, 5.9, 5.4, 7.0, 5.8, 6.4, 9.5, 8.5, 10.5,
          11.4, 10.4, 11.6, 10.0, 18.4, 15.8, 12.8, 13.3]
TEMPERATURE = [36, 45, 37, 21, 31, 32, 38, 37, 40, 40, 37, 39, 48, 46, 53, 54, 55, 57, 62, 62, 65, 75, 76, 74, 78, 80, 82,
               84, 80, 79, 76, 77, 75, 78, 74, 70, 71, 66, 64, 68, 63, 56, 52, 54, 46, 47, 40, 38, 44, 35, 33, 41]
# fmt: on

#: column -> (kind, type, unit, reference mean, reference spread)
COLUMNS: dict[str, tuple[str, str, str | None, float, float]] = {
    "error given inputs": ("concept", "numeric", "min", 0.0, 9.0),
    "prediction": ("prediction", "numeric", "min", 150.0, 60.0),
    "carrier": ("feature", "categorical", None, 0, 0),
    "origin": ("feature", "categorical", None, 0, 0),
    "dest": ("feature", "categorical", None, 0, 0),
    "distance": ("feature", "numeric", "mi", 1040.0, 500.0),
    "hour": ("feature", "numeric", None, 13.0, 4.6),
    "dow": ("feature", "numeric", None, 3.0, 2.0),
    "seats": ("feature", "numeric", None, 140.0, 60.0),
    "plane_year": ("feature", "numeric", None, 2001.0, 6.0),
    "temp": ("context", "numeric", "°F", 37.0, 8.0),
    "wind_speed": ("context", "numeric", "mph", 11.0, 5.0),
    "wind_dir": ("context", "numeric", "°", 200.0, 90.0),
    "precip": ("context", "numeric", "in", 0.005, 0.02),
    "visib": ("context", "numeric", "mi", 9.2, 2.0),
}
CATEGORIES = {
    "carrier": (["UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX"], [18, 17, 16, 14, 10, 8, 6, 6, 3, 2]),
    "origin": (["EWR", "JFK", "LGA"], [36, 33, 31]),
    "dest": (["ATL", "ORD", "LAX", "BOS", "MCO", "CLT", "SFO", "FLL", "MIA", "other"], [9, 9, 8, 8, 7, 7, 6, 6, 6, 34]),
}
SEGMENTS: list[tuple[str, str, float, float]] = [
    ("carrier", "VX", 11.4, 19.6),
    ("carrier", "UA", 9.6, 17.0),
    ("carrier", "DL", 8.4, 15.0),
    ("origin", "JFK", 8.8, 14.4),
    ("origin", "EWR", 7.1, 12.9),
    ("carrier", "EV", 5.8, 11.1),
]


def week(number: int) -> tuple[datetime, datetime]:
    """Return start and end of a week, local midnights."""
    start = (START.replace(tzinfo=None) + timedelta(weeks=number)).replace(tzinfo=ZONE)
    return start, (start.replace(tzinfo=None) + timedelta(weeks=1)).replace(tzinfo=ZONE)


def wave(number: int, salt: int) -> float:
    """Return noise between -1 and 1 that is the same every time."""
    return math.sin(number * 12.9898 + salt * 78.233) * 0.7 + math.sin(number * 4.137 + salt * 1.7) * 0.3


def rows_in(number: int) -> int:
    """Return flights of a week."""
    return 6200 + int(260 * wave(number, 3)) - (900 if number == 5 else 0)


def value_of(column: str, number: int) -> float:
    """Return the drift statistic of a column in a week."""
    if column == "error given inputs":
        return FIRST[number]
    if column == "temp":
        return 0.4 + max(0.0, (TEMPERATURE[number] - 40) / 4.5) + 0.5 * abs(wave(number, 1))
    base = {"dest": 0.9, "wind_dir": 0.7, "visib": 0.6}.get(column, 0.45)
    return threshold_of(column) * max(0.05, base + 0.35 * wave(number, sum(map(ord, column))) + number / 90)


def threshold_of(column: str) -> float:
    """Return the threshold of a column's statistic."""
    return {"error given inputs": THRESHOLD, "temp": 5.03, "wind_dir": 1.295, "dest": 0.013}.get(column, 0.018)


def state_of(column: str, number: int, weeks_of_second: range) -> str:
    """Return the verdict on a column in a week."""
    if column == "precip" and number in (6, 21):
        return "insufficient"
    if column == "wind_speed" and number == 30:
        return "no_data"
    if column == "error given inputs":
        error = SECOND[number - weeks_of_second.start] if number in weeks_of_second else FIRST[number]
        return "harmful" if error > THRESHOLD else "significant" if error > UPPER else "within"
    ratio = value_of(column, number) / threshold_of(column)
    if ratio <= 1:
        return "within"
    return "material" if COLUMNS[column][0] in ("context", "prediction") else "significant"
