"""What the model is asked, and what is taken out of its answers."""

import ast
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass

from journeyman.agent.repair import javascript, javascript_anew
from journeyman.agent.repair.language import functions_of
from journeyman.agent.repair.probe import Call
from journeyman.agent.repair.source import Source, span
from journeyman.core.items import UserMessage
from journeyman.core.model import ModelRequest
from journeyman.core.text import clip

INSTRUCTIONS = (
    "You fix bugs. You are given code in which something is wrong, and what shows it. Find the mistake and answer with "
    "the whole corrected code in one fenced block and nothing else. Change as little as possible, often one line or "
    "one expression. Keep names and signatures, add no tests and no comments."
)

_FENCE = re.compile(r"^[ \t]*```[\w+-]*[ \t]*\r?\n(.*?)^[ \t]*```[ \t]*$", re.DOTALL | re.MULTILINE)
_OPEN_FENCE = re.compile(r"^[ \t]*```[\w+-]*[ \t]*\r?\n(.*)", re.DOTALL | re.MULTILINE)
_LANGUAGES = {
    "py": "python", "js": "javascript", "mjs": "javascript", "cjs": "javascript", "ts": "typescript", "rs": "rust",
    "rb": "ruby", "h": "c", "cc": "cpp", "hpp": "cpp",
}  # fmt: skip

WHOLE_FILE, LONGEST = 3_000, 8_000
"""Characters of code up to which a file is shown whole, since all of it is written again, and of one function or of a
file that cannot be taken apart."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The code that is shown and asked for: a part of a file. `start` and `end` are character offsets."""

    path: str
    text: str
    start: int
    end: int

    @property
    def code(self) -> str:
        return self.text[self.start : self.end]

    @property
    def is_whole(self) -> bool:
        return self.start == 0 and self.end == len(self.text)

    @property
    def language(self) -> str:
        end = self.path.rsplit(".", 1)[-1]
        return _LANGUAGES.get(end, end)


def whole(path: str, text: str) -> Subject:
    return Subject(path, text, 0, len(text))


