"""The declaration file: errors that name line, value and what is allowed; and there and back again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_data.alerting import Channel
from reference_data.declaration import Budget, Declaration, ModelSpec, Monitor
from reference_data.profile import RESERVED
from reference_data.training import Retrain
from service.declaration_file import DeclarationError, dump, parse
from service.toml_lines import find_lines

BAD = """# flights
[models.air_time]
task = "regresion"
features = { distance = "numerc", carrier = "categorical" }
segmnts = ["x"]
[models.air_time.monitor]
window = "1x"
alert_budget = { pages_per_yer = 1 }
schedule = "evry 5m"
[channels.team]
url = "${NOPE}"
severity = [
  "page",
  "wrning",
]
[models."Bad Name"]
task = "none"
[models.c]
features = {}
[modls.x]
"""


def problems_of(text: str) -> list[str]:
    with pytest.raises(DeclarationError) as caught:
        parse(text, {})
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


@pytest.mark.parametrize(
    ("start", "contains"),
    [
        ("line 3: models.air_time.task: 'regresion' is not allowed", "'binary', 'multiclass', 'regression'"),
        ("line 4: models.air_time.features.distance: 'numerc'", "'numeric', 'categorical', 'boolean'"),
        ("line 5: models.air_time.segmnts: 'segmnts' is not a key here", "did you mean 'segments'?"),
        ("line 7: models.air_time.monitor.window", "'1h', '1d' or '1w'"),
        ("line 8: models.air_time.monitor.alert_budget.pages_per_yer", "did you mean 'pages_per_year'?"),
        ("line 11: channels.team.url: environment variable NOPE is not set", "set it"),
        ("line 12: channels.team.severity.1: 'wrning'", "'notice', 'warning' or 'page'"),
        ("line 16: models.\"Bad Name\": the name 'Bad Name' is not allowed", "small letters"),
        ("line 18: models.c: 'task' is missing", "'regression'"),
        ("line 20: modls: 'modls' is not a key here", "did you mean 'models'?"),
    ],
)
def test_every_problem_names_its_line_the_value_and_what_is_allowed(start: str, contains: str) -> None:
    assert [line for line in problems_of(BAD) if line.startswith(start) and contains in line]


def test_problems_come_in_the_order_of_the_file() -> None:
    numbers = [int(line.split()[1].rstrip(":")) for line in problems_of(BAD)]
    assert numbers == sorted(numbers)
    assert len(numbers) == 10


def test_a_schedule_that_is_not_understood_names_its_line() -> None:
    (problem,) = problems_of('[models.a]\ntask = "none"\n\n[models.a.monitor]\nschedule = "sometimes"\n')
    assert problem.startswith("line 5: models.a.monitor.schedule: schedule 'sometimes' is not understood")


def test_what_is_not_toml_names_line_and_column() -> None:
    assert problems_of("[models.a]\ntask = \n") == ["line 2, column 8: not TOML: Invalid value"]


def test_variables_are_expanded_and_kept_when_no_environment_is_given() -> None:
    text = '[channels.team]\nurl = "json://${HOST}/x"\n'
    assert parse(text, {"HOST": "example"}).channels["team"].url == "json://example/x"
    assert parse(text, None).channels["team"].url == "json://${HOST}/x"


def test_models_and_channels_are_named_by_their_table() -> None:
    declaration = parse('[models.a]\ntask = "none"\n[channels.b]\nurl = "x://"\n', {})
    assert declaration.models["a"].name == "a"
    assert declaration.channels["b"].name == "b"


def test_an_empty_text_takes_a_default_away() -> None:
    assert parse('[models.a]\ntask = "none"\nlabel = ""\n', {}).models["a"].label is None


def test_lines_are_found_past_texts_and_arrays_that_span_several() -> None:
    text = 'a = """\n[b]\nc = 1\n"""\nd = [\n  "]", # ]\n  { e = 1 },\n]\n[ f . "g.h" ]\ni.j = \'#\'\n[[k]]\r\nl = 1\n'
    assert find_lines(text) == {
        ("a",): 1, ("d",): 5, ("f",): 9, ("f", "g.h"): 9, ("f", "g.h", "i"): 10, ("f", "g.h", "i", "j"): 10,
        ("k",): 11, ("k", "0"): 11, ("k", "0", "l"): 12,
    }  # fmt: skip


names = st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
columns = texts.filter(lambda name: name not in RESERVED)
optional = st.none() | texts
kinds = st.sampled_from(["numeric", "categorical", "boolean", "datetime", "text"])


@st.composite
def models(draw: st.DrawFn) -> ModelSpec:
    features = draw(st.dictionaries(columns, kinds, max_size=4))
    return ModelSpec(
        name="x",
        task=draw(st.sampled_from(["binary", "multiclass", "regression", "none"])),
        features=features,
        units=draw(st.dictionaries(texts, texts, max_size=2)),
        prediction=draw(optional),
        score=draw(st.none() | texts | st.dictionaries(texts, texts, min_size=1, max_size=2)),
        label=draw(optional),
        id=draw(optional),
        time=draw(optional),
        timezone=draw(st.sampled_from(["UTC", "Europe/Berlin"])),
        segments=draw(st.lists(st.sampled_from(sorted(features)), unique=True)) if features else [],
        monitor=Monitor(
            window=draw(st.sampled_from(["1h", "1d", "2w"])),
            alert_budget=Budget(pages_per_year=draw(st.floats(1e-9, 1000))),
            resolve_after=draw(st.integers(1, 9)),
        ),
        retrain=Retrain(params=draw(st.dictionaries(texts, st.booleans() | st.integers() | texts, max_size=3))),
    )


@pytest.mark.slow
@given(
    st.dictionaries(names, models(), max_size=2),
    st.dictionaries(names, st.tuples(texts, st.lists(st.sampled_from(["notice", "page"]))), max_size=2),
)
def test_what_is_written_reads_back_the_same(
    specs: dict[str, ModelSpec], addresses: dict[str, tuple[str, list[str]]]
) -> None:
    declaration = Declaration(
        models={name: spec.model_copy(update={"name": name}) for name, spec in specs.items()},
        channels={
            name: Channel(name=name, url=url, severity=tuple(severity)) for name, (url, severity) in addresses.items()
        },
    )
    assert parse(dump(declaration), None) == declaration
