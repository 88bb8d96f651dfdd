"""The language of rules: ``psi("age") > 0.2 and mae > 12``, read into a tree of its own. Nothing of it is ever run as Python.

Python's parser reads the text; what is not in the short list of allowed forms is refused with its place. There are numbers and truths, and no
attributes, subscripts, powers, assignments or functions other than these.
"""

from __future__ import annotations

import ast
import difflib
import json
import keyword
import math
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

LONGEST = 2000  # characters
DEEPEST = 20  # levels of nesting
MOST_PARTS = 200  # terms, numbers and operators

Aspect = Literal["value", "reference", "p_value"]
DRIFT, SHIFT, DRIFTED, DRIFTED_SHARE, ROWS, COVERAGE = "drift", "shift", "drifted", "drifted_share", "rows", "coverage"
_ASPECTS = ("reference", "p_value")
_FUNCTIONS = {"abs": (1, 1), "min": (2, 10), "max": (2, 10)}
_OWN = ("value", *_ASPECTS, DRIFT)  # words of the language that are not names of checks
_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
_CALCULATE: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_REFUSED = {
    ast.Attribute: "a dot after a name", ast.Subscript: "square brackets", ast.Lambda: "lambda", ast.IfExp: "if … else",
    ast.NamedExpr: "an assignment", ast.JoinedStr: "an f-string", ast.Starred: "a star", ast.Await: "await",
    ast.List: "a list", ast.Tuple: "a tuple", ast.Dict: "a table", ast.Set: "a set", ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension", ast.DictComp: "a comprehension", ast.GeneratorExp: "a comprehension",
}  # fmt: skip
_WRITE = 'write for example: psi("age") > 0.2 and mae > 12'


class ExpressionError(ValueError):
    """An expression is not understood; the message names the place, what was seen, and what is allowed."""


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number that is not below 0."""

    value: float


@dataclass(frozen=True, slots=True)
class Term:
    """What was read of a window by this name, of a column or of none; of what was read its value, the reference's own, or the p-value."""

    name: str
    column: str | None = None
    aspect: Aspect = "value"


@dataclass(frozen=True, slots=True)
class Drift:
    """Whether the verdict on a column is drift."""

    column: str


