"""Edits and commands that a small model writes as blocks of code in its answer, read as calls of tools.

It writes a function anew more surely than it fills in a call: by calls in JSON the embedded model mended none of nine
functions, by blocks most of them (docs/design/strength.md). A block of code with the path of its file above it is an
edit, a block of bash that comes alone is a command.
"""

import json
from collections.abc import Sequence

from journeyman.agent.blocks import MARK, Block, blocks
from journeyman.agent.placed import definitions, placed
from journeyman.agent.repair.locate import is_source
from journeyman.agent.repair.workspace import SEARCHED, Files
from journeyman.core.ids import new_id
from journeyman.core.items import ToolCall
from journeyman.core.model import Reply
from journeyman.sandbox.protocol import Sandbox

COMMANDS = {"bash", "sh", "shell"}
NO_CODE = {"", "text", "txt", "console", "output", "diff", "patch", "json"}
"""Languages of blocks that show something where they name no file."""


async def read(reply: Reply, sandbox: Sandbox, workspace: str) -> Reply:
    """`reply` with the calls that its blocks stand for, where it has none of its own. `workspace` is the path of the
    repository in the sandbox, which a model may write before its paths. Of an answer that was cut, only whole blocks
    count."""
    parts = [part for part in blocks(reply.text) if part.closed or reply.stop != "length"]
    if reply.calls or not parts:
        return reply
    files = Files(sandbox)
    await files.list()
    calls = await _edits(parts, files, workspace)
    if not calls and (commands := [part.code for part in parts if part.language in COMMANDS]):
        calls = [_call("shell", command=commands[0].strip())]
    return reply.model_copy(update={"items": (*reply.items, *calls), "stop": "calls"}) if calls else reply


async def _edits(parts: Sequence[Block], files: Files, workspace: str) -> list[ToolCall]:
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    for part in parts:
        named = part.path.removeprefix(workspace.rstrip("/") + "/").removeprefix("./")
        if part.language in COMMANDS or (not named and part.language in NO_CODE):
            continue
        path = await _place(named, part.code, files)
        if path is None:
            continue
        text = after.get(path) if path in after else await files.get(path) if path in files.paths else None
        new = part.code.strip("\n") + "\n" if text is None else placed(path, text, part.code)
        if new is not None:
            before.setdefault(path, text or "")
            after[path] = new
    return [_edit(path, before[path], new) for path, new in after.items() if before[path] != new]


async def _place(named: str, code: str, files: Files) -> str | None:
    """The file that a block is for: the one that is named, unless another one alone, which is no test, has what the
    block defines. A path may be named by its end."""
    ends = [path for path in files.paths if path == named or path.endswith("/" + named)] if named else []
    path = named if named in ends or len(ends) != 1 else ends[0]
    if path in files.paths and definitions(path, code) & definitions(path, await files.get(path)):
        return path
    sources = [path for path in files.paths if is_source(path)][:SEARCHED]
    holds = [path for path in sources if definitions(path, code) & definitions(path, await files.get(path))]
    return holds[0] if len(holds) == 1 else path or None


def _edit(path: str, before: str, after: str) -> ToolCall:
    """The call that makes the one text of the other: only the lines that differ, and as many around them as it takes to
    tell their place."""
    if not before:
        return _call("edit", path=path, old="", new=after)
    old, new = before.split("\n"), after.split("\n")
    head = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    most = min(len(old), len(new)) - head
    pairs = zip(reversed(old[head:]), reversed(new[head:]), strict=False)
    tail = next((at for at, (a, b) in enumerate(pairs) if a != b), most)
    while True:
        part = "\n".join(old[head : len(old) - tail])
        if (part and before.count(part) == 1) or (head == 0 and tail == 0):
            return _call("edit", path=path, old=part, new="\n".join(new[head : len(new) - tail]))
        head, tail = max(head - 1, 0), max(tail - 1, 0)


def _call(name: str, **arguments: str) -> ToolCall:
    return ToolCall(call_id=MARK + new_id(), name=name, arguments=json.dumps(arguments, ensure_ascii=False))
