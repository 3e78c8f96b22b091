"""Functions of JavaScript that are written anew from the comment above them, and their place in the file."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from journeyman.agent.repair.javascript import FUNCTIONS, Script, above, name_of, outermost, walk

if TYPE_CHECKING:
    from tree_sitter import Node

CLOSED = "\n}"
"""What ends a function that begins at the left margin."""


@dataclass(frozen=True, slots=True)
class Commented:
    """A function with a comment above it, in offsets: where the comment begins, the inside of the body, and its end."""

    start: int
    body: int
    end: int
    lines: range


def commented(text: str) -> list[Commented]:
    """The outermost functions of a file that a comment stands above."""
    script = Script(text)
    return [one for node in _outer(script) if (one := _commented(script, node)) is not None]


def _commented(script: Script, node: "Node") -> Commented | None:
    body = node.child_by_field_name("body")
    if body is None or body.type != "statement_block":
        return None
    holding = ("class_body", "program")
    statement = next((up for up in (node, *above(node)) if up.parent is not None and up.parent.type in holding), node)
    first = statement.prev_named_sibling
    if first is None or first.type != "comment" or first.end_point[0] + 2 < statement.start_point[0]:
        return None
    before = first
    while before is not None and before.type == "comment" and before.end_point[0] + 1 >= first.start_point[0]:
        first, before = before, before.prev_named_sibling
    lines = range(node.start_point[0] + 1, node.end_point[0] + 2)
    return Commented(script.span(first)[0], script.span(body)[0] + 1, script.span(node)[1], lines)


def placed(text: str, end: int, code: str) -> str | None:
    """`text` with the function that ends at `end` as it is in `code`; None where that has no function of its name.

    What is cut behind its last statement is closed.
    """
    script = Script(text)
    old = next((node for node in _outer(script) if script.span(node)[1] == end), None)
    if old is None:
        return None
    for whole in (code.rstrip("\n") + CLOSED, code):
        other = Script(whole)
        named = [node for node in _outer(other) if name_of(other, node) == name_of(script, old)]
        if named and not other.root.has_error:
            return text[: script.span(old)[0]] + other.segment(named[-1]) + text[end:]
    return None


def exports(text: str, code: str) -> str:
    """The statements of a module `text` that export, where `code`, which takes its place, exports nothing."""
    script = Script(text)
    rows = script.root.named_children
    last = [script.segment(one) for one in rows if script.segment(one).startswith(("module.exports", "exports."))]
    return "".join(f"\n\n{one}" for one in last) if last and "exports" not in code else ""


def _outer(script: Script) -> Iterator["Node"]:
    """Functions that stand in no other one."""
    return (node for node in walk(script.root) if node.type in FUNCTIONS and outermost(node) == node)
