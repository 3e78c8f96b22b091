"""Mutations of JavaScript's expressions: operators, literals, names, conditions."""

from collections.abc import Iterator
from itertools import combinations, pairwise

from journeyman.agent.repair.javascript_site import EQUAL, SLIPS, SWAPS, Place, closed, is_called, is_declared, is_text
from journeyman.agent.repair.javascript_site import is_test as is_tested
from journeyman.agent.repair.source import Edit, Mutation
from journeyman.agent.repair.values import MOST_ELEMENTS


def binary(place: Place) -> Iterator[Mutation]:
    node, script = place.node, place.script
    operator = place.field("operator")
    left, right = place.field("left"), place.field("right")
    sign, one, two = operator.type, script.segment(left), script.segment(right)
    for other, weight in SLIPS.get(sign, ()):
        yield place.to("operator", weight, other, operator)
        if right.type == "number" and sign in ("<", "<=", ">", ">=", "==", "===") and two.isdigit():
            for step in (-1, 1):
                edits = (script.edit(operator, other), script.edit(right, str(int(two) + step)))
                yield place.of("compare and number", weight * 0.5, *edits)
    if sign not in (*EQUAL, "*", "&&", "||"):
        yield place.swap("swapped operands", 0.5, left, right)
    if sign in ("+", "-", "*", "/", "%", "&&", "||", "**"):
        yield place.to("operand dropped", 0.4, one)
        yield place.to("operand dropped", 0.3, two)
    yield from _rounded(place, sign)
    yield from _regrouped(place, sign)
    if sign in EQUAL:
        yield from _compared(place, sign)
    if sign in ("&&", "||"):
        for side in (left, right):
            negated = side.type == "unary_expression" and script.segment(side).startswith("!")
            text = script.segment(side)
            yield place.to("negation", 0.3, text[1:] if negated else f"!{closed(script, side)}", side)
    if is_tested(node):
        yield from guards(place)


def _rounded(place: Place, sign: str) -> Iterator[Mutation]:
    """A result that lacks its absolute value, or rounding."""
    script, left, right = place.script, place.field("left"), place.field("right")
    one, two = script.segment(left), script.segment(right)
    texts = is_text(left) or is_text(right)
    if sign in ("-", "+") and not texts:
        yield place.to("wrapped", 0.6 if sign == "-" else 0.1, f"Math.abs({place.text})")
    if sign in ("/", "*"):
        # A quotient that is the answer itself: rounding it makes examples in whole numbers pass by chance.
        answer = place.node.parent is not None and place.node.parent.type in ("return_statement", "arrow_function")
        likely = sign == "/" and not answer
        yield place.to("wrapped", 0.5 if likely else 0.1, f"Math.floor({place.text})")
        for name in ("ceil", "round", "trunc") if sign == "/" else ("round",):
            yield place.to("wrapped", 0.25 if likely else 0.06, f"Math.{name}({place.text})")
    if sign == "%":
        edits = f"(({place.text}) + {closed(script, right)}) % {closed(script, right)}"
        yield place.to("wrapped", 0.2, edits)
    if sign == "+" and not texts and left.type != "number" and right.type != "number":
        for wrapper in ("Number", "String"):
            edit = (script.edit(left, f"{wrapper}({one})"), script.edit(right, f"{wrapper}({two})"))
            yield place.of("wrapped", 0.15, *edit)


def _regrouped(place: Place, sign: str) -> Iterator[Mutation]:
    script = place.script
    left, right = place.field("left"), place.field("right")
    for child, outer in ((left, right), (right, left)):
        inner = child.child_by_field_name("operator")
        if child.type != "binary_expression" or inner is None or inner.type == sign:
            continue
        start, end = child.child_by_field_name("left"), child.child_by_field_name("right")
        if start is None or end is None:
            continue
        low, high, rest = script.segment(start), script.segment(end), script.segment(outer)
        if child == left:
            yield place.to("grouping", 0.4, f"{low} {inner.type} ({high} {sign} {rest})")
        else:
            yield place.to("grouping", 0.4, f"({rest} {sign} {low}) {inner.type} {high}")
            yield place.to("grouping", 0.35, f"{rest} {inner.type} {high} {sign} {low}")


def _compared(place: Place, sign: str) -> Iterator[Mutation]:
    """Two things compared as they are, where something of them is to be compared; and what equals nothing."""
    script, left, right = place.script, place.field("left"), place.field("right")
    one, two = script.segment(left), script.segment(right)
    negation = "!" if sign[0] == "!" else ""
    if two == "NaN":
        yield place.to("not a number", 1.0, f"{negation}Number.isNaN({one})")
    if is_text(left) or is_text(right) or "number" in (left.type, right.type):
        return
    for method in ("toLowerCase()", "length", "sort().join()", "getTime()"):
        edits = (script.edit(left, f"{one}.{method}"), script.edit(right, f"{two}.{method}"))
        yield place.of("wrapped", 0.15 if method in ("toLowerCase()", "length") else 0.06, *edits)
    for wrapper, weight in (("JSON.stringify", 0.2), ("Number", 0.12), ("String", 0.12), ("Math.abs", 0.08)):
        edits = (script.edit(left, f"{wrapper}({one})"), script.edit(right, f"{wrapper}({two})"))
        yield place.of("wrapped", weight, *edits)


