"""The team's own rules: what they say of a window, and what becomes of them in a run and in a trial."""

import math
import re
from collections.abc import Iterator
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from monitors.conditions import Condition
from monitors.expressions import parse
from monitors.lifecycle import advance
from monitors.rule_facts import Facts, told, truth, unknown
from monitors.rule_terms import documentation, problems, resting, vocabulary
from monitors.rules import judge_rule, rule_conditions
from monitors.types import Alert, Reading
from monitors.window_conditions import late_groups
from reference_data.alerting import Rule
from reference_data.declaration import ModelSpec
from service.declaration_file import DeclarationError
from service.declaration_file import parse as parse_declaration
from service.declared_checks import check_problems
from service.local import rules
from service.workspace import NotFoundError, WorkspaceError
from tests.support.profiles import NOW
from tests.support.readings import reading, window
from tests.support.tiny_workspace import DECLARATION, LIVE, MODEL, Tiny, tiny

ROWS = reading("row_count", scope="traffic", unit="rows", value=500.0)


def spec(rule: dict[str, Any] | None = None, **monitor: Any) -> ModelSpec:
    declared = {"rules": {"own": rule}} if rule else {}
    return ModelSpec.model_validate(
        {
            "name": "m",
            "task": "regression",
            "features": {"x": "numeric", "k": "categorical"},
            "context": {"weather": "numeric"},
            "segments": ["k"],
            "units": {"label": "min"},
            "monitor": {**declared, **monitor},
        }
    )


# -- facts -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("mae > 12", True),
        ("mae > 15", False),
        ("mae > reference(mae) * 1.5", True),
        ("bias > 0", None),  # of too few labels
        ("rmse > 0", None),  # never read
        ("rows < 501 and rows == row_count", True),
        ("coverage < 0.6", True),
        ('drift("x") and not drift("k")', True),
        ('drift("weather")', None),
        ("drifted == 1 and drifted_share == 0.5", True),
        ('shift("x") > 0.3', True),
        ("p_value(mae) < 0.01", True),
        ("p_value(rows) < 0.01", None),
        ("late-gates > 1", None),  # a difference of two names that nothing is read of
        ('value("late-gates") > 0.1', True),
        ("bias > 0 and mae > 15", False),
        ("bias > 0 or mae > 12", True),
        ("bias > 0 or mae > 15", None),
        ("mae / (rows - 500) > 0", None),
        ("1 < mae < 13", False),
        ("1 < mae < bias", None),
        ("max(mae, rows) == 500 and min(mae, 2, 1) == 1 and abs(0 - mae) > 13", True),
    ],
)
def test_what_a_window_says(text: str, *, holds: bool | None) -> None:
    facts = Facts(
        [
            ROWS,
            reading("label_coverage", scope="traffic", value=0.5),
            reading("mae", scope="performance", value=14.2, reference_value=8.0, p_value=0.001, unit="min"),
            reading("bias", scope="performance", value=3.0, verdict="insufficient"),
            reading("rmse", scope="performance", value=math.nan),
            reading("late-gates", scope="business", value=0.2),
            reading("jensen_shannon", "x", verdict="drift", effect=0.4),
            reading("jensen_shannon", "k"),
            reading("jensen_shannon", "weather", verdict="no_data"),
            reading("jensen_shannon", "label", verdict="drift"),  # no input
        ]
    )
    if text.startswith("p_value(rows)"):
        facts = Facts([reading("row_count", scope="traffic", value=500.0, p_value=math.nan)])
    assert truth(parse(text), facts) is holds


def test_a_column_that_passes_a_critical_limit_too_has_drifted_all_the_same() -> None:
    limited = [
        reading("jensen_shannon", "x", verdict="critical", significant=significant) for significant in (True, False)
    ]
    assert [Facts([each]).drifted("x") for each in limited] == [True, False]


def test_an_empty_window_has_no_rows_and_that_is_known() -> None:
    facts = Facts([reading("row_count", scope="traffic", value=0.0, n=0, verdict="no_data")])
    assert truth(parse("rows < 10"), facts) is True
    assert truth(parse("mae > 1"), facts) is None
    assert unknown([parse('mae > 1 and drift("x")')], facts) == 'mae was not read; drift("x") was not read'


def test_the_values_behind_it_are_told_with_their_units() -> None:
    facts = Facts([ROWS, reading("mae", scope="performance", value=14.234, unit="min"), reading("jensen_shannon", "x")])
    assert told(parse('mae > 12 and rows > 3 and not drift("x") and bias > 1'), facts) == (
        "mae is 14.2 min, rows is 500, x did not drift and bias is not known"
    )


