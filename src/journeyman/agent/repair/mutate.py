"""All single mutations of the suspicious parts of a Python file, the likeliest first."""

import ast
from collections.abc import Iterator, Mapping, Sequence

from journeyman.agent.repair.copies import copied
from journeyman.agent.repair.expressions import EXPRESSIONS
from journeyman.agent.repair.guards import guarded
from journeyman.agent.repair.scope import Scope, scope_of
from journeyman.agent.repair.site import Site
from journeyman.agent.repair.source import Function, Mutation, Source, span
from journeyman.agent.repair.statements import STATEMENTS, Place
from journeyman.agent.repair.values import VALUES

_UNTOUCHED = {"annotation", "returns", "decorator_list", "type_params", "keywords_of_class"}


def mutations(
    text: str, lines: Sequence[range] = (), suspicion: Mapping[int, float] | None = None, limit: int = 5000
) -> list[Mutation]:
    """Mutations in `lines` (all of the file when empty), best first, without repetitions, at most `limit`.

    `suspicion` multiplies the weight of the mutations of a line. Empty when `text` is no Python.
    """
    try:
        source = Source(text)
    except (SyntaxError, ValueError, RecursionError):
        return []
    suspicion = suspicion or {}
    best: dict[tuple[tuple[int, int, str], ...], tuple[float, int, Mutation]] = {}
    for number, mutation in enumerate(_all(source, lines)):
        key = tuple(sorted((edit.start, edit.end, edit.text) for edit in mutation.edits))
        if not key or all(text[start:end] == replaced for start, end, replaced in key) or _is_idle(source, mutation):
            continue
        weight = mutation.weight * suspicion.get(mutation.line, 1.0)
        if key not in best or best[key][0] < weight:
            best[key] = (weight, best[key][1] if key in best else number, mutation)
    ranked = sorted(best.values(), key=lambda entry: (-entry[0], entry[1]))
    return [mutation for _, _, mutation in ranked[:limit]]


def _all(source: Source, lines: Sequence[range]) -> Iterator[Mutation]:
    scopes: dict[Function | None, Scope] = {}
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.expr | ast.stmt) or (lines and not any(node.lineno in part for part in lines)):
            continue
        if _is_fixed(source, node):
            continue
        function = source.function(node)
        if function not in scopes:
            scopes[function] = scope_of(source, function)
        if isinstance(node, ast.expr):
            site = Site(source, scopes[function], node)
            for operator in (*EXPRESSIONS, *VALUES):
                yield from operator(site)
        else:
            place = Place(source, scopes[function], node, source.indent(node))
            for operator in (*STATEMENTS, copied, guarded):
                yield from operator(place)


def _is_idle(source: Source, mutation: Mutation) -> bool:
    """Whether a mutation makes an expression that no one writes: `x + 0`, `x * 1`, `x == x`, `x - x`, `x = x`."""
    if len(mutation.edits) != 1:
        return False
    edit = mutation.edits[0]
    node = source.at(edit.start, edit.end)
    parent = source.parent(node) if node is not None else None
    match parent:
        case ast.BinOp(op=ast.Add() | ast.Sub()) if edit.text in ("0", "0.0"):
            return True
        case ast.BinOp(op=ast.Mult() | ast.Div() | ast.FloorDiv() | ast.Pow()) if edit.text in ("1", "1.0"):
            return True
        case ast.BinOp(left=left, right=right, op=ast.Sub() | ast.Div() | ast.FloorDiv() | ast.Mod()):
            return source.segment(right if node is left else left) == edit.text
        case ast.Compare(left=left, comparators=[right]):
            return source.segment(right if node is left else left) == edit.text
        case ast.Assign(targets=[target], value=value):
            return source.segment(target if node is value else value) == edit.text
        case _:
            return False


def _is_fixed(source: Source, node: ast.expr | ast.stmt) -> bool:
    """Whether a node is no behaviour: annotations, decorators, docstrings, imports, the words of f-strings."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    place: ast.AST | None = node
    while place is not None:
        parent, field = source.parents.get(place, (None, ""))
        if field in _UNTOUCHED or field == "format_spec" or (isinstance(parent, ast.JoinedStr) and place is node):
            return True
        if isinstance(parent, ast.FormattedValue) and not _is_placed(source, node):
            return True
        place = parent
    return False


def _is_placed(source: Source, node: ast.expr | ast.stmt) -> bool:
    """Whether what stands at a node's place is the node: within f-strings Python before 3.12 may be wrong about it."""
    try:
        there = ast.parse(f"({source.segment(node)})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        return False
    return ast.dump(there) == ast.dump(node)


def functions_of(text: str) -> dict[str, range]:
    """The functions of a file by qualified name, with their lines; empty when it does not parse."""
    try:
        source = Source(text)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    found: dict[str, range] = {}
    for node in source.functions():
        outer = [up.name for up in source.ancestors(node) if isinstance(up, ast.ClassDef | Function)]
        found[".".join([*reversed(outer), node.name])] = span(node)
    return found