@dataclass(frozen=True, slots=True)
class Function:
    """The absolute value of a number, the least or the greatest of several."""

    name: str
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Negative:
    """A number with the other sign."""

    part: Node


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two numbers by ``+``, ``-``, ``*`` or ``/``."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Comparison:
    """Numbers in a row with an operator between each and the next: ``1 < mae <= 12``."""

    operators: tuple[str, ...]
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Both:
    """All of them hold."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of them holds at least."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """It does not hold."""

    part: Node


Node = Number | Term | Drift | Function | Negative | Arithmetic | Comparison | Both | Either | Not
_TRUTHS = (Drift, Comparison, Both, Either, Not)


# -- reading -----------------------------------------------------------------------------------------------------------
@lru_cache(maxsize=1024)
def parse(text: str) -> Node:
    """Return the tree of an expression that is true or false; raises :class:`ExpressionError`."""
    if len(text) > LONGEST:
        raise ExpressionError(f"a rule has {len(text):,} characters; {LONGEST:,} are the most")
    line = text.strip()
    line = line if "#" in line else re.sub(r"[\r\n]", " ", line)
    if not line:
        raise ExpressionError(f"the rule is empty; {_WRITE}")
    if re.search(
        r"\\(?![\"'abfnrtvxuU0])", line.replace(r"\\", "")
    ):  # Python would only warn, on its own standard error
        raise ExpressionError(r"a backslash stands alone; write two of them: \\")
    try:
        tree = ast.parse(line, mode="eval").body
    except SyntaxError as error:
        place = f"at character {error.offset}: " if error.offset else "at the end: "
        raise ExpressionError(f"{place}not understood ({error.msg}); {_WRITE}") from None
    except (ValueError, RecursionError, MemoryError):  # what no text is, or is nested beyond reason
        raise ExpressionError(f"not understood; {_WRITE}") from None
    reader = _Reader(line)
    return reader.truth(tree, 0)


class _Reader:
    """Turns Python's tree into ours, form by form."""

    def __init__(self, line: str) -> None:
        self.line = line
        self.parts = 0

    def truth(self, node: ast.expr, depth: int) -> Node:
        found = self.read(node, depth)
        if not isinstance(found, _TRUTHS):
            raise self.refuse(
                node, f"{self.seen(node)} is a number; compare it with something, such as {self.seen(node)} > 0.2"
            )
        return found  # fmt: skip

    def number(self, node: ast.expr, depth: int) -> Node:
        found = self.read(node, depth)
        if isinstance(found, _TRUTHS):
            raise self.refuse(node, f"{self.seen(node)} is true or false, and a number is needed here")
        return found

    def read(self, node: ast.expr, depth: int) -> Node:
        self.parts += 1
        if self.parts > MOST_PARTS:
            raise self.refuse(node, f"the rule has more than {MOST_PARTS} parts; make two rules of it")
        if depth > DEEPEST:
            raise self.refuse(node, f"the rule is nested more than {DEEPEST} deep; make two rules of it")
        read: Callable[[ast.expr, int], Node] | None = {
            ast.BoolOp: self.together, ast.UnaryOp: self.unary, ast.BinOp: self.arithmetic, ast.Compare: self.comparison,
            ast.Call: self.call, ast.Name: self.name, ast.Constant: self.constant,
        }.get(type(node))  # type: ignore[assignment]  # fmt: skip
        if read is None:
            what = _REFUSED.get(type(node), "this")
            raise self.refuse(node, f"{what} ({self.seen(node)}) is not allowed in a rule; {_WRITE}")
        return read(node, depth + 1)

    def together(self, node: ast.BoolOp, depth: int) -> Node:
        parts = tuple(self.truth(part, depth) for part in node.values)
        return Both(parts) if isinstance(node.op, ast.And) else Either(parts)

    def unary(self, node: ast.UnaryOp, depth: int) -> Node:
        if isinstance(node.op, ast.Not):
            return Not(self.truth(node.operand, depth))
        if isinstance(node.op, ast.USub):
            return Negative(self.number(node.operand, depth))
        raise self.refuse(node, f"{self.seen(node)}: of signs before a number there is only -")

    def arithmetic(self, node: ast.BinOp, depth: int) -> Node:
        operator = _CALCULATE.get(type(node.op))
        if operator is None:
            hint = "; between truths write and, or" if isinstance(node.op, ast.BitAnd | ast.BitOr) else ""
            raise self.refuse(node, f"{self.seen(node)}: numbers are put together with + - * /{hint}")
        return Arithmetic(operator, self.number(node.left, depth), self.number(node.right, depth))

    def comparison(self, node: ast.Compare, depth: int) -> Node:
        operators = tuple(_COMPARE.get(type(each), "") for each in node.ops)
        if "" in operators:
            raise self.refuse(node, f"{self.seen(node)}: numbers are compared with < <= > >= == !=")
        return Comparison(operators, tuple(self.number(part, depth) for part in (node.left, *node.comparators)))

    def constant(self, node: ast.Constant, _depth: int) -> Node:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise self.refuse(node, f"{self.seen(node)} is no number; names of columns stand in brackets: psi({self.seen(node)})"
                              if isinstance(node.value, str) else f"{self.seen(node)} is no number")  # fmt: skip
        try:
            value = float(node.value)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise self.refuse(node, f"{self.seen(node)} is not a finite number")
        return Number(value)

    def name(self, node: ast.Name, _depth: int) -> Node:
        if node.id in (*_OWN, *_FUNCTIONS, SHIFT):
            raise self.refuse(node, f"{node.id} needs something in brackets, such as {_EXAMPLES.get(node.id, '')}")
        return Term(node.id)

    def call(self, node: ast.Call, depth: int) -> Node:
        if not isinstance(node.func, ast.Name):
            raise self.refuse(node, f"{self.seen(node)} is not allowed in a rule; {_WRITE}")
        if node.keywords:
            raise self.refuse(node, f"{self.seen(node)}: what stands in brackets has no names")
        name = node.func.id
        if name in _FUNCTIONS:
            least, most = _FUNCTIONS[name]
            if not least <= len(node.args) <= most:
                raise self.refuse(
                    node,
                    f"{name} takes {least if least == most else f'{least} to {most}'} numbers, such as {_EXAMPLES[name]}",
                )
            return Function(name, tuple(self.number(part, depth) for part in node.args))  # fmt: skip
        if name == "reference":
            return self.of_reference(node, depth)
        if name in ("value", "p_value"):
            return self.named(node, name)
        columns = [self.text(part) for part in node.args]
        if len(columns) != 1:
            raise self.refuse(
                node, f'{name} takes one column in brackets, such as {name}("age"); without a column write {name}'
            )
        return Drift(columns[0]) if name == DRIFT else Term(name, columns[0])  # fmt: skip

    def of_reference(self, node: ast.Call, depth: int) -> Node:
        inner = self.number(node.args[0], depth) if len(node.args) == 1 else None
        if not isinstance(inner, Term) or inner.aspect != "value":
            raise self.refuse(node, f"{self.seen(node)}: reference takes one term, such as {_EXAMPLES['reference']}")
        return Term(inner.name, inner.column, "reference")

    def named(self, node: ast.Call, word: str) -> Node:
        """Read ``value("name")`` or ``p_value(psi, "age")``: the first may also be a bare name."""
        first, *rest = node.args or [ast.Constant(None)]
        name = first.id if isinstance(first, ast.Name) and word == "p_value" else self.text(first)
        if len(rest) > 1:
            raise self.refuse(node, f"{self.seen(node)}: {word} takes a name and a column, such as {_EXAMPLES[word]}")
        if name in (*_OWN, *_FUNCTIONS):
            raise self.refuse(node, f"{name} is a word of the language and no name of something that is read")
        column = self.text(rest[0]) if rest else None
        return Term(name, column, "value" if word == "value" else "p_value")

    def text(self, node: ast.expr) -> str:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        hint = f', such as "{node.id}"' if isinstance(node, ast.Name) else ""
        raise self.refuse(node, f"{self.seen(node)}: the name of a column is written in quotation marks{hint}")

    def seen(self, node: ast.expr) -> str:
        found = ast.get_source_segment(self.line, node) or "nothing"
        return found if len(found) <= 60 else f"{found[:57]}…"

    def refuse(self, node: ast.expr, words: str) -> ExpressionError:
        before = self.line.encode()[: getattr(node, "col_offset", 0)].decode(errors="ignore")
        return ExpressionError(f"at character {len(before) + 1}: {words}")


