"""Mutations of expressions: each operator is one classical kind of slip, turned round."""

import ast
from collections.abc import Iterator
from itertools import permutations

from journeyman.agent.repair.site import Site, closed
from journeyman.agent.repair.source import Edit, Mutation, unparsed

_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
_COMPARE_SLIPS = {
    "<": (("<=", 1.0), (">", 0.7), (">=", 0.5), ("==", 0.3), ("!=", 0.3)),
    "<=": (("<", 1.0), (">=", 0.7), (">", 0.5), ("==", 0.3), ("!=", 0.3)),
    ">": ((">=", 1.0), ("<", 0.7), ("<=", 0.5), ("==", 0.3), ("!=", 0.3)),
    ">=": ((">", 1.0), ("<=", 0.7), ("<", 0.5), ("==", 0.3), ("!=", 0.3)),
    "==": (("!=", 0.7), ("<=", 0.4), (">=", 0.4), ("<", 0.3), (">", 0.3)),
    "!=": (("==", 0.7), ("<", 0.3), (">", 0.3)),
    "is": (("is not", 0.7),),
    "is not": (("is", 0.7),),
    "in": (("not in", 0.7),),
    "not in": (("in", 0.7),),
}
_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
}
ARITHMETIC_SLIPS = {
    "+": (("-", 0.9), ("*", 0.4), ("|", 0.1)),
    "-": (("+", 0.9), ("*", 0.2), ("/", 0.2), ("//", 0.2), ("%", 0.2)),
    "*": (("+", 0.5), ("**", 0.4), ("/", 0.5), ("//", 0.3), ("-", 0.2)),
    "/": (("//", 0.9), ("*", 0.6), ("%", 0.4), ("-", 0.2)),
    "//": (("/", 0.7), ("%", 0.7), ("*", 0.3)),
    "%": (("//", 0.8), ("/", 0.4), ("-", 0.2), ("*", 0.2)),
    "**": (("*", 0.7), ("//", 0.2)),
    "&": (("|", 0.8), ("^", 0.6), ("-", 0.2)),
    "|": (("&", 0.8), ("^", 0.6)),
    "^": (("&", 0.8), ("|", 0.8)),
    "<<": ((">>", 0.8),),
    ">>": (("<<", 0.8),),
}
_CALLS = (
    ("any", "all"),
    ("min", "max"),
    ("min", "sum"),
    ("max", "sum"),
    ("append", "extend"),
    ("append", "insert"),
    ("add", "update"),
    ("add", "discard"),
    ("pop", "popleft"),
    ("append", "appendleft"),
    ("floor", "ceil"),
    ("floor", "round"),
    ("ceil", "round"),
    ("int", "round"),
    ("int", "float"),
    ("int", "str"),
    ("int", "ord"),
    ("chr", "ord"),
    ("chr", "str"),
    ("sorted", "reversed"),
    ("sorted", "list"),
    ("sorted", "set"),
    ("list", "set"),
    ("set", "sorted"),
    ("len", "sum"),
    ("len", "max"),
    ("abs", "int"),
    ("upper", "lower"),
    ("upper", "swapcase"),
    ("lower", "swapcase"),
    ("isupper", "islower"),
    ("isalpha", "isdigit"),
    ("isalpha", "isalnum"),
    ("isdigit", "isalnum"),
    ("isdigit", "isnumeric"),
    ("startswith", "endswith"),
    ("find", "rfind"),
    ("index", "rindex"),
    ("strip", "lstrip"),
    ("strip", "rstrip"),
    ("lstrip", "rstrip"),
    ("split", "rsplit"),
    ("keys", "values"),
    ("keys", "items"),
    ("values", "items"),
    ("remove", "discard"),
    ("remove", "pop"),
    ("union", "intersection"),
    ("issubset", "issuperset"),
    ("difference", "symmetric_difference"),
    ("zip", "zip_longest"),
    ("permutations", "combinations"),
    ("heappush", "heappop"),
    ("heappush", "heappushpop"),
    ("heapreplace", "heappushpop"),
    ("bisect_left", "bisect_right"),
    ("get", "setdefault"),
    ("get", "pop"),
)
_SWAPS: dict[str, tuple[str, ...]] = {}
for _one, _two in _CALLS:
    _SWAPS[_one] = (*_SWAPS.get(_one, ()), _two)
    _SWAPS[_two] = (*_SWAPS.get(_two, ()), _one)


