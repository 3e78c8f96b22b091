"""JavaScript as text and tree at once: functions, forms of programs, and what there is to make repairs of."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING

from journeyman.agent.repair.source import Edit

if TYPE_CHECKING:
    from tree_sitter import Node, Parser, Tree

ENDINGS = (".js", ".mjs", ".cjs", ".jsx")
FUNCTIONS = {
    "function_declaration",
    "generator_function_declaration",
    "function_expression",
    "arrow_function",
    "method_definition",
}
LONGEST_INGREDIENT = 40

_NUMBERS = {"-", "*", "/", "%", "<", "<=", ">", ">=", "**"}


@cache
def _parser() -> "Parser":
    import tree_sitter_javascript
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_javascript.language()))


class Script:
    """`text` parsed. Offsets of nodes are turned into offsets of characters."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._data = text.encode("utf-8", "surrogatepass")
        self._inner = [] if text.isascii() else [at for at, byte in enumerate(self._data) if byte & 0xC0 == 0x80]
        """Offsets of bytes that do not begin a character."""
        self.tree: Tree = _parser().parse(self._data)

    @property
    def root(self) -> "Node":
        return self.tree.root_node

    def offset(self, at: int) -> int:
        return at - bisect_left(self._inner, at)

    def span(self, node: "Node") -> tuple[int, int]:
        return self.offset(node.start_byte), self.offset(node.end_byte)

    def segment(self, node: "Node") -> str:
        return self._data[node.start_byte : node.end_byte].decode("utf-8", "surrogatepass")

    def edit(self, node: "Node", text: str) -> Edit:
        return Edit(*self.span(node), text)

    @cached_property
    def known(self) -> tuple[list[str], list[str]]:
        """Functions that may be called by their name, and properties that are read, those most read first."""
        functions: list[str] = []
        read: Counter[str] = Counter()
        for node in walk(self.root):
            parent = node.parent
            if node.type in FUNCTIONS and (name := name_of(self, node)).isidentifier():
                functions.append(name)
            if node.type == "property_identifier" and parent is not None and parent.type == "member_expression":
                up = parent.parent
                if up is None or up.type != "call_expression" or up.child_by_field_name("function") != parent:
                    read[self.segment(node)] += 1
        properties = [name for name, _ in read.most_common() if name not in ("exports", "prototype")][:12]
        return list(dict.fromkeys(functions))[:40], properties

    def indent(self, node: "Node") -> str | None:
        """The white space before a node; None when something else stands before it on its line."""
        start = self.offset(node.start_byte)
        before = self.text[self.text.rfind("\n", 0, start) + 1 : start]
        return before if not before.strip() else None


