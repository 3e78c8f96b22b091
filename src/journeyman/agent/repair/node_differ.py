"""On what edits of JavaScript differ that pass all that is tested: what `differ.py` is for Python."""

import ast
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from journeyman.agent.repair.candidates import Candidate
from journeyman.agent.repair.differ import NO_END, NOTHING, RAISES, Behaviour, Split
from journeyman.agent.repair.inputs import inputs_of
from journeyman.agent.repair.javascript import ENDINGS, Script, functions_of, walk
from journeyman.agent.repair.javascript_examples import examples_of
from journeyman.agent.repair.node import NodeTrials
from journeyman.agent.repair.validate import encoded, side_by_side
from journeyman.sandbox.protocol import Sandbox

if TYPE_CHECKING:
    from tree_sitter import Node

SECONDS, EACH = 10.0, 0.05
"""How long one edit may take on all inputs, and on one."""

REPORT = 256 * 1024

_PROGRAM = """\
const fs = require('node:fs'), vm = require('node:vm'), util = require('node:util');
const crypto = require('node:crypto'), path = require('node:path'), url = require('node:url');
const job = JSON.parse(fs.readFileSync(0, 'utf8'));
const plain = (value, depth = 0) => {
  if (typeof value === 'number') return String(Number(value.toPrecision(9)));
  if (typeof value !== 'object' || value === null || depth > 8) return util.inspect(value);
  if (value instanceof Set) return 'set' + plain([...value].map((one) => plain(one, depth + 1)).sort(), depth + 1);
  if (value instanceof Map) return 'map' + plain([...value.entries()], depth + 1);
  if (Array.isArray(value)) return '[' + value.map((one) => plain(one, depth + 1)).join() + ']';
  const rows = Object.keys(value).sort().map((key) => key + ':' + plain(value[key], depth + 1));
  return (value.constructor?.name ?? '') + '{' + rows.join() + '}';
};
const shown = (value) => util.inspect(value, { depth: 4, breakLength: Infinity }).slice(0, 150);
const hashed = (value) => crypto.createHash('md5').update(plain(value)).digest('hex').slice(0, 6);
import(url.pathToFileURL(path.resolve(job.path))).then((all) => {
  const main = all.default ?? all;
  const it = all[job.name] ?? main[job.name] ?? main;
  if (typeof it !== 'function') return;
  const said = [];
  let endless = 0;
  for (const given of job.inputs) {
    if (endless > 2) { said.push(job.nothing); continue; }
    Object.assign(globalThis, { it, given });
    try {
      const value = vm.runInThisContext('it(...given)', { timeout: job.each });
      if (typeof value?.then === 'function') return;
      said.push(job.readable ? shown(value) : hashed(value));
    } catch (error) {
      const cut = error?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
      endless += cut;
      said.push(job.readable ? (cut ? 'no end' : String(error?.name ?? error)) : cut ? job.noEnd : job.raises);
    }
  }
  fs.writeSync(1, '\\n' + job.mark + JSON.stringify(said) + '\\n');
  process.exit(0);
}).catch(() => process.exit(1));
"""


def changed_function(candidates: Sequence[Candidate]) -> str | None:
    """The name of the one outermost function in which all candidates differ from what was; None when it is not so."""
    names: set[str] = set()
    for one in candidates:
        if one.path != candidates[0].path or not one.path.endswith(ENDINGS):
            return None
        if one.text != one.before:
            rows = zip(one.before.split("\n"), one.text.split("\n"), strict=False)
            line = next((at for at, (x, y) in enumerate(rows, 1) if x != y), 1)
            holding = {name: lines for name, lines in functions_of(one.text).items() if line in lines}
            names.add(max(holding, key=lambda name: len(holding[name]), default=""))
    name = names.pop() if len(names) == 1 else ""
    return name if name.isidentifier() else None


async def behaviour(trials: NodeTrials, candidates: Sequence[Candidate], tests: Sequence[str]) -> Behaviour | None:
    """What the candidates give for inputs like those of the tests (their files' texts); None when that cannot be found
    out."""
    name, before = changed_function(candidates), candidates[0].before
    if name is None:
        return None
    inputs = [
        given for text in inputs_of(literal_calls(name, [before, *tests]), _numbers(before)) if (given := _json(text))
    ]
    rows = await _run(trials, candidates, name, inputs, readable=False) if inputs else []
    if not rows or any(len(row) != len(inputs) for row in rows):
        return None
    return Behaviour(candidates[0].path, name, tuple(inputs), tuple(tuple(row) for row in rows))