def compare(site: Site) -> Iterator[Mutation]:
    node = site.node
    if not isinstance(node, ast.Compare):
        return
    left = node.left
    for operator, right in zip(node.ops, node.comparators, strict=True):
        sign = _COMPARE[type(operator)]
        for other, weight in _COMPARE_SLIPS[sign]:
            mutation = site.between("compare", weight, left, right, other)
            if mutation:
                yield mutation
        if isinstance(right, ast.Constant) and type(right.value) is int:
            for step in (-1, 1):
                for other, weight in _COMPARE_SLIPS[sign][:4]:
                    mutation = site.between("compare and number", weight * 0.7, left, right, other)
                    if mutation:
                        edits = (*mutation.edits, site.source.replace(right, str(right.value + step)))
                        yield Mutation(mutation.kind, mutation.line, mutation.weight, edits)
        left = right
    if len(node.ops) == 1:
        one, two = site.source.segment(node.left), site.source.segment(node.comparators[0])
        edits = (site.source.replace(node.left, two), site.source.replace(node.comparators[0], one))
        if isinstance(node.ops[0], ast.In | ast.NotIn):
            yield Mutation("swapped operands", node.lineno, 0.4, edits)
        yield from _both_sides(site, node)


def _both_sides(site: Site, node: ast.Compare) -> Iterator[Mutation]:
    """Two things that are compared as they are, where something of them is to be compared."""
    sides = (node.left, node.comparators[0])
    if any(isinstance(side, ast.Constant | ast.Call) for side in sides):
        return
    texts = [site.source.segment(side) for side in sides]
    for wrapper in ("set", "sorted", "len", "abs", "list", "str"):
        edits = tuple(site.source.replace(side, f"{wrapper}({text})") for side, text in zip(sides, texts, strict=True))
        yield Mutation("wrapped", node.lineno, 0.3 if wrapper in ("set", "sorted", "len") else 0.15, edits)
    if all(isinstance(side, ast.Name | ast.Subscript | ast.Attribute) for side in sides):
        edits = tuple(site.source.replace(side, f"{text}.lower()") for side, text in zip(sides, texts, strict=True))
        yield Mutation("wrapped", node.lineno, 0.15, edits)


def number(site: Site) -> Iterator[Mutation]:
    node = site.node
    if not isinstance(node, ast.Constant) or type(node.value) not in (int, float):
        return
    value = node.value
    assert isinstance(value, int | float)
    closely = any(isinstance(up, ast.Subscript | ast.Compare | ast.Call) for up in _near(site))
    for other in (value + 1, value - 1):
        yield site.to("number", 0.4 if other < 0 else 0.8 if closely else 0.6, repr(other))
    for other in (value + 2, value - 2) if abs(value) > 2 else ():
        yield site.to("number", 0.2, repr(other))
    others = [text for text in dict.fromkeys(site.scope.numbers) if text != repr(value)]
    for text in [*others, "0", "1", "2", "-1", repr(-value), repr(value * 2), repr(value / 2), repr(value * 10)]:
        yield site.to("number", 0.25, text)
    for name in site.scope.names:
        if site.scope.is_kind(name, "number"):
            yield site.to("number to name", 0.15, name)
        elif site.scope.is_kind(name, "items"):
            yield site.to("number to name", 0.1, f"len({name})")


