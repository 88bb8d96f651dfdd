"""Expressions by the thousand: written and read again they are the same, and what they say follows Kleene's tables."""

import math
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from monitors.expressions import (
    Arithmetic,
    Both,
    Comparison,
    Drift,
    Either,
    ExpressionError,
    Function,
    Negative,
    Node,
    Not,
    Number,
    Term,
    parse,
    to_text,
)
from monitors.rule_facts import Facts, truth
from tests.support.readings import reading

WORDS = {"value", "reference", "p_value", "drift", "abs", "min", "max"}
NAMES = st.one_of(
    st.sampled_from(["psi", "mae", "rows", "drifted", "shift", "in", "None", "roc auc", "late-gates", "Łódź", "ſ"]),
    st.text(st.characters(codec="utf-8"), max_size=8),
).filter(lambda name: name not in WORDS)
COLUMNS = st.text(st.characters(codec="utf-8"), max_size=12)
TERMS = st.builds(
    Term, NAMES, st.none() | COLUMNS, st.sampled_from(["value", "reference", "p_value"])
)  # fmt: skip
FINITE = st.floats(0, 1e300, allow_nan=False, allow_infinity=False)


def _numbers(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.one_of(
        st.builds(Negative, inner),
        st.builds(Arithmetic, st.sampled_from("+-*/"), inner, inner),
        st.builds(lambda part: Function("abs", (part,)), inner),
        st.builds(lambda name, parts: Function(name, tuple(parts)), st.sampled_from(["min", "max"]), st.lists(inner, min_size=2, max_size=3)),
    )  # fmt: skip


NUMBERS: st.SearchStrategy[Node] = st.recursive(st.builds(Number, FINITE) | TERMS, _numbers, max_leaves=6)
SIGNS = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
COMPARED: st.SearchStrategy[Node] = st.integers(1, 2).flatmap(
    lambda n: st.builds(
        lambda signs, parts: Comparison(tuple(signs), tuple(parts)),
        st.lists(SIGNS, min_size=n, max_size=n),
        st.lists(NUMBERS, min_size=n + 1, max_size=n + 1),
    )
)


def _truths(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, inner), st.builds(Both, several), st.builds(Either, several))


TREES: st.SearchStrategy[Node] = st.recursive(COMPARED | st.builds(Drift, COLUMNS), _truths, max_leaves=6)


@given(TREES)
def test_written_and_read_again_a_tree_is_the_same(tree: Node) -> None:
    assert parse(to_text(tree)) == tree


@given(st.text(max_size=60) | st.text("mae()<>=.,\"'\\ and or not 0123456789*[]{}:@#\n", max_size=60))
def test_any_text_is_understood_or_refused_in_words(text: str) -> None:
    with suppress(ExpressionError):
        tree = parse(text)
        assert parse(to_text(tree)) == tree


# -- truth -------------------------------------------------------------------------------------------------------------
ATOMS = {"yes": True, "no": False, "unsaid": None}
_PLAIN: st.SearchStrategy[Node] = st.sampled_from([Drift(name) for name in ATOMS])
LOGIC: st.SearchStrategy[Node] = st.recursive(_PLAIN, _truths, max_leaves=10)
FACTS = Facts(
    [
        reading("jensen_shannon", "yes", verdict="drift"),
        reading("jensen_shannon", "no", verdict="ok"),
        reading("jensen_shannon", "unsaid", verdict="insufficient"),
    ]
)


def _kleene(node: Node) -> float:
    """Truth as 1, falsehood as 0, unknown as a half: and is the least, or the greatest, not what is missing to 1."""
    match node:
        case Drift(column):
            known = ATOMS[column]
            return 0.5 if known is None else float(known)
        case Not(part):
            return 1 - _kleene(part)
        case Both(parts):
            return min(map(_kleene, parts))
        case Either(parts):
            return max(map(_kleene, parts))
        case _:
            raise AssertionError(node)


@given(LOGIC)
def test_what_holds_follows_kleenes_tables(tree: Node) -> None:
    assert truth(tree, FACTS) is {0.0: False, 0.5: None, 1.0: True}[_kleene(tree)]


@given(TREES, st.floats(allow_nan=True, allow_infinity=True))
def test_no_value_makes_a_rule_fail_or_say_what_is_not_known(tree: Node, value: float) -> None:
    facts = Facts([reading("psi", "x", value=value), reading("mae", scope="performance", value=value)])
    assert truth(tree, facts) in (True, False, None)
    beyond = Comparison((">",), (Term("mae"), Number(0.0)))
    assert truth(beyond, facts) is (value > 0 if math.isfinite(value) else None)
