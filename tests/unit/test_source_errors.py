"""What a failing source tells: of a model of persons no value of a row, of others not more than a line."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from reference_data.declaration import Source
from service.local import LocalWorkspace
from service.local import sources as runs
from storage.privacy import unquoted
from storage.sources import SourceError
from storage.sources.sql import _in_words
from tests.support.homes import empty
from tests.support.source_home import MODEL, Sqlite, source

SAID = "HIV positive, it's 5551234"
PERSONS = [
    MODEL.replace('id = "pid"', 'id = "pid"\nsubject = "city"'),
    MODEL + '\n[models.eta.privacy]\ncity = "hash"\n',
]
TRANSFORMS = {
    "SELECT * REPLACE (city::DOUBLE AS distance) FROM rows": "ConversionException: (hidden), in column city",
    "SELECT error(city) FROM rows": "InvalidInputException: (hidden); the table rows has pid",
    "own.py:broken": "own.py:broken raised ValueError: (hidden), line 3",
    "SELECT nonsense FROM rows": 'Referenced column "nonsense" not found',  # the SELECT is at fault, and no row
}
FUNCTION = """
def broken(rows):
    raise ValueError(f"no such city {rows['city'][0]}")
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[LocalWorkspace]:
    with LocalWorkspace.open(empty(tmp_path / "home")) as opened:
        folder = opened.core.home.root / "transforms"
        folder.mkdir()
        (folder / "own.py").write_text(FUNCTION)
        yield opened


@pytest.fixture
def shop(tmp_path: Path) -> Sqlite:
    shop = Sqlite(tmp_path / "shop.db")
    shop.add(range(3))
    shop.run("UPDATE predictions SET city = ?", [(SAID,)])
    return shop


def failed(workspace: LocalWorkspace, shop: Sqlite, model: str, transform: str = "") -> str:
    more = {"transform": transform} if transform else {}
    declared = source(sql="SELECT * FROM predictions", connection=shop.address, watermark="changed", **more)
    workspace.apply(model + declared)
    view = workspace.run_source("sales")
    assert view["state"] == "failed"
    return str(view["error"])


@pytest.mark.parametrize("model", PERSONS)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_transform_of_a_model_of_persons_tells_class_and_column(
    workspace: LocalWorkspace, shop: Sqlite, caplog, model: str, transform: str
) -> None:
    with caplog.at_level(logging.DEBUG):
        error = failed(workspace, shop, model, transform)
    assert error.startswith("source 'sales', chunk 1 (3 rows), transform: ")
    assert TRANSFORMS[transform] in error
    shown = f"{error} {workspace.sources()} {workspace.source_runs('sales')} {workspace.audit()} {caplog.text}"
    assert "HIV" not in shown
    assert "5551234" not in shown


def test_a_transform_of_another_model_says_more_and_is_cut_short(workspace: LocalWorkspace, shop: Sqlite) -> None:
    assert SAID in failed(workspace, shop, MODEL, "SELECT * REPLACE (city::DOUBLE AS distance) FROM rows")
    shop.run("UPDATE predictions SET city = ?", [("x" * 100_000,)])
    for transform in ("SELECT error(city) FROM rows", "own.py:broken"):
        assert len(failed(workspace, shop, MODEL, transform)) < 500


@pytest.mark.parametrize(("model", "told"), [(MODEL, SAID), (PERSONS[0], "RuntimeError: (hidden)")])
def test_what_nobody_foresaw_is_told_by_its_class(
    workspace: LocalWorkspace, shop: Sqlite, monkeypatch, caplog, model: str, told: str
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(SAID)

    monkeypatch.setattr(runs, "_transformed", broken)
    with caplog.at_level(logging.DEBUG):
        error = failed(workspace, shop, model)
    assert told in error
    assert "broken" in caplog.text  # where it was
    assert (SAID in f"{error} {caplog.text}") == (model == MODEL)


def test_a_database_that_quotes_a_row_is_quoted_without_it() -> None:
    declared = Source(name="s", model="eta", sql="SELECT 1", connection="sqlite:///x.db")
    words = f'invalid input syntax for type integer: "{SAID}"'
    error = _in_words(declared, ValueError(words), set())
    assert isinstance(error, SourceError)
    assert SAID in str(error)
    assert "invalid input syntax for type integer: (hidden) (ValueError)" in error.hidden
    assert unquoted("value 'HIV") == "value (hidden)"