def tested(place: Place) -> Iterator[Mutation]:
    """A condition that is a bare value: the other way round, or a question that lacks its second half."""
    if not is_tested(place.node):
        return
    yield place.to("negation", 0.5, f"!{closed(place.script, place.node)}")
    if place.node.type == "call_expression":
        name = place.segment("function").rsplit(".", 1)[-1]
        if name in ("indexOf", "lastIndexOf", "search", "findIndex"):
            yield place.to("found at", 0.8, f"{place.text} !== -1")
            yield place.to("found at", 0.5, f"{place.text} === -1")
    yield place.to("compared", 0.2, f"{place.text} !== undefined")
    yield place.to("compared", 0.12, f"{place.text}.length > 0")
    yield from guards(place)


def guards(place: Place) -> Iterator[Mutation]:
    for condition in dict.fromkeys(place.scope.conditions):
        if condition not in place.text:
            yield place.to("guard", 0.08, f"{place.text} && {condition}")
            yield place.to("guard", 0.08, f"{place.text} || {condition}")
    if place.node.type == "binary_expression":
        yield place.to("negation", 0.4, f"!({place.text})")
    for name in place.scope.names[:6]:
        yield place.to("guard", 0.06, f"{name} && {place.text}")
        yield place.to("guard", 0.06, f"{place.text} || !{name}")


def assigned_condition(place: Place) -> Iterator[Mutation]:
    """`=` in a condition, where it was to compare."""
    if not is_tested(place.node):
        return
    left, right = place.field("left"), place.field("right")
    start, end = place.script.span(left)[1], place.script.span(right)[0]
    for sign, weight in (("===", 1.0), ("==", 0.3)):
        yield place.of("compare", weight, Edit(start, end, f" {sign} "))


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
            yield place.to("number", 0.8 if close and other >= 0 else 0.5, f"{other:.12g}")
    multiples = (f"{known * 2:.12g}", f"{known / 2:.12g}", f"{known * 10:.12g}")
    for other in dict.fromkeys([*place.scope.values, "0", "1", "2", *multiples]):
        yield place.to("number", 0.25, other)
    if not signed:
        yield place.to("number", 0.2, f"-{text}")
    for extreme in ("Infinity", "-Infinity") if known in (0, 1, -1) and not close else ():
        yield place.to("number", 0.2, extreme)
    for name in place.scope.names:
        yield place.to("number to name", 0.15 if name in place.scope.numbers else 0.06, name)


def identifier(place: Place) -> Iterator[Mutation]:
    node, text = place.node, place.text
    if is_called(node):
        for other in SWAPS.get(text, ()):
            yield place.to("call", 0.7, other)
        for other in place.scope.functions:
            if other != text:
                yield place.to("call", 0.2, other)
        return
    if node.parent is not None and node.parent.type == "new_expression":
        for other in SWAPS.get(text, ()):
            yield place.to("call", 0.4, other)
    if text not in place.scope.names or is_declared(node):
        return
    for other in place.scope.names:
        if other != text:
            alike = (other in place.scope.numbers) == (text in place.scope.numbers)
            yield place.to("name", 0.5 if alike else 0.2, other)
    if node.parent is not None and node.parent.type not in ("pair", "shorthand_property_identifier"):
        for other in place.scope.own:
            if other.removeprefix("this.") == text:
                yield place.to("name", 0.5, other)


def prop(place: Place) -> Iterator[Mutation]:
    """The name of a property: its usual counterpart, or one that the file has elsewhere."""
    parent = place.node.parent
    called = parent is not None and is_called(parent)
    for other in SWAPS.get(place.text, ()):
        yield place.to("call", 0.7, other)
    if parent is None or parent.type != "member_expression" or called:
        return
    for other in place.scope.properties:
        if other != place.text:
            yield place.to("property", 0.3, other)


def boolean(place: Place) -> Iterator[Mutation]:
    yield place.to("literal", 0.7, "false" if place.node.type == "true" else "true")
    for name in place.scope.names[:6] if is_tested(place.node) else ():
        yield place.to("literal", 0.15, name)


def unary(place: Place) -> Iterator[Mutation]:
    if place.field("operator").type in ("!", "-", "~", "+"):
        yield place.to("negation dropped", 0.6, place.segment("argument"))


