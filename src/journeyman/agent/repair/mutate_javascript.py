"""All single mutations of the suspicious parts of a JavaScript file, the likeliest first."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import TYPE_CHECKING

from journeyman.agent.repair.javascript import Scope, Script, above, outermost, scope_of, walk
from journeyman.agent.repair.source import Edit, Mutation

if TYPE_CHECKING:
    from tree_sitter import Node

_SLIPS: dict[str, tuple[tuple[str, float], ...]] = {
    "<": (("<=", 1.0), (">", 0.7), (">=", 0.5), ("==", 0.3), ("!=", 0.3)),
    "<=": (("<", 1.0), (">=", 0.7), (">", 0.5), ("==", 0.3)),
    ">": ((">=", 1.0), ("<", 0.7), ("<=", 0.5), ("==", 0.3), ("!=", 0.3)),
    ">=": ((">", 1.0), ("<=", 0.7), ("<", 0.5), ("==", 0.3)),
    "==": (("!=", 0.7), ("<", 0.4), (">", 0.4), ("<=", 0.4), (">=", 0.4), ("===", 0.1)),
    "===": (("!==", 0.7), ("<", 0.4), (">", 0.4), ("<=", 0.4), (">=", 0.4), ("==", 0.1)),
    "!=": (("==", 0.7), ("<", 0.3), (">", 0.3)),
    "!==": (("===", 0.7), ("<", 0.3), (">", 0.3)),
    "+": (("-", 0.9), ("*", 0.4)),
    "-": (("+", 0.9), ("*", 0.2), ("/", 0.2), ("%", 0.2)),
    "*": (("+", 0.5), ("**", 0.4), ("/", 0.5), ("-", 0.2)),
    "/": (("*", 0.6), ("%", 0.6), ("-", 0.2)),
    "%": (("/", 0.8), ("-", 0.2)),
    "**": (("*", 0.7),),
    "&&": (("||", 0.8),),
    "||": (("&&", 0.8), ("??", 0.1)),
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
    ("replace", "replaceAll"), ("parseInt", "Number"), ("String", "Number"),
)  # fmt: skip
_SWAPS: dict[str, tuple[str, ...]] = {}
for _one, _two in _PAIRS:
    _SWAPS[_one] = (*_SWAPS.get(_one, ()), _two)
    _SWAPS[_two] = (*_SWAPS.get(_two, ()), _one)

_VALUES = {"identifier", "member_expression", "subscript_expression", "call_expression", "binary_expression"}
_TESTED = {"if_statement", "while_statement", "ternary_expression", "for_statement", "do_statement"}
_METHODS = ("toLowerCase()", "toUpperCase()", "trim()", "slice()", "length", "sort()", "reverse()")
_SIMPLE = {"expression_statement", "return_statement", "break_statement", "continue_statement", "throw_statement"}
_LOOPS = {"for_statement", "for_in_statement", "while_statement", "do_statement"}


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

    def to(self, kind: str, weight: float, text: str, node: "Node | None" = None) -> Mutation:
        place = node or self.node
        return self.of(kind, weight, self.script.edit(place, text))

    def of(self, kind: str, weight: float, *edits: Edit) -> Mutation:
        return Mutation(kind, self.node.start_point[0] + 1, weight, edits)

    def swap(self, kind: str, weight: float, one: "Node", two: "Node") -> Mutation:
        texts = self.script.segment(two), self.script.segment(one)
        return self.of(kind, weight, self.script.edit(one, texts[0]), self.script.edit(two, texts[1]))


def mutations(
    text: str, lines: Sequence[range] = (), suspicion: Mapping[int, float] | None = None, limit: int = 5000
) -> list[Mutation]:
    """As for Python: mutations in `lines`, best first, without repetitions. Empty when `text` is no JavaScript."""
    script = Script(text)
    if script.root.has_error:
        return []
    suspicion = suspicion or {}
    best: dict[tuple[tuple[int, int, str], ...], tuple[float, int, Mutation]] = {}
    for number, mutation in enumerate(_all(script, lines)):
        key = tuple(sorted((edit.start, edit.end, edit.text) for edit in mutation.edits))
        if not key or all(text[start:end] == replaced for start, end, replaced in key):
            continue
        weight = mutation.weight * suspicion.get(mutation.line, 1.0)
        if key not in best or best[key][0] < weight:
            best[key] = (weight, best[key][1] if key in best else number, mutation)
    ranked = sorted(best.values(), key=lambda entry: (-entry[0], entry[1]))
    return [mutation for _, _, mutation in ranked[:limit]]


def _all(script: Script, lines: Sequence[range]) -> Iterator[Mutation]:
    scopes: dict[int, Scope] = {}
    for node in walk(script.root):
        function = outermost(node)
        line = node.start_point[0] + 1
        if function is None or node == function or (lines and not any(line in part for part in lines)):
            continue
        if function.id not in scopes:
            scopes[function.id] = scope_of(script, function)
        place = Place(script, scopes[function.id], node)
        for operator in OPERATORS.get(node.type, ()):
            yield from operator(place)
        if node.type in _VALUES or node.type in ("ternary_expression", "parenthesized_expression"):
            yield from value(place)


def binary(place: Place) -> Iterator[Mutation]:
    node, script = place.node, place.script
    operator = place.field("operator")
    left, right = place.field("left"), place.field("right")
    sign, one, two = operator.type, script.segment(left), script.segment(right)
    for other, weight in _SLIPS.get(sign, ()):
        yield place.to("operator", weight, other, operator)
        if right.type == "number" and sign in ("<", "<=", ">", ">=", "==", "===") and two.isdigit():
            for step in (-1, 1):
                edits = (script.edit(operator, other), script.edit(right, str(int(two) + step)))
                yield place.of("compare and number", weight * 0.5, *edits)
    if sign not in ("==", "===", "!=", "!==", "*", "&&", "||"):
        yield place.swap("swapped operands", 0.5, left, right)
    if sign in ("+", "-", "*", "/", "%", "&&", "||", "**"):
        yield place.to("operand dropped", 0.4, one)
        yield place.to("operand dropped", 0.3, two)
    if sign in ("-", "+") and not _is_text(left) and not _is_text(right):
        yield place.to("wrapped", 0.6 if sign == "-" else 0.1, f"Math.abs({place.text})")
    if sign in ("/", "*"):
        yield place.to("wrapped", 0.5 if sign == "/" else 0.1, f"Math.floor({place.text})")
    for child, outer in ((left, right), (right, left)):
        inner = child.child_by_field_name("operator")
        if child.type == "binary_expression" and inner is not None and inner.type != sign:
            start, end = child.child_by_field_name("left"), child.child_by_field_name("right")
            if start is not None and end is not None:
                low, high, rest = script.segment(start), script.segment(end), script.segment(outer)
                if child == left:
                    yield place.to("grouping", 0.4, f"{low} {inner.type} ({high} {sign} {rest})")
                else:
                    yield place.to("grouping", 0.4, f"({rest} {sign} {low}) {inner.type} {high}")
                    yield place.to("grouping", 0.35, f"{rest} {inner.type} {high} {sign} {low}")
    if sign in ("==", "===", "!=", "!=="):
        for method in ("toLowerCase()", "length"):
            edits = (script.edit(left, f"{one}.{method}"), script.edit(right, f"{two}.{method}"))
            yield place.of("wrapped", 0.15, *edits)
    if _is_test(node):
        yield from guards(place)


def _is_text(node: "Node") -> bool:
    return node.type in ("string", "template_string")


def _is_test(node: "Node") -> bool:
    parent = node.parent
    if parent is not None and parent.type == "parenthesized_expression":
        node, parent = parent, parent.parent
    return parent is not None and parent.type in _TESTED and parent.child_by_field_name("condition") == node


def guards(place: Place) -> Iterator[Mutation]:
    for condition in dict.fromkeys(place.scope.conditions):
        if condition not in place.text:
            yield place.to("guard", 0.08, f"{place.text} && {condition}")
            yield place.to("guard", 0.08, f"{place.text} || {condition}")
    yield place.to("negation", 0.4, f"!({place.text})")
    for name in place.scope.names[:6]:
        yield place.to("guard", 0.06, f"{name} && {place.text}")
        yield place.to("guard", 0.06, f"{place.text} || !{name}")


def number(place: Place) -> Iterator[Mutation]:
    text = place.text
    parent = place.node.parent
    close = parent is not None and parent.type in ("binary_expression", "arguments", "subscript_expression")
    signed = parent is not None and parent.type == "unary_expression"
    try:
        known = float(text)
    except ValueError:
        return
    for other in (known + 1, known - 1):
        if other >= 0 or not signed:
            yield place.to("number", 0.8 if close and other >= 0 else 0.5, f"{other:g}")
    others = dict.fromkeys([*place.scope.values, "0", "1", "2", f"{known * 2:g}", f"{known / 2:g}", f"{known * 10:g}"])
    for other in others:
        yield place.to("number", 0.25, other)
    if not signed:
        yield place.to("number", 0.2, f"-{text}")
    for name in place.scope.names:
        yield place.to("number to name", 0.15 if name in place.scope.numbers else 0.06, name)


def identifier(place: Place) -> Iterator[Mutation]:
    node, text = place.node, place.text
    parent = node.parent
    if parent is None or text not in place.scope.names or _is_declared(node, parent):
        return
    for other in place.scope.names:
        if other != text:
            alike = (other in place.scope.numbers) == (text in place.scope.numbers)
            yield place.to("name", 0.5 if alike else 0.2, other)


def _is_declared(node: "Node", parent: "Node") -> bool:
    if parent.type == "variable_declarator":
        return parent.child_by_field_name("name") == node
    if parent.type == "for_in_statement":
        return parent.child_by_field_name("left") == node
    return parent.type in (
        "formal_parameters",
        "arrow_function",
        "function_declaration",
        "rest_pattern",
        "array_pattern",
    )


def prop(place: Place) -> Iterator[Mutation]:
    for other in _SWAPS.get(place.text, ()):
        yield place.to("call", 0.7, other)


def value(place: Place) -> Iterator[Mutation]:
    """One more or less, a part of it, a call around it, another expression of the function in its place."""
    node = place.node
    parent = node.parent
    if parent is None or parent.child_by_field_name("function") == node or _is_declared(node, parent):
        return
    if parent.type in ("expression_statement", "update_expression", "parenthesized_expression"):
        return
    if parent.child_by_field_name("left") == node and "assignment" in parent.type:
        return
    if parent.child_by_field_name("object") != node:
        yield from _replaced(place, parent)
    if node.type in ("identifier", "member_expression", "subscript_expression", "call_expression"):
        yield from _part(place)


def _replaced(place: Place, parent: "Node") -> Iterator[Mutation]:
    node, text, scope = place.node, place.text, place.scope
    numeric = text in scope.numbers or text.endswith(".length") or node.type == "binary_expression"
    inside = node.type == "binary_expression" and parent.type == "binary_expression"
    base = f"({text})" if inside or node.type == "ternary_expression" else text
    for change in (" + 1", " - 1"):
        yield place.to("step", 0.6 if numeric else 0.2, base + change)
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


def _part(place: Place) -> Iterator[Mutation]:
    text = place.text
    if text in place.scope.numbers:
        return
    for method in _METHODS:
        yield place.to("method", 0.15, f"{text}.{method}")
    for other in place.scope.names:
        if other in place.scope.numbers:
            yield place.to("part", 0.15, f"{text}.slice({other})")
            yield place.to("part", 0.12, f"{text}.slice(0, {other})")
    for part in ("1", "0, -1"):
        yield place.to("part", 0.12, f"{text}.slice({part})")


def call(place: Place) -> Iterator[Mutation]:
    script, function = place.script, place.field("function")
    arguments = [child for child in place.field("arguments").named_children if child.type != "comment"]
    head, texts = script.segment(function), [script.segment(argument) for argument in arguments]
    for one, two in combinations(arguments, 2):
        yield place.swap("swapped arguments", 0.9, one, two)
    if len(arguments) == 1:
        yield place.to("call dropped", 0.3, texts[0])
    for at in range(len(arguments)):
        kept = ", ".join(texts[:at] + texts[at + 1 :])
        yield place.to("argument dropped", 0.2, f"{head}({kept})")
    owner = function.child_by_field_name("object")
    if function.type == "member_expression" and owner is not None:
        yield place.to("call dropped", 0.3, script.segment(owner))
        if len(arguments) == 1:
            name = script.segment(function).rsplit(".", 1)[-1]
            yield place.to("swapped operands", 0.5, f"{texts[0]}.{name}({script.segment(owner)})")
    if head in ("Math.max", "Math.min"):
        for one, two in combinations(place.scope.names[:8], 2):
            yield place.to("arguments", 0.2, f"{head}({one}, {two})")
    if head.endswith((".sort", ".reverse")) or head in ("Math.floor", "Math.ceil", "Math.abs", "Math.round"):
        yield place.to("call dropped", 0.4, script.segment(owner) if head.endswith((".sort", ".reverse")) and owner
                       else ", ".join(texts))  # fmt: skip
    for name in place.scope.names[:6]:
        yield place.to("argument added", 0.1, f"{head}({', '.join([*texts, name])})")


def boolean(place: Place) -> Iterator[Mutation]:
    yield place.to("literal", 0.7, "false" if place.node.type == "true" else "true")


def unary(place: Place) -> Iterator[Mutation]:
    if place.field("operator").type in ("!", "-", "~"):
        yield place.to("negation dropped", 0.6, place.script.segment(place.field("argument")))


def text_literal(place: Place) -> Iterator[Mutation]:
    for other in dict.fromkeys([*place.scope.strings, "''", "' '"]):
        yield place.to("text", 0.25, other)


def assignment(place: Place) -> Iterator[Mutation]:
    if place.node.type == "augmented_assignment_expression":
        operator = place.field("operator")
        for other, weight in _SLIPS.get(operator.type.removesuffix("="), ()):
            yield place.to("assignment", weight, f"{other}=", operator)
        yield place.to("assignment", 0.5, "=", operator)
        if operator.type in ("-=", "/="):
            left, right = place.script.segment(place.field("left")), place.script.segment(place.field("right"))
            yield place.to("assignment", 0.25, f"{left} = Math.floor({left} / {right})")
        return
    if place.field("left").type == "identifier":
        left, right = place.script.segment(place.field("left")), place.script.segment(place.field("right"))
        for operator in ("+=", "-=", "*="):
            yield place.to("assignment", 0.3, f"{left} {operator} {right}")
    else:
        for name in place.scope.names:
            yield place.to("assignment", 0.1, name, place.field("left"))
    for name in place.scope.names:
        if name != place.script.segment(place.field("left")):
            yield place.to("assignment", 0.15, name, place.field("left"))


def augmented_target(place: Place) -> Iterator[Mutation]:
    left = place.field("left")
    for name in place.scope.names:
        if name != place.script.segment(left):
            yield place.to("name", 0.4, name, left)


def update(place: Place) -> Iterator[Mutation]:
    other = "--" if place.field("operator").type == "++" else "++"
    yield place.to("operator", 0.7, other, place.field("operator"))
    yield place.to("step", 0.3, f"{place.script.segment(place.field('argument'))} += 2")


def ternary(place: Place) -> Iterator[Mutation]:
    yield place.swap("swapped branches", 0.6, place.field("consequence"), place.field("alternative"))


def branch(place: Place) -> Iterator[Mutation]:
    node, script = place.node, place.script
    alternative = node.child_by_field_name("alternative")
    body = place.field("consequence")
    start = script.span(node)[0]
    if alternative is not None and alternative.named_children:
        yield place.swap("swapped branches", 0.45, body, alternative.named_children[0])
    else:
        yield place.of("block", 0.2, Edit(start, start + 2, "while"))
        yield from deletion(place)


def loop_block(place: Place) -> Iterator[Mutation]:
    start = place.script.span(place.node)[0]
    if place.node.type == "while_statement":
        yield place.of("block", 0.15, Edit(start, start + 5, "if"))
    yield from insertion(place)


def answer(place: Place) -> Iterator[Mutation]:
    """What is returned."""
    value = next(iter(place.node.named_children), None)
    text = place.script.segment(value) if value is not None else ""
    others = ["true", "false", "0", "1", "-1", "[]", "''", "null", *place.scope.names]
    if value is None or value.type in ("identifier", "true", "false", "number"):
        others += [*place.scope.ingredients, *place.scope.conditions]
    for other in dict.fromkeys(others):
        if other != text:
            simple = value is None or value.type in ("identifier", "true", "false", "number")
            yield place.to("return value", 0.3 if simple else 0.1, f"return {other};")
    if value is not None:
        yield place.to("return value", 0.2, f"return !({text});")
        yield place.to("return value", 0.12, f"return -({text});")
    yield from deletion(place)


def ending(place: Place) -> Iterator[Mutation]:
    yield place.to("loop end", 0.5, "continue;" if place.node.type == "break_statement" else "break;")
    yield from deletion(place)


def deletion(place: Place) -> Iterator[Mutation]:
    parent = place.node.parent
    if parent is not None and parent.type in ("statement_block", "program", "switch_case"):
        weight = 0.35 if place.node.type in ("expression_statement", "break_statement") else 0.15
        yield place.to("deletion", weight, "")


def statement(place: Place) -> Iterator[Mutation]:
    yield from deletion(place)
    yield from insertion(place)
    yield from order(place)
    indent = place.script.indent(place.node)
    if indent is not None and any(up.type in _LOOPS for up in above(place.node)):
        tests = list(dict.fromkeys(place.scope.conditions))
        for one, two in combinations(place.scope.names[:8], 2):
            tests += [f"{one} {sign} {two}" for sign in ("===", "!==", "<", ">")]
        for test in dict.fromkeys(tests):
            yield place.to("condition", 0.07, f"if ({test}) {place.text}")


def order(place: Place) -> Iterator[Mutation]:
    after = place.node.next_named_sibling
    if after is not None and after.type in (*_SIMPLE, "if_statement", *_LOOPS):
        yield place.swap("order", 0.3 if after.type in _SIMPLE else 0.2, place.node, after)


def insertion(place: Place) -> Iterator[Mutation]:
    """A missing statement after this one."""
    indent = place.script.indent(place.node)
    parent = place.node.parent
    if indent is None or parent is None or parent.type not in ("statement_block", "program"):
        return
    at = place.script.span(place.node)[1]
    looped = any(up.type in _LOOPS for up in above(place.node))
    found: list[tuple[str, float]] = []
    for name in place.scope.names:
        if name in place.scope.numbers:
            found += [(f"{name} += 1;", 0.12 if looped else 0.06), (f"{name} -= 1;", 0.12 if looped else 0.06)]
        else:
            found += [(f"{name}.{what}();", 0.1) for what in ("pop", "shift", "sort", "reverse")]
            found += [
                (f"{name}.push({value});", 0.07)
                for other in place.scope.names if other != name
                for value in (other, f"{other}[{other}.length - 1]", f"{other}[0]")
            ]  # fmt: skip
    found += [(f"{one} = {two};", 0.12 if looped else 0.05) for one, two in permutations(place.scope.names[:10], 2)]
    found += [(f"{known};", 0.12) for known in dict.fromkeys(place.scope.calls) if known != place.text.rstrip(";")]
    found += [("break;", 0.12)] if looped else []
    for text, weight in found:
        yield place.of("insertion", weight, Edit(at, at, f"\n{indent}{text}"))


OPERATORS: dict[str, tuple[Callable[[Place], Iterator[Mutation]], ...]] = {
    "binary_expression": (binary,),
    "number": (number,),
    "identifier": (identifier,),
    "property_identifier": (prop,),
    "call_expression": (call,),
    "true": (boolean,),
    "false": (boolean,),
    "unary_expression": (unary,),
    "string": (text_literal,),
    "assignment_expression": (assignment,),
    "augmented_assignment_expression": (assignment, augmented_target),
    "update_expression": (update,),
    "ternary_expression": (ternary,),
    "if_statement": (branch,),
    "for_statement": (loop_block,),
    "for_in_statement": (loop_block,),
    "while_statement": (loop_block,),
    "return_statement": (answer,),
    "break_statement": (ending,),
    "continue_statement": (ending,),
    "expression_statement": (statement,),
    "lexical_declaration": (insertion,),
    "variable_declaration": (insertion,),
}