_EXAMPLES = {
    "value": 'value("my-check")', "reference": "reference(mae)", "p_value": 'p_value(kolmogorov_smirnov, "age")', DRIFT: 'drift("age")',
    SHIFT: 'shift("age")', "abs": "abs(bias)", "min": "min(1, mae)", "max": "max(1, mae)",
}  # fmt: skip


# -- writing -----------------------------------------------------------------------------------------------------------
def to_text(node: Node) -> str:
    """Return an expression as text: :func:`parse` gives the same tree back."""
    match node:
        case Number(value):
            return str(int(value)) if value.is_integer() and value < 1e15 else repr(value)
        case Term(name, column, aspect):
            return _term(name, column, aspect)
        case Drift(column):
            return f"{DRIFT}({_text(column)})"
        case Function(name, parts):
            return f"{name}({', '.join(map(to_text, parts))})"
        case Negative(part):
            return f"-{_inside(part, 7)}"
        case Not(part):
            return f"not {_inside(part, 3)}"
        case Arithmetic(operator, left, right):
            level = _level(node)
            return f"{_inside(left, level)} {operator} {_inside(right, level + 1)}"
        case Comparison(operators, parts):
            first, *rest = [_inside(part, 5) for part in parts]
            return " ".join([first, *(f"{operator} {part}" for operator, part in zip(operators, rest, strict=True))])
        case Both(parts):
            return " and ".join(_inside(part, 3) for part in parts)
        case Either(parts):
            return " or ".join(_inside(part, 2) for part in parts)


def _level(node: Node) -> int:
    """Return how tightly a form holds together; the tighter, the higher."""
    if isinstance(node, Arithmetic):
        return 5 if node.operator in "+-" else 6
    return {Either: 1, Both: 2, Not: 3, Comparison: 4, Negative: 7}.get(type(node), 9)


def _inside(node: Node, level: int) -> str:
    text = to_text(node)
    return text if _level(node) >= level else f"({text})"


def _term(name: str, column: str | None, aspect: Aspect) -> str:
    plain = name.isidentifier() and not keyword.iskeyword(name) and name.isascii() and name not in (*_OWN, *_FUNCTIONS)
    plain = plain and (name != SHIFT or column is not None)
    of = "" if column is None else _text(column)
    if aspect == "p_value":
        return f"p_value({', '.join(filter(None, [name if plain else _text(name), of]))})"
    words = (f"{name}({of})" if of else name) if plain else f"value({', '.join(filter(None, [_text(name), of]))})"
    return f"reference({words})" if aspect == "reference" else words


def _text(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


# -- what it speaks of -------------------------------------------------------------------------------------------------
def leaves(node: Node) -> Iterator[Term | Drift]:
    """Yield the terms of an expression in the order in which they are written, those that are named twice only once."""
    yield from dict.fromkeys(_leaves(node))


def _leaves(node: Node) -> Iterator[Term | Drift]:
    match node:
        case Term() | Drift():
            yield node
        case Negative(part) | Not(part):
            yield from _leaves(part)
        case Arithmetic(_, left, right):
            yield from _leaves(left)
            yield from _leaves(right)
        case Function(_, parts) | Comparison(_, parts) | Both(parts) | Either(parts):
            for part in parts:
                yield from _leaves(part)


def choice(name: str, known: Collection[str], most: int = 40) -> str:
    """Return the nearest of the known names, and all of them where they are not too many."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}? " if near else ""
    names = sorted(known)
    return f"{hint}There are {', '.join(names[:most])}{f' and {len(names) - most} more' if len(names) > most else ''}"
