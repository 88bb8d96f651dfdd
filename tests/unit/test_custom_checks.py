"""SQL of a team's own: what it may be, what is refused and why, and what it gives for many windows at once."""

import math
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from reference_data.declaration import ModelSpec
from reference_data.windows import Window
from service.workspace import WorkspaceError
from storage import custom_checks
from storage.custom_checks import (
    CustomCheckError,
    CustomValue,
    check_expression,
    columns,
    custom_values,
    sampled_values,
)
from storage.memory import in_memory
from storage.names import EVENT_TIME
from tests.support.profiles import START
from tests.support.tiny_workspace import DECLARATION, LIVE, MODEL, REFERENCE_DAYS, rows, tiny

SPEC = ModelSpec(
    name="sales", task="regression", features={"price": "numeric", "shop": "categorical", "odd 'name\"": "numeric"}
)
DAYS = [Window(START + timedelta(days=day), START + timedelta(days=day + 1)) for day in range(3)]


@pytest.mark.parametrize(
    "sql",
    [
        "sum(price) FILTER (price > 0) / count(*)",
        "avg(prediction - label)",
        "count(DISTINCT shop)",
        "quantile_cont(price, 0.9) - median(price)",
        "avg(CASE WHEN shop = 'a' THEN 1 ELSE 0 END)",
        "avg((shop LIKE 'a%')::INT)",
        "count_if(price IS NULL) / nullif(count(*), 0)",
        "avg(rows.price) -- what a row brings",
        'max("odd \'name""")',
        "avg(latency_ms)",
        "stddev(price) / avg(price)",
        "COUNT(*)",
    ],
)
def test_aggregates_over_the_models_columns_are_taken(sql: str) -> None:
    check_expression(SPEC, sql)


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("price", "not every column is inside an aggregate"),
        ("avg(cost)", "no column 'cost'; columns are price, shop"),
        ("sum(shop)", "No function matches"),
        ("avg(price); DROP TABLE rows", "not an SQL expression"),
        ("avg(price)) FROM other --", "not an SQL expression"),
        ("avg(price) FROM read_csv('/etc/passwd')", "not an SQL expression"),
        ("avg(price)), (1", "more than one expression"),
        ("1) UNION SELECT (2", "more than one expression"),
        ("(SELECT max(rolname) FROM pg_roles)", "a SELECT inside of it"),
        ("avg(price) FILTER (shop IN (SELECT 'a'))", "a SELECT inside of it"),
        ("count(*) FILTER (EXISTS (FROM duckdb_secrets()))", "a SELECT inside of it"),
        ("avg(price) OVER ()", "a window function"),
        ("avg(COLUMNS(*))", r"\* beside count"),
        ("avg($1)", "a parameter"),
        ("len(list_transform(list(price), x -> x))", "a lambda|'list_transform' is not allowed|'len"),
        ("getenv('HOME')", "'getenv' is not allowed"),
        ("max(getvariable('x'))", "'getvariable' is not allowed"),
        ("max(current_setting('temp_directory'))", "'current_setting' is not allowed"),
        ("system.main.getenv('HOME')", "'getenv' is not allowed"),
        ("max(length(repeat(shop, 1000000000)))", "'repeat' is not allowed"),
        ("count(*) + nextval('reading_seq')", "'nextval' is not allowed"),
        ("avg(price) + random()", "'random' is not allowed"),
        ("max(now())", "'now' is not allowed"),
        ("max(current_timestamp)", "no column 'current_timestamp'"),
        ("max(current_user)", "no column 'current_user'"),
        ("max(other.price)", "no column 'other.price'"),
        ("main.sum(price)", "plain names"),
        ("max(length(replace(replace('aa', 'a', 'aaaa'), 'a', 'aaaa')))", "'replace' is not allowed"),
        ("max(length('a' || 'b'))", "on constants alone"),
        (f"count_if(shop = '{'a' * 201}')", "more than 200 characters"),
        ("max(" + "-" * 1 + "(-" * 101 + "price" + ")" * 102, "nested more than 100 levels"),
        ("max(price" + " + 1" * 900 + ")", "nested more than 100 levels|depth"),
        ("1", "the same in every window"),
        ("NULL", "not a number"),
        ("'abc'", "it gives VARCHAR, not a number"),
        ("max(shop)", "it gives VARCHAR, not a number"),
        (" ", "it is empty"),
        ("avg(price) /*", "not an SQL expression"),
        ("avg(price) + " + "1 + " * 2000 + "1", "characters"),
    ],
)
def test_anything_else_is_refused_in_words(sql: str, why: str) -> None:
    with pytest.raises(CustomCheckError, match=why):
        check_expression(SPEC, sql)


def test_a_hostile_check_is_refused_over_the_workspace_and_nothing_is_declared(tmp_path: Path) -> None:
    hostile = '[models.eta.monitor.custom.steal]\nsql = "(SELECT max(value) FROM setting)"\n[models.eta.retrain]'
    with tiny(tmp_path / "home", "") as ws:
        with pytest.raises(WorkspaceError, match=r"line \d+: models.eta.monitor.custom.steal.*a SELECT inside of it"):
            ws.workspace.apply(DECLARATION.replace("[models.eta.retrain]", hostile))
        assert ws.workspace.models() == []


def test_names_that_differ_in_capitals_only_are_one_column() -> None:
    both = ModelSpec(name="m", task="none", features={"a": "numeric", "A": "categorical"})
    assert columns(both)["a"] == "DOUBLE"
    assert "A" not in columns(both)


