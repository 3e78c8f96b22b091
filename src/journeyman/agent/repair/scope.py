"""What a function has to make repairs from: the names it sees, how it uses them, and its own expressions."""

import ast
from collections import Counter
from dataclasses import dataclass, field

from journeyman.agent.repair.source import Function, Source, unparsed

LONGEST_INGREDIENT = 40
"""Characters; longer expressions are seldom what another place lacks."""

_MUTATORS = {"append", "extend", "insert", "pop", "remove", "sort", "add", "update", "discard", "popleft"}


@dataclass(slots=True)
class Scope:
    """One function. `names` are its own and its enclosing functions' variables, most used first.

    `kinds` says how each name is used: "number", "items" (iterated, indexed, measured), "object", "call".
    `ingredients` are small expressions of the function on one line, with how often they occur.
    """

    function: Function | None
    names: list[str] = field(default_factory=list[str])
    parameters: list[str] = field(default_factory=list[str])
    callables: list[str] = field(default_factory=list[str])
    kinds: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    ingredients: Counter[str] = field(default_factory=Counter[str])
    targets: list[str] = field(default_factory=list[str])
    conditions: list[str] = field(default_factory=list[str])
    attributes: list[str] = field(default_factory=list[str])
    numbers: list[str] = field(default_factory=list[str])
    strings: list[str] = field(default_factory=list[str])
    assigned: dict[str, int] = field(default_factory=dict[str, int])

    def similar(self, first: str, second: str) -> bool:
        """Whether two names are used in a common way, or one of them in no known way."""
        one, two = self.kinds.get(first, set()), self.kinds.get(second, set())
        return not one or not two or bool(one & two)

    def is_kind(self, name: str, kind: str) -> bool:
        return kind in self.kinds.get(name, set())


def scope_of(source: Source, function: Function | None) -> Scope:
    scope = Scope(function)
    chain: list[ast.AST] = []
    if function is None:
        chain = [source.tree]
    else:
        up = [node for node in source.ancestors(function) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        chain = [function, *up]
    counts: Counter[str] = Counter()
    own = set(_module_functions(source))
    for owner in chain:
        if isinstance(owner, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = [*owner.args.posonlyargs, *owner.args.args, *owner.args.kwonlyargs]
            arguments += [extra for extra in (owner.args.vararg, owner.args.kwarg) if extra]
            scope.parameters += [argument.arg for argument in arguments if argument.arg not in ("self", "cls")]
    for node in ast.walk(chain[0]):
        _note(source, node, scope, counts)
    for owner in chain[1:]:
        for node in ast.walk(owner):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                counts[node.id] += 0
    for name in scope.parameters:
        counts[name] += 1
    scope.callables = sorted(own | {name for name in counts if scope.is_kind(name, "call")})
    stored = set(scope.parameters) | {name for name in counts if name in scope.assigned or counts[name] == 0}
    scope.names = [name for name, _ in counts.most_common() if name in stored]
    scope.attributes = sorted(_attributes(source))
    return scope


def _module_functions(source: Source) -> list[str]:
    return [node.name for node in source.functions() if not isinstance(source.parent(node), ast.ClassDef)]


def _attributes(source: Source) -> set[str]:
    """Attributes that are read as data or called anywhere in the file."""
    return {node.attr for node in ast.walk(source.tree) if isinstance(node, ast.Attribute)}


def _note(source: Source, node: ast.AST, scope: Scope, counts: Counter[str]) -> None:
    match node:
        case ast.Name(id=name, ctx=ast.Store()):
            counts[name] += 1
            scope.assigned.setdefault(name, node.lineno)
        case ast.Name(id=name):
            counts[name] += 1
            kind = _use(source, node)
            if kind:
                scope.kinds.setdefault(name, set()).add(kind)
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float()):
            scope.numbers.append(unparsed(node))
        case ast.Constant(value=str(text)) if not isinstance(source.parent(node), ast.Expr) and len(text) < 40:
            scope.strings.append(repr(text))
        case _:
            pass
    if isinstance(node, ast.Compare | ast.BoolOp | ast.UnaryOp) and _is_condition(node):
        scope.conditions.append(unparsed(node))
    if isinstance(node, ast.Subscript | ast.Attribute | ast.Call | ast.BinOp):
        text = unparsed(node)
        if len(text) <= LONGEST_INGREDIENT and not _is_method(source, node):
            scope.ingredients[text] += 1
            if isinstance(node, ast.Subscript | ast.Attribute):
                scope.targets.append(text)


def _is_condition(node: ast.expr) -> bool:
    return not isinstance(node, ast.UnaryOp) or isinstance(node.op, ast.Not)


def _is_method(source: Source, node: ast.AST) -> bool:
    parent = source.parent(node)
    return isinstance(parent, ast.Call) and parent.func is node


def _use(source: Source, node: ast.Name) -> str:
    parent, name = source.parents.get(node, (None, ""))
    match parent:
        case ast.Call(func=ast.Name(id="len" | "sum" | "sorted" | "enumerate" | "reversed" | "list" | "set")):
            kind = "items" if name == "args" else "call"
        case ast.Call(func=ast.Name(id="range" | "abs" | "int")):
            kind = "number" if name == "args" else "call"
        case ast.Call() if name == "func":
            kind = "call"
        case ast.Subscript():
            kind = "items" if name == "value" else "number"
        case ast.Slice():
            kind = "number"
        case ast.Attribute(attr=attribute):
            kind = "items" if attribute in _MUTATORS else "object"
        case ast.For() | ast.comprehension() if name == "iter":
            kind = "items"
        case ast.BinOp(op=ast.Sub() | ast.Div() | ast.FloorDiv() | ast.Pow() | ast.Mult()):
            kind = "number"
        case ast.AugAssign(op=ast.Sub() | ast.Add() | ast.Mult()):
            kind = "number"
        case ast.Compare(ops=[ast.Lt() | ast.LtE() | ast.Gt() | ast.GtE()]):
            kind = "number"
        case ast.Compare(ops=[ast.In() | ast.NotIn()]) if name == "comparators":
            kind = "items"
        case _:
            kind = ""
    return kind
