"""All single mutations of the suspicious parts of a JavaScript file, the likeliest first."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from journeyman.agent.repair import javascript_expressions as expressions
from journeyman.agent.repair import javascript_statements as statements
from journeyman.agent.repair import javascript_values as values
from journeyman.agent.repair.javascript import Scope, Script, outermost, scope_of, walk
from journeyman.agent.repair.javascript_guards import guarded
from journeyman.agent.repair.javascript_site import EQUAL, Place
from journeyman.agent.repair.source import Mutation

OPERATORS: dict[str, tuple[Callable[[Place], Iterator[Mutation]], ...]] = {
    "array": (expressions.elements,),
    "assignment_expression": (statements.assignment,),
    "augmented_assignment_expression": (statements.assignment, statements.augmented_target),
    "await_expression": (expressions.waited,),
    "binary_expression": (expressions.binary, values.exchanged),
    "break_statement": (statements.ending,),
    "call_expression": (values.call, expressions.tested),
    "continue_statement": (statements.ending,),
    "expression_statement": (statements.statement, guarded),
    "false": (expressions.boolean,),
    "for_in_statement": (statements.loop, guarded),
    "for_statement": (statements.loop, guarded),
    "formal_parameters": (expressions.parameters,),
    "identifier": (expressions.identifier, expressions.tested),
    "if_statement": (statements.branch, guarded),
    "lexical_declaration": (statements.insertion, statements.declared),
    "member_expression": (expressions.tested,),
    "number": (expressions.number,),
    "property_identifier": (expressions.prop,),
    "regex": (expressions.pattern,),
    "return_statement": (statements.answer, guarded),
    "spread_element": (expressions.spread,),
    "statement_block": (statements.beginning,),
    "string": (expressions.text_literal,),
    "subscript_expression": (values.subscript, values.exchanged, expressions.tested),
    "ternary_expression": (expressions.ternary,),
    "true": (expressions.boolean,),
    "unary_expression": (expressions.unary,),
    "update_expression": (expressions.update,),
    "variable_declaration": (statements.insertion, statements.declared),
    "while_statement": (statements.loop, guarded),
}


def mutations(
    text: str, lines: Sequence[range] = (), suspicion: Mapping[int, float] | None = None, limit: int = 5000
) -> list[Mutation]:
    """As for Python: mutations in `lines`, best first, without repetitions. Empty when `text` is no JavaScript."""
    script = Script(text)
    if script.root.has_error:
        return []
    suspicion = suspicion or {}
    best: dict[tuple[tuple[int, int, str], ...], tuple[float, int, Mutation]] = {}
    for number, (place, mutation) in enumerate(_all(script, lines)):
        key = tuple(sorted((edit.start, edit.end, edit.text) for edit in mutation.edits))
        if not key or all(text[start:end] == replaced for start, end, replaced in key) or _is_idle(place, mutation):
            continue
        weight = mutation.weight * suspicion.get(mutation.line, 1.0)
        if key not in best or best[key][0] < weight:
            best[key] = (weight, best[key][1] if key in best else number, mutation)
    ranked = sorted(best.values(), key=lambda entry: (-entry[0], entry[1]))
    return [mutation for _, _, mutation in ranked[:limit]]


def _all(script: Script, lines: Sequence[range]) -> Iterator[tuple[Place, Mutation]]:
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
            yield from ((place, mutation) for mutation in operator(place))
        if node.type in values.VALUES:
            yield from ((place, mutation) for mutation in values.value(place))


def _is_idle(place: Place, mutation: Mutation) -> bool:
    """Whether a mutation makes an expression that no one writes: `x + 0`, `x * 1`, `x === x`, `x - x`, `x = x`."""
    parent = place.node.parent
    if len(mutation.edits) != 1 or parent is None:
        return False
    edit = mutation.edits[0]
    if place.script.span(place.node) != (edit.start, edit.end):
        return False
    left, right = parent.child_by_field_name("left"), parent.child_by_field_name("right")
    if left is None or right is None:
        return False
    sign = parent.child_by_field_name("operator")
    other = place.script.segment(right if left == place.node else left)
    match sign.type if sign is not None else "=":
        case "+" | "-":
            return edit.text in ("0", "''") or (edit.text == other and sign is not None and sign.type == "-")
        case "*" | "/" | "**":
            return edit.text == "1"
        case "=" | "&&" | "||" | "<" | ">" | "<=" | ">=" | "%":
            return edit.text == other
        case kind:
            return kind in EQUAL and edit.text == other