def kept() -> pa.Table:
    moments = [window.start + timedelta(hours=hour) for window in DAYS[:2] for hour in range(4)]
    return pa.table(
        {
            "price": [1.0, 2.0, 3.0, None, 10.0, 20.0, -5.0, 0.0],
            "shop": ["a", "a", "b", "1", "a", "b", "b", "x"],
            EVENT_TIME: [moment.replace(tzinfo=None) for moment in moments],
        }
    )


def test_values_of_many_windows_come_from_one_query() -> None:
    sql = {"positive": "sum(price) FILTER (price > 0) / count(*)", "shops": "count(DISTINCT shop)"}
    found = sampled_values(kept(), SPEC, sql, DAYS)
    assert [value.value for value in found["positive"]][:2] == [6 / 4, 30 / 4]
    assert [(value.value, value.rows) for value in found["shops"]][:2] == [(3, 4), (3, 4)]
    assert found["shops"][2].rows == 0
    assert math.isnan(found["shops"][2].value)


def test_a_check_that_fails_on_a_row_fails_alone_and_tells_no_value() -> None:
    sql = {"good": "avg(price)", "bad": "avg(shop::INT)"}
    found = sampled_values(kept(), SPEC, sql, DAYS)
    assert found["good"][0].value == 2
    assert found["bad"][0].error == "could not be computed: ConversionException"


def test_what_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom_checks, "SECONDS", 0.05)
    relation = f"SELECT TIMESTAMP '2026-01-05' AS {EVENT_TIME}, i::DOUBLE AS price FROM range(1000000000) AS t(i)"
    with in_memory({}) as connection:
        slow = {"slow": "quantile_cont(sqrt(price) * sin(price), 0.5)"}
        found = custom_values(connection, custom_checks.Rows(relation, EVENT_TIME), slow, DAYS[:1])
    assert found["slow"][0].error == "took longer than 0.05 s"


def test_what_takes_too_long_to_be_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the engine would do before it has seen a row is stopped, by a limit of time and one of memory."""
    asked: list[tuple[float, str]] = []
    whole = custom_checks.limited

    def noted(connection: duckdb.DuckDBPyConnection, seconds: float) -> AbstractContextManager[None]:
        ((memory,),) = connection.execute("SELECT current_setting('memory_limit')").fetchall()
        asked.append((seconds, memory))
        return whole(connection, seconds)

    monkeypatch.setattr(custom_checks, "limited", noted)
    check_expression(SPEC, "avg(price)")
    assert asked == [(5.0, "244.1 MiB")]


def test_a_long_backlog_is_computed_in_pieces_and_what_is_slow_is_tried_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custom_checks, "AT_ONCE", 2)
    pieces: list[tuple[list[str], int]] = []

    def noted(con: Any, rows: Any, checks: Any, windows: Any) -> Any:
        pieces.append((sorted(checks), len(windows)))
        error = custom_checks._too_long()
        return {n: [CustomValue(1.0, 9, error if n == "slow" else None) for _ in windows] for n in checks}

    monkeypatch.setattr(custom_checks, "custom_values", noted)
    with tiny(tmp_path / "home") as ws, ws.workspace.core.db.cursor() as cursor:
        ws.log_days(0, labels=False)
        spec = ws.workspace.core.spec(MODEL)
        days = [Window(LIVE + timedelta(days=day), LIVE + timedelta(days=day + 1)) for day in range(5)]
        checks = {"quick": "avg(distance)", "slow": "median(distance)"}
        found = custom_checks.logged_values(cursor, spec, None, checks, days)
    assert pieces == [(["quick", "slow"], 2), (["quick"], 2), (["quick"], 1)]
    assert [value.error for value in found["quick"]] == [None] * 5
    assert [value.error for value in found["slow"]] == ["took longer than 60 s"] * 5


def test_a_check_that_is_not_allowed_any_more_fails_alone() -> None:
    found = sampled_values(kept(), SPEC, {"good": "avg(price)", "old": "avg(length(replace(shop, 'a', 'b')))"}, DAYS)
    assert found["good"][0].value == 2
    assert found["old"][0].error == "could not be computed: CustomCheckError"


def test_a_check_that_reads_labels_rests_on_the_labelled_rows() -> None:
    table = kept().append_column("label", pa.array([1.0, None, None, None, 2.0, 4.0, None, None]))
    found = sampled_values(table, SPEC, {"n": "count(*)", "far": "avg(label)"}, DAYS)
    assert [(value.rows, value.every) for value in found["n"]] == [(4, None), (4, None), (0, None)]
    assert [(value.rows, value.every) for value in found["far"]] == [(1, 4), (2, 4), (0, None)]


@pytest.mark.slow
def test_what_the_log_holds_under_hostile_names_is_read_by_its_name(tmp_path: Path) -> None:
    """Physical columns have other names than declared ones; a check knows the declared ones only."""
    declared = DECLARATION.replace('distance = "numeric"', 'distance = "numeric"\n_id = "numeric"')
    custom = "[models.eta.monitor.custom.own]\nsql = 'avg(_id)'\n[models.eta.retrain]"
    with tiny(tmp_path / "home", declared.replace("[models.eta.retrain]", custom)) as ws:
        frame = rows(0, REFERENCE_DAYS).assign(_id=7.0)
        ws.workspace.reference(MODEL, frame)
        ws.workspace.log(MODEL, rows(REFERENCE_DAYS, 1).assign(_id=7.0).drop(columns="truth"))
        ws.run_at(1.5)
        (found,) = ws.workspace.readings(MODEL, since=LIVE, check="own")
        assert found["value"] == 7
