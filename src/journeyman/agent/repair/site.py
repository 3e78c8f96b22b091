"""An expression and what is at hand where it stands."""

import ast
from dataclasses import dataclass

from journeyman.agent.repair.scope import Scope
from journeyman.agent.repair.source import Edit, Mutation, Source


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


def closed(site: Site, node: ast.expr, *, chained: bool = False) -> str:
    """The text of a node as an operand: in parentheses where it has operators that bind less."""
    loose = (ast.BoolOp, ast.IfExp, ast.Lambda, ast.NamedExpr)
    text = site.source.segment(node)
    tight = isinstance(node, ast.Compare | ast.UnaryOp | ast.BinOp)
    return f"({text})" if isinstance(node, loose) or (tight and not chained) else text
