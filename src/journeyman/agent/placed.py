"""Code that a model wrote, put into the file that it is for: each definition in the place of the one of its name."""

import ast
from difflib import SequenceMatcher

from journeyman.agent.repair.language import functions_of
from journeyman.agent.repair.prompts import dedent, function, importing, splice, whole
from journeyman.agent.repair.source import Source, span

LONGEST = 200_000
"""Characters that are compared."""
ALIKE = 0.5
"""Share of lines that a text must have in common with a file to be its new text as a whole."""


def placed(path: str, text: str, code: str) -> str | None:
    """The file's new text; None where it cannot be told what of it the code is to replace, or nothing changes.

    Functions, methods, classes and variables take the place of what has their name, new ones come to the end, and
    imports to the head; what the code leaves out stays. In languages that have no parser here functions are told by
    their layout, and a text without any replaces a file that it is much like.
    """
    code = code.replace("\r\n", "\n").strip("\n")
    if not code.strip():
        return None
    after = _python(text, code) if path.endswith(".py") else _by_functions(path, text, code) or _whole(text, code)
    return after if after is not None and after != text else None


def definitions(path: str, code: str) -> set[str]:
    """The names that a text defines at its top level; of other languages than Python, those of its functions."""
    if not path.endswith(".py"):
        return set(functions_of(path, code))
    source = _source(code)
    return {key for node in source.tree.body if (key := _key(node))} if source is not None else set()


def _source(text: str) -> Source | None:
    try:
        return Source(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _python(text: str, code: str) -> str | None:
    code = dedent(code)
    new, old = _source(code), _source(text)
    if new is None:
        return None
    keys = [(node, key) for node in new.tree.body if (key := _key(node))]
    if old is None or not keys:
        return _whole(text, code)
    known = {_key(node) for node in old.tree.body}
    methods = {name for node in old.tree.body if isinstance(node, ast.ClassDef) for name in _methods(node)}
    after = splice(whole("x.py", text), code) or importing(text, new.tree)
    for node, key in keys:
        if key in methods and key not in known:
            continue  # a method by its bare name, which is in place already
        body = code[new.line_start(_first(node)) : new.line_end(span(node)[-1])]
        after = _put(after, key, body, is_new=key not in known, node=node)
    return after


def _put(text: str, key: str, body: str, *, is_new: bool, node: ast.stmt) -> str:
    """`text` with a top-level statement in the place of that of the same key, or at the end."""
    source = Source(text)
    there = next((each for each in source.tree.body if _key(each) == key), None)
    if there is None:
        return text.rstrip("\r\n") + source.newline * 3 + body.replace("\n", source.newline) + source.newline
    # Functions and methods are in place already; a class gets here for what it has besides.
    if is_new or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or _keeps(there, node):
        return text
    start, end = source.line_start(_first(there)), source.line_end(span(there)[-1])
    return text[:start] + body.replace("\n", source.newline) + text[end:]


def _keeps(there: ast.stmt, node: ast.stmt) -> bool:
    """Whether a class is to stay as it stands: the new one lacks methods of it, so it is no more than a part."""
    if not isinstance(there, ast.ClassDef) or not isinstance(node, ast.ClassDef):
        return False
    return not _methods(there) <= _methods(node)


def _methods(node: ast.ClassDef) -> set[str]:
    return {each.name for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}


def _key(node: ast.stmt) -> str | None:
    """What a top-level statement defines; None for what defines nothing."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case _:
            return None


def _first(node: ast.stmt) -> int:
    marks = node.decorator_list if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else []
    return min([node.lineno, *(each.lineno for each in marks)])


def _by_functions(path: str, text: str, code: str) -> str | None:
    """Functions in the place of those of their name. None where the file has none of them."""
    theirs = functions_of(path, code)
    outer = [name for name, rows in theirs.items() if not any(_within(rows, other) for other in theirs.values())]
    known = functions_of(path, text)
    if not set(outer) & set(known):
        return None
    rows = code.split("\n")
    fresh: list[str] = []
    for name in outer:
        body = "\n".join(rows[theirs[name].start - 1 : theirs[name].stop - 1])
        subject = function(path, text, name) if name in known else None
        if subject is None:
            fresh.append(body)
        else:
            text = splice(subject, body) or text
    return "\n\n".join([text.rstrip("\n"), *fresh]) + "\n" if fresh else text


def _within(rows: range, other: range) -> bool:
    return rows != other and rows.start >= other.start and rows.stop <= other.stop


def _whole(text: str, code: str) -> str | None:
    if len(text) + len(code) > LONGEST:
        return None
    if SequenceMatcher(None, text.splitlines(), code.splitlines(), autojunk=False).ratio() < ALIKE:
        return None
    return code + "\n"
