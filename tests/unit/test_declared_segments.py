"""What may be declared as a segment, and how it is named."""

import pytest
from pydantic import ValidationError

from reference_data.declaration import ModelSpec
from reference_data.segments import segment_columns, segment_text
from service.declaration_file import dump, parse

TOML = """
[models.m]
task = "none"
segments = ["a", ["a", "b"], "a × n", "a"]
[models.m.features]
a = "categorical"
b = "boolean"
n = "numeric"
"""


def test_pairs_are_declared_in_brackets_or_as_text_and_survive_an_export() -> None:
    declared = parse(TOML, {})
    assert declared.models["m"].segments == ["a", "a × b", "a × n"]
    assert parse(dump(declared), {}) == declared


@pytest.mark.parametrize(
    ("segments", "words"),
    [
        ([["a", "a"]], "names one column twice"),
        ([["a", "b", "n"]], "name one column, or two in brackets"),
        ([1], "name one column, or two in brackets"),
        (["c"], r"segments \['c'\] are not columns"),
        ([["a", "c"]], r"segments \['a × c'\] are not columns"),
    ],
)
def test_what_cannot_be_a_segment_is_refused_in_words(segments: list[object], words: str) -> None:
    features = {"a": "categorical", "b": "boolean", "n": "numeric"}
    with pytest.raises(ValidationError, match=words):
        ModelSpec.model_validate({"name": "m", "task": "none", "features": features, "segments": segments})


def test_a_column_whose_name_looks_like_a_pair_is_that_column() -> None:
    assert segment_columns("a × b", ["a", "b", "a × b"]) == ("a × b",)
    assert segment_columns("a × b × c", ["a", "b × c"]) == ("a", "b × c")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("UA", "carrier=UA"),
        ("it's", "carrier=it's"),
        ("", 'carrier=""'),
        ("other", 'carrier="other"'),
        ("a × b", 'carrier="a × b"'),
        (" UA", 'carrier=" UA"'),
        ("a\nb", 'carrier="a\\nb"'),
    ],
)
def test_names_of_segments_say_what_they_are(value: str, name: str) -> None:
    assert segment_text("carrier", value) == name
    assert len(segment_text("carrier", value * 1000)) < 200