def function(path: str, text: str, name: str) -> Subject | None:
    """The outermost function or method that holds the function `name` (qualified), decorators included.

    In other languages than Python it is the outermost one by their lines.
    """
    if not path.endswith(".py"):
        return _by_lines(path, text, name)
    try:
        source = Source(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    last = name.split(".")
    for node in source.functions():
        outer = [up.name for up in source.ancestors(node) if isinstance(up, ast.ClassDef | ast.FunctionDef)]
        if [*reversed(outer), node.name] == last:
            chain = [node, *(up for up in source.ancestors(node) if isinstance(up, ast.FunctionDef))]
            top = chain[-1]
            first = min([top.lineno, *(decorator.lineno for decorator in top.decorator_list)])
            return Subject(path, text, source.line_start(first), source.line_end(span(top)[-1]))
    return None


def _by_lines(path: str, text: str, name: str) -> Subject | None:
    known = functions_of(path, text)
    if name not in known:
        return None
    inside = [lines for lines in known.values() if known[name].start in lines]
    lines = max(inside, key=len)
    rows = text.split("\n")
    start = sum(len(row) + 1 for row in rows[: lines.start - 1])
    return Subject(path, text, start, start + len("\n".join(rows[lines.start - 1 : lines.stop - 1])))


def around(path: str, text: str, offset: int) -> Subject | None:
    """The outermost function or method that holds the character at `offset`; for other languages the file itself."""
    if not path.endswith(".py"):
        return whole(path, text)
    line = text.count("\n", 0, offset) + 1
    inside = [name for name, lines in functions_of(path, text).items() if line in lines]
    return function(path, text, min(inside, key=len)) if inside else None


def purpose_of(subject: Subject) -> str:
    """What is written about a part of a Python file outside of it: the module's bare texts."""
    if not subject.path.endswith(".py") or subject.is_whole:
        return ""
    try:
        tree = ast.parse(subject.text)
    except (SyntaxError, ValueError, RecursionError):
        return ""
    texts = [node.value for node in tree.body if isinstance(node, ast.Expr)]
    return "\n\n".join(
        inspect.cleandoc(text.value) for text in texts if isinstance(text, ast.Constant) and isinstance(text.value, str)
    )


def headed(subject: Subject) -> str | None:
    """A documented function's text up to the end of its documentation, to be written anew from there; None without.

    What stands before it in a short file is there too: what it may call.
    """
    code = subject.code
    if subject.path.endswith(javascript.ENDINGS):
        for one in javascript_anew.commented(subject.text):
            if (one.start, one.end) == (subject.start, subject.end):
                return subject.text[0 if one.start <= WHOLE_FILE else one.start : one.body] + "\n"
        return None
    if not subject.path.endswith(".py"):
        return None
    try:
        source = Source(dedent(code))
    except (SyntaxError, ValueError, RecursionError):
        return None
    node = next(iter(source.tree.body), None)
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or ast.get_docstring(node) is None:
        return None
    if len(node.body) < 2 or source.indent(node.body[0]) is None:
        return None
    head = source.text[: source.line_end(span(node.body[0])[-1])] + "\n"
    above = subject.text[: subject.start] if not code.startswith((" ", "\t")) else ""
    return (above if len(above) <= WHOLE_FILE else "") + head


def documented(path: str, text: str, names: Sequence[str]) -> list[Subject]:
    """Of the functions `names` those that say what they do: what the model may write anew."""
    if path.endswith(javascript.ENDINGS):
        known = functions_of(path, text)
        spots = javascript_anew.commented(text)
        spots = [one for name in names for one in spots if name in known and known[name].start in one.lines]
        return [Subject(path, text, one.start, one.end) for one in dict.fromkeys(spots)]
    parts = [function(path, text, name) for name in names] if path.endswith(".py") else []
    return [part for part in parts if part is not None and headed(part)]


def subjects_of(path: str, text: str, names: Sequence[str]) -> list[Subject]:
    """What of a file is shown: all of a short one, of others the functions `names`."""
    subject = whole(path, text)
    length = len(without_docstrings(subject)[0])
    parts = [function(path, text, name) for name in names]
    found = [part for part in parts if part is not None and len(part.code) <= LONGEST]
    if length <= WHOLE_FILE or (not found and length <= LONGEST):
        return [subject]
    return list(dict.fromkeys(found))


def request(
    subject: Subject,
    prompt: str,
    failures: str,
    *,
    before: str = "",
    temperature: float,
    seed: int,
    cache_key: str,
) -> ModelRequest:
    """Ask for the corrected code. What changes from one request to the next stands at the end, for the cache.

    Docstrings are shown apart from the code: what is not in the code is not written again, and writing is what costs.
    """
    code, purpose = without_docstrings(subject)
    parts = [
        f"The code below is from `{subject.path}`.",
        f"```{subject.language}\n{code}\n```",
    ]
    if purpose:
        parts.append("What it should do:\n" + clip(purpose, 2000))
    if prompt.strip():
        parts.append("Task: " + clip(prompt.strip(), 1500))
    if failures:
        parts.append("What fails:\n" + clip(failures, 1200))
    if before:
        parts.append(before)
    parts.append("Write the corrected code.")
    return ModelRequest(
        instructions=INSTRUCTIONS,
        items=(UserMessage(text="\n\n".join(parts)),),
        temperature=temperature,
        seed=seed,
        stop=("\n```\n",),
        max_output_tokens=min(120 + len(code) // 2, 4000),
        cache_key=cache_key,
    )


def without_docstrings(subject: Subject) -> tuple[str, str]:
    """The code without its docstrings and other bare texts, and these texts."""
    code = dedent(subject.code.strip("\r\n"))
    if not subject.path.endswith(".py"):
        return code, ""
    try:
        source = Source(code)
    except (SyntaxError, ValueError, RecursionError):
        return code, ""
    texts: list[str] = []
    dropped: set[int] = set()
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if all(_is_text(child) for child in node.body):
            continue
        for child in node.body:
            if _is_text(child) and source.indent(child) is not None:
                dropped.update(span(child))
                texts.append(inspect.cleandoc(str(ast.literal_eval(ast.unparse(child)))))
    rows = [row for number, row in enumerate(code.split("\n"), 1) if number not in dropped]
    return re.sub(r"\n{3,}", "\n\n\n", "\n".join(rows)).strip("\n"), "\n\n".join(texts)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def failed_before(tried: list[tuple[str, str]]) -> str:
    """Words about edits that did not help: (diff, what failed)."""
    rows = [f"```diff\n{clip(_body(diff), 400)}\n```\n{clip(note, 200)}" for diff, note in tried]
    return "These changes were tried and do not help:\n" + "\n".join(rows) if rows else ""


def values_of(text: str, name: str, call: Call, limit: int = 900) -> str:
    """Words about what the lines of a function gave to its variables in one call."""
    rows = text.split("\n")
    by_line: dict[int, list[str]] = {}
    for line, variable, held in call.values:
        if 0 < line <= len(rows):
            by_line.setdefault(line, []).append(f"{variable} = {', '.join(held)}")
    if not by_line:
        return ""
    said = "\n".join(f"{rows[line - 1].strip()}  # {'; '.join(by_line[line])}" for line in sorted(by_line))
    return f"`{name}({clip(call.arguments, 200)})` {clip(call.ended, 200)}. Meanwhile:\n{clip(said, limit)}"


def _body(diff: str) -> str:
    return "\n".join(row for row in diff.splitlines() if row[:1] in "+-" and row[:3] not in ("+++", "---"))


def code_of(reply: str) -> str | None:
    """The code in an answer: the longest fenced block, an unfinished one, or the whole when it looks like code."""
    blocks: list[str] = _FENCE.findall(reply)
    if blocks:
        return max(blocks, key=len)
    unfinished = _OPEN_FENCE.search(reply)
    if unfinished:
        return str(unfinished[1])
    bare = reply.strip("\n")
    return bare if re.match(r"(def |class |import |from |async def |const |function |@|#|//|'use)", bare) else None


def splice(subject: Subject, code: str) -> str | None:
    """The file's new text with the model's code in its place; None when there is nothing of use in it.

    For Python the answer is taken apart: functions that it has replace those of the file, one by one, docstrings that
    it left out are kept, and imports that it adds are added, so that the rest of the file stays byte for byte.
    """
    code = code.replace("\r\n", "\n")
    if not code.strip():
        return None
    if subject.path.endswith(".py"):
        return _splice_python(subject, code)
    if subject.is_whole:
        end = "\n" if subject.text.endswith("\n") else ""
        exports = javascript_anew.exports(subject.text, code) if subject.path.endswith(javascript.ENDINGS) else ""
        return code.rstrip("\n") + exports + end
    if headed(subject) is not None:
        return javascript_anew.placed(subject.text, subject.end, code)
    return _splice_lines(subject, code)


def _splice_lines(subject: Subject, code: str) -> str | None:
    """A part of a file of another language replaced as it was written, at the depth at which the part stood."""
    rows = dedent(code.strip("\n")).split("\n")
    known = functions_of(subject.path, subject.code)
    if known and not set(known) & set(functions_of(subject.path, "\n".join(rows))):
        return None
    indent = subject.code[: len(subject.code) - len(subject.code.lstrip(" \t"))]
    placed = "\n".join(indent + row if row.strip() else row for row in rows)
    return subject.text[: subject.start] + placed + subject.text[subject.end :]


def _splice_python(subject: Subject, code: str) -> str | None:
    text = subject.text
    try:
        new = Source(dedent(code))
    except (SyntaxError, ValueError, RecursionError):
        return None
    try:
        old = Source(text)
    except (SyntaxError, ValueError, RecursionError):
        return code.rstrip("\n") + "\n" if subject.is_whole else None
    mine = {key: node for key, node in _definitions(old.tree)}
    edits: list[tuple[int, int, str]] = []
    added: list[str] = []
    theirs = list(_definitions(new.tree))
    methods = {key.split(".")[-1]: key for key in mine}
    for key, node in theirs:
        place = key if key in mine else methods.get(key, "") if "." not in key else ""
        body = _lines(new, node)
        if place:
            target = mine[place]
            indent = " " * target.col_offset
            body = _with_docstring(old, target, new, node, body)
            replaced = "\n".join(indent + row if row.strip() else row for row in body.split("\n"))
            start, end = _bounds(old, target)
            if old.text[start:end] != replaced:
                edits.append((start, end, replaced))
        elif "." not in key:
            added.append(body)
    if not edits:
        return None
    for start, end, body in sorted(edits, reverse=True):
        text = text[:start] + body.replace("\n", old.newline) + text[end:]
    if added:
        end = "\n\n\n" + "\n\n\n".join(added) + "\n"
        text = text.rstrip("\r\n") + end.replace("\n", old.newline)
    return importing(text, new.tree)


def importing(text: str, tree: ast.Module) -> str:
    """A Python file's text with the imports of `tree` that it lacks. Raises `SyntaxError` where it does not parse."""
    source = Source(text)
    imports = {ast.unparse(node) for node in source.tree.body if isinstance(node, ast.Import | ast.ImportFrom)}
    wanted = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    lacking = [row for row in wanted if row not in imports and not row.startswith("from __future__")]
    if not lacking:
        return text
    at = _after_head(source)
    return text[:at] + "".join(row + source.newline for row in lacking) + text[at:]


def _definitions(tree: ast.Module) -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Functions of a module and methods of its classes, by qualified name."""
    found: list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append((node.name, node))
        if isinstance(node, ast.ClassDef):
            methods = [child for child in node.body if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)]
            found += [(f"{node.name}.{child.name}", child) for child in methods]
    return found


def _bounds(source: Source, node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[int, int]:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return source.line_start(first), source.line_end(span(node)[-1])


def _lines(source: Source, node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """A function's text, moved to the left margin."""
    start, end = _bounds(source, node)
    rows = source.text[start:end].split("\n")
    return "\n".join(row[node.col_offset :] if not row[: node.col_offset].strip() else row for row in rows)


def _with_docstring(
    old: Source,
    target: ast.FunctionDef | ast.AsyncFunctionDef,
    new: Source,
    node: ast.FunctionDef | ast.AsyncFunctionDef,
    body: str,
) -> str:
    """The new function with the old one's docstring as it is written in the file."""
    if ast.get_docstring(target, clean=False) is None:
        return body
    kept = old.text[old.line_start(target.body[0].lineno) : old.line_end(span(target.body[0])[-1])]
    rows = [row[target.col_offset :] if not row[: target.col_offset].strip() else row for row in kept.split("\n")]
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    written = body.split("\n")
    if ast.get_docstring(node) is not None:
        lines = span(node.body[0])
        if lines[0] == node.lineno or len(node.body) == 1:
            return body
        written[lines[0] - first : lines[-1] - first + 1] = rows
    else:
        at = node.body[0].lineno - first
        if node.body[0].lineno == node.lineno:
            return body
        written[at:at] = rows
    return "\n".join(written)


def _after_head(source: Source) -> int:
    """The offset after a module's docstring and its `__future__` imports."""
    last = 0
    for node in source.tree.body:
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not (text and last == 0) and not future:
            break
        last = node.end_lineno or node.lineno
    if last == 0:
        first = source.tree.body[0].lineno if source.tree.body else 1
        comments = re.match(r"(?:#[^\n]*\n)*", source.text)
        return comments.end() if comments and first > 1 and comments.end() else 0
    return min(source.line_end(last) + len(source.newline), len(source.text))


def dedent(code: str) -> str:
    """`code` moved to the left margin."""
    rows = code.split("\n")
    margin = min((len(row) - len(row.lstrip()) for row in rows if row.strip()), default=0)
    return "\n".join(row[margin:] for row in rows)
