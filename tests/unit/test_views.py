"""The shapes that a workspace answers in are taken from one place, and can be read by what makes the API's schema."""

import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from service import views

ROOT = Path(__file__).resolve().parents[2]
SHAPES = [name for name in views.__all__ if name != "Health"]


def test_whoever_uses_a_shape_takes_it_from_the_package() -> None:
    folders = ("dashboard", "service", "retraining", "monitors", "storage", "tests", "examples")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    inside = re.compile(r"^\s*(?:from|import) service\.views\.", re.MULTILINE)
    found = {path for path in files if inside.search(path.read_text(encoding="utf-8"))}
    assert {path.parent for path in found} == {ROOT / "service" / "views"}


def test_every_shape_is_told_once() -> None:
    made = [path for path in (ROOT / "service" / "views").glob("*.py") if path.name != "__init__.py"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in made)
    assert sorted(re.findall(r"^class (\w+)", text, re.MULTILINE)) == sorted(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_a_schema(name: str) -> None:
    """What a shape in one file says of a shape in another is found."""
    schema = TypeAdapter(getattr(views, name)).json_schema()
    assert (schema["title"], schema["type"]) == (name, "object")
    assert schema["properties"].keys() == getattr(views, name).__annotations__.keys()