def text_literal(place: Place) -> Iterator[Mutation]:
    for other in dict.fromkeys([*place.scope.strings, "''", "' '"]):
        yield place.to("text", 0.25, other)
    quote, inside = place.text[:1], place.text[1:-1]
    for changed in dict.fromkeys((inside.swapcase(), inside.strip(), inside + " ")):
        if changed != inside:
            yield place.to("text", 0.15, quote + changed + quote)


def pattern(place: Place) -> Iterator[Mutation]:
    """A regular expression: its flags, its anchors, how often something may occur."""
    _, _, flags = place.text.rpartition("/")
    body = place.text[: len(place.text) - len(flags)]
    for flag, weight in (("g", 0.6), ("i", 0.4), ("u", 0.1), ("m", 0.1)):
        other = flags.replace(flag, "") if flag in flags else flags + flag
        yield place.to("flags", weight, body + other)
    inside = body[1:-1]
    for at, sign in enumerate(inside):
        if sign in "+*?" and at and inside[at - 1] != "\\":
            for other in "+*?".replace(sign, ""):
                yield place.to("pattern", 0.3, f"/{inside[:at]}{other}{inside[at + 1 :]}/{flags}")
            yield place.to("pattern", 0.2, f"/{inside[:at]}{inside[at + 1 :]}/{flags}")
        classed = at > 0 and (sign == "]" or (sign in "dwsDWS" and inside[at - 1] == "\\"))
        if classed and inside[at + 1 : at + 2] not in ("+", "*", "?", "{"):
            yield place.to("pattern", 0.25, f"/{inside[: at + 1]}+{inside[at + 1 :]}/{flags}")
    for anchored in (f"^{inside}", f"{inside}$", f"^{inside}$"):
        yield place.to("pattern", 0.15, f"/{anchored}/{flags}")
    for anchor in ("^", "$"):
        if (bare := inside.strip(anchor)) != inside and bare:
            yield place.to("pattern", 0.15, f"/{bare}/{flags}")


def update(place: Place) -> Iterator[Mutation]:
    other = "--" if place.field("operator").type == "++" else "++"
    yield place.to("operator", 0.7, other, place.field("operator"))
    yield place.to("step", 0.3, f"{place.segment('argument')} += 2")
    parent = place.node.parent
    if parent is not None and parent.type not in ("expression_statement", "for_statement"):
        argument, sign = place.segment("argument"), place.field("operator").type
        prefixed = place.text.startswith(sign)
        yield place.to("step", 0.6, f"{argument}{sign}" if prefixed else f"{sign}{argument}")


def ternary(place: Place) -> Iterator[Mutation]:
    yield place.swap("swapped branches", 0.6, place.field("consequence"), place.field("alternative"))
    yield place.to("branch", 0.2, place.segment("consequence"))
    yield place.to("branch", 0.2, place.segment("alternative"))


def elements(place: Place) -> Iterator[Mutation]:
    """Elements of an array in the wrong order, or one too much; an array that is empty, or nested, wrongly."""
    nodes = [child for child in place.node.named_children if child.type != "comment"]
    if is_declared(place.node):
        return
    for one, two in combinations(nodes, 2) if len(nodes) <= 3 else ():
        yield place.swap("swapped elements", 0.5, one, two)
    spans = [place.script.span(node) for node in nodes]
    if 3 <= len(spans) <= MOST_ELEMENTS:
        yield place.of("element dropped", 0.05, Edit(spans[0][0], spans[1][0], ""))
        for (_, before), (start, end) in pairwise(spans):
            yield place.of("element dropped", 0.3 if start == spans[-1][0] else 0.05, Edit(before, end, ""))
    yield place.to("nesting", 0.5 if not nodes else 0.15, f"[{place.text}]")
    for name in place.scope.names if not nodes else ():
        yield place.to("nesting", 0.2, f"[{name}]")
        yield place.to("nesting", 0.12, f"[...{name}]")
    if len(nodes) == 1:
        yield place.to("nesting", 0.3, place.script.segment(nodes[0]))
        if nodes[0].type == "identifier":
            yield place.to("spread", 0.5, f"...{place.script.segment(nodes[0])}", nodes[0])


def spread(place: Place) -> Iterator[Mutation]:
    inside = next(iter(place.node.named_children), None)
    if inside is not None:
        yield place.to("spread dropped", 0.4, place.script.segment(inside))


def waited(place: Place) -> Iterator[Mutation]:
    """`await` where it should not be."""
    inside = next(iter(place.node.named_children), None)
    if inside is not None:
        yield place.to("await dropped", 0.2, place.script.segment(inside))


def parameters(place: Place) -> Iterator[Mutation]:
    """The parameters of an inner function in each other's place."""
    nodes = [child for child in place.node.named_children if child.type == "identifier"]
    if 2 <= len(nodes) <= 3 and place.node.parent is not None and place.node.parent.type == "arrow_function":
        for one, two in combinations(nodes, 2):
            yield place.swap("swapped parameters", 0.3, one, two)