def literal(site: Site) -> Iterator[Mutation]:
    node = site.node
    if not isinstance(node, ast.Constant):
        return
    if isinstance(node.value, bool):
        yield site.to("literal", 0.7, str(not node.value))
        for name in site.scope.names if _is_test(site) else ():
            yield site.to("literal", 0.25, name)
            yield site.to("literal", 0.1, f"not {name}")
    elif node.value is None:
        for text in ("0", "[]", "False", "''"):
            yield site.to("literal", 0.2, text)
    elif isinstance(node.value, str) and not isinstance(site.source.parent(node), ast.Expr):
        others = [text for text in dict.fromkeys(site.scope.strings) if text != repr(node.value)]
        for text in others[:8]:
            yield site.to("text", 0.3, text)
        for value in dict.fromkeys((node.value.swapcase(), node.value.strip(), "", " ")):
            if value != node.value:
                yield site.to("text", 0.2, repr(value))


def arithmetic(site: Site) -> Iterator[Mutation]:
    node = site.node
    if not isinstance(node, ast.BinOp) or type(node.op) not in _ARITHMETIC:
        return
    sign = _ARITHMETIC[type(node.op)]
    for other, weight in ARITHMETIC_SLIPS[sign]:
        if _is_idle(node, other):
            continue
        mutation = site.between("operator", weight, node.left, node.right, other)
        if mutation:
            yield mutation
    one, two = site.source.segment(node.left), site.source.segment(node.right)
    if sign not in ("*", "&", "|", "^"):
        edits = (
            site.source.replace(node.left, site.source.fit(node.left, two)),
            site.source.replace(node.right, site.source.fit(node.right, one)),
        )
        yield Mutation("swapped operands", node.lineno, 0.5, edits)
    yield site.to("operand dropped", 0.4, one)
    yield site.to("operand dropped", 0.4 if sign in "+*" else 0.2, two)
    yield from _regrouped(site, node, sign)


def _regrouped(site: Site, node: ast.BinOp, sign: str) -> Iterator[Mutation]:
    """Operands that belong together otherwise: `a - b // c` for `a // c - b` or `(a - b) // c`."""
    first, last = site.source.segment(node.left), site.source.segment(node.right)
    if isinstance(node.right, ast.BinOp) and type(node.right.op) in _ARITHMETIC:
        inner = _ARITHMETIC[type(node.right.op)]
        middle, end = closed(site, node.right.left), closed(site, node.right.right)
        if inner != sign:
            yield site.to("grouping", 0.45, f"({first} {sign} {middle}) {inner} {end}")
            yield site.to("grouping", 0.35, f"{first} {inner} {end} {sign} {middle}")
    if isinstance(node.left, ast.BinOp) and type(node.left.op) in _ARITHMETIC:
        inner = _ARITHMETIC[type(node.left.op)]
        start, middle = closed(site, node.left.left), closed(site, node.left.right)
        if inner != sign:
            yield site.to("grouping", 0.45, f"{start} {inner} ({middle} {sign} {last})")


def _is_idle(node: ast.BinOp, sign: str) -> bool:
    """Whether the other operator would make an operand that does nothing: `x + 0`, `1 * x`, `x ** 1`."""
    left, right = (side.value if isinstance(side, ast.Constant) else None for side in (node.left, node.right))
    if sign in ("+", "-", "|", "^"):
        return right == 0 or (left == 0 and sign != "-")
    return right == 1 or (left == 1 and sign == "*")