def walk(node: "Node") -> Iterator["Node"]:
    """A node and all below it that have a name in the grammar, in the order of the text."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += reversed(one.named_children)


def above(node: "Node") -> Iterator["Node"]:
    place = node.parent
    while place is not None:
        yield place
        place = place.parent


@lru_cache(maxsize=512)
def form(text: str) -> str | None:
    """The program without comments and layout; None when it does not parse."""
    script = Script(text)
    if script.root.has_error:
        return None
    leaves: list[str] = []
    waiting = [script.root]
    while waiting:
        node = waiting.pop()
        if node.type == "comment":
            continue
        if not node.children or node.type in ("string", "template_string", "regex"):
            leaves.append(script.segment(node))
        else:
            waiting += reversed(node.children)
    return "\x00".join(leaf for leaf in leaves if leaf != ";")


def functions_of(text: str) -> dict[str, range]:
    """The functions of a file by name, with their lines; those without a name belong to what they stand in."""
    script = Script(text)
    found: dict[str, range] = {}
    for node in walk(script.root):
        name = name_of(script, node) if node.type in FUNCTIONS else ""
        if name:
            found[name] = range(node.start_point[0] + 1, node.end_point[0] + 2)
    return found


def name_of(script: Script, node: "Node") -> str:
    """The name of a function, or of what it is bound to; empty without."""
    own = node.child_by_field_name("name")
    parent = node.parent
    if own is None and parent is not None:
        fields = {"variable_declarator": "name", "assignment_expression": "left", "pair": "key"}
        own = parent.child_by_field_name(fields[parent.type]) if parent.type in fields else None
    return script.segment(own) if own is not None else ""


def outermost(node: "Node") -> "Node | None":
    """The outermost function around a node that is no mere wrapper of a module."""
    inside = [up for up in (node, *above(node)) if up.type in FUNCTIONS]
    return inside[-1] if inside else None


@dataclass(slots=True)
class Scope:
    """One outermost function: its variables, and small expressions with how often they occur."""

    names: list[str] = field(default_factory=list[str])
    numbers: set[str] = field(default_factory=set[str])
    """Names that are counted or compared with."""
    values: list[str] = field(default_factory=list[str])
    strings: list[str] = field(default_factory=list[str])
    conditions: list[str] = field(default_factory=list[str])
    ingredients: Counter[str] = field(default_factory=Counter[str])
    calls: list[str] = field(default_factory=list[str])
    declared: Counter[str] = field(default_factory=Counter[str])
    """How often a name is declared."""
    functions: list[str] = field(default_factory=list[str])
    """Functions of the file that may be called by their name."""
    properties: list[str] = field(default_factory=list[str])
    """Properties that the file reads, those most read first."""
    own: list[str] = field(default_factory=list[str])
    """What the function reads or sets of `this`."""


def scope_of(script: Script, function: "Node") -> Scope:
    scope = Scope()
    counts: Counter[str] = Counter()
    for node in walk(function):
        text = script.segment(node)
        parent = node.parent
        if node.type == "identifier" and parent is not None:
            if _declares(node, parent):
                counts[text] += 0
            elif parent.child_by_field_name("function") != node:
                counts[text] += 1
            _kind(script, node, parent, scope)
        elif node.type == "number":
            scope.values.append(text)
        elif node.type == "string":
            scope.strings.append(text)
        elif node.type in ("binary_expression", "member_expression", "subscript_expression", "call_expression"):
            called = (
                parent is not None
                and parent.type == "call_expression"
                and parent.child_by_field_name("function") == node
            )
            if len(text) <= LONGEST_INGREDIENT and "\n" not in text and not called:
                scope.ingredients[text] += 1
            if node.type == "binary_expression" and _operator(node) in ("==", "===", "<", ">", "<=", ">=", "!=", "!=="):
                scope.conditions.append(text)
        if node.type == "expression_statement" and len(text) <= 60 and "\n" not in text:
            scope.calls.append(text.rstrip(";"))
        if node.type == "member_expression" and text.startswith("this.") and text.count(".") == 1:
            scope.own.append(text)
    scope.declared = _declared(script, function)
    scope.names = [name for name, _ in counts.most_common() if name in scope.declared]
    scope.own = list(dict.fromkeys(scope.own))
    scope.functions, scope.properties = script.known
    return scope


def _declares(node: "Node", parent: "Node") -> bool:
    return parent.type == "variable_declarator" and parent.child_by_field_name("name") == node


def _declared(script: Script, function: "Node") -> Counter[str]:
    found: Counter[str] = Counter()
    for node in walk(function):
        wanted: list[Node | None] = []
        if node.type == "variable_declarator":
            wanted = [node.child_by_field_name("name")]
        elif node.type == "for_in_statement":
            wanted = [node.child_by_field_name("left")]
        elif node.type in FUNCTIONS:
            wanted = [node.child_by_field_name("parameters"), node.child_by_field_name("parameter")]
        for place in wanted:
            found.update(script.segment(one) for one in walk(place) if one.type == "identifier") if place else None
    return found


def _kind(script: Script, node: "Node", parent: "Node", scope: Scope) -> None:
    counted = parent.type in ("update_expression", "augmented_assignment_expression")
    if counted or (parent.type == "binary_expression" and _operator(parent) in _NUMBERS):
        scope.numbers.add(script.segment(node))


def _operator(node: "Node") -> str:
    operator = node.child_by_field_name("operator")
    return operator.type if operator is not None else ""
