"""Mutations of statements: missing, superfluous, in the wrong place or order."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TypeGuard

from journeyman.agent.repair.expressions import ARITHMETIC_SLIPS
from journeyman.agent.repair.scope import Scope
from journeyman.agent.repair.source import Edit, Function, Mutation, Source, names_in, span, unparsed

_AUGMENTED = re.compile(r"(\+|-|\*\*|\*|//|/|%|&|\||\^|<<|>>)=")
MOST_NUMBERS = 8
"""Numbers of a function up to which they are changed in pairs."""

MOST_NAMES = 4
"""Variables of a statement up to which they are exchanged in pairs."""

LONGEST_CALL = 60
"""Characters of a call that is put in another place as it is."""

MOST_ATTRIBUTES = 8
"""Attributes of an object that may have been meant to be emptied."""

_SIMPLE = (ast.Assign, ast.AugAssign, ast.Expr, ast.Return, ast.Break, ast.Continue, ast.Pass, ast.Delete, ast.Raise)


@dataclass(frozen=True, slots=True)
class Place:
    """A statement and what is at hand there. `indent` is None when it does not stand at the start of its line."""

    source: Source
    scope: Scope
    node: ast.stmt
    indent: str | None

    def lines(self) -> tuple[int, int]:
        """The offsets of the statement's lines, the last line end included."""
        lines = span(self.node)
        return self.source.line_start(lines[0]), self.after()

    def after(self) -> int:
        end = self.source.line_end(span(self.node)[-1])
        return min(end + len(self.source.newline), len(self.source.text))

    def insert_after(self, kind: str, weight: float, statement: str, indent: str | None = None) -> Mutation:
        at = self.source.line_end(span(self.node)[-1])
        deep = self.indent if indent is None else indent
        text = f"{self.source.newline}{deep}{statement}"
        return Mutation(kind, self.node.lineno, weight, (Edit(at, at, text),))

    def insert_before(self, kind: str, weight: float, *statements: str) -> Mutation:
        at = self.source.line_start(self.node.lineno)
        text = "".join(f"{self.indent}{statement}{self.source.newline}" for statement in statements)
        return Mutation(kind, self.node.lineno, weight, (Edit(at, at, text),))

    def to(self, kind: str, weight: float, text: str) -> Mutation:
        return Mutation(kind, self.node.lineno, weight, (self.source.replace(self.node, text),))

    def body(self) -> list[ast.stmt]:
        """The block that the statement is in."""
        parent, field = self.source.parents.get(self.node, (None, ""))
        block = getattr(parent, field, []) if parent is not None else []
        return [child for child in block if isinstance(child, ast.stmt)] if isinstance(block, list) else []  # pyright: ignore[reportUnknownVariableType]


def assignment(place: Place) -> Iterator[Mutation]:
    node, source = place.node, place.source
    if isinstance(node, ast.AugAssign):
        start, end = source.end(node.target), source.start(node.value)
        found = _AUGMENTED.search(source.text, start, end)
        if not found:
            return
        for other, weight in ARITHMETIC_SLIPS.get(found[1], ()):
            yield Mutation("assignment", node.lineno, weight, (Edit(found.start(), found.end(), other + "="),))
        yield Mutation("assignment", node.lineno, 0.5, (Edit(found.start(), found.end(), "="),))
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        target = node.targets[0].id
        if place.scope.assigned.get(target, node.lineno) < node.lineno or target in place.scope.parameters:
            at = source.end(node.targets[0])
            sign = source.text.find("=", at)
            for operator in "+-*":
                yield Mutation("assignment", node.lineno, 0.3, (Edit(sign, sign + 1, operator + "="),))
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Tuple):
        targets, value = node.targets[0].elts, node.value
        if len(targets) == 2 and isinstance(value, ast.Tuple) and len(value.elts) == 2:
            rows = [
                f"{unparsed(target)} = {unparsed(element)}" for target, element in zip(targets, value.elts, strict=True)
            ]
            if place.indent is not None:
                yield place.to("assignment", 0.15, f"{source.newline}{place.indent}".join(rows))


def swapped_names(place: Place) -> Iterator[Mutation]:
    """Two variables that stand in each other's place throughout a statement."""
    node, source = place.node, place.source
    if not isinstance(node, _SIMPLE):
        return
    read: dict[str, list[ast.Name]] = {}
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load) and part.id in place.scope.names:
            read.setdefault(part.id, []).append(part)
    for one, two in combinations(read, 2) if len(read) <= MOST_NAMES else ():
        edits = [source.replace(part, two) for part in read[one]] + [source.replace(part, one) for part in read[two]]
        weight = 0.25 if place.scope.similar(one, two) else 0.1
        yield Mutation("swapped names", node.lineno, weight, tuple(edits))