def logic(site: Site) -> Iterator[Mutation]:
    node = site.node
    if isinstance(node, ast.BoolOp):
        other = "or" if isinstance(node.op, ast.And) else "and"
        pairs = zip(node.values, node.values[1:], strict=False)
        swapped = [site.between("logic", 0.8, left, right, other) for left, right in pairs]
        edits = [edit for mutation in swapped if mutation for edit in mutation.edits]
        yield Mutation("logic", node.lineno, 0.8, tuple(edits))
        if len(edits) > 1:
            yield from (mutation for mutation in swapped if mutation)
        elif not any(isinstance(value, ast.Compare | ast.BoolOp | ast.UnaryOp) for value in node.values):
            left, right = node.values
            compared = [site.between("logic", 0.2, left, right, sign) for sign in ("!=", "==")]
            yield from (mutation for mutation in compared if mutation)
        for dropped in range(len(node.values)):
            kept = [site.source.segment(value) for at, value in enumerate(node.values) if at != dropped]
            word = " and " if isinstance(node.op, ast.And) else " or "
            yield site.to("operand dropped", 0.35, word.join(kept))
        for value in node.values:
            yield site.to("negation", 0.3, f"not {closed(site, value)}", value)
    if isinstance(node, ast.UnaryOp):
        if isinstance(node.op, ast.Not | ast.USub | ast.Invert):
            yield site.to("negation dropped", 0.6, closed(site, node.operand))
    elif _is_test(site):
        if not isinstance(node, ast.Compare):
            yield site.to("negation", 0.5, f"not {closed(site, node)}")
        yield from _guards(site)


def _guards(site: Site) -> Iterator[Mutation]:
    """A condition that lacks a part: None before its attribute is read, emptiness, another condition at hand."""
    node, text = site.node, closed(site, site.node, chained=True)
    read = {
        sub.value.id for sub in ast.walk(node) if isinstance(sub, ast.Attribute) and isinstance(sub.value, ast.Name)
    }
    for name in sorted(read & set(site.scope.names)):
        yield site.to("guard", 0.6, f"{name} is None or {text}")
        yield site.to("guard", 0.6, f"{name} is not None and {text}")
    for name in site.scope.names:
        if name not in read and name not in {sub.id for sub in ast.walk(node) if isinstance(sub, ast.Name)}:
            weight = 0.15 if site.scope.is_kind(name, "items") or site.scope.is_kind(name, "object") else 0.08
            yield site.to("guard", weight, f"{text} or not {name}")
            yield site.to("guard", weight, f"{name} and {text}")
    for condition in dict.fromkeys(site.scope.conditions):
        if condition != unparsed(node):
            yield site.to("guard", 0.08, f"{text} and {_shielded(condition)}")
            yield site.to("guard", 0.08, f"{text} or {_shielded(condition)}")


def name(site: Site) -> Iterator[Mutation]:
    node = site.node
    if not isinstance(node, ast.Name):
        return
    parent, field = site.source.parents[node]
    if isinstance(parent, ast.Call) and field == "func":
        for other in _SWAPS.get(node.id, ()):
            yield site.to("call", 0.8, other)
        for other in site.scope.callables:
            if other != node.id:
                yield site.to("call", 0.2, other)
        return
    known = set(site.scope.names)
    if node.id not in known and not isinstance(node.ctx, ast.Load):
        return
    stored = not isinstance(node.ctx, ast.Load)
    for other in site.scope.names:
        if other != node.id:
            weight = 0.55 if site.scope.similar(node.id, other) else 0.2
            yield site.to("name", weight * (0.5 if stored else 1.0), other)


def attribute(site: Site) -> Iterator[Mutation]:
    node = site.node
    if not isinstance(node, ast.Attribute):
        return
    end = site.source.end(node)
    place = end - len(node.attr)
    if site.source.text[place:end] != node.attr:
        return
    called = isinstance(site.source.parent(node), ast.Call) and site.source.parents[node][1] == "func"
    for other in _SWAPS.get(node.attr, ()):
        likely = called and {node.attr, other} != {"get", "pop"}  # of these two one changes what it is asked of
        yield Mutation("call", node.lineno, 0.8 if likely else 0.2, (Edit(place, end, other),))
    for other in site.scope.attributes:
        if other != node.attr:
            likely = len(set(node.attr.split("_")) & set(other.split("_"))) > 0
            weight = (0.6 if likely else 0.3) * (0.4 if called else 1.0)
            yield Mutation("attribute", node.lineno, weight, (Edit(place, end, other),))


