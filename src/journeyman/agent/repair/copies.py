"""A statement that is missing, where one like it stands elsewhere in the function, or in a method beside it.

That what is missing in a program mostly stands elsewhere in it is what Weimer et al. build on (GenProg, 2009).
"""

import ast
from collections.abc import Iterator

from journeyman.agent.repair.source import Function, Mutation, Source, names_in, span, unparsed
from journeyman.agent.repair.statements import Place

OWN, BESIDE = 0.1, 0.05
"""How likely it is that a statement of the function is missing elsewhere in it, and one of another method."""

LONGEST = 80
"""Characters of a statement that is put in another place as it is."""

MOST = 40
"""Statements of a function, and of the methods beside it, that are put elsewhere."""

_COPIED = (ast.Assign, ast.AugAssign, ast.Delete, ast.Expr)
_LEAVING = (ast.Return, ast.Raise, ast.Break, ast.Continue)


def copied(place: Place) -> Iterator[Mutation]:
    """Behind each statement, at the head of each block, and in a branch that an `if` has not."""
    node, source = place.node, place.source
    function = place.scope.function
    if (
        function is None
        or place.indent is None
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ):
        return
    block = place.body()
    at = block.index(node) if node in block else -1
    near = {source.segment(other) for other in block[max(at - 1, 0) : at + 2]}
    for text, weight in _statements(source, function):
        if text in near:
            continue
        if not isinstance(node, _LEAVING):
            yield place.insert_after("copy", weight, text)
        if source.text.startswith("elif", source.start(node)):
            continue
        if at == 0:
            yield place.insert_before("copy", weight, text)
        if isinstance(node, ast.If) and not node.orelse:
            step = "\t" if place.indent.startswith("\t") else "    "
            yield place.insert_after("copy", weight, f"else:{source.newline}{place.indent}{step}{text}")


def _statements(source: Source, function: Function) -> list[tuple[str, float]]:
    own = dict.fromkeys(_plain(source, function))
    found = [(text, OWN) for text in own][:MOST]
    parent = source.parent(function)
    if isinstance(parent, ast.ClassDef):
        arguments = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
        known = names_in([function]) | arguments
        for method in parent.body:
            if isinstance(method, Function) and method is not function:
                texts = [text for text in _plain(source, method) if text not in own]
                found += [(text, BESIDE) for text in texts if _local(text) <= known]
    return list(dict(found).items())[: 2 * MOST]


def _plain(source: Source, function: Function) -> Iterator[str]:
    """The assignments, deletions and calls of a function that stand on one line each."""
    for node in ast.walk(function):
        if not isinstance(node, _COPIED) or (isinstance(node, ast.Expr) and not isinstance(node.value, ast.Call)):
            continue
        if len(span(node)) == 1 and len(text := source.segment(node)) <= LONGEST:
            yield text


def _local(text: str) -> set[str]:
    """The variables that a statement needs: all of its names but constants and what is called."""
    tree = ast.parse(text)
    called = {unparsed(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {name for name in names_in([tree]) if name not in called and not name.isupper()}
