"""An attempt as messages: what the model was told and what it said, as it went over the wire."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from journeyman.core import folds
from journeyman.core.events import AttemptStarted, CandidateTried, Event
from journeyman.core.evidence import Result
from journeyman.core.mask import Mask
from journeyman.core.model import ModelRequest, Profile
from journeyman.models.wire.chat import ChatWire, Dialect
from journeyman.models.wire.failures import Peer
from journeyman.repo.repository import Repository
from journeyman.store.store import Store

Message = dict[str, Any]
MOST_SHOWN = 60_000
"""Characters of a file that a request for a patch shows."""
PATCHER = "You fix software. Answer with a patch in git's format and nothing else."


@dataclass(frozen=True, slots=True)
class Told:
    """A finished attempt. `messages` are empty where the model was not led through a conversation (the repair
    strategy); `patch` is what came of it, `tried` are edits that did not pass. `good` is None where nobody knows."""

    attempt_id: str
    task_id: str
    prompt: str
    start: AttemptStarted
    result: Result
    messages: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...]
    patch: str
    tried: tuple[str, ...]
    good: bool | None


async def told(store: Store, attempt_id: str, good: bool | None = None, mask: Mask | None = None) -> Told | None:
    """A finished attempt with its conversation; None where there is no result. Secrets that the store knows now are
    taken out as well as those that it knew then. Without a grader's word `good` is what the checks said."""
    events = await store.events(attempt_id)
    start, result = folds.started(events), folds.result(events)
    if start is None or result is None:
        return None
    if good is None and result.verdict in ("verified", "failing"):
        good = result.verdict == "verified"
    patch = (await store.blob(result.diff)).decode("utf-8", "replace") if result.diff else ""
    messages, tools = _wire(events)
    refused = ("no_better", "endless")
    tried = tuple(
        dict.fromkeys(one.diff for one in events if isinstance(one, CandidateTried) and one.outcome in refused)
    )
    clean = mask or Mask()
    return Told(
        attempt_id=attempt_id,
        task_id=start.task_id,
        prompt=clean.text(start.prompt),
        start=start,
        result=result,
        messages=tuple(clean.value(messages)),
        tools=tuple(clean.value(tools)),
        patch=clean.text(patch),
        tried=tuple(clean.text(one) for one in tried),
        good=good,
    )


def _wire(events: Sequence[Event]) -> tuple[list[Message], list[dict[str, Any]]]:
    """The conversation as the Chat wire has it, up to the model's last word, and the tools."""
    prepared = folds.prepared(events)
    if prepared is None:
        return [], []
    wire = ChatWire("", Profile(name="export"), Peer("export", ""), Dialect(developer_role="system"))
    items = folds.conversation(events)
    request = ModelRequest(prepared.instructions, items, prepared.tools)
    body = cast("dict[str, Any]", json.loads(wire.body(request)))
    messages = [_without_images(message) for message in cast("list[Message]", body["messages"])]
    return _whole(messages), cast("list[dict[str, Any]]", body.get("tools", []))


def _without_images(message: Message) -> Message:
    content = message.get("content")
    if not isinstance(content, list):
        return message
    parts = cast("list[dict[str, Any]]", content)
    return message | {"content": "\n".join(str(part.get("text", "[image]")) for part in parts)}


def _whole(messages: Sequence[Message]) -> list[Message]:
    """Without an end that nobody answered: calls that have no result, results that the model said nothing to."""
    kept = list(messages)
    while kept:
        last = kept[-1]
        if last["role"] == "assistant" and not last.get("tool_calls"):
            return kept
        kept.pop()
    return []


def plain(messages: Sequence[Message], tools: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """Messages whose content is text alone, calls and tools written into it as Hermes models have them: such data has
    one shape however many tools there are."""
    out: list[dict[str, str]] = []
    for message in messages:
        role, content = str(message["role"]), str(message.get("content") or "")
        if role == "tool":
            content = f"<tool_response>\n{content}\n</tool_response>"
        for call in cast("list[dict[str, Any]]", message.get("tool_calls") or []):
            function = call["function"]
            said = {"name": function["name"], "arguments": json.loads(function["arguments"])}
            content += "\n" if content else ""
            content += f"<tool_call>\n{json.dumps(said, ensure_ascii=False)}\n</tool_call>"
        if role == "system" and not out and tools:
            listed = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
            content += f"\n\n# Tools\n\n<tools>\n{listed}\n</tools>"
        if out and role == out[-1]["role"] and role != "assistant":
            out[-1]["content"] += f"\n{content}"
        else:
            out.append({"role": role, "content": content})
    return out


async def request_for_patch(repository: Repository, one: Told) -> list[dict[str, str]]:
    """What a model would be asked that is to answer with a patch at once: the request, and the files that the patch
    changes as they were."""
    shown: list[str] = []
    async with repository.tree(one.start.base.tree) as tree:
        for change in one.result.changes:
            data = await tree.get(change.path)
            if data is not None and b"\0" not in data and len(data) <= MOST_SHOWN:
                shown.append(f"{change.path}:\n```\n{data.decode('utf-8', 'replace')}```")
    content = "\n\n".join([one.prompt, *shown])
    return [{"role": "system", "content": PATCHER}, {"role": "user", "content": content}]
