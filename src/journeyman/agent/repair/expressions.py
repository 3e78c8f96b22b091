"""Mutations of expressions: each operator is one classical kind of slip, turned round."""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

from journeyman.agent.repair.scope import Scope
from journeyman.agent.repair.source import Edit, Mutation, Source, unparsed

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
    "-": (("+", 0.9), ("*", 0.2), ("/", 0.2), ("%", 0.2)),
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
_WRAPPERS = ("abs", "len", "str", "int", "list", "set", "sorted", "max", "min", "sum")


@dataclass(frozen=True, slots=True)
class Site:
    """A node, where it is and what is at hand there."""

    source: Source
    scope: Scope
    node: ast.expr

    def to(self, kind: str, weight: float, text: str, node: ast.expr | None = None) -> Mutation:
        """The mutation that puts `text` in the place of `node` (of the site's own when None)."""
        place = node or self.node
        return Mutation(kind, place.lineno, weight, (self.source.replace(place, self.source.fit(place, text)),))

    def between(self, kind: str, weight: float, left: ast.expr, right: ast.expr, operator: str) -> Mutation | None:
        """The mutation that puts `operator` between two operands, the text around it kept."""
        start, end = self.source.end(left), self.source.start(right)
        gap = self.source.text[start:end]
        bare = gap.replace("(", " ").replace(")", " ").strip()
        at = gap.find(bare)
        if not bare or at < 0:
            return None
        return Mutation(kind, left.lineno, weight, (Edit(start + at, start + at + len(bare), operator),))


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
                    mutation = site.between("compare and number", weight * 0.5, left, right, other)
                    if mutation:
                        edits = (*mutation.edits, site.source.replace(right, str(right.value + step)))
                        yield Mutation(mutation.kind, mutation.line, mutation.weight, edits)
        left = right
    if len(node.ops) == 1:
        one, two = site.source.segment(node.left), site.source.segment(node.comparators[0])
        edits = (site.source.replace(node.left, two), site.source.replace(node.comparators[0], one))
        if isinstance(node.ops[0], ast.In | ast.NotIn):
            yield Mutation("swapped operands", node.lineno, 0.4, edits)


def number(site: Site) -> Iterator[Mutation]:
    node = site.node
    if not isinstance(node, ast.Constant) or type(node.value) not in (int, float):
        return
    value = node.value
    assert isinstance(value, int | float)
    closely = any(isinstance(up, ast.Subscript | ast.Compare | ast.Call) for up in _near(site))
    for other in (value + 1, value - 1):
        yield site.to("number", 0.8 if closely else 0.6, repr(other))
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
        for dropped in range(len(node.values)):
            kept = [site.source.segment(value) for at, value in enumerate(node.values) if at != dropped]
            word = " and " if isinstance(node.op, ast.And) else " or "
            yield site.to("operand dropped", 0.35, word.join(kept))
        for value in node.values:
            yield site.to("negation", 0.3, f"not {_closed(site, value)}", value)
    if isinstance(node, ast.UnaryOp):
        if isinstance(node.op, ast.Not | ast.USub | ast.Invert):
            yield site.to("negation dropped", 0.6, _closed(site, node.operand))
    elif _is_test(site):
        if not isinstance(node, ast.Compare):
            yield site.to("negation", 0.5, f"not {_closed(site, node)}")
        yield from _guards(site)


def _guards(site: Site) -> Iterator[Mutation]:
    """A condition that lacks a part: None before its attribute is read, emptiness, another condition at hand."""
    node, text = site.node, _closed(site, site.node, chained=True)
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
        yield Mutation("call", node.lineno, 0.8 if called else 0.2, (Edit(place, end, other),))
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
        yield site.to("call dropped", 0.3, _closed(site, arguments[0]))
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
        case ast.Name(id="enumerate") if len(arguments) == 1:
            yield site.to("call", 0.4, f"enumerate({arguments[0]}, 1)")
        case _ if own:
            for parameter in site.scope.parameters:
                yield site.to("argument added", 0.2, f"{head}({', '.join([*arguments, parameter])})")
        case _:
            pass


