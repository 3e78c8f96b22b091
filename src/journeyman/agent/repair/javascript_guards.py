"""Statements of JavaScript that should be done only where a condition holds that stands elsewhere in the function."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from journeyman.agent.repair.guards import AGAIN, ELSEWHERE, LONGEST_RUN, MOST_TESTS
from journeyman.agent.repair.javascript import FUNCTIONS, Script, above, walk
from journeyman.agent.repair.javascript_site import SIMPLE, TESTED, Place
from journeyman.agent.repair.source import Edit, Mutation

if TYPE_CHECKING:
    from tree_sitter import Node

_DECLARES = {"lexical_declaration", "variable_declaration", "function_declaration", "class_declaration"}
_SPREADS = {"template_string", "comment", "string"}


def guarded(place: Place) -> Iterator[Mutation]:
    """One to three statements in a row, moved in behind a condition."""
    script, node, block = place.script, place.node, place.node.parent
    indent = script.indent(node)
    if indent is None or block is None or block.type not in ("statement_block", "switch_case"):
        return
    asked = _asked(place)
    tests = {**dict.fromkeys(place.scope.conditions[:MOST_TESTS], ELSEWHERE), **dict.fromkeys(asked, AGAIN)}
    step = "\t" if indent.startswith("\t") else "  "
    rows = block.named_children
    at = rows.index(node)
    for count in range(1, LONGEST_RUN + 1):
        run = rows[at : at + count]
        if len(run) < count or any(script.indent(one) is None or _cannot_move(script, one) for one in run):
            return
        start, end = script.span(run[0])[0], script.span(run[-1])[1]
        body = script.text[start:end].replace("\n", f"\n{step}")
        # One plain statement with a condition of elsewhere is `condition` of the statements.
        plain = count == 1 and node.type in SIMPLE
        for test, weight in tests.items():
            if not plain or test in asked:
                text = f"if ({test}) {{\n{indent}{step}{body}\n{indent}}}"
                yield place.of("guarded", weight if test in asked else weight / count, Edit(start, end, text))


def _asked(place: Place) -> list[str]:
    """The conditions, and the parts of them, of the loops and branches that a statement is in, which may hold no more:
    what they ask about was changed since."""
    found: list[str] = []
    for up in above(place.node):
        if up.type in FUNCTIONS:
            break
        condition = up.child_by_field_name("condition") if up.type in TESTED else None
        if condition is not None and up.type != "for_statement":
            body = up.child_by_field_name("consequence") or up.child_by_field_name("body")
            rows = body.named_children if body is not None else []
            changed = {name for row in rows if row.end_byte <= place.node.start_byte for name in _changed(place, row)}
            parts = (part for part in _parts(condition) if not changed.isdisjoint(_names(place, part)))
            found += [place.script.segment(part) for part in parts]
    return list(dict.fromkeys(found))


def _names(place: Place, node: "Node") -> set[str]:
    return {place.script.segment(each) for each in walk(node) if each.type in ("identifier", "this")}


def _changed(place: Place, row: "Node") -> Iterator[str]:
    """Variables that a statement assigns, or of which it changes a part or calls a method."""
    for each in walk(row):
        if each.type in ("assignment_expression", "augmented_assignment_expression"):
            target = each.child_by_field_name("left")
        elif each.type == "update_expression":
            target = each.child_by_field_name("argument")
        elif each.type == "call_expression":
            function = each.child_by_field_name("function")
            target = function.child_by_field_name("object") if function is not None else None
        else:
            continue
        if target is not None:
            yield from _names(place, target)


def _parts(node: "Node") -> Iterator["Node"]:
    """What a condition is made of by `&&` or `||`."""
    operator = node.child_by_field_name("operator")
    if node.type == "parenthesized_expression" and node.named_children:
        yield from _parts(node.named_children[0])
    elif operator is not None and operator.type in ("&&", "||"):
        for side in ("left", "right"):
            if (part := node.child_by_field_name(side)) is not None:
                yield from _parts(part)
    else:
        yield node


def _cannot_move(script: Script, node: "Node") -> bool:
    """Whether a statement would be another one in a block of its own: a declaration, a text on several lines."""
    return node.type in _DECLARES or any(
        each.type in _SPREADS and "\n" in script.segment(each) for each in (node, *walk(node))
    )