# -- one rule ----------------------------------------------------------------------------------------------------------
MAE = [reading("mae", scope="performance", value=value, unit="min") for value in (9.0, 11.0, 13.0)]
UNSAID = reading("mae", scope="performance", value=13.0, verdict="insufficient")


def state(rule: Rule, found: Reading) -> str:
    condition = judge_rule("own", rule, Facts([found]))
    if isinstance(condition, Condition):
        return "holding" if condition.holding else "holds"
    return "unsaid" if condition is None else "over"


def test_a_rule_is_over_as_soon_as_it_no_longer_holds() -> None:
    rule = Rule(when="mae > 12")
    assert [state(rule, found) for found in (*MAE, UNSAID)] == ["over", "over", "holds", "unsaid"]


def test_a_rule_that_clears_holds_on_until_it_does_and_is_not_over_where_that_is_unknown() -> None:
    rule = Rule(when="mae > 12", clear="mae < 10")
    assert [state(rule, found) for found in (*MAE, UNSAID)] == ["over", "holding", "holds", "unsaid"]
    assert state(Rule(when="mae > 12", clear="rows > 1"), MAE[0]) == "unsaid"
    assert state(Rule(when="bias > 12", clear="mae < 10"), MAE[0]) == "unsaid"  # labels to come may say that it holds


def test_a_condition_says_who_found_what_and_what_to_do() -> None:
    rule = Rule(
        when='mae > 12 and psi("x") < 1', windows="2 of 3", severity="page", kind="performance", resolve_after=4,
        runbook="https://wiki/own",
    )  # fmt: skip
    found = judge_rule("own", rule, Facts([MAE[2], reading("psi", "x", unit="nats")]))
    assert isinstance(found, Condition)
    assert (found.kind, found.severity, found.column, found.members) == ("performance", "page", "x", ("x",))
    assert (found.needs, found.resolve_after, found.runbook, found.rule) == ((2, 3), 4, "https://wiki/own", "own")
    assert found.headline == 'own: mae is 13.0 min and psi("x") is 0 nats'
    assert found.message == (
        'mae is 13.0 min and psi("x") is 0 nats: the rule own (mae > 12 and psi("x") < 1) holds, which it must in 2 of 3 windows.'
    )


def test_a_rule_about_a_segment_speaks_of_what_is_inside() -> None:
    declared = spec({"when": "mae > 12", "segment": "k=a", "title": "Late on route a"})
    outside = reading("mae", scope="performance", value=20.0)
    assert rule_conditions([outside, ROWS], declared).silent == {"rule own"}
    inside = reading("mae", scope="performance", value=13.0, segment="k=a", unit="min")
    found = rule_conditions([outside, inside], declared).conditions["rule own"]
    assert (found.segment, found.headline) == ("k=a", "In k=a: Late on route a")
    plain = rule_conditions([inside], spec({"when": "mae > 12", "segment": "k=a"})).conditions["rule own"]
    assert plain.headline == "own in k=a: mae is 13.0 min"


def move(declared: ModelSpec, days: list[float | None]) -> list[str]:
    """Return the state of the rule's alert after each window: of a metric's values, None where it cannot be said."""
    alerts: dict[str, Alert] = {}
    seen: list[str] = []
    for number, value in enumerate(days):
        readings = [r for r in window(number) if r.check != "mae"]
        changes: dict[str, Any] = {"value": value} if value is not None else {"verdict": "insufficient"}
        readings.append(reading("mae", scope="performance", window=readings[0].window, **changes))
        for alert, _ in advance(list(alerts.values()), readings, declared, NOW, None, lambda: str(len(alerts))):
            alerts[alert.id] = alert
        ours = [alert for alert in alerts.values() if alert.rule == "own"]
        seen.append(ours[-1].state if ours else "ok")
    return seen


@pytest.mark.parametrize(
    ("rule", "days", "states"),
    [
        ({}, [13, 9, 9], ["firing", "recovering", "resolved"]),
        ({"resolve_after": 1}, [13, 9, 13], ["firing", "resolved", "firing"]),
        ({}, [13, None, None, 9, None, 9], ["firing", "firing", "firing", "recovering", "recovering", "resolved"]),
        ({"clear": "mae < 10"}, [11, 13, 11, 9, 11, 9, 9], ["ok", "firing", "firing", "recovering", "recovering", "recovering", "resolved"]),
        ({"windows": "2 of 3"}, [13, 9, 13, 9, 9], ["pending", "pending", "firing", "recovering", "resolved"]),
        ({"windows": "2 of 3"}, [13, 9, 9, 13], ["pending", "pending", "resolved", "pending"]),
        ({"windows": "2 of 2"}, [13, None, 13], ["pending", "pending", "firing"]),
    ],
)  # fmt: skip
def test_a_rule_goes_through_the_lifecycle(rule: dict[str, Any], days: list[float | None], states: list[str]) -> None:
    assert move(spec({"when": "mae > 12", **rule}), days) == states


