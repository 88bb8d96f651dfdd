"""The flights of 2013 as a team would see them: predictions asked for at push-back, the truth when the plane has landed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from importlib.resources import as_file, files
from zoneinfo import ZoneInfo

import pandas as pd

MODEL = "air_time"
ZONE = ZoneInfo("America/New_York")
FIRST_DAY = date(2013, 1, 1)
FIRST_MODEL = date(2013, 3, 5)  # nine weeks are collected before the first model is trained
STORY = date(2013, 6, 4)  # where the demo's clock stops for the visitor
LAST_DAY = date(2014, 1, 1)

FEATURES = ["carrier", "origin", "dest", "distance", "hour", "dow", "seats", "plane_year"]
CONTEXT = ["temp", "wind_speed", "wind_dir", "precip", "visib"]


def midnight(day: date) -> datetime:
    """Return the beginning of a day in New York."""
    return datetime(day.year, day.month, day.day, tzinfo=ZONE)


class Flights:
    """The year's table, cut by the time at which each part of a row becomes known."""

    def __init__(self) -> None:
        """Read the table that ships with the package."""
        with as_file(files("reference_data") / "flights" / "flights_2013.parquet") as path:
            table = pd.read_parquet(path)
        minute = table["sched"].dt.floor("min").astype("datetime64[s]").astype("int64") // 60
        table["prediction_id"] = (
            minute.astype(str) + "-" + table["carrier"] + table["flight"].astype(str) + "-" + table["origin"]
        )
        in_the_air = pd.to_timedelta(table["dep_delay"] + table["air_time"], unit="min")
        table["label_time"] = table["sched"] + in_the_air
        table["event_time"] = table["sched"]
        self._by_departure = table.sort_values("sched", ignore_index=True)
        self._by_landing = table.sort_values("label_time", ignore_index=True)

    def departures(self, since: datetime, until: datetime) -> pd.DataFrame:
        """Return what is known at push-back of flights scheduled from ``since`` to before ``until``."""
        return self._cut(self._by_departure, "sched", since, until)[
            ["prediction_id", "event_time", *FEATURES, *CONTEXT]
        ]

    def landings(self, since: datetime, until: datetime) -> pd.DataFrame:
        """Return the true air time of flights that landed from ``since`` to before ``until``."""
        return self._cut(self._by_landing, "label_time", since, until)[
            ["prediction_id", "event_time", "air_time", "label_time"]
        ]

    @staticmethod
    def _cut(table: pd.DataFrame, column: str, since: datetime, until: datetime) -> pd.DataFrame:
        low, high = (moment.astimezone(ZONE).replace(tzinfo=None) for moment in (since, until))
        first, last = table[column].searchsorted([pd.Timestamp(low), pd.Timestamp(high)])
        return table.iloc[first:last]


def next_day(moment: datetime) -> datetime:
    """Return the midnight that follows ``moment`` in New York."""
    return midnight(moment.astimezone(ZONE).date() + timedelta(days=1))