def step(site: Site) -> Iterator[Mutation]:
    """One more or one less: of an argument, an index, a bound, a value that is returned or compared."""
    node = site.node
    parent, field = site.source.parents[node]
    place = (type(parent), field)
    wanted = {
        (ast.Call, "args"),
        (ast.Subscript, "slice"),
        (ast.Slice, "lower"),
        (ast.Slice, "upper"),
        (ast.Return, "value"),
        (ast.Compare, "comparators"),
        (ast.Compare, "left"),
        (ast.Assign, "value"),
    }
    if place not in wanted or not isinstance(node, ast.Name | ast.BinOp | ast.Call | ast.Subscript | ast.Attribute):
        return
    if isinstance(node, ast.Name) and (
        site.scope.is_kind(node.id, "items") and not site.scope.is_kind(node.id, "number")
    ):
        return
    text = site.source.segment(node)
    exact = isinstance(parent, ast.Subscript | ast.Slice) or _is_range(parent)
    known = exact or (isinstance(node, ast.Name) and site.scope.is_kind(node.id, "number"))
    weight = 0.8 if exact else 0.5 if known else 0.25
    for change in (" + 1", " - 1"):
        yield site.to("step", weight, text + change)
    for other in site.scope.names:
        if site.scope.is_kind(other, "number") and other != text:
            for sign in ("-", "+"):
                yield site.to("offset", 0.2 if known else 0.08, f"{text} {sign} {other}")


def items(site: Site) -> Iterator[Mutation]:
    """A part of a sequence instead of the whole, its order, its ends."""
    node = site.node
    parent, field = site.source.parents[node]
    if isinstance(node, ast.Slice):
        yield from _slices(site, node)
        return
    iterated = isinstance(parent, ast.For | ast.comprehension) and field == "iter"
    passed = isinstance(parent, ast.Call | ast.Return | ast.Assign) and field in ("args", "value")
    if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript) or not (iterated or passed):
        return
    if isinstance(node, ast.Name) and not (iterated or site.scope.is_kind(node.id, "items")):
        return
    text, weight = site.source.segment(node), 0.35 if iterated else 0.15
    numbers = [
        other for other in site.scope.names if site.scope.is_kind(other, "number") or other in site.scope.parameters
    ]
    for part in ("1:", ":-1", "::-1", ":", *(f"{other}:" for other in numbers), *(f":{other}" for other in numbers)):
        if part.strip(":") != text:
            yield site.to("part", weight, f"{text}[{part}]")
    for wrapper in ("sorted", "reversed", "set", "enumerate") if iterated else ("sorted", "list"):
        yield site.to("wrapped", weight * 0.6, f"{wrapper}({text})")


def _slices(site: Site, node: ast.Slice) -> Iterator[Mutation]:
    parent = site.source.parent(node)
    if not isinstance(parent, ast.Subscript):
        return
    head = site.source.segment(parent.value)
    bounds = [site.source.segment(bound) if bound else "" for bound in (node.lower, node.upper, node.step)]

    def sliced(*parts: str) -> str:
        return f"{head}[{parts[0]}:{parts[1]}{':' + parts[2] if parts[2] else ''}]"

    low, high, stride = bounds
    changes = [("", high, stride), (low, "", stride), (high, low, stride), (low, high, ""), (low, high, "-1")]
    for place, bound in enumerate((low, high)):
        others = (f"{bound} + 1", f"{bound} - 1") if bound else ("1", "-1")
        changes += [(other, high, stride) if place == 0 else (low, other, stride) for other in others]
    changes += [(low, high, f"{stride}+1"), (low, high, "2")] if stride else []
    for other in changes:
        if other != (low, high, stride):
            yield site.to("slice", 0.4, sliced(*other), parent)


def wrap(site: Site) -> Iterator[Mutation]:
    """A call that is missing around a value."""
    node = site.node
    parent, field = site.source.parents[node]
    valued = isinstance(parent, ast.Return | ast.Assign | ast.Compare | ast.Call | ast.AugAssign | ast.BinOp)
    if not valued or field not in ("value", "left", "right", "comparators", "args"):
        return
    if not isinstance(node, ast.Name | ast.BinOp | ast.Call | ast.Subscript | ast.Attribute | ast.GeneratorExp):
        return
    around = parent.func.id if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) else ""
    text = site.source.segment(node)
    for wrapper in _WRAPPERS:
        if wrapper == around or (wrapper in ("max", "min", "sum") and isinstance(node, ast.BinOp)):
            continue
        likely = wrapper == "abs" and isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)
        returned = isinstance(parent, ast.Return)
        yield site.to("wrapped", 0.7 if likely else 0.25 if returned else 0.12, f"{wrapper}({text})")