def call(site: Site) -> Iterator[Mutation]:
    node = site.node
    if not isinstance(node, ast.Call):
        return
    own = isinstance(node.func, ast.Name) and node.func.id in site.scope.callables
    arguments = node.args
    if 2 <= len(arguments) <= 4 and not any(isinstance(argument, ast.Starred) for argument in arguments):
        texts = [site.source.segment(argument) for argument in arguments]
        for order in list(permutations(range(len(arguments))))[1:]:
            moved = [(place, at) for place, at in enumerate(order) if place != at]
            edits = tuple(site.source.replace(arguments[place], texts[at]) for place, at in moved)
            yield Mutation("swapped arguments", node.lineno, 0.9 if len(moved) == 2 else 0.4, edits)
    if len(arguments) == 1 and not node.keywords:
        yield site.to("call dropped", 0.3, closed(site, arguments[0]))
    for at in range(len(arguments) if len(arguments) > 1 else 0):
        kept = [site.source.segment(argument) for place, argument in enumerate(arguments) if place != at]
        kept += [unparsed_keyword(keyword) for keyword in node.keywords]
        text = f"{site.source.segment(node.func)}({', '.join(kept)})"
        yield site.to("argument dropped", 0.2, text)
    for keyword in node.keywords:
        kept = [site.source.segment(argument) for argument in arguments]
        kept += [unparsed_keyword(other) for other in node.keywords if other is not keyword]
        yield site.to("argument dropped", 0.4, f"{site.source.segment(node.func)}({', '.join(kept)})")
    yield from _call_of(site, node, own)


def _call_of(site: Site, node: ast.Call, own: bool) -> Iterator[Mutation]:
    """Slips of well-known calls: where a range begins, which end is popped, which way is sorted."""
    head, arguments = site.source.segment(node.func), [site.source.segment(argument) for argument in node.args]
    match node.func:
        case ast.Name(id="range") if len(arguments) == 1:
            yield site.to("range", 0.8, f"range(1, {arguments[0]})")
            yield site.to("range", 0.4, f"range(1, {arguments[0]} + 1)")
            yield site.to("range", 0.3, f"range({arguments[0]} - 1, -1, -1)")
        case ast.Name(id="range") if len(arguments) == 2:
            yield site.to("range", 0.3, f"range({arguments[0]}, {arguments[1]}, -1)")
            yield site.to("range", 0.3, f"range({arguments[0]}, {arguments[1]}, 2)")
        case ast.Name(id="sorted") | ast.Attribute(attr="sort") if not node.keywords:
            inside = ", ".join([*arguments, "reverse=True"])
            yield site.to("call", 0.5, f"{head}({inside})")
        case ast.Attribute(attr="pop"):
            for index in ("", "0", "-1"):
                yield site.to("call", 0.5, f"{head}({index})")
        case ast.Name(id="max" | "min") if len(arguments) <= 2 and not node.keywords:
            for one, two in permutations(site.scope.names[:8], 2):
                if one < two or len(arguments) == 2:
                    yield site.to("arguments", 0.15, f"{head}({one}, {two})")
        case ast.Name(id="enumerate") if len(arguments) == 1:
            yield site.to("call", 0.4, f"enumerate({arguments[0]}, 1)")
        case _ if own:
            for parameter in site.scope.parameters:
                yield site.to("argument added", 0.2, f"{head}({', '.join([*arguments, parameter])})")
        case _:
            pass


def unparsed_keyword(keyword: ast.keyword) -> str:
    value = unparsed(keyword.value)
    return f"{keyword.arg}={value}" if keyword.arg else f"**{value}"


def _near(site: Site) -> list[ast.AST]:
    return [up for _, up in zip(range(2), site.source.ancestors(site.node), strict=False)]


def _is_test(site: Site) -> bool:
    parent, field = site.source.parents[site.node]
    return isinstance(parent, ast.If | ast.While | ast.IfExp) and field == "test"


def _shielded(text: str) -> str:
    return f"({text})" if " or " in text or " and " in text else text


EXPRESSIONS = (compare, number, literal, arithmetic, logic, name, attribute, call)
