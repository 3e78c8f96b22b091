"""Mutations of values: one more or less, a part instead of the whole, another expression of the same function."""

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from journeyman.agent.repair.site import Site, closed
from journeyman.agent.repair.source import Edit, Mutation, unparsed

MOST_ELEMENTS = 12
"""Elements of a list that is written out up to which one is dropped."""

_NAME = re.compile(r"[A-Za-z_]\w*")
_WRAPPERS = ("abs", "len", "str", "int", "list", "set", "sorted", "max", "min", "sum")
_METHODS = ("lower()", "upper()", "strip()", "copy()")


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
    number = isinstance(node, ast.Name) and site.scope.is_kind(node.id, "number")
    if isinstance(node, ast.Name | ast.Subscript | ast.Attribute | ast.Call) and not number:
        for method in _METHODS:
            yield site.to("method", 0.12, f"{text}.{method}")


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
        for name in site.scope.names if not node.elts else ():
            yield site.to("nesting", 0.2, f"[{name}]")
        if len(node.elts) == 1:
            yield site.to("nesting", 0.3, site.source.segment(node.elts[0]))
        if node.elts:
            yield site.to("nesting", 0.15, "[]")
    if isinstance(node, ast.List | ast.Set | ast.Tuple) and not isinstance(getattr(node, "ctx", None), ast.Store):
        yield from _dropped(site, node.elts)
    if isinstance(node, ast.IfExp):
        edits = (
            site.source.replace(node.body, site.source.segment(node.orelse)),
            site.source.replace(node.orelse, site.source.segment(node.body)),
        )
        yield Mutation("swapped branches", node.lineno, 0.6, edits)
        yield site.to("branch", 0.2, site.source.segment(node.body))
        yield site.to("branch", 0.2, site.source.segment(node.orelse))


def _dropped(site: Site, elements: list[ast.expr]) -> Iterator[Mutation]:
    """One of several elements too much, most likely the last."""
    places = [site.source.replace(element, "") for element in elements]
    if 3 <= len(places) <= MOST_ELEMENTS:
        yield Mutation("element dropped", site.node.lineno, 0.05, (Edit(places[0].start, places[1].start, ""),))
        for before, place in pairwise(places):
            weight = 0.3 if place is places[-1] else 0.05
            yield Mutation("element dropped", site.node.lineno, weight, (Edit(before.end, place.end, ""),))


def bounded(site: Site) -> Iterator[Mutation]:
    """A value that should not fall below, or rise above, another one; a factor or a power that is missing."""
    node = site.node
    parent, field = site.source.parents[node]
    if field not in ("value", "left", "right", "args", "elt") or not isinstance(
        parent, ast.Assign | ast.Return | ast.BinOp | ast.Call | ast.ListComp | ast.GeneratorExp
    ):
        return
    if not isinstance(node, ast.Name | ast.BinOp | ast.Call | ast.Subscript) or _is_items(site, node):
        return
    text = site.source.segment(node)
    numbers = [name for name in site.scope.names if site.scope.is_kind(name, "number") and name != text]
    if not isinstance(parent, ast.BinOp) and not (isinstance(parent, ast.Call) and _is_range(parent)):
        stored = _stored(parent)
        for other in dict.fromkeys([*stored, *numbers, "0"]):
            weight = 0.25 if other in stored else 0.12
            yield site.to("bounded", weight, f"max({other}, {text})")
            yield site.to("bounded", weight, f"min({other}, {text})")
    if isinstance(node, ast.Name):
        for factor in (" ** 2", " * 2", " // 2"):
            yield site.to("factor", 0.08, text + factor)
        for other in numbers[:6]:
            yield site.to("factor", 0.05, f"{text} * {other}")


def _is_items(site: Site, node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and site.scope.is_kind(node.id, "items")


def _stored(node: ast.AST) -> list[str]:
    """The target of an assignment, as text."""
    return [unparsed(target) for target in node.targets] if isinstance(node, ast.Assign) else []


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
    called = {sub.func for sub in ast.walk(node) if isinstance(sub, ast.Call)}
    base = {sub.id for sub in ast.walk(node) if isinstance(sub, ast.Name) and sub not in called}
    for other in pool:
        if other == text or (isinstance(node, ast.Name) and stored):
            continue
        near = bool(base & set(_NAME.findall(other))) or other in text or other in site.scope.names
        yield site.to("ingredient", (0.25 if near else 0.1) * (1.5 if passed or stored else 0.7), other)


def joined(site: Site) -> Iterator[Mutation]:
    """A value that is returned or assigned without the rest of it: something of the function is to be joined."""
    node = site.node
    parent, field = site.source.parents[node]
    if not isinstance(parent, ast.Return | ast.Assign) or field != "value" or isinstance(node, ast.Constant):
        return
    text = closed(site, node)
    for other in site.scope.names:
        if other == text:
            continue
        grouped = isinstance(node, ast.List | ast.ListComp) and not site.scope.is_kind(other, "number")
        weight = 0.25 if grouped else 0.08
        yield site.to("joined", weight, f"{other} + {text}")
        yield site.to("joined", weight, f"{text} + {other}")


def _is_range(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"


VALUES = (step, items, wrap, sequence, bounded, ingredient, joined)
