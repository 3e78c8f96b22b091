"""A Python file as text and tree at once, and edits of it that leave every other byte alone."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

_LINE = re.compile(r"\r\n|\r|\n")
_NEGATIVE = re.compile(r"-[\d.]+")
_OPEN = {
    (ast.Call, "args"),
    (ast.keyword, "value"),
    (ast.Subscript, "slice"),
    (ast.Return, "value"),
    (ast.Assign, "value"),
    (ast.AugAssign, "value"),
    (ast.AnnAssign, "value"),
    (ast.Expr, "value"),
    (ast.If, "test"),
    (ast.While, "test"),
    (ast.For, "iter"),
    (ast.List, "elts"),
    (ast.Slice, "lower"),
    (ast.Slice, "upper"),
    (ast.ListComp, "elt"),
    (ast.SetComp, "elt"),
    (ast.GeneratorExp, "elt"),
}
"""Places in which any operator expression may stand without parentheses."""

_ATOMS = (ast.Name, ast.Constant, ast.Call, ast.Subscript, ast.Attribute, ast.List, ast.Dict, ast.Set, ast.ListComp)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Edit:
    """`text` in place of the characters from `start` to `end`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """A small change of one file. `weight` is how likely it is to be the repair, before anything is known of tests."""

    kind: str
    line: int
    weight: float
    edits: tuple[Edit, ...]

    def apply(self, text: str) -> str:
        for edit in sorted(self.edits, key=lambda edit: edit.start, reverse=True):
            text = text[: edit.start] + edit.text + text[edit.end :]
        return text


