"""Tests of a Python file as the syntax tree shows them: what each asserts, and how strongly."""

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from journeyman.core.text import one_line

MAX_SOURCE = 512 * 1024

EXACT, CLOSE, PARTIAL, TRUTH, NOTHING = 4, 3, 2, 1, 0
_METHODS = {
    "assertTrue": TRUTH,
    "assertFalse": TRUTH,
    "assertIsNotNone": TRUTH,
    "assertIsNone": EXACT,
    "assertEqual": EXACT,
    "assertEquals": EXACT,
    "assertIs": EXACT,
    "assertListEqual": EXACT,
    "assertDictEqual": EXACT,
    "assertTupleEqual": EXACT,
    "assertSetEqual": EXACT,
    "assertSequenceEqual": EXACT,
    "assertMultiLineEqual": EXACT,
    "assertCountEqual": CLOSE,
    "assertAlmostEqual": CLOSE,
    "assertAlmostEquals": CLOSE,
}
_TOLERANCES = ("rel", "abs", "delta", "rtol", "atol", "rel_tol", "abs_tol")
_SKIPS = ("skip", "skipif", "skipIf", "skipUnless", "xfail", "expectedFailure", "importorskip", "skipTest", "SkipTest")


@dataclass(frozen=True, slots=True)
class Assertion:
    """One assertion: its source in a line, how much it demands, and what it tolerates.

    `raises` are the exceptions that it waits for; `tolerance` is the widest, None where there is none.
    """

    text: str
    strength: int
    raises: tuple[str, ...] = ()
    matches: bool = False
    tolerance: float | None = None


@dataclass(slots=True)
class PythonTest:
    """A test function. `body` is its source without its name, `cases` the length of its parameter lists."""

    body: str
    assertions: list[Assertion] = field(default_factory=list[Assertion])
    skips: list[str] = field(default_factory=list[str])
    swallows: int = 0
    returns_early: bool = False
    cases: int = 0


@dataclass(slots=True)
class PythonTests:
    """All tests of a file by qualified name, and what skips whole classes or the file."""

    tests: dict[str, PythonTest] = field(default_factory=dict[str, PythonTest])
    skips: list[str] = field(default_factory=list[str])


def read_python(source: str) -> PythonTests | None:
    """The tests of a file; None when it does not parse or is too large."""
    if len(source) > MAX_SOURCE:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        found = PythonTests()
        _read_body(tree.body, "", found)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return found


def _read_body(body: list[ast.stmt], prefix: str, found: PythonTests) -> None:
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node.name.startswith("test"):
                found.tests[prefix + node.name] = _read_test(node)
            case ast.ClassDef():
                found.skips += _marks(node.decorator_list, node.name)
                _read_body(node.body, f"{prefix}{node.name}.", found)
            case ast.Assign(targets=[ast.Name(id="pytestmark" | "__test__")]):
                text = ast.unparse(node)
                if any(word in text for word in _SKIPS) or text == "__test__ = False":
                    found.skips.append(one_line(prefix + text))
            case ast.Expr(value=ast.Call() as call) | ast.Assign(value=ast.Call() as call):
                if not prefix and _called(call) in _SKIPS:
                    found.skips.append(one_line(ast.unparse(call)))
            case ast.If() | ast.Try():
                for inner in (node.body, node.orelse):
                    _read_body(inner, prefix, found)
            case _:
                pass


def _read_test(node: ast.FunctionDef | ast.AsyncFunctionDef) -> PythonTest:
    test = PythonTest(body="\n".join(ast.unparse(statement) for statement in node.body))
    test.skips = _marks(node.decorator_list, "")
    test.cases = _cases(node.decorator_list)
    for inner in ast.walk(node):
        match inner:
            case ast.Assert():
                test.assertions.append(_of_expression(inner.test, one_line(ast.unparse(inner))))
            case ast.Call():
                if _called(inner) in _SKIPS and inner not in node.decorator_list:
                    test.skips.append(one_line(ast.unparse(inner)))
                elif (assertion := _of_call(inner)) is not None:
                    test.assertions.append(assertion)
            case ast.ExceptHandler(body=[ast.Pass() | ast.Expr(value=ast.Constant()) | ast.Return() | ast.Continue()]):
                test.swallows += 1
            case _:
                pass
    returns = [number for number, statement in enumerate(node.body) if isinstance(statement, ast.Return)]
    test.returns_early = bool(returns) and any(map(_asserts, node.body[returns[0] + 1 :]))
    return test