def ending(place: Place) -> Iterator[Mutation]:
    """What is returned, and whether the loop goes on."""
    node = place.node
    if isinstance(node, ast.Break | ast.Continue):
        yield place.to("loop end", 0.6, "continue" if isinstance(node, ast.Break) else "break")
        yield place.to("loop end", 0.2, "return")
    if not isinstance(node, ast.Return):
        return
    if node.value is None:
        values = ["None", "True", "False", "0", "[]", *place.scope.names]
    else:
        values = ["None", "True", "False", "0", "1", "-1", "[]", "''", "{}", *place.scope.names]
        if isinstance(node.value, ast.Constant | ast.Name | ast.List):
            values += list(place.scope.ingredients)
    if isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool):
        values += _conditions(place)
    text = unparsed(node.value) if node.value else ""
    simple = node.value is None or isinstance(node.value, ast.Constant | ast.Name)
    for value in dict.fromkeys(values):
        if value != text:
            yield place.to("return value", 0.25 if simple else 0.12, f"return {value}")
    if node.value is not None and not isinstance(node.value, ast.Constant):
        value = place.source.segment(node.value)
        yield place.to("return value", 0.2, f"return [{value}]")
        yield place.to("return value", 0.15, f"return -({value})")
        if isinstance(node.value, ast.Compare | ast.BoolOp | ast.Name | ast.Call):
            yield place.to("return value", 0.3, f"return not ({value})")


def _conditions(place: Place) -> list[str]:
    """What a function may have to answer with in the place of a plain True or False."""
    found = list(dict.fromkeys(place.scope.conditions))
    for name in place.scope.names:
        found += [f"not {name}", f"bool({name})"]
        found += [f"{name} == 0", f"{name} > 0"] if place.scope.is_kind(name, "number") else []
    return found


def deletion(place: Place) -> Iterator[Mutation]:
    node, block = place.node, place.body()
    if place.indent is None:
        return
    start, end = place.lines()
    if isinstance(node, _SIMPLE) and not isinstance(node, ast.Pass):
        weight = 0.35 if isinstance(node, ast.AugAssign | ast.Break | ast.Continue | ast.Expr) else 0.15
        if len(block) > 1:
            yield Mutation("deletion", node.lineno, weight, (Edit(start, end, ""),))
        else:
            yield place.to("deletion", weight * 0.6, "pass")
    if isinstance(node, ast.If) and not node.orelse and len(block) > 1:
        yield Mutation("deletion", node.lineno, 0.3, (Edit(start, end, ""),))


def order(place: Place) -> Iterator[Mutation]:
    """Two statements that stand in each other's place."""
    block = place.body()
    at = block.index(place.node) if place.node in block else len(block)
    if place.indent is None or at + 1 >= len(block):
        return
    after = block[at + 1]
    if not isinstance(place.node, _SIMPLE) or place.source.indent(after) is None:
        return
    start, middle = place.lines()
    other = Place(place.source, place.scope, after, place.indent)
    if other.lines()[0] < middle:
        return
    gap = place.source.text[middle : other.lines()[0]]
    second = place.source.text[slice(*other.lines())]
    first = place.source.text[start:middle]
    if not second.endswith(("\n", "\r")):
        second, first = second + place.source.newline, first.rstrip("\r\n")
    weight = 0.3 if isinstance(after, _SIMPLE) else 0.2
    yield Mutation("order", place.node.lineno, weight, (Edit(start, other.lines()[1], second + gap + first),))


def depth(place: Place) -> Iterator[Mutation]:
    """A statement that is one block too deep, or not deep enough."""
    source, node, indent = place.source, place.node, place.indent
    if indent is None or not isinstance(node, _SIMPLE) or len(span(node)) > 1:
        return
    block = place.body()
    parent = source.parent(node)
    start = source.line_start(node.lineno)
    if isinstance(parent, ast.For | ast.While | ast.If | ast.With) and node is block[-1] and len(block) > 1:
        outer = source.indent(parent)
        if outer is not None and source.parents[node][1] == "body" and not getattr(parent, "orelse", None):
            weight = 0.5 if isinstance(node, ast.Return | ast.AugAssign | ast.Expr) else 0.3
            yield Mutation("depth", node.lineno, weight, (Edit(start, start + len(indent), outer),))
    at = block.index(node) if node in block else 0
    before = block[at - 1] if at > 0 else None
    if isinstance(before, ast.For | ast.While | ast.If | ast.With) and not getattr(before, "orelse", None):
        inner = source.indent(before.body[-1])
        if inner is not None:
            weight = 0.35 if isinstance(node, ast.AugAssign | ast.Expr | ast.Return) else 0.25
            yield Mutation("depth", node.lineno, weight, (Edit(start, start + len(indent), inner),))