def test_an_alert_of_a_rule_that_was_taken_back_comes_to_its_end() -> None:
    (opened,) = [alert for alert, _ in advance([], [*window(0)[:-3], MAE[2], ROWS], spec({"when": "mae > 12"}), NOW, None, lambda: "a")
                 if alert.rule == "own"]  # fmt: skip
    states = []
    for number in (1, 2):
        ((opened, _),) = advance([opened], window(number), spec(), NOW, None, lambda: "b")
        states.append(opened.state)
    assert states == ["recovering", "resolved"]


# -- what may be said --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("maee > 1", "there is no 'maee' to be read of this model; did you mean 'mae'?"),
        ('psi("y") > 1', "there is no column 'y'; There are k, label, prediction, weather, x"),
        ("psi > 1", 'psi needs a column in brackets, such as psi("k")'),
        ('mae("x") > 1', "mae is of no column; write mae"),
        ("accuracy > 1", "there is no 'accuracy'"),
        ('drift("wether")', "did you mean 'weather'?"),
        ("1 < 2", "the rule names nothing that is read of a window"),
        ("mae >", "not understood"),
    ],
)
def test_a_name_that_there_is_not_is_told_with_the_nearest(text: str, words: str) -> None:
    (problem,) = problems(text, spec())
    assert words in problem


def test_inside_of_a_segment_less_is_read_and_that_is_told() -> None:
    for text in ("rmse > 1", "freshness > 1 and mae > 1", "estimated_mae > 1", "coverage > 0.5"):
        assert "is not read inside of segments; " in problems(text, spec(), inside=True)[0]
    assert problems('mae > 1 and rows > 3 and drifted > 1 and drift("x") and psi("x") > 1', spec(), inside=True) == []
    assert problems("rmse > 1", spec(metric="rmse"), inside=True) == []


def test_the_columns_of_a_model_that_are_still_to_be_inferred_are_not_looked_at() -> None:
    assert problems('psi("anything") > 1', ModelSpec(name="m", task="regression")) == []


def test_the_vocabulary_has_own_checks_ratios_and_estimates() -> None:
    declared = spec(
        custom={"dear": {"sql": "avg(x)"}}, business={"late-gates": {"numerator": "label > 1"}}
    )  # fmt: skip
    words = vocabulary(declared, ["file"])
    assert {"dear", "late-gates", "file", "estimated_mae", "latency_p95", "mmd", "text_classifier"} <= words.keys()
    assert [words[name].of_column for name in ("file", "text_classifier", "mmd")] == [True, True, False]
    assert words["mse"].unit == "min²"


def test_what_rests_on_labels_is_heard_again_when_they_come() -> None:
    declared = spec(
        rules={
            "a": {"when": "mae > 1"}, "b": {"when": 'psi("x") > 1'}, "c": {"when": "rows > 1", "clear": "coverage > 0.5"},
            "d": {"when": 'psi("error given inputs") > 1'}, "e": {"when": "estimated_mae > 1"}, "f": {"when": "gain > 1"},
        },
        business={"gain": {"numerator": "label"}},
        thresholds=[{"check": "mae", "warning": 3, "clear": 2}, {"check": "psi", "warning": 3, "windows": "2 of 2"}],
    )  # fmt: skip
    assert resting(declared) == {"a", "c", "d", "f"}
    assert late_groups(declared) == {"rule a", "rule c", "rule d", "rule f", "rule limit of mae"}