def _asserts(statement: ast.stmt) -> bool:
    return any(
        isinstance(inner, ast.Assert) or (isinstance(inner, ast.Call) and _of_call(inner) is not None)
        for inner in ast.walk(statement)
    )


def _marks(decorators: list[ast.expr], owner: str) -> list[str]:
    texts = [ast.unparse(decorator) for decorator in decorators]
    return [
        one_line(f"@{text}" + (f" on {owner}" if owner else ""))
        for text in texts
        if text.split("(")[0].rsplit(".", 1)[-1] in _SKIPS
    ]


def _cases(decorators: list[ast.expr]) -> int:
    """How many parameter sets the decorators list, as far as they are written out."""
    count = 0
    for decorator in decorators:
        if isinstance(decorator, ast.Call) and _called(decorator) == "parametrize" and len(decorator.args) > 1:
            values = decorator.args[1]
            if isinstance(values, ast.List | ast.Tuple):
                count += len(values.elts)
    return count


def _called(call: ast.Call) -> str:
    """The last name of what is called: `raises` of `pytest.raises(...)`."""
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def _of_call(call: ast.Call) -> Assertion | None:
    name, text = _called(call), one_line(ast.unparse(call))
    if name in ("raises", "assertRaises", "assertRaisesRegex", "warns", "assertWarns") and call.args:
        first = call.args[0]
        kinds = first.elts if isinstance(first, ast.Tuple) else [first]
        matches = name == "assertRaisesRegex" or any(keyword.arg == "match" for keyword in call.keywords)
        return Assertion(text, EXACT, tuple(ast.unparse(kind) for kind in kinds), matches)
    if name in ("assertTrue", "assertFalse", "assert_") and call.args:
        inner = _of_expression(call.args[0], text)
        return inner if name != "assertFalse" else Assertion(text, min(inner.strength, PARTIAL))
    if name.startswith("assert") and isinstance(call.func, ast.Attribute):
        strength = _METHODS.get(name, EXACT if name.startswith("assert_") else PARTIAL)
        return Assertion(text, strength, tolerance=_tolerance(call) if strength == CLOSE else None)
    return None


def _of_expression(node: ast.expr, text: str) -> Assertion:
    calls = [inner for inner in ast.walk(node) if isinstance(inner, ast.Call)]
    close = [call for call in calls if _called(call) in ("approx", "isclose", "allclose")]
    if close:
        limits = [limit for call in close if (limit := _tolerance(call)) is not None]
        return Assertion(text, CLOSE, tolerance=max(limits, default=None))
    return Assertion(text, _strength(node))


def _strength(node: ast.expr) -> int:
    match node:
        case ast.Constant(value=value):
            return NOTHING if value else EXACT
        case ast.BoolOp(op=ast.Or(), values=values):
            return min(TRUTH, *map(_strength, values))
        case ast.BoolOp(values=values):
            return max(map(_strength, values))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return NOTHING if _strength(operand) == NOTHING else TRUTH
        case ast.Compare(left=left, ops=[ast.Eq() | ast.Is()], comparators=[right]):
            return NOTHING if ast.dump(left) == ast.dump(right) else EXACT
        case ast.Compare(ops=[ast.IsNot()]):
            return TRUTH
        case ast.Compare(ops=ops):
            return EXACT if all(isinstance(op, ast.Eq | ast.Is) for op in ops) else PARTIAL
        case ast.Call():
            return EXACT if _called(node) in ("all", "array_equal") else PARTIAL if node.args else TRUTH
        case _:
            return TRUTH


def _tolerance(call: ast.Call) -> float | None:
    """The widest tolerance that a comparison is given; of `places`, the distance that they stand for."""
    found: list[float] = []
    for name, value in _numbers(call):
        if name == "places":
            found.append(10.0**-value)
        elif name in _TOLERANCES:
            found.append(value)
    return max(found, default=None)


def _numbers(call: ast.Call) -> Iterator[tuple[str, float]]:
    for keyword in call.keywords:
        if isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, int | float):
            yield keyword.arg or "", float(keyword.value.value)
    if _called(call) in ("assertAlmostEqual", "assertAlmostEquals") and len(call.args) > 2:
        third = call.args[2]
        if isinstance(third, ast.Constant) and isinstance(third.value, int | float):
            yield "places", float(third.value)