def block(place: Place) -> Iterator[Mutation]:
    """The wrong kind of block: `if` for `while`, `elif` for `if` or `else`, branches the wrong way round."""
    node, source = place.node, place.source
    if isinstance(node, ast.If | ast.While):
        start = source.start(node)
        word = "elif" if source.text.startswith("elif", start) else "while" if isinstance(node, ast.While) else "if"
        others = {"if": (("while", 0.25),), "while": (("if", 0.15),), "elif": (("if", 0.4),)}[word]
        if word == "if" and _follows_if(place):
            others = (*others, ("elif", 0.4))
        for other, weight in others:
            yield Mutation("block", node.lineno, weight, (Edit(start, start + len(word), other),))
        head = source.text[start : source.start(node.body[0])]
        if word == "elif" and not node.orelse and "#" not in head:
            yield Mutation("else", node.lineno, 0.4, (Edit(start, start + head.rindex(":"), "else"),))
    if isinstance(node, ast.If) and node.orelse and not isinstance(node.orelse[0], ast.If):
        one, two = _block_text(source, node.body), _block_text(source, node.orelse)
        if one and two:
            edits = (Edit(*one, source.text[slice(*two)]), Edit(*two, source.text[slice(*one)]))
            yield Mutation("swapped branches", node.lineno, 0.4, edits)
    if isinstance(node, ast.For | ast.While) and place.indent is not None:
        inner = source.indent(node.body[-1])
        for statement in ("break", "continue") if inner is not None else ():
            yield place.insert_after("loop end", 0.1, statement, inner)


def insertion(place: Place) -> Iterator[Mutation]:
    """A missing statement: a variable not moved on, an early end, an update that was forgotten."""
    node, scope = place.node, place.scope
    if place.indent is not None and isinstance(node, ast.For | ast.While):
        yield from _calls(place)
    if place.indent is None or not isinstance(node, _SIMPLE) or isinstance(node, ast.Return | ast.Break | ast.Continue):
        return
    looped = any(isinstance(up, ast.For | ast.While) for up in place.source.ancestors(node))
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    varied = [name for name in scope.names if name in scope.assigned]
    for target in varied:
        for value in scope.names:
            if target != value and scope.similar(target, value):
                yield place.insert_after("insertion", 0.2 if looped else 0.06, f"{target} = {value}")
    for target in varied:
        if scope.is_kind(target, "number"):
            for statement in (f"{target} += 1", f"{target} -= 1"):
                yield place.insert_after("insertion", 0.15 if looped else 0.06, statement)
    if looped:
        yield place.insert_after("insertion", 0.15, "break")
    yield from _calls(place)


def _calls(place: Place) -> Iterator[Mutation]:
    """A missing call: one that stands elsewhere in the function, or a known kind of call with other names."""
    function, scope = place.scope.function, place.scope
    inside = [node for node in ast.walk(function) if isinstance(node, ast.Expr)] if function else []
    calls = [node.value for node in inside if isinstance(node.value, ast.Call)]
    texts = dict.fromkeys(unparsed(call) for call in calls)
    own = unparsed(place.node.value) if isinstance(place.node, ast.Expr) else ""
    for text in texts:
        if text != own and len(text) <= LONGEST_CALL:
            yield place.insert_after("insertion", 0.12, text)
    methods = {call.func.attr for call in calls if isinstance(call.func, ast.Attribute)} & {"append", "add", "extend"}
    for target in scope.names:
        if scope.is_kind(target, "items") or target in scope.parameters:
            for value in scope.names:
                if value != target and not scope.is_kind(target, "number"):
                    ends = (f"{value}[-1]", f"{value}[0]") if scope.is_kind(value, "items") else ()
                    for method in sorted(methods | {"append"}):
                        for argument in (value, *ends):
                            yield place.insert_after("insertion", 0.07, f"{target}.{method}({argument})")
                    for method in ("remove", "discard"):
                        yield place.insert_after("insertion", 0.06, f"{target}.{method}({value})")
    for target in [*(name for name in scope.names if scope.is_kind(name, "items")), *_attributes(place)]:
        yield place.insert_after("insertion", 0.06, f"{target}.clear()")


def _attributes(place: Place) -> list[str]:
    """What the methods of the class know of their object."""
    parent = place.source.parent(place.scope.function) if place.scope.function is not None else None
    found = [unparsed(node) for node in ast.walk(parent) if _is_own(node)] if isinstance(parent, ast.ClassDef) else []
    return list(dict.fromkeys(found))[:MOST_ATTRIBUTES]