def sequence(site: Site) -> Iterator[Mutation]:
    """Elements of a tuple or a list in the wrong order; a container that is empty or nested wrongly."""
    node = site.node
    if isinstance(node, ast.Tuple | ast.List) and 2 <= len(node.elts) <= 3 and isinstance(node.ctx, ast.Load):
        texts = [site.source.segment(element) for element in node.elts]
        for one in range(len(texts)):
            for two in range(one + 1, len(texts)):
                edits = (
                    site.source.replace(node.elts[one], texts[two]),
                    site.source.replace(node.elts[two], texts[one]),
                )
                yield Mutation("swapped elements", node.lineno, 0.5, edits)
    if isinstance(node, ast.List) and isinstance(node.ctx, ast.Load):
        yield site.to("nesting", 0.5 if not node.elts else 0.2, f"[{site.source.segment(node)}]")
        if len(node.elts) == 1:
            yield site.to("nesting", 0.3, site.source.segment(node.elts[0]))
        if node.elts:
            yield site.to("nesting", 0.15, "[]")
    if isinstance(node, ast.IfExp):
        edits = (
            site.source.replace(node.body, site.source.segment(node.orelse)),
            site.source.replace(node.orelse, site.source.segment(node.body)),
        )
        yield Mutation("swapped branches", node.lineno, 0.6, edits)
        yield site.to("branch", 0.2, site.source.segment(node.body))
        yield site.to("branch", 0.2, site.source.segment(node.orelse))


def ingredient(site: Site) -> Iterator[Mutation]:
    """Another expression of the same function in the place of this one."""
    node = site.node
    parent, field = site.source.parents[node]
    text = unparsed(node)
    stored = isinstance(node, ast.Name | ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.Constant | ast.Slice | ast.Starred) or (isinstance(parent, ast.Call) and field == "func"):
        return
    if stored:
        pool: Sequence[str] = list(dict.fromkeys(site.scope.targets))
    elif isinstance(node, ast.Name | ast.Subscript | ast.Attribute | ast.BinOp | ast.Call):
        pool = [*site.scope.ingredients, *(site.scope.names if not isinstance(node, ast.Name) else ())]
    else:
        return
    passed = isinstance(parent, ast.Call | ast.Return | ast.Subscript)
    base = {sub.id for sub in ast.walk(node) if isinstance(sub, ast.Name)}
    for other in pool:
        if other == text or (isinstance(node, ast.Name) and stored):
            continue
        words = set(other.replace("[", " ").replace("(", " ").replace(".", " ").replace(",", " ").split())
        near = bool(base & words) or other in text
        yield site.to("ingredient", (0.3 if near else 0.1) * (1.3 if passed or stored else 1.0), other)


def joined(site: Site) -> Iterator[Mutation]:
    """A value that is returned or assigned without the rest of it: something of the function is to be joined."""
    node = site.node
    parent, field = site.source.parents[node]
    if not isinstance(parent, ast.Return | ast.Assign) or field != "value" or isinstance(node, ast.Constant):
        return
    text = _closed(site, node)
    for other in site.scope.names:
        if other == text:
            continue
        grouped = isinstance(node, ast.List | ast.ListComp) and not site.scope.is_kind(other, "number")
        weight = 0.25 if grouped else 0.08
        yield site.to("joined", weight, f"{other} + {text}")
        yield site.to("joined", weight, f"{text} + {other}")


def unparsed_keyword(keyword: ast.keyword) -> str:
    value = unparsed(keyword.value)
    return f"{keyword.arg}={value}" if keyword.arg else f"**{value}"


def _near(site: Site) -> list[ast.AST]:
    return [up for _, up in zip(range(2), site.source.ancestors(site.node), strict=False)]


def _is_range(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"


def _is_test(site: Site) -> bool:
    parent, field = site.source.parents[site.node]
    return isinstance(parent, ast.If | ast.While | ast.IfExp) and field == "test"


def _closed(site: Site, node: ast.expr, *, chained: bool = False) -> str:
    """The text of a node as an operand: in parentheses where it has operators that bind less."""
    loose = (ast.BoolOp, ast.IfExp, ast.Lambda, ast.NamedExpr)
    text = site.source.segment(node)
    tight = isinstance(node, ast.Compare | ast.UnaryOp | ast.BinOp)
    return f"({text})" if isinstance(node, loose) or (tight and not chained) else text


def _shielded(text: str) -> str:
    return f"({text})" if " or " in text or " and " in text else text


EXPRESSIONS: tuple[Callable[[Site], Iterator[Mutation]], ...] = (
    compare,
    number,
    literal,
    arithmetic,
    logic,
    name,
    attribute,
    call,
    step,
    items,
    wrap,
    sequence,
    ingredient,
    joined,
)
