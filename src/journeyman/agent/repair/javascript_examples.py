"""A check out of the examples in JavaScript's comments: `@example`, `>>> f(2)`, `f(2) => 3`, `f(2) // 3`."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from journeyman.agent.repair.javascript import ENDINGS, FUNCTIONS, Script, functions_of, walk
from journeyman.agent.repair.locate import is_source, locate
from journeyman.agent.repair.workspace import Files, evidence_of
from journeyman.agent.work import Work
from journeyman.core.events import Progressed
from journeyman.core.evidence import Check, CheckRun

if TYPE_CHECKING:
    from tree_sitter import Node

SECONDS = 10.0
"""How long the examples of one file may take."""

MOST = 40
"""Examples of one file that are made a check of."""

_SIGNS = r"===|==|=>|->|→|⇒|="
_MEANS = re.compile(
    rf"\s*;?\s*(?://\s*)?(?:{_SIGNS}|//|\breturns?:?|\bshould (?:return|be|equal)|\bequals?|\bgives|\byields|\bis\b)"
    rf"\s*(?:{_SIGNS})?\s*|\s*;?\s*(?://|=>|->)?\s*(?=throws\b)"
)
_LOGGED = re.compile(r"\bconsole\.log\((.*)\)\s*;?\s*(//|=>|->|→)")
_PROMPT = re.compile(r"^(?:>>>|>|\$)\s+(.+?)\s*;?$")
_VALUE_END = re.compile(r"[.,;:]\s|[.,;:]+$|\s(?=\(|//|(?:because|since|as|and|or|when|if|for|but)\b)")
_THROWS = re.compile(r"^throws\b|^(?:an? )?\w*Error\b")
_KNOWN = {"Array", "Math", "Map", "Set", "Object", "Number", "String", "JSON", "undefined", "NaN", "Infinity", "BigInt"}
_LITERALS = {
    "number", "string", "true", "false", "null", "undefined", "array", "object", "pair", "unary_expression",
    "property_identifier", "string_fragment", "escape_sequence", "template_string", "computed_property_name",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Example:
    """`call` is an expression of the file's functions; `value` what it is, None where it throws."""

    call: str
    value: str | None

    @property
    def assertion(self) -> str:
        if self.value is None:
            return f"assert.throws(() => {self.call})"
        return f"assert.deepStrictEqual({self.call}, {self.value})"


def examples_of(text: str) -> list[Example]:
    """The examples in the comments of a file, in their order."""
    script = Script(text)
    names = [name for name in functions_of(text) if name.isidentifier()]
    found: list[Example] = []
    for rows in _comments(script):
        for at, row in enumerate(rows):
            here = list(_here(row, names))
            prompt = _PROMPT.match(row)
            if not here and prompt and at + 1 < len(rows) and _is_call(prompt[1], names):
                value = _value(rows[at + 1])
                here = [Example(prompt[1], value)] if value is not None else []
            found += here
    return list(dict.fromkeys(found))[:MOST]


def _comments(script: Script) -> Iterator[list[str]]:
    """The rows of each comment; line comments that follow each other are one."""
    rows: list[str] = []
    last = -2
    for node in walk(script.root):
        if node.type != "comment":
            continue
        text = script.segment(node)
        if node.start_point[0] > last + 1 or text.startswith("/*"):
            yield rows
            rows = []
        if text.startswith("//"):
            rows.append(text[2:].strip())
        else:
            rows += [re.sub(r"^\s*\*(?:\s|$)", "", row).strip() for row in text[2:-2].removeprefix("*").split("\n")]
        last = node.end_point[0]
    yield rows


def _here(row: str, names: list[str]) -> Iterator[Example]:
    """The examples that stand in one row."""
    row = _LOGGED.sub(r"\1 \2", row.replace("`", ""))
    named = r"(?:\bawait\s+)?(?<![\w.$])(?:" + "|".join(map(re.escape, names)) + r")\s*\("
    begun = 0
    for first in re.finditer(named, row) if names else ():
        if first.start() < begun:
            continue
        rest = row[first.start() :]
        for sign in _MEANS.finditer(rest):
            call, said = rest[: sign.start()].strip(), rest[sign.end() :].strip()
            if not _is_call(call, names):
                continue
            value = _value(said)
            if value is not None or _THROWS.match(said):
                begun = first.start() + sign.end()
                yield Example(call, value)
            break