def _is_own(node: ast.AST) -> TypeGuard[ast.expr]:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"


def condition(place: Place) -> Iterator[Mutation]:
    """A statement that should be done only sometimes: two names compared, or a condition that stands elsewhere."""
    node, scope, indent = place.node, place.scope, place.indent
    if (
        indent is None
        or not isinstance(node, ast.Assign | ast.AugAssign | ast.Expr | ast.Return)
        or len(span(node)) > 1
    ):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    looped = any(isinstance(up, ast.For | ast.While) for up in place.source.ancestors(node))
    if not looped:
        return
    near = names_in([node, *(up.target for up in place.source.ancestors(node) if isinstance(up, ast.For))])
    tests = list(dict.fromkeys(scope.conditions))
    for one, two in combinations(scope.names, 2):
        if (one in near or two in near) and scope.similar(one, two):
            tests += [f"{one} {sign} {two}" for sign in ("==", "!=", "<", ">")]
            tests += [f"{one} in {two}", f"{two} in {one}", f"{one} not in {two}", f"{two} not in {one}"]
    step = "\t" if indent.startswith("\t") else "    "
    text = place.source.segment(node)
    for test in dict.fromkeys(tests):
        yield place.to("condition", 0.08, f"if {test}:{place.source.newline}{indent}{step}{text}")


def results(place: Place) -> Iterator[Mutation]:
    """A function that answers yes where it means no: all of its plain answers the other way round."""
    function = place.scope.function
    if function is None or place.node is not _first(function):
        return
    answers = [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool)
    ]
    if 2 <= len(answers) <= 4:
        edits = tuple(place.source.replace(answer, str(not answer.value)) for answer in answers)
        yield Mutation("swapped answers", answers[0].lineno, 0.6, edits)


def numbers(place: Place) -> Iterator[Mutation]:
    """Two numbers of a function that are both one too small, or too large."""
    function = place.scope.function
    if function is None or place.node is not _first(function):
        return
    nodes = [node for statement in function.body for node in ast.walk(statement)]
    found = [node for node in nodes if isinstance(node, ast.Constant) and type(node.value) is int]
    for one, two in combinations(found, 2) if len(found) <= MOST_NUMBERS else ():
        for step in (1, -1):
            pair = [(node, int(node.value) + step) for node in (one, two) if isinstance(node.value, int)]
            edits = tuple(place.source.replace(node, str(value)) for node, value in pair)
            if all(value >= 0 for _, value in pair):
                yield Mutation("two numbers", one.lineno, 0.07, edits)


def base_case(place: Place) -> Iterator[Mutation]:
    """An early return at the start of the function that is missing."""
    function = place.scope.function
    if function is None or place.indent is None:
        return
    if place.node is not _first(function):
        return
    for parameter in place.scope.parameters:
        for value in ("[]", "0", "None", "False", "True", "''", "1", "-1", parameter, "[[]]"):
            yield place.insert_before("base case", 0.12, f"if not {parameter}:", f"    return {value}")
        if not place.scope.is_kind(parameter, "items"):
            for test in ("== 0", "== 1", "<= 1", "< 0", "< 2"):
                for value in ("0", "1", "False", "[]", parameter):
                    yield place.insert_before("base case", 0.07, f"if {parameter} {test}:", f"    return {value}")
        else:
            for value in (parameter, "0", "True", f"{parameter}[0]"):
                yield place.insert_before("base case", 0.07, f"if len({parameter}) <= 1:", f"    return {value}")


def _first(function: Function) -> ast.stmt:
    """The first statement of a function that does something."""
    body = function.body
    return body[1] if len(body) > 1 and _is_docstring(body[0]) else body[0]


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _follows_if(place: Place) -> bool:
    siblings = place.body()
    at = siblings.index(place.node) if place.node in siblings else 0
    before = siblings[at - 1] if at > 0 else None
    return isinstance(before, ast.If) and not before.orelse


def _block_text(source: Source, body: list[ast.stmt]) -> tuple[int, int] | None:
    """The offsets of a block that has its lines for itself."""
    if source.indent(body[0]) is None:
        return None
    return source.line_start(body[0].lineno), source.line_end(body[-1].end_lineno or body[-1].lineno)


STATEMENTS: tuple[Callable[[Place], Iterator[Mutation]], ...] = (
    assignment,
    ending,
    deletion,
    order,
    depth,
    block,
    insertion,
    base_case,
    condition,
    results,
    numbers,
    swapped_names,
)
