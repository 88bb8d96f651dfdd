"""Whatever is declared comes back as it was: written out, applied to an empty home, and written out again."""

import tempfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitors.registry import column_checks
from reference_data.alerting import AlertKind
from reference_data.declaration import Declaration
from service.declaration_file import dump, parse
from service.local import LocalWorkspace

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
#: Anything that TOML can hold: no half characters.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
COLUMNS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="×\x00"), min_size=1, max_size=8).map(
    lambda text: f"c{text}"
)
WINDOWS = st.integers(1, 9).flatmap(lambda m: st.integers(1, m).map(lambda n: f"{n} of {m}"))
DURATIONS = st.builds(lambda n, unit: f"{n}{unit}", st.integers(1, 90), st.sampled_from("smhd"))
LINKS = TEXTS.map(lambda text: f"https://wiki/{text}")
SEVERITY = st.sampled_from(["notice", "warning", "page"])
KINDS = st.sampled_from(AlertKind.__args__)  # type: ignore[attr-defined]
CHECKS = st.sampled_from(sorted(column_checks()))
NUMBERS = st.floats(-1e9, 1e9, allow_nan=False)
TIMES = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001 - the library wants bounds without a zone
    datetime(2030, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=-5, minutes=-30))]),
)
CRONS = st.sampled_from(["0 2 * * *", "*/15 * * * *", "30 7 * * mon"])
ZONES = st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu"])


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return tables that have some of the keys."""
    return st.fixed_dictionaries({}, optional=fields)


RULE = st.fixed_dictionaries(
    {"when": st.sampled_from(['psi("distance") > 0.2', "rows < 10 and not mae > 3"])},
    optional={"clear": st.just("mae < 2"), "windows": WINDOWS, "severity": SEVERITY, "kind": st.sampled_from(["business", "performance", "data_drift"]), "title": TEXTS, "runbook": LINKS, "resolve_after": st.integers(1, 9)},
)  # fmt: skip
OVERRIDE = st.fixed_dictionaries(
    {"severity": st.sampled_from(["off", "notice", "warning", "page"])},
    optional={
        "check": CHECKS, "column": st.sampled_from(["*", "dist*", "distance"]), "kind": KINDS, "windows": WINDOWS,
        "owner": TEXTS.filter(bool), "runbook": LINKS, "resolve_after": st.integers(1, 9),
    },
)  # fmt: skip
THRESHOLD = st.fixed_dictionaries(
    {"check": CHECKS, "warning": NUMBERS},
    optional={"critical": NUMBERS, "relative": st.booleans(), "windows": WINDOWS, "runbook": LINKS},
)
MONITOR = some(
    window=st.sampled_from(["1h", "1d", "1w"]), grace=DURATIONS, schedule=st.sampled_from(["every 15m", "0 2 * * *", "every 500 rows"]),
    timeout=DURATIONS, tolerance=st.floats(0, 9), checks=st.lists(CHECKS, min_size=1, max_size=3, unique=True).map(tuple),
    alert_budget=some(pages_per_year=st.floats(0.5, 100)), rules=st.dictionaries(NAMES, RULE, max_size=2),
    overrides=st.lists(OVERRIDE, max_size=3).map(tuple), thresholds=st.lists(THRESHOLD, max_size=2).map(tuple),
    runbooks=st.dictionaries(KINDS, LINKS, max_size=2),
)  # fmt: skip
MODEL = st.fixed_dictionaries(
    {"task": st.just("regression")},
    optional={
        "features": st.dictionaries(COLUMNS, st.sampled_from(["numeric", "categorical", "text"]), max_size=3).map(lambda found: found | {"distance": "numeric"}),
        "label": st.one_of(st.none(), TEXTS.filter(bool)), "prediction": TEXTS.filter(bool), "timezone": ZONES, "owner": TEXTS.filter(bool),
        "monitor": MONITOR,
    },
)  # fmt: skip
CHANNEL = st.fixed_dictionaries(
    {"url": TEXTS.map(lambda text: "json://host/" + text.replace("$", ""))},
    optional={
        "severity": st.lists(SEVERITY, max_size=3, unique=True).map(tuple), "models": st.lists(NAMES, min_size=1, max_size=2).map(tuple),
        "kinds": st.lists(KINDS, max_size=2, unique=True).map(tuple), "resolved": st.booleans(), "renotify": DURATIONS,
        "digest": st.one_of(st.sampled_from(["daily", "weekly"]), CRONS), "timezone": ZONES, "picture": st.booleans(),
    },
)  # fmt: skip
MAINTENANCE = st.one_of(
    st.fixed_dictionaries({"schedule": CRONS}, optional={"lasts": DURATIONS, "timezone": ZONES, "comment": TEXTS, "models": st.just(("a*",))}),
    st.builds(lambda starts, length: {"starts": starts, "ends": starts + length}, TIMES, st.timedeltas(timedelta(seconds=1), timedelta(days=9))),
)  # fmt: skip


@st.composite
def declarations(draw: st.DrawFn) -> Declaration:
    """Draw a whole declaration: models, and what hangs on them."""
    models = draw(st.dictionaries(NAMES, MODEL, min_size=1, max_size=2))
    sources = st.fixed_dictionaries(
        {"model": st.sampled_from(sorted(models)), "read": TEXTS.map(lambda text: f"f{text.replace('$', '')}.csv")},
        optional={
            "schedule": CRONS,
            "retries": st.integers(0, 9),
            "columns": st.dictionaries(TEXTS.filter(bool), TEXTS.filter(bool), max_size=2),
        },
    )
    content: dict[str, dict[str, Any]] = {
        "models": models,
        "channels": draw(st.dictionaries(NAMES, CHANNEL, max_size=2)),
        "maintenance": draw(st.dictionaries(NAMES, MAINTENANCE, max_size=2)),
        "sources": draw(st.dictionaries(NAMES, sources, max_size=1)),
    }
    named = {
        section: {name: {"name": name} | entry for name, entry in entries.items()}
        for section, entries in content.items()
    }
    return Declaration.model_validate(named)


@pytest.mark.slow
@given(declarations())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_written_out_is_read_as_it_was(declared: Declaration) -> None:
    text = dump(declared)
    assert parse(text, None) == declared
    assert dump(parse(text, None)) == text


@pytest.mark.slow
@given(declarations())
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_an_export_makes_the_same_home_again(declared: Declaration) -> None:
    with tempfile.TemporaryDirectory() as folder:
        exports = []
        text = dump(declared)
        for name in ("first", "second"):
            with LocalWorkspace.open(Path(folder) / name, now=lambda: NOW) as workspace:
                applied = workspace.apply(text)
                assert applied["changed"] == applied["unchanged"] == []
                text = workspace.export()
                exports.append(text)
                assert workspace.apply(text)["created"] == workspace.apply(text)["changed"] == []
                assert len(workspace.declared()) == len(applied["created"])
    assert exports[0] == exports[1]
    assert parse(exports[0], None) == declared
