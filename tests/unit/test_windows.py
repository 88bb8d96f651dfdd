"""Windows and buckets tile time, whatever clocks do."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_data.windows import Window, WindowSpec
from storage.buckets import bucket_sql, bucket_start, naive

# midnight clock changes (Sao Paulo, Havana), half hours (Lord Howe, Kathmandu), a skipped day (Apia)
ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "America/Havana",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
]
MOMENTS = st.integers(800_000_000, 2_050_000_000).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)  # 1995 to 2034
SPECS = st.builds(
    lambda length, unit, zone, anchor: WindowSpec.parse(f"{length}{unit}", zone, anchor),
    st.integers(1, 5),
    st.sampled_from("hdw"),
    st.sampled_from(ZONES),
    st.dates(date(2000, 1, 1), date(2020, 1, 1)),
)


@pytest.fixture(scope="module")
def con():
    with duckdb.connect() as connection:
        yield connection


@given(SPECS, MOMENTS)
def test_a_window_holds_its_moment_and_nothing_is_in_two(spec, moment):
    window = spec.containing(moment)
    assert window.start <= moment < window.end
    assert spec.containing(window.start) == window
    assert spec.containing(window.end - timedelta(microseconds=1)) == window
    assert spec.containing(window.end).start == window.end


@given(SPECS, MOMENTS, st.integers(1, 40))
def test_windows_tile_without_gap_or_overlap(spec, since, steps):
    until = since + steps * (spec.containing(since).end - spec.containing(since).start)
    windows = list(spec.between(since, until))
    assert windows[0].start <= since < windows[0].end
    assert windows[-1].start < until <= windows[-1].end
    assert all(one.end == two.start for one, two in pairwise(windows))


@pytest.mark.slow
@given(SPECS, MOMENTS)
def test_buckets_tile_windows(spec, moment):
    window = spec.containing(moment)
    buckets = list(spec.bucket.between(window.start, window.end))
    assert buckets[0].start == window.start
    assert buckets[-1].end == window.end


@pytest.mark.parametrize(("day", "hours"), [("2013-03-10", 23), ("2013-11-03", 25), ("2013-06-01", 24)])
def test_days_are_as_long_as_clocks_make_them(day, hours):
    zone = ZoneInfo("America/New_York")
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=zone)
    window = WindowSpec.parse("1d", "America/New_York").containing(noon)
    assert window.end - window.start == timedelta(hours=hours)
    assert window.start.astimezone(zone).isoformat().startswith(f"{day}T00:00")


def test_weeks_are_counted_from_the_anchor():
    spec = WindowSpec.parse("1w", "America/New_York", date(2013, 1, 1))
    window = spec.containing(datetime(2013, 5, 4, 12, tzinfo=UTC))
    assert window == Window(datetime(2013, 4, 30, 4, tzinfo=UTC), datetime(2013, 5, 7, 4, tzinfo=UTC))


@pytest.mark.parametrize("text", ["", "0d", "1x", "d", "-1d", "1.5h", "1d1h"])
def test_what_is_no_window_is_refused_in_words(text):
    with pytest.raises(ValueError, match="not understood; write a number"):
        WindowSpec.parse(text)


def test_a_time_without_zone_is_refused():
    with pytest.raises(ValueError, match="has no time zone"):
        WindowSpec.parse("1d").containing(datetime(2013, 1, 1))  # noqa: DTZ001


@settings(deadline=None)
@given(st.sampled_from(["1h", "1d"]), st.sampled_from(ZONES), MOMENTS, st.lists(st.booleans(), min_size=1, max_size=12))
def test_sql_puts_rows_into_the_same_buckets_as_python(con, text, zone, since, kept):
    """Over gaps and clock changes; rows just before, at and just after each boundary."""
    spec = WindowSpec.parse(text, zone)
    tiles = [w for w, _ in zip(spec.between(since, datetime.max.replace(tzinfo=UTC)), kept, strict=False)]
    wanted = [window for window, keep in zip(tiles, kept, strict=True) if keep]
    moments = [
        edge + timedelta(microseconds=shift)
        for window in tiles
        for edge in (window.start, window.end)
        for shift in (-1, 0, 1)
    ]
    bucket, inside = bucket_sql(wanted, "t")
    sql = f"SELECT t, {bucket}, {inside} FROM (SELECT unnest(?::TIMESTAMP[]) AS t)"
    found = con.execute(sql, [[naive(moment) for moment in moments]]).fetchall()
    for moment, (_, start, held) in zip(moments, found, strict=True):
        window = spec.containing(moment)
        assert held == (window in wanted)
        if held:
            assert bucket_start(start) == window.start