# -- declared ----------------------------------------------------------------------------------------------------------
def declared_with(section: str) -> str:
    return DECLARATION.replace("[models.eta.retrain]", f"{section}\n[models.eta.retrain]")


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ('[models.eta.monitor.rules.own]\nwhen = "maee > 1"', "line 19: models.eta.monitor.rules.own.when: maee: there is no"),
        ('[models.eta.monitor.rules.own]\nwhen = "mae > 1"\nclear = "mae <"', "line 20: models.eta.monitor.rules.own.clear: at the end: not understood"),
        ('[models.eta.monitor.rules.own]\nwhen = "mae > 1"\nsegment = "town=x"', "segment 'town=x' is of no declared column; There are city=…"),
        ('[models.eta.monitor.rules.own]\nwhen = "mae > 1"\nkind = "watchdog"', "line 20: models.eta.monitor.rules.own.kind: kind 'watchdog' is of what runs"),
        ('[[models.eta.monitor.overrides]]\ncheck = "pssi"\nseverity = "off"', "line 18: models.eta.monitor.overrides: there is no check like 'pssi'; did you mean 'psi'"),
        ('[[models.eta.monitor.overrides]]\ncolumn = "citi*"\nseverity = "off"', "there is no column like 'citi*'"),
        ('[[models.eta.monitor.overrides]]\ncolumn = "city"', "an override changes nothing"),
        ('[[models.eta.monitor.thresholds]]\ncheck = "mae"\nwarning = 3\nclear = 4', "the limit of 'mae' clears at 4, which is worse than 3"),
        ('[[models.eta.monitor.thresholds]]\ncheck = "mae"\nwarning = 3\nsegment = "x=1"', "segment 'x=1' is of no declared column"),
    ],
)  # fmt: skip
def test_what_a_declaration_gets_wrong_is_told_with_its_line(tmp_path: Path, section: str, words: str) -> None:
    with tiny(tmp_path / "home", declaration="") as home, pytest.raises(DeclarationError) as caught:
        home.workspace.apply(declared_with(section))
    assert words in str(caught.value)


# -- in a run ----------------------------------------------------------------------------------------------------------
RULED = declared_with("""
[models.eta.monitor.rules.late]
when = "mae > 3 and rows > 10"
severity = "page"
kind = "performance"
runbook = "https://wiki/late"

[models.eta.monitor.rules.moved]
when = 'mann_whitney("distance") > 0.7'

[models.eta.monitor.rules.berlin]
when = 'mae > 3 and psi("distance") < 99 and rows > 5'
segment = "city=Berlin"

[[models.eta.monitor.thresholds]]
check = "mae"
warning = 3.0
clear = 1.0
windows = "2 of 2"
segment = "city=Berlin"

[[models.eta.monitor.thresholds]]
check = "mae"
warning = 3.0
windows = "2 of 2"
runbook = "https://wiki/limit"
""").replace('grace = "6h"', 'grace = "6h"\nmin_rows = 10')


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiny]:
    """Two good days, a day of bias whose labels come late, a good one, a shifted one."""
    from tests.support.tiny_workspace import REFERENCE_DAYS, rows

    with tiny(tmp_path_factory.mktemp("ruled") / "home", RULED) as home:
        home.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        home.log_days(0, 2)
        home.run_at(2.5)
        late = [home.log_days(day, 1, labels=False, bias=5.0) for day in (2, 3)]
        home.run_at(4.5)
        assert "late" not in {alert["rule"] for alert in home.workspace.alerts(MODEL)}
        for frame in late:
            home.label(frame)
        home.log_days(4, 1)
        home.log_days(5, 1, shift=3.0)
        home.run_at(6.5)
        yield home


def by_rule(home: Tiny) -> dict[str, Any]:
    return {str(alert.get("rule")): alert for alert in home.workspace.alerts(MODEL)}


@pytest.mark.slow
def test_a_rule_fires_when_the_labels_it_needs_have_come(ruled: Tiny) -> None:
    alert = by_rule(ruled)["late"]
    assert (alert["kind"], alert["severity"], alert["runbook"]) == ("performance", "page", "https://wiki/late")
    assert alert["window_start"] == (LIVE + timedelta(days=2)).isoformat()
    assert alert["state"] == "resolved"
    assert "the rule late (mae > 3 and rows > 10) holds." in alert["message"]


@pytest.mark.slow
def test_a_check_that_only_a_rule_names_is_read(ruled: Tiny) -> None:
    alert = by_rule(ruled)["moved"]
    assert alert["window_start"] == (LIVE + timedelta(days=5)).isoformat()
    assert alert["members"] == ["distance"]


def test_a_rule_hears_of_everything_inside_its_segment(ruled: Tiny) -> None:
    alert = by_rule(ruled)["berlin"]
    assert (alert["segment"], alert["window_start"]) == ("city=Berlin", (LIVE + timedelta(days=2)).isoformat())
    inside = ruled.workspace.readings(MODEL, segment="city=Berlin")
    keys = [(r["window_start"], r["scope"], r["check"], r["column"]) for r in inside]
    assert len(keys) == len(set(keys))


def test_a_limit_with_patience_is_an_alert_of_its_own(ruled: Tiny) -> None:
    alert = by_rule(ruled)["limit of mae"]
    assert (alert["kind"], alert["severity"], alert["limit"]) == ("performance", "warning", "mae")
    assert alert["runbook"] == "https://wiki/limit"
    assert [event["state"] for event in alert["history"]][:2] == ["pending", "firing"]