async def gives_for(trials: NodeTrials, candidates: Sequence[Candidate], known: Behaviour, at: int) -> Split | None:
    """What each candidate gives for one input, to be read."""
    said = await _run(trials, candidates, known.name, [known.inputs[at]], readable=True)
    call = f"{known.name}({known.inputs[at][1:-1]})"
    return Split(call, tuple(row[0] for row in said)) if all(len(row) == 1 for row in said) else None


def literal_calls(name: str, texts: Sequence[str]) -> list[str]:
    """The arguments of calls of a function in tests and in examples, where they are literals, as Python writes them."""
    found: dict[str, None] = {}
    for text in [text for each in texts for text in (each, *(one.call for one in examples_of(each)))]:
        script = Script(text)
        for node in walk(script.root):
            function = node.child_by_field_name("function") if node.type == "call_expression" else None
            if function is None or script.segment(function).rsplit(".", 1)[-1] != name:
                continue
            arguments = node.child_by_field_name("arguments")
            try:
                values = [_value(script, one) for one in arguments.named_children] if arguments is not None else []
            except (ValueError, SyntaxError, RecursionError):  # Python does not read every escape of JavaScript
                continue
            found.setdefault(", ".join(map(repr, values)))
    return list(found)


def _value(script: Script, node: "Node") -> object:
    """A literal of JavaScript as a value of Python; `ValueError` for what is none."""
    text = script.segment(node)
    match node.type:
        case "number":
            return float(text) if "." in text or ("e" in text.lower() and not text.startswith("0x")) else int(text, 0)
        case "string":
            return str(ast.literal_eval(text))
        case "true" | "false" | "null" | "undefined":
            return {"true": True, "false": False}.get(text)
        case "array":
            return [_value(script, one) for one in node.named_children]
        case "object":
            return dict(_pair(script, one) for one in node.named_children)
        case "unary_expression" if text.startswith("-"):
            value = _value(script, node.named_children[0])
            if isinstance(value, int | float):
                return -value
        case _:
            pass
    raise ValueError(text)


def _pair(script: Script, node: "Node") -> tuple[str, object]:
    key, value = node.child_by_field_name("key"), node.child_by_field_name("value")
    if key is None or value is None or key.type not in ("property_identifier", "string"):
        raise ValueError(script.segment(node))
    name = script.segment(key)
    return (name if key.type == "property_identifier" else str(ast.literal_eval(name))), _value(script, value)


def _numbers(text: str) -> list[float]:
    """Whole numbers that stand in the code."""
    script = Script(text)
    found = (script.segment(node) for node in walk(script.root) if node.type == "number")
    return list(dict.fromkeys(int(each) for each in found if each.isdecimal()))


def _json(text: str) -> str | None:
    """Arguments as Python writes them, as a list of JSON; None for what that has not."""
    try:
        return json.dumps(ast.literal_eval(f"[{text}]"), allow_nan=False)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


async def _run(
    trials: NodeTrials, candidates: Sequence[Candidate], name: str, inputs: Sequence[str], *, readable: bool
) -> list[list[str]]:
    """What the program says of each candidate; nothing where it says nothing."""
    path = candidates[0].path
    job = {
        "path": path,
        "name": name,
        "inputs": [json.loads(each) for each in inputs],
        "each": int(1000 * EACH),
        "readable": readable,
        "mark": trials.mark,
        "nothing": NOTHING,
        "noEnd": NO_END,
        "raises": RAISES,
    }
    argv, data = ["node", *trials.options, "-e", _PROGRAM], json.dumps(job).encode()
    rows: dict[int, list[str]] = {}

    async def tried(layer: Sandbox, part: Sequence[int]) -> None:
        try:
            for place in part:
                await layer.write(path, encoded(candidates[place].text))
                done = await layer.exec(argv, stdin=data, timeout=SECONDS, keep=REPORT, output_limit=REPORT)
                rows[place] = next(_said(done.output, trials.mark), list[str]())
        finally:
            await layer.write(path, encoded(candidates[0].before))

    await side_by_side(trials.layers, range(len(candidates)), tried)
    return [rows[place] for place in range(len(candidates))]


def _said(output: bytes, mark: str) -> Iterator[list[str]]:
    for line in output.split(b"\n"):
        if line.startswith(mark.encode()):
            try:
                value: object = json.loads(line[len(mark) :])
            except (ValueError, RecursionError):
                continue
            if isinstance(value, list):
                yield [str(each) for each in cast(list[Any], value)]
