"""A place in JavaScript where something may be wrong, what is at hand there, and which slips are usual."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from journeyman.agent.repair.javascript import FUNCTIONS, Scope, Script, above
from journeyman.agent.repair.source import Edit, Mutation

if TYPE_CHECKING:
    from tree_sitter import Node

SLIPS: dict[str, tuple[tuple[str, float], ...]] = {
    "<": (("<=", 1.0), (">", 0.7), (">=", 0.5), ("==", 0.3), ("!=", 0.3)),
    "<=": (("<", 1.0), (">=", 0.7), (">", 0.5), ("==", 0.3)),
    ">": ((">=", 1.0), ("<", 0.7), ("<=", 0.5), ("==", 0.3), ("!=", 0.3)),
    ">=": ((">", 1.0), ("<=", 0.7), ("<", 0.5), ("==", 0.3)),
    "==": (("!=", 0.7), ("<", 0.4), (">", 0.4), ("<=", 0.4), (">=", 0.4), ("===", 0.3)),
    "===": (("!==", 0.7), ("<", 0.4), (">", 0.4), ("<=", 0.4), (">=", 0.4), ("==", 0.2)),
    "!=": (("==", 0.7), ("<", 0.3), (">", 0.3), ("!==", 0.3)),
    "!==": (("===", 0.7), ("<", 0.3), (">", 0.3), ("!=", 0.2)),
    "+": (("-", 0.9), ("*", 0.4)),
    "-": (("+", 0.9), ("*", 0.2), ("/", 0.2), ("%", 0.2)),
    "*": (("+", 0.5), ("**", 0.4), ("/", 0.5), ("-", 0.2)),
    "/": (("*", 0.6), ("%", 0.6), ("-", 0.2)),
    "%": (("/", 0.8), ("-", 0.2)),
    "**": (("*", 0.7),),
    "&&": (("||", 0.8),),
    "||": (("&&", 0.8), ("??", 0.4)),
    "??": (("||", 0.5),),
    "&": (("|", 0.8), ("^", 0.6), ("&&", 0.3)),
    "|": (("&", 0.8), ("^", 0.6), ("||", 0.3)),
    "^": (("&", 0.8), ("|", 0.8), ("**", 0.4)),
    "<<": ((">>", 0.8),),
    ">>": (("<<", 0.8), (">>>", 0.3)),
}
_PAIRS = (
    ("push", "unshift"), ("pop", "shift"), ("push", "concat"), ("indexOf", "lastIndexOf"), ("indexOf", "includes"),
    ("toLowerCase", "toUpperCase"), ("max", "min"), ("floor", "ceil"), ("floor", "round"), ("floor", "trunc"),
    ("ceil", "round"), ("ceil", "trunc"), ("slice", "splice"), ("slice", "substring"), ("some", "every"),
    ("filter", "map"), ("map", "forEach"), ("filter", "find"), ("find", "findIndex"), ("find", "findLast"),
    ("startsWith", "endsWith"), ("startsWith", "includes"), ("endsWith", "includes"), ("trimStart", "trimEnd"),
    ("trim", "trimStart"), ("trim", "trimEnd"), ("keys", "values"), ("keys", "entries"), ("values", "entries"),
    ("parseInt", "parseFloat"), ("add", "delete"), ("get", "has"), ("reduce", "reduceRight"), ("length", "size"),
    ("charAt", "charCodeAt"), ("padStart", "padEnd"), ("isInteger", "isFinite"), ("sqrt", "cbrt"), ("log2", "log10"),
    ("replace", "replaceAll"), ("parseInt", "Number"), ("String", "Number"), ("map", "flatMap"), ("has", "includes"),
    ("all", "allSettled"), ("all", "race"), ("substring", "substr"), ("slice", "substr"), ("fromCharCode", "charAt"),
    ("test", "exec"), ("match", "matchAll"), ("match", "test"), ("max", "abs"), ("fromEntries", "entries"),
    ("Set", "Map"), ("Array", "Set"), ("isNaN", "isFinite"), ("isNaN", "isInteger"), ("toFixed", "toPrecision"),
    ("setFullYear", "setMonth"), ("getDay", "getDate"), ("find", "some"), ("filter", "some"), ("apply", "call"),
)  # fmt: skip
SWAPS: dict[str, tuple[str, ...]] = {}
for _one, _two in _PAIRS:
    SWAPS[_one] = (*SWAPS.get(_one, ()), _two)
    SWAPS[_two] = (*SWAPS.get(_two, ()), _one)

TESTED = {"if_statement", "while_statement", "ternary_expression", "for_statement", "do_statement"}
SIMPLE = {"expression_statement", "return_statement", "break_statement", "continue_statement", "throw_statement"}
LOOPS = {"for_statement", "for_in_statement", "while_statement", "do_statement"}
EQUAL = ("==", "===", "!=", "!==")
ARITHMETIC = ("+", "-", "*", "/", "%", "**", "&", "|", "^", "<<", ">>", ">>>")


@dataclass(frozen=True, slots=True)
class Place:
    """A node and what is at hand there."""

    script: Script
    scope: Scope
    node: "Node"

    @property
    def text(self) -> str:
        return self.script.segment(self.node)

    def field(self, name: str) -> "Node":
        found = self.node.child_by_field_name(name)
        return found if found is not None else self.node

    def segment(self, name: str) -> str:
        return self.script.segment(self.field(name))

    def to(self, kind: str, weight: float, text: str, node: "Node | None" = None) -> Mutation:
        place = node or self.node
        return self.of(kind, weight, self.script.edit(place, text))

    def of(self, kind: str, weight: float, *edits: Edit) -> Mutation:
        return Mutation(kind, self.node.start_point[0] + 1, weight, edits)

    def swap(self, kind: str, weight: float, one: "Node", two: "Node") -> Mutation:
        texts = self.script.segment(two), self.script.segment(one)
        return self.of(kind, weight, self.script.edit(one, texts[0]), self.script.edit(two, texts[1]))

    def before(self, kind: str, weight: float, text: str) -> Mutation:
        """The mutation that puts `text` before the node."""
        start = self.script.span(self.node)[0]
        return self.of(kind, weight, Edit(start, start, text))


def function_of(node: "Node") -> "Node | None":
    """The innermost function around a node."""
    return next((up for up in above(node) if up.type in FUNCTIONS), None)


def is_async(node: "Node") -> bool:
    """Whether `await` may stand at a node."""
    function = function_of(node)
    return function is not None and any(child.type == "async" for child in function.children)


def is_text(node: "Node") -> bool:
    return node.type in ("string", "template_string")


def is_test(node: "Node") -> bool:
    """Whether a node is the condition of a branch or a loop."""
    parent = node.parent
    if parent is not None and parent.type == "parenthesized_expression":
        node, parent = parent, parent.parent
    return parent is not None and parent.type in TESTED and parent.child_by_field_name("condition") == node


def is_called(node: "Node") -> bool:
    """Whether a node is the function of a call."""
    parent = node.parent
    return parent is not None and parent.type == "call_expression" and parent.child_by_field_name("function") == node


def is_declared(node: "Node") -> bool:
    """Whether a node gives a variable its name."""
    parent = node.parent
    if parent is None:
        return False
    if parent.type == "variable_declarator":
        return parent.child_by_field_name("name") == node
    if parent.type == "for_in_statement":
        return parent.child_by_field_name("left") == node
    if parent.type == "arrow_function":
        return parent.child_by_field_name("parameter") == node
    if parent.type == "assignment_pattern":
        return parent.child_by_field_name("left") == node
    return parent.type in ("formal_parameters", "function_declaration", "rest_pattern", "array_pattern")


def closed(script: Script, node: "Node") -> str:
    """The text of a node as an operand or the owner of a property."""
    loose = ("binary_expression", "ternary_expression", "arrow_function", "unary_expression", "await_expression")
    loose = (*loose, "assignment_expression", "augmented_assignment_expression", "number", "new_expression")
    text = script.segment(node)
    return f"({text})" if node.type in loose and not (node.type == "number" and "." in text) else text


def arguments_of(node: "Node") -> list["Node"]:
    """The arguments of a call; none where it is a template."""
    inside = node.child_by_field_name("arguments")
    if inside is None or inside.type != "arguments":
        return []
    return [child for child in inside.named_children if child.type != "comment"]


def called_with(head: str, texts: Iterable[str]) -> str:
    return f"{head}({', '.join(texts)})"
