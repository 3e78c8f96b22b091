"""Statements that should be done only where a condition holds that stands elsewhere in the function."""

import ast
from collections.abc import Iterator

from journeyman.agent.repair.source import Edit, Function, Mutation, span, unparsed
from journeyman.agent.repair.statements import Place

AGAIN, ELSEWHERE = 0.5, 0.06
"""How likely it is that what an enclosing loop or condition asks has to be asked again after what was done since, and
that it is another condition."""

LONGEST_RUN, MOST_TESTS = 3, 10
"""Statements that are guarded together, and conditions that are tried."""

_PLAIN = (ast.Assign, ast.AugAssign, ast.Expr, ast.Return)


def guarded(place: Place) -> Iterator[Mutation]:
    """One to three statements in a row, moved in behind a condition."""
    source, indent, node = place.source, place.indent, place.node
    block = place.body()
    if indent is None or node not in block or source.text.startswith("elif", source.start(node)):
        return
    asked = _asked(place)
    tests = {**{test: ELSEWHERE for test in list(place.scope.conditions)[:MOST_TESTS]}, **dict.fromkeys(asked, AGAIN)}
    step = "\t" if indent.startswith("\t") else "    "
    at = block.index(node)
    for count in range(1, LONGEST_RUN + 1):
        run = block[at : at + count]
        if len(run) < count or any(source.indent(one) is None or _cannot_move(one) for one in run):
            return
        start, end = source.line_start(node.lineno), source.line_end(span(run[-1])[-1])
        rows = source.text[start:end].split(source.newline)
        body = source.newline.join(f"{step}{row}" if row.strip() else row for row in rows)
        # One plain statement with a condition of elsewhere is `condition` of the statements.
        plain = count == 1 and isinstance(node, _PLAIN) and len(span(node)) == 1
        for test, weight in tests.items():
            if not plain or test in asked:
                text = f"{indent}if {test}:{source.newline}{body}"
                likely = weight if test in asked else weight / count
                yield Mutation("guarded", node.lineno, likely, (Edit(start, end, text),))


def _asked(place: Place) -> list[str]:
    """The conditions, and the parts of them, of the loops and branches that a statement is in, which may hold no more:
    what they ask about was changed since."""
    found: list[str] = []
    for up in place.source.ancestors(place.node):
        if isinstance(up, Function | ast.ClassDef):
            break
        if isinstance(up, ast.While | ast.If):
            changed = {name for row in up.body if row.lineno < place.node.lineno for name in _changed(row)}
            parts = up.test.values if isinstance(up.test, ast.BoolOp) else [up.test]
            found += [unparsed(part) for part in parts if not changed.isdisjoint(_names(part))]
    return found


def _names(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _changed(row: ast.stmt) -> Iterator[str]:
    """Variables that a statement assigns, or of which it changes a part or calls a method."""
    for each in ast.walk(row):
        if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load):
            yield each.id
        if isinstance(each, ast.Subscript | ast.Attribute) and not isinstance(each.ctx, ast.Load):
            yield from _names(each.value)
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute):
            yield from _names(each.func.value)


def _cannot_move(node: ast.stmt) -> bool:
    """Whether a statement would be another one when it is indented: a text on several lines, a definition, a word."""
    if isinstance(node, Function | ast.ClassDef | ast.Import | ast.ImportFrom | ast.Global | ast.Nonlocal):
        return True
    texts = (each for each in ast.walk(node) if isinstance(each, ast.JoinedStr | ast.Constant))
    return any(len(span(each)) > 1 for each in texts) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )
