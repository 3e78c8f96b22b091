"""Mutations of JavaScript's statements: what is assigned, returned or left out, in the wrong order or depth."""

from collections.abc import Iterator
from itertools import combinations, permutations
from typing import TYPE_CHECKING

from journeyman.agent.repair.javascript import FUNCTIONS, above, outermost, walk
from journeyman.agent.repair.javascript_expressions import assigned_condition
from journeyman.agent.repair.javascript_site import LOOPS, SIMPLE, SLIPS, Place
from journeyman.agent.repair.source import Edit, Mutation

if TYPE_CHECKING:
    from tree_sitter import Node

MOST_NAMES = 12
"""Variables of a function, those most used, that a missing statement is made of."""

MOST_NUMBERS = 8
"""Numbers of a function up to which two are changed at once."""


def assignment(place: Place) -> Iterator[Mutation]:
    left, right = place.segment("left"), place.segment("right")
    if place.node.type == "augmented_assignment_expression":
        operator = place.field("operator")
        for other, weight in SLIPS.get(operator.type.removesuffix("="), ()):
            yield place.to("assignment", weight, f"{other}=", operator)
        yield place.to("assignment", 0.5, "=", operator)
        if operator.type in ("-=", "/="):
            yield place.to("assignment", 0.25, f"{left} = Math.floor({left} / {right})")
        return
    yield from assigned_condition(place)
    if place.field("left").type == "identifier":
        for sign in ("+=", "-=", "*="):
            yield place.to("assignment", 0.3, f"{left} {sign} {right}")
    else:
        for sign in ("+=", "-="):
            yield place.to("assignment", 0.2, f"{left} {sign} {right}")
        for name in place.scope.names:
            yield place.to("assignment", 0.1, name, place.field("left"))
    for name in place.scope.names:
        if name != left:
            yield place.to("assignment", 0.15, name, place.field("left"))


def augmented_target(place: Place) -> Iterator[Mutation]:
    left = place.field("left")
    for name in place.scope.names:
        if name != place.script.segment(left):
            yield place.to("name", 0.4, name, left)


def declared(place: Place) -> Iterator[Mutation]:
    """A variable that hides one of the same name, that should be one of each round, or that is declared too often."""
    parent = place.node.parent
    word = place.node.children[0]
    kind = place.script.segment(word)
    names = [child.child_by_field_name("name") for child in place.node.named_children]
    texts = [place.script.segment(name) for name in names if name is not None]
    if kind == "var":
        yield place.to("declaration", 0.3, "let", word)
    if len(texts) != 1 or parent is None or parent.type not in ("statement_block", "switch_case"):
        return
    if place.scope.declared[texts[0]] > 1 and "=" in place.text:
        start, end = place.script.span(word)
        yield place.of("hidden variable", 0.8, Edit(start, end + 1, ""))


def branch(place: Place) -> Iterator[Mutation]:
    node, script = place.node, place.script
    alternative = node.child_by_field_name("alternative")
    body = place.field("consequence")
    start = script.span(node)[0]
    if alternative is not None and alternative.named_children:
        other = alternative.named_children[0]
        yield place.swap("swapped branches", 0.45, body, other)
        if other.type == "if_statement":
            # `else if` where both should be looked at, one after the other
            edge, begin = script.span(alternative)[0], script.span(other)[0]
            yield place.of("else", 0.25, Edit(edge, begin, "\n" + (script.indent(node) or "")))
    else:
        yield place.of("block", 0.2, Edit(start, start + 2, "while"))
        if node.parent is not None and node.parent.type == "else_clause":
            yield place.of("else", 0.4, Edit(start, script.span(body)[0], ""))
        yield from deletion(place)
        after = node.next_named_sibling
        if after is not None and after.type == "if_statement":
            at = script.span(after)[0]
            yield place.of("else", 0.35, Edit(at, at, "else "))
    yield from order(place)


def loop(place: Place) -> Iterator[Mutation]:
    node, script = place.node, place.script
    start = script.span(node)[0]
    if node.type == "while_statement":
        yield place.of("block", 0.15, Edit(start, start + 5, "if"))
    if node.type == "for_in_statement":
        word = node.child_by_field_name("operator")
        if word is not None:
            yield place.to("loop", 0.7, "in" if word.type == "of" else "of", word)
        for part, weight in ((".slice(1)", 0.15), (".slice(0, -1)", 0.12), (".entries()", 0.15), (".values()", 0.1)):
            yield place.to("part", weight, place.segment("right") + part, place.field("right"))
        for wrapper in ("Object.keys", "Object.values", "Object.entries", "new Set"):
            yield place.to("wrapped", 0.15, f"{wrapper}({place.segment('right')})", place.field("right"))
    yield from insertion(place)
    yield from depth(place)


def answer(place: Place) -> Iterator[Mutation]:
    """What is returned."""
    value = next(iter(place.node.named_children), None)
    text = place.script.segment(value) if value is not None else ""
    others = ["true", "false", "0", "1", "-1", "[]", "''", "null", "undefined", *place.scope.names]
    simple = value is None or value.type in ("identifier", "true", "false", "number")
    if simple:
        others += [*place.scope.ingredients, *place.scope.conditions]
    for other in dict.fromkeys(others):
        if other != text:
            yield place.to("return value", 0.3 if simple else 0.1, f"return {other};")
    if value is not None:
        yield place.to("return value", 0.2, f"return !({text});")
        yield place.to("return value", 0.12, f"return -({text});")
        yield place.to("return value", 0.12, f"return [{text}];")
        for other in place.scope.names:
            if other != text and value.type in ("array", "identifier", "string", "call_expression"):
                yield place.to("joined", 0.08, f"return {other}.concat({text});")
                yield place.to("joined", 0.08, f"return {text} + {other};")
    yield from deletion(place)
    yield from depth(place)


def ending(place: Place) -> Iterator[Mutation]:
    yield place.to("loop end", 0.5, "continue;" if place.node.type == "break_statement" else "break;")
    yield place.to("loop end", 0.15, "return;")
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
    yield from depth(place)
    yield from returned(place)
    indent = place.script.indent(place.node)
    if indent is not None and any(up.type in LOOPS for up in above(place.node)):
        tests = list(dict.fromkeys(place.scope.conditions))
        for one, two in combinations(place.scope.names[:8], 2):
            tests += [f"{one} {sign} {two}" for sign in ("===", "!==", "<", ">")]
        for test in dict.fromkeys(tests):
            yield place.to("condition", 0.07, f"if ({test}) {place.text}")


def returned(place: Place) -> Iterator[Mutation]:
    """The last thing that a function does, which it should also answer with."""
    inside = next(iter(place.node.named_children), None)
    block = place.node.parent
    if inside is None or block is None or block.type != "statement_block" or inside.type == "string":
        return
    last = place.node.next_named_sibling is None
    function = block.parent is not None and block.parent.type in FUNCTIONS
    if last and inside.type not in ("update_expression", "yield_expression"):
        recursive = any(place.text.startswith(name + "(") for name in place.scope.functions)
        yield place.before("return", 0.6 if function else 0.45 if recursive else 0.1, "return ")


def order(place: Place) -> Iterator[Mutation]:
    after = place.node.next_named_sibling
    if after is not None and after.type in (*SIMPLE, "if_statement", *LOOPS):
        yield place.swap("order", 0.3 if after.type in SIMPLE else 0.2, place.node, after)


def depth(place: Place) -> Iterator[Mutation]:
    """A statement that is one block too deep, or not deep enough."""
    node, script = place.node, place.script
    block = node.parent
    if block is None or block.type != "statement_block":
        return
    start, end = script.span(node)
    outer = block.parent
    if outer is not None and outer.type == "else_clause":
        outer = outer.parent
    last = node.next_named_sibling is None and len(block.named_children) > 1
    if last and outer is not None and outer.type in (*LOOPS, "if_statement"):
        at, indent = script.span(outer)[1], script.indent(outer)
        weight = 0.5 if node.type == "return_statement" else 0.35
        if indent is not None:
            yield place.of("depth", weight, Edit(start, end, ""), Edit(at, at, f"\n{indent}{place.text}"))
    before = node.prev_named_sibling
    body = before.child_by_field_name("body") if before is not None and before.type in LOOPS else None
    if before is not None and before.type == "if_statement" and before.child_by_field_name("alternative") is None:
        body = before.child_by_field_name("consequence")
    if body is not None and body.type == "statement_block" and body.named_children:
        last = body.named_children[-1]
        at, indent = script.span(last)[1], script.indent(last)
        if indent is not None and last.type not in ("return_statement", "break_statement"):
            yield place.of("depth", 0.3, Edit(at, at, f"\n{indent}{place.text}"), Edit(start, end, ""))


def insertion(place: Place) -> Iterator[Mutation]:
    """A missing statement after this one."""
    indent = place.script.indent(place.node)
    parent = place.node.parent
    if indent is None or parent is None or parent.type not in ("statement_block", "program", "switch_case"):
        return
    at = place.script.span(place.node)[1]
    looped = any(up.type in LOOPS for up in above(place.node))
    found: list[tuple[str, float]] = []
    names = place.scope.names[:MOST_NAMES]
    for name in names:
        if name in place.scope.numbers:
            found += [(f"{name} += 1;", 0.12 if looped else 0.06), (f"{name} -= 1;", 0.12 if looped else 0.06)]
        else:
            found += [(f"{name}.{what}();", 0.1) for what in ("pop", "shift", "sort", "reverse")]
            found += [
                (f"{name}.push({value});", 0.07)
                for other in names if other != name
                for value in (other, f"{other}[{other}.length - 1]", f"{other}[0]")
            ]  # fmt: skip
    found += [(f"{one} = {two};", 0.12 if looped else 0.05) for one, two in permutations(names[:10], 2)]
    found += [(f"{known};", 0.12) for known in dict.fromkeys(place.scope.calls) if known != place.text.rstrip(";")]
    found += [("break;", 0.12)] if looped else []
    if parent.type == "switch_case" and place.node.next_named_sibling is None:
        found.append(("break;", 0.7))
    for text, weight in found:
        yield place.of("insertion", weight, Edit(at, at, f"\n{indent}{text}"))


def beginning(place: Place) -> Iterator[Mutation]:
    """What concerns the whole function: a missing case at its start, answers the wrong way round, two numbers."""
    function, block = place.node.parent, place.node
    if function is None or function.type not in FUNCTIONS or outermost(block) != function or not block.named_children:
        return
    first = block.named_children[0]
    indent = place.script.indent(first)
    if indent is not None:
        at = place.script.span(first)[0]
        for test, value, weight in _cases(_parameters(place, function)):
            yield place.of("base case", weight, Edit(at, at, f"if ({test}) return {value};\n{indent}"))
    answers = [
        node.named_children[0]
        for node in walk(block)
        if node.type == "return_statement" and node.named_children and node.named_children[0].type in ("true", "false")
    ]
    if 2 <= len(answers) <= 4:
        edits = [place.script.edit(node, "false" if node.type == "true" else "true") for node in answers]
        yield place.of("swapped answers", 0.6, *edits)
    numbers = [node for node in walk(block) if node.type == "number" and place.script.segment(node).isdigit()]
    for one, two in combinations(numbers, 2) if len(numbers) <= MOST_NUMBERS else ():
        for step in (1, -1):
            values = [int(place.script.segment(node)) + step for node in (one, two)]
            pair = [place.script.edit(node, str(new)) for node, new in zip((one, two), values, strict=True)]
            if min(values) >= 0:
                yield place.of("two numbers", 0.07, *pair)


def _parameters(place: Place, function: "Node") -> list[str]:
    inside = function.child_by_field_name("parameters") or function.child_by_field_name("parameter")
    nodes = [inside, *inside.named_children] if inside is not None else []
    return [place.script.segment(node) for node in nodes if node.type == "identifier"]


def _cases(names: list[str]) -> Iterator[tuple[str, str, float]]:
    for name in names:
        for value in ("[]", "0", "null", "false", "true", "''", "1", "-1", name):
            yield f"!{name}", value, 0.08
            yield f"{name}.length === 0", value, 0.12
        for test in ("=== 0", "=== 1", "<= 1", "< 0", "< 2"):
            for value in ("0", "1", "false", "[]", name):
                yield f"{name} {test}", value, 0.07
        yield f"{name}.length <= 1", name, 0.12