def _value(said: str) -> str | None:
    """The value with which some words begin, as JavaScript; the longest, since `[1, 2]` begins with more than one."""
    ends = [len(said), *(match.start() for match in _VALUE_END.finditer(said))]
    for end in sorted(set(ends), reverse=True):
        text = said[:end].rstrip(".,;: ")
        if text.startswith("(") and text.endswith(")") and "," in text:
            text = f"[{text[1:-1]}]"  # a tuple, which the language does not have
        if is_literal(text):
            return text
    return None


def _is_call(text: str, names: list[str]) -> bool:
    """Whether `text` is one call of one of the functions, of nothing but what any program knows."""
    script = Script(f"({text});")
    if script.root.has_error or len(script.root.named_children) != 1:
        return False
    own = {script.segment(node) for node in walk(script.root) if node.type == "identifier" and _is_parameter(node)}
    used = {script.segment(node) for node in walk(script.root) if node.type == "identifier"} - own
    called = any(
        node.type == "call_expression" and (function := node.child_by_field_name("function")) is not None
        and script.segment(function) in names
        for node in walk(script.root)
    )  # fmt: skip
    return called and used <= {*names, *_KNOWN} and "Math.random" not in text


def _is_parameter(node: "Node") -> bool:
    parent = node.parent
    if parent is None:
        return False
    alone = parent.type in FUNCTIONS and parent.child_by_field_name("parameter") == node
    return alone or parent.type == "formal_parameters"


def is_literal(text: str) -> bool:
    """Whether `text` is a value written out."""
    if not text:
        return False
    script = Script(f"({text});")
    if script.root.has_error or len(script.root.named_children) != 1:
        return False
    expression = script.root.named_children[0]
    inside = expression.named_children[0] if expression.named_children else expression
    if inside.type != "parenthesized_expression":
        return False
    for node in list(walk(inside))[1:]:
        if node.type == "identifier" and script.segment(node) not in ("NaN", "Infinity"):
            return False
        if node.type not in (*_LITERALS, "identifier") or script.segment(node).startswith(("!", "typeof", "${")):
            return False
    return True


def check_of(path: str, text: str) -> str | None:
    """A command that fails unless all examples of a file hold; None where it has none that can be run."""
    examples = examples_of(text)
    if not examples:
        return None
    script = Script(text)
    names = [name for name in functions_of(text) if name.isidentifier()]
    used = [name for name in names if any(re.search(rf"\b{re.escape(name)}\b", one.call) for one in examples)]
    body = "; ".join(example.assertion for example in examples)
    place = json.dumps(f"./{path}")
    kinds = {node.type for node in script.root.named_children}
    head = 'const assert = require("node:assert"); '
    wait = "async " if "await " in body else ""
    if "export_statement" in kinds or path.endswith(".mjs"):
        taken = "".join(f"const {name} = all.{name} ?? all.default?.{name} ?? all.default; " for name in used)
        return f"node -e {shlex.quote(f'{head}import({place}).then({wait}(all) => {{ {taken}{body} }})')}"
    body = f"(async () => {{ {body} }})()" if wait else body
    if "exports" not in text:
        source = f'require("node:fs").readFileSync({place}, "utf8") + {json.dumps(chr(10) + body)}'
        return f"node -e {shlex.quote(f'{head}eval({source})')}"
    taken = "".join(f"const {name} = all.{name} ?? all; " for name in used)
    return f"node -e {shlex.quote(f'{head}const all = require({place}); {taken}{body}')}"


async def commented_check(work: Work, files: Files) -> CheckRun | None:
    """The run of a check out of the examples in the first suspicious file whose examples fail; None without one."""
    evidence = await evidence_of(files, work.start.prompt, None)
    for suspect in locate(evidence):
        path, text = suspect.path, files.texts.get(suspect.path, "")
        command = check_of(path, text) if path.endswith(ENDINGS) and is_source(path) else None
        if command is None:
            continue
        async with work.layer() as layer:
            done = await layer.exec(["sh", "-c", command], timeout=SECONDS)
            if done.cut != "time" and b"AssertionError" not in done.output:
                continue
            said = f"No check fails; the examples in the comments of {path} do, so they are the check."
            await work.log.append(Progressed(text=said))
            check = Check(command=command, source="docstring", timeout=SECONDS)
            return await work.run_check(layer, check, "base")
    return None
