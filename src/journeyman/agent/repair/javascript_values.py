"""Mutations of JavaScript's values: one more or less, a part of it, a call around it, and slips of well-known calls."""

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

from journeyman.agent.repair.javascript import walk
from journeyman.agent.repair.javascript_site import (
    ARITHMETIC,
    EQUAL,
    Place,
    arguments_of,
    called_with,
    closed,
    is_async,
    is_declared,
)
from journeyman.agent.repair.source import Mutation

if TYPE_CHECKING:
    from tree_sitter import Node

VALUES = {
    "identifier",
    "member_expression",
    "subscript_expression",
    "call_expression",
    "binary_expression",
    "ternary_expression",
    "parenthesized_expression",
}
_METHODS = ("toLowerCase()", "toUpperCase()", "trim()", "slice()", "length", "sort()", "reverse()", "toString()")
_WRAPPERS = (
    "Math.abs",
    "Number",
    "String",
    "Math.floor",
    "Math.round",
    "Math.ceil",
    "parseInt",
    "Math.sqrt",
    "Boolean",
)
_CHANGES = ("sort", "reverse", "splice", "push", "pop", "shift", "unshift", "fill")
"""Methods that change what they are called on."""


def value(place: Place) -> Iterator[Mutation]:
    """One more or less, a part of it, a call around it, another expression of the function in its place."""
    node = place.node
    parent = node.parent
    if parent is None or parent.child_by_field_name("function") == node or is_declared(node):
        return
    if parent.type in ("expression_statement", "update_expression", "parenthesized_expression"):
        return
    if parent.child_by_field_name("left") == node and "assignment" in parent.type:
        return
    if parent.child_by_field_name("object") != node:
        yield from _replaced(place, parent)
        yield from _wrapped(place, parent)
    if node.type in ("identifier", "member_expression", "subscript_expression", "call_expression"):
        yield from _part(place, parent)


def _replaced(place: Place, parent: "Node") -> Iterator[Mutation]:
    node, text, scope = place.node, place.text, place.scope
    sign = node.child_by_field_name("operator") if node.type == "binary_expression" else None
    numeric = text in scope.numbers or text.endswith(".length") or (sign is not None and sign.type in ARITHMETIC)
    inside = node.type == "binary_expression" and parent.type == "binary_expression"
    base = f"({text})" if inside or node.type == "ternary_expression" else text
    bound = parent.type == "arguments" and _method_of(parent) in ("slice", "substring", "substr", "splice", "charAt")
    indexed = parent.type == "subscript_expression" and parent.child_by_field_name("index") == node
    for change in (" + 1", " - 1") if numeric or sign is None else ():
        yield place.to("step", 0.8 if numeric and (bound or indexed) else 0.6 if numeric else 0.2, base + change)
    for other in scope.names:
        if numeric and other in scope.numbers and other != text:
            yield place.to("offset", 0.12, f"{base} - {other}")
            yield place.to("offset", 0.12, f"{base} + {other}")
    for other in scope.ingredients:
        if other != text:
            yield place.to("ingredient", 0.2 if other in text or text in other else 0.1, other)
    if node.type != "identifier":
        for other in scope.names:
            yield place.to("ingredient", 0.12, other)
    if node.type == "member_expression" and text.endswith(".length"):
        yield place.to("part dropped", 0.2, place.segment("object"))


def _wrapped(place: Place, parent: "Node") -> Iterator[Mutation]:
    """A call that is missing around a value, a bound it should not pass, a promise nobody waits for."""
    node, text, scope = place.node, place.text, place.scope
    if node.type == "call_expression" and is_async(node) and parent.type != "await_expression":
        yield place.to("await", 0.6, f"await {text}")
    if parent.type not in ("return_statement", "variable_declarator", "assignment_expression", "arguments",
                           "augmented_assignment_expression", "binary_expression", "arrow_function"):  # fmt: skip
        return
    if node.type == "binary_expression":
        return
    around = parent.parent.child_by_field_name("function") if parent.type == "arguments" and parent.parent else None
    outer = place.script.segment(around) if around is not None else ""
    compared = parent.type == "binary_expression" and parent.child_by_field_name("operator")
    for wrapper in _WRAPPERS:
        if wrapper != outer and not (compared and compared.type in EQUAL and wrapper.startswith("Math.")):
            yield place.to("wrapped", 0.15 if parent.type == "return_statement" else 0.08, f"{wrapper}({text})")
    for name in scope.functions:
        if name != outer and not text.startswith(f"{name}("):
            yield place.to("wrapped", 0.2 if parent.type == "arguments" else 0.1, f"{name}({text})")
    if parent.type in ("return_statement", "variable_declarator", "assignment_expression", "arrow_function"):
        target = parent.child_by_field_name("left")
        stored = [place.script.segment(target)] if target is not None else []
        for other in dict.fromkeys([*stored, *(name for name in scope.names if name in scope.numbers), "0"]):
            if other != text:
                weight = 0.25 if other in stored else 0.1
                yield place.to("bounded", weight, f"Math.max({other}, {text})")
                yield place.to("bounded", weight, f"Math.min({other}, {text})")


