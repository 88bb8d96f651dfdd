"""The language of rules: what is understood, what is refused with its place, and that nothing of it is ever run."""

from pathlib import Path

import pytest

from monitors import expressions
from monitors.expressions import DEEPEST, LONGEST, MOST_PARTS, ExpressionError, Term, leaves, parse, to_text
from monitors.rule_terms import problems
from reference_data.declaration import ModelSpec


@pytest.mark.parametrize(
    "text",
    [
        'psi("age") > 0.2 and mae > 12',
        "1 < mae <= 12",
        'drift("age") or not drift("a \\"b\\" \\\\ c")',
        "reference(mae) * 1.2 < mae",
        'p_value(psi, "age") < 0.01',
        'value("roc auc") < 0.5 and value("late-gates", "x") != 1',
        "-bias > 2 and (mae > 1 or rows < 3)",
        "abs(bias - 2) / max(1, rows, drifted) >= 1 / 3",
        "mae - (1 - bias) > 0",
        'reference(value("roc auc")) > 0.5',
        "(mae > 1 and bias > 1) and rows > 1",
        "not (mae > 1 or bias > 1)",
        'shift("Łódź") > 0.5',
    ],
)
def test_what_is_understood_is_written_again_as_it_was(text: str) -> None:
    assert to_text(parse(text)) == text


def test_a_rule_may_stand_on_several_lines() -> None:
    assert to_text(parse("  mae > 12\n  and rows >\r\n 3\n")) == "mae > 12 and rows > 3"


def test_terms_come_once_in_the_order_in_which_they_are_written() -> None:
    tree = parse('rows > 3 and psi("b") > psi("a") and (rows > 4 or reference(mae) < 2)')
    assert list(leaves(tree)) == [
        Term("rows"), Term("psi", "b"), Term("psi", "a"), Term("mae", None, "reference"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the rule is empty"),
        ("mae", "character 1: mae is a number; compare it with something, such as mae > 0.2"),
        ("rows > 1 and mae + 2", r"character 14: mae \+ 2 is a number"),
        ("psi(age) > 1", r'character 5: age: the name of a column is written in quotation marks, such as "age"'),
        ('psi("a", "b") > 1', r'psi takes one column in brackets, such as psi\("age"\); without a column write psi'),
        ('drift("a") > 1', r'character 1: drift\("a"\) is true or false, and a number is needed here'),
        ('"łą" > 1 and x.y', r'character 1: "łą" is no number; names of columns stand in brackets: psi\("łą"\)'),
        ('mae > 1 and "łąka" == x', "character 13:"),
        ("mae > 1 & rows > 3", r"numbers are put together with \+ - \* /; between truths write and, or"),
        ("mae > 1 xor rows > 3", "character 9: not understood"),
        ("mae > 1e999", "1e999 is not a finite number"),
        ("mae > " + "9" * 400, "is not a finite number"),
        ("mae > True", "True is no number"),
        ("mae > 1j", "1j is no number"),
        ("min(mae) > 1", "min takes 2 to 10 numbers"),
        ("shift > 1", r'shift needs something in brackets, such as shift\("age"\)'),
        ("reference(mae + 1) > 1", "reference takes one term"),
        ("reference(reference(mae)) > 1", "reference takes one term"),
        ('p_value(psi, "a", "b") > 1', "p_value takes a name and a column"),
        ("p_value() > 1", "the name of a column is written in quotation marks"),
        ('value("drift") > 1', "drift is a word of the language"),
        ("mae is 1", "numbers are compared with < <= > >= == !="),
        (r'psi("\d") > 1', r"a backslash stands alone"),
        ('psi(column="a") > 1', "what stands in brackets has no names"),
        ("+mae > 1", "of signs before a number there is only -"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place_and_what_is_allowed(text: str, words: str) -> None:
    with pytest.raises(ExpressionError, match=words):
        parse(text)


SPEC = ModelSpec(name="m", task="regression", features={"x": "numeric"})
HOSTILE = [
    '__import__("os").system("touch {mark}") > 1',
    'open("{mark}", "w") > 1',
    "exec(\"open('{mark}', 'w')\") > 1",
    "eval(\"open('{mark}', 'w')\") > 1",
    "(lambda: open('{mark}', 'w'))() > 1",
    "[open('{mark}', 'w') for _ in (1,)] > 1",
    "mae.__class__.__bases__[0].__subclasses__() > 1",
    'getattr(mae, "__class__") > 1',
    "f\"{{open('{mark}', 'w')}}\" > 1",
    "(x := open('{mark}', 'w')) > 1",
    "10 ** 10 ** 10 > 1",
    "1 << 99999999 > 1",
    "9 // 0 > 1",
    "9 % 4 > 1",
    '"a" * 999999999 > 1',
    "mae @ mae > 1",
    "~rows > 1",
    "mae if open('{mark}', 'w') else 1 > 1",
    "psi(*open('{mark}', 'w')) > 1",
    "psi(**globals()) > 1",
    "mae > 1; import os",
    "import os",
    "mae = 1",
    "yield mae",
    "await mae > 1",
    "... > 1",
    "None > 1",
    'b"age" > 1',
    "{{1: mae}}[1] > 1",
    "mae[0] > 1",
    "mae in (1, 2)",
    "mae is not None",
    "lambda: 1",
    "\x00mae > 1",
    'psi("\ud800") > 1',
    "mae > 1 \\",
    "'''",
    "#",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_refused_and_does_nothing(text: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert problems(text.replace("{mark}", str(mark)).replace("{{", "{").replace("}}", "}"), SPEC)
    assert not mark.exists()


@pytest.mark.parametrize(
    "text",
    [
        "(" * 500 + "mae > 1" + ")" * 500,
        "-" * 1900 + "mae > 1",
        "not " * 400 + "mae > 1",
        "abs(" * 60 + "mae" + ")" * 60 + "> 1",
        "mae" + " + mae" * (DEEPEST + 5) + " > 1",
        " and ".join(["mae > 1"] * MOST_PARTS),
        "mae > 1" + " " * LONGEST + "and rows > 1",
        "[" * 1000,
        "a." * 900 + "b > 1",
    ],
)
def test_what_is_too_deep_or_too_long_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


def test_nothing_is_ever_compiled_or_run() -> None:
    source = Path(expressions.__file__).read_text("utf-8")
    assert not [word for word in ("eval(", "exec(", "compile(", "literal_eval", "__import__") if word in source]