def test_a_limit_inside_a_segment_gives_the_reading_its_verdict_and_an_alert(ruled: Tiny) -> None:
    alert = by_rule(ruled)["limit of mae in city=Berlin"]
    assert (alert["segment"], alert["severity"], alert["state"]) == ("city=Berlin", "warning", "resolved")
    inside = [
        r for r in ruled.workspace.readings(MODEL, segment="*") if (r["check"], r["segment"]) == ("mae", "city=Berlin")
    ]
    limited = [r["window_start"][:10] for r in inside if "the fixed limit of 3.00" in r["sentence"]]
    assert limited == ["2024-01-31", "2024-02-01"]


def test_what_is_tried_is_what_happened(ruled: Tiny) -> None:
    for name in ("late", "moved", "berlin"):
        (fired,) = ruled.workspace.try_rule(MODEL, name)["firings"]
        assert fired["since"] == by_rule(ruled)[name]["window_start"]


def test_a_trial_tells_when_and_why_not(ruled: Tiny) -> None:
    trial = ruled.workspace.try_rule(MODEL, "mae > 3")
    assert (trial["windows"], trial["judged"]) == (6, 6)
    assert trial["sentence"] == "It would have fired once since 29 January 2024: 31 January to 1 February (2 windows)."
    assert [point["holds"] for point in trial["points"]] == [False, False, True, True, False, False]
    patient = ruled.workspace.try_rule(MODEL, "mae > 3", windows="3 of 3", since=LIVE)
    assert patient["sentence"] == "It would not have fired since 29 January 2024, though it held in 2 windows."
    unread = ruled.workspace.try_rule(MODEL, 'energy("distance") > 0')
    assert unread["judged"] == 0
    assert 'energy("distance") was not read' in unread["sentence"]
    still = ruled.workspace.try_rule(MODEL, 'psi("distance") > 1')
    assert still["firings"][0]["until"] is None
    assert still["sentence"].endswith("3 February (1 window, still going on).")


def test_a_trial_that_is_not_understood_says_what_is_near(ruled: Tiny) -> None:
    with pytest.raises(WorkspaceError, match="did you mean 'mae'"):
        ruled.workspace.try_rule(MODEL, "maee > 3")
    with pytest.raises(WorkspaceError, match="or did you mean the declared rule 'moved'"):
        ruled.workspace.try_rule(MODEL, "mved")
    with pytest.raises(WorkspaceError, match="windows '4 of 3' is not understood"):
        ruled.workspace.try_rule(MODEL, "mae > 3", windows="4 of 3")
    with pytest.raises(NotFoundError, match="no segment 'city=Paris'"):
        ruled.workspace.try_rule(MODEL, "mae > 3", segment="city=Paris")


def test_the_terms_of_a_model_can_all_be_tried(ruled: Tiny) -> None:
    terms = {term["term"]: term for term in ruled.workspace.rule_terms(MODEL)}
    assert terms["mae"]["latest"] is not None
    assert terms['psi("distance")']["latest"] is not None
    assert terms['drift("distance")']["latest"] in (0.0, 1.0)
    assert terms["rows"]["latest"] == 60
    assert any(term.startswith("energy(") and it["latest"] is None for term, it in terms.items())
    wrong = [
        t
        for t in terms
        for p in problems(t if t.startswith("drift(") else f"{t} > 0", ruled.workspace.core.spec(MODEL))
        if p
    ]
    assert wrong == []


def test_a_trial_before_anything_was_judged_says_so(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as home:
        trial = rules.try_rule(home.workspace.core, MODEL, "mae > 3")
        assert (trial["windows"], trial["firings"]) == (0, [])
        assert "There are no judged windows yet" in trial["sentence"]


# -- the page about it -------------------------------------------------------------------------------------------------
def test_the_documentation_has_the_language_and_its_declarations_hold() -> None:
    page = (Path(__file__).parents[2] / "docs" / "rules.md").read_text("utf-8")
    assert documentation() in page, "write the table of docs/rules.md anew: monitors.rule_terms.documentation()"
    flights = (files("service.demo") / "flights.toml").read_text("utf-8")
    blocks = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    text = "\n".join([flights, *blocks])
    declaration = parse_declaration(text, None)
    assert check_problems(declaration.models, text, []) == []
    monitor = declaration.models["air_time"].monitor
    assert (len(monitor.rules), len(monitor.overrides), len(monitor.thresholds)) == (1, 3, 2)