def _part(place: Place, parent: "Node") -> Iterator[Mutation]:
    text = place.text
    if text in place.scope.numbers:
        return
    owner = parent.type == "member_expression" and parent.child_by_field_name("object") == place.node
    if owner and _name_of(place, parent) in _CHANGES[:3]:
        yield place.to("copy", 0.4, f"[...{text}]")
    if parent.type == "arguments" and _method_of(parent) in ("push", "unshift", "set", "add"):
        yield place.to("copy", 0.4, f"[...{text}]")
        yield place.to("copy", 0.15, f"{{ ...{text} }}")
    for method in _METHODS:
        yield place.to("method", 0.15, f"{text}.{method}")
    for other in place.scope.names:
        if other in place.scope.numbers:
            yield place.to("part", 0.15, f"{text}.slice({other})")
            yield place.to("part", 0.12, f"{text}.slice(0, {other})")
            if place.node.type == "identifier" and other != text and not owner:
                yield place.to("element", 0.12, f"{text}[{other}]")
    for part in ("1", "0, -1"):
        yield place.to("part", 0.12, f"{text}.slice({part})")
    if owner and place.node.type != "this":
        end = place.script.span(place.node)[1]
        if place.script.text.startswith(".", end):
            yield place.to("optional", 0.12, f"{text}?")


def _name_of(place: Place, member: "Node") -> str:
    name = member.child_by_field_name("property")
    return place.script.segment(name) if name is not None else ""


def _method_of(arguments: "Node") -> str:
    """The name of the method whose arguments these are."""
    call = arguments.parent
    function = call.child_by_field_name("function") if call is not None else None
    name = function.child_by_field_name("property") if function is not None else None
    return name.text.decode("utf-8", "replace") if name is not None and name.text is not None else ""


def subscript(place: Place) -> Iterator[Mutation]:
    """An element by the wrong end, or of the wrong one of two indices."""
    owner, index = place.segment("object"), place.segment("index")
    yield place.to("element", 0.2, f"{owner}[{owner}.length - 1]")
    yield place.to("element", 0.15, f"{owner}[{owner}.length - 1 - {index}]")
    yield place.to("element", 0.15, f"{owner}.get({index})")
    if place.field("object").type == "subscript_expression":
        inner = place.field("object")
        first, start = inner.child_by_field_name("index"), inner.child_by_field_name("object")
        if first is not None and start is not None:
            yield place.to(
                "swapped indices", 0.6, f"{place.script.segment(start)}[{index}][{place.script.segment(first)}]"
            )


def exchanged(place: Place) -> Iterator[Mutation]:
    """Two variables of one expression in each other's place."""
    parent = place.node.parent
    if parent is not None and parent.type in ("subscript_expression", "binary_expression"):
        return  # its parent's turn
    found: dict[str, list[Node]] = {}
    for node in walk(place.node):
        if node.type == "identifier" and (name := place.script.segment(node)) in place.scope.names:
            found.setdefault(name, []).append(node)
    for one, two in combinations(found, 2) if len(found) <= 4 else ():
        edits = [place.script.edit(node, two) for node in found[one]]
        edits += [place.script.edit(node, one) for node in found[two]]
        yield place.of("exchanged", 0.4 if place.node.type == "subscript_expression" else 0.15, *edits)


def call(place: Place) -> Iterator[Mutation]:
    script, function = place.script, place.field("function")
    arguments = arguments_of(place.node)
    head, texts = script.segment(function), [script.segment(argument) for argument in arguments]
    for one, two in combinations(arguments, 2):
        yield place.swap("swapped arguments", 0.9, one, two)
    if len(arguments) == 1:
        yield place.to("call dropped", 0.3, texts[0])
    for at in range(len(arguments)):
        yield place.to("argument dropped", 0.2, called_with(head, texts[:at] + texts[at + 1 :]))
    owner = function.child_by_field_name("object")
    if function.type == "member_expression" and owner is not None:
        yield place.to("call dropped", 0.3, script.segment(owner))
        if len(arguments) == 1:
            name = script.segment(function).rsplit(".", 1)[-1]
            yield place.to("swapped operands", 0.5, f"{closed(script, arguments[0])}.{name}({script.segment(owner)})")
    if head in ("Math.max", "Math.min"):
        for one, two in combinations(place.scope.names[:8], 2):
            yield place.to("arguments", 0.2, f"{head}({one}, {two})")
    if head in ("Math.floor", "Math.ceil", "Math.abs", "Math.round", "Math.trunc"):
        yield place.to("call dropped", 0.4, ", ".join(texts))
    for name in place.scope.names[:6]:
        yield place.to("argument added", 0.1, called_with(head, [*texts, name]))
    for argument in arguments:
        if argument.type in ("identifier", "call_expression", "member_expression"):
            weight = 0.7 if head in ("Math.max", "Math.min") and len(arguments) == 1 else 0.15
            yield place.to("spread", weight, f"...{script.segment(argument)}", argument)
    yield from _known(place, head, texts, arguments)


