"""Answers of the tests that were written into the code: it may then do nothing but what is tested."""

import ast
import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from journeyman.checks.assertions import MAX_SOURCE
from journeyman.checks.weakening import Get, is_test_path
from journeyman.core.evidence import Change
from journeyman.core.text import clip, decode

MOST, MOST_FILES = 3, 30
"""Sentences about one file, and files of code and of tests that are read."""

_EQUAL = ("assertEqual", "assertEquals", "assertListEqual", "assertDictEqual", "assertTupleEqual", "assertSetEqual")
_PROMPT = ">>> "


@dataclass(frozen=True, slots=True)
class Expected:
    """A call in a test, the literals among its arguments, and the literal that is expected, as Python writes them."""

    name: str
    call: str
    arguments: frozenset[str]
    value: str


async def answers_of_tests(changes: Sequence[Change], before: Get, after: Get, tests: Sequence[str]) -> list[str]:
    """`copied_answers` of all changed Python files, with the tests in the files `tests` of the base.

    `before` and `after` give the bytes of a file of the base's and of the result's tree.
    """
    code = [one.path for one in changes if one.path.endswith(".py") and one.kind != "delete"]
    code = [path for path in code if not is_test_path(path)][:MOST_FILES]
    if not code:
        return []
    texts = [await _text(before, path) for path in dict.fromkeys(tests) if path.endswith(".py")]
    pairs = [(path, await _text(before, path), await _text(after, path)) for path in code]
    found = await asyncio.to_thread(lambda: [copied_answers(*pair, texts[:MOST_FILES]) for pair in pairs])
    return [sentence for sentences in found for sentence in sentences]


async def _text(get: Get, path: str) -> str:
    data = await get(path)
    return decode(data) if data and len(data) <= MAX_SOURCE else ""


def copied_answers(path: str, before: str, after: str, tests: Sequence[str]) -> list[str]:
    """New `return` statements of literals that `tests`, or examples of the documentation, expect; a sentence for each.

    Values that many functions return (empty ones, small numbers, single words) count only where the code asks for the
    very argument with which the test calls it.
    """
    new, old = _parsed(after), _parsed(before)
    if new is None:
        return []
    known = (
        {ast.dump(node) for node in ast.walk(old) if isinstance(node, ast.Return)} if old is not None else set[str]()
    )
    wanted = [one for text in (*tests, *_documented(new)) if (tree := _parsed(text)) for one in expected(tree)]
    found: list[str] = []
    for function in ast.walk(new):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node, asked in _returns(function.body, frozenset()):
            value = _literal(node.value) if node.value is not None else None
            if value is None or ast.dump(node) in known:
                continue
            for one in wanted:
                if one.name == function.name and one.value == value and (_tells(value) or asked & one.arguments):
                    found.append(
                        f"{path}:{node.lineno} returns {clip(value, 60)}, which is what is expected of "
                        f"{clip(one.call, 80)}: it may answer only what is tested."
                    )
                    break
    return list(dict.fromkeys(found))[:MOST]


def expected(tree: ast.AST) -> Iterator[Expected]:
    """What the assertions of a test compare calls with, where that is a literal."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
                pairs = [(left, right), (right, left)]
            case ast.Call(func=ast.Attribute(attr=name), args=[left, right, *_]) if name in _EQUAL:
                pairs = [(left, right), (right, left)]
            case _:
                continue
        for call, other in pairs:
            value = _literal(other)
            if isinstance(call, ast.Call) and value is not None:
                name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
                arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
                literals = frozenset(text for each in arguments if (text := _literal(each)) is not None)
                yield Expected(name, ast.unparse(call), literals, value)


def _documented(tree: ast.AST) -> Iterator[str]:
    """The examples of docstrings as comparisons."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            rows = [row.strip() for row in (ast.get_docstring(node) or "").splitlines()]
            for one, two in pairwise(rows):
                if one.startswith(_PROMPT) and two and not two.startswith(_PROMPT):
                    yield f"({one.removeprefix(_PROMPT)}) == ({two})"


def _returns(body: Sequence[ast.stmt], asked: frozenset[str]) -> Iterator[tuple[ast.Return, frozenset[str]]]:
    """The returns of a function, each with the literals that the conditions around it compare something with."""
    for node in body:
        if isinstance(node, ast.Return):
            yield node, asked
        elif isinstance(node, ast.If):
            sides = [side for each in ast.walk(node.test) for side in _compared(each)]
            yield from _returns(node.body, asked | {text for side in sides if (text := _literal(side)) is not None})
            yield from _returns(node.orelse, asked)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for field in ("body", "orelse", "finalbody"):
                yield from _returns(getattr(node, field, []), asked)


def _compared(node: ast.AST) -> list[ast.expr]:
    return [node.left, *node.comparators] if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq) else []


def _literal(node: ast.expr) -> str | None:
    try:
        return repr(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _tells(value: str) -> bool:
    """Whether hardly anyone would write a value but who has seen it: several things, or a number of three digits."""
    if value[0] in "([{":
        return "," in value and len(value) >= len("(1, 10)")
    return value[0] not in "'\"" and sum(map(str.isdigit, value)) >= 3


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