class Source:
    """`text` parsed; raises `SyntaxError` or `ValueError` where it is no Python."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text.removeprefix("\ufeff"))
        shift = len(text) - len(text.removeprefix("\ufeff"))
        self._starts = [shift, *(match.end() for match in _LINE.finditer(text))]
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self.parents: dict[ast.AST, tuple[ast.AST, str]] = {}
        self._places: dict[tuple[int, int], ast.expr] = {}
        for node in ast.walk(self.tree):
            for name, value in ast.iter_fields(node):
                for child in value if isinstance(value, list) else [value]:  # pyright: ignore[reportUnknownVariableType]
                    if isinstance(child, ast.AST):
                        self.parents[child] = (node, name)
                    if isinstance(child, ast.expr):
                        self._places[self.start(child), self.end(child)] = child

    def offset(self, line: int, column: int) -> int:
        """The character offset of a line (from 1) and a column in UTF-8 bytes, as the tree has them."""
        start = self._starts[line - 1]
        stop = self._starts[line] if line < len(self._starts) else len(self.text)
        row = self.text[start:stop]
        return start + (column if row.isascii() else len(row.encode()[:column].decode("utf-8", "ignore")))

    def start(self, node: ast.expr | ast.stmt) -> int:
        return self.offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt) -> int:
        return self.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def segment(self, node: ast.expr | ast.stmt) -> str:
        return self.text[self.start(node) : self.end(node)]

    def at(self, start: int, end: int) -> ast.expr | None:
        """The expression that covers exactly these characters, the innermost where several do."""
        return self._places.get((start, end))

    def line_start(self, line: int) -> int:
        return self._starts[line - 1]

    def line_end(self, line: int) -> int:
        """The offset of the end of a line, its line end not included."""
        stop = self._starts[line] if line < len(self._starts) else len(self.text)
        return (
            stop
            - len(self.text[self._starts[line - 1] : stop])
            + len(self.text[self._starts[line - 1] : stop].rstrip("\r\n"))
        )

    def indent(self, node: ast.stmt) -> str | None:
        """The white space before a statement; None when something else stands before it on its line."""
        before = self.text[self.line_start(node.lineno) : self.start(node)]
        return before if not before.strip() else None

    def parent(self, node: ast.AST) -> ast.AST | None:
        return self.parents.get(node, (None, ""))[0]

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        parent = self.parent(node)
        while parent is not None:
            yield parent
            parent = self.parent(parent)

    def function(self, node: ast.AST) -> Function | None:
        """The innermost function around a node."""
        return next((up for up in self.ancestors(node) if isinstance(up, ast.FunctionDef | ast.AsyncFunctionDef)), None)

    def functions(self) -> list[Function]:
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]

    def is_open(self, node: ast.expr) -> bool:
        parent, name = self.parents.get(node, (None, ""))
        if parent is not None and self._bracketed(node):
            return True
        return any(isinstance(parent, kind) and name == field for kind, field in _OPEN)

    def _bracketed(self, node: ast.expr) -> bool:
        before = self.text[: self.start(node)].rstrip(" \t")
        after = self.text[self.end(node) :].lstrip(" \t")
        return before.endswith("(") and after.startswith(")")

    def fit(self, node: ast.expr, text: str) -> str:
        """`text` as it may stand in the place of `node`, in parentheses where its operators could be torn apart."""
        if self.is_open(node) or (_NEGATIVE.fullmatch(text) and isinstance(self.parent(node), ast.Compare)):
            return text
        try:
            tree = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError):
            return f"({text})"
        return text if isinstance(tree, _ATOMS) else f"({text})"

    def replace(self, node: ast.expr | ast.stmt, text: str) -> Edit:
        return Edit(self.start(node), self.end(node), text)


def unparsed(node: ast.expr) -> str:
    """The expression on one line."""
    return ast.unparse(node)


def span(node: ast.stmt | ast.expr) -> range:
    """The lines of a node, decorators left out."""
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def same(first: str, second: str) -> bool:
    """Whether two texts are the same program."""
    return shape(first) == shape(second)


def shape(text: str) -> str | None:
    """The program in a form that layout and comments do not change; None when it does not parse."""
    try:
        tree = ast.parse(text.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [kept for kept in node.body if not _is_text(kept)] or node.body[:1]
    return ast.dump(tree)


def changed_shapes(before: str, text: str) -> tuple[int, str | None, str | None]:
    """The shapes of the part of a program that another text changes, before and after, and the part's first line.

    The part is the smallest function or class, at the top level or in a class there, that holds all that is changed,
    else the whole: in a long file this is many times cheaper.
    """
    one, two = before.split("\n"), text.split("\n")
    least = min(len(one), len(two))
    head = next((at for at in range(least) if one[at] != two[at]), least)
    tail = next((at for at in range(least - head) if one[-1 - at] != two[-1 - at]), least - head)
    first, last = head + 1, len(one) - tail
    held = [part for part in _parts(before) if part.start < first <= part.stop and part.start <= last < part.stop]
    if not held:
        return 0, shape(before), shape(text)
    part = min(held, key=len)
    rest = len(one) - part.stop + 1
    above = "class _:\n" if one[part.start - 1][:1].isspace() else ""
    pair = (one[part.start - 1 : len(one) - rest], two[part.start - 1 : len(two) - rest])
    was, now = (shape(above + "\n".join(rows)) for rows in pair)
    return part.start, was, now


@lru_cache(maxsize=8)
def _parts(text: str) -> tuple[range, ...]:
    """The lines of the definitions at the top level and in classes there."""
    if "\r" in text or "\f" in text:
        return ()  # lines that are not counted as the parser counts them
    try:
        body = ast.parse(text.removeprefix("\ufeff")).body
    except (SyntaxError, ValueError, RecursionError):
        return ()
    inner = [node for top in body if isinstance(top, ast.ClassDef) for node in top.body]
    return tuple(span(node) for node in [*body, *inner] if isinstance(node, Function | ast.ClassDef))


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def names_in(nodes: Iterable[ast.AST]) -> set[str]:
    return {node.id for top in nodes for node in ast.walk(top) if isinstance(node, ast.Name)}