def _known(place: Place, head: str, texts: list[str], arguments: list["Node"]) -> Iterator[Mutation]:
    """Slips of well-known calls: what is left out, and what that leads to."""
    owner = place.field("function").child_by_field_name("object")
    of = place.script.segment(owner) if owner is not None else ""
    match head.rsplit(".", 1)[-1], len(texts):
        case "sort", 0:
            yield place.to("comparator", 0.9, called_with(head, ["(a, b) => a - b"]))
            yield place.to("comparator", 0.6, called_with(head, ["(a, b) => b - a"]))
            yield place.to("comparator", 0.3, called_with(head, ["(a, b) => a.length - b.length"]))
            yield place.to("comparator", 0.15, called_with(head, ["(a, b) => a[0] - b[0]"]))
            yield place.to("comparator", 0.15, called_with(head, ["(a, b) => a[1] - b[1]"]))
            yield place.to("call dropped", 0.4, of)
        case "sort", 1:
            yield from _comparator(place, arguments[0])
            yield place.to("call dropped", 0.4, of)
        case (("reverse" | "sort"), _):
            yield place.to("call dropped", 0.4, of)
        case "parseInt", 1:
            yield place.to("base", 0.5, called_with(head, [*texts, "10"]))
            yield place.to("base", 0.3, called_with(head, [*texts, "2"]))
            yield place.to("base", 0.2, called_with(head, [*texts, "16"]))
        case "toString", 0:
            yield place.to("base", 0.3, f"{head}(2)")
        case (("join" | "split"), 0):
            for text, weight in (("''", 0.6), ("' '", 0.5), ("', '", 0.2), ("','", 0.2)):
                yield place.to("separator", weight, f"{head}({text})")
        case (("slice" | "substring" | "substr"), 1):
            for end in (f"{texts[0]} + 1", "-1"):
                yield place.to("part", 0.3, called_with(head, [*texts, end]))
            yield place.to("part", 0.4, called_with(head, ["0", *texts]))
            yield place.to("part", 0.2, f"{of}[{texts[0]}]")
        case (("slice" | "substring"), 2):
            yield place.to("part", 0.3, called_with(head, [texts[0], f"{texts[0]} + {texts[1]}"]))
            yield place.to("part", 0.3, called_with(head, [texts[0]]))
        case "reduce", 1:
            for first in ("0", "''", "[]", "{}", "1"):
                yield place.to("first value", 0.5 if first == "0" else 0.25, called_with(head, [*texts, first]))
        case "fill", 1 if texts[0] in ("[]", "{}") or texts[0].startswith("["):
            size = of.removeprefix("new ").removeprefix("Array(").removesuffix(")")
            yield place.to("shared", 0.8, f"Array.from({{ length: {size} }}, () => {_body(texts[0])})")
            yield place.to("shared", 0.5, f"{of}.fill(0).map(() => {_body(texts[0])})")
        case (("pop" | "shift" | "at"), _):
            yield place.to("element", 0.15, f"{of}[{of}.length - 1]")
        case _:
            pass


def _body(text: str) -> str:
    return f"({text})" if text.startswith("{") else text


def _comparator(place: Place, function: "Node") -> Iterator[Mutation]:
    """A comparator that says yes or no, or that compares something else."""
    body = function.child_by_field_name("body")
    sign = body.child_by_field_name("operator") if body is not None else None
    if function.type != "arrow_function" or body is None or sign is None:
        return
    left, right = body.child_by_field_name("left"), body.child_by_field_name("right")
    if left is None or right is None:
        return
    one, two = place.script.segment(left), place.script.segment(right)
    if sign.type in ("<", ">", "<=", ">="):
        first, second = (one, two) if sign.type.startswith(">") else (two, one)
        yield place.to("comparator", 0.9, f"{first} - {second}", body)
        yield place.to("comparator", 0.4, f"{second} - {first}", body)
        yield place.to("comparator", 0.4, f"({one} {sign.type} {two} ? 1 : -1)", body)
    if sign.type == "-":
        yield place.to("comparator", 0.3, f"{one}.localeCompare({two})", body)
        yield place.to("comparator", 0.2, f"{one}.length - {two}.length", body)
        parts = function.child_by_field_name("parameters")
        names = [place.script.segment(child) for child in parts.named_children] if parts is not None else []
        if [one, two] in (names, names[::-1]):
            for at in ("[0]", "[1]"):
                yield place.to("comparator", 0.15, f"{one}{at} - {two}{at}", body)
            for name in place.scope.properties[:8]:
                yield place.to("comparator", 0.2, f"{one}.{name} - {two}.{name}", body)
            for known in place.scope.functions[:8]:
                yield place.to("comparator", 0.2, f"{known}({one}) - {known}({two})", body)
