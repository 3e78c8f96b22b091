"""A model that plays a script and keeps the requests that it got."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from journeyman.core.errors import ModelError, Refused, RetryLater, TooLong, Unreachable, WrongKey
from journeyman.core.items import AssistantMessage, Item, Reasoning, ToolCall, ToolResult
from journeyman.core.model import Delta, ModelRequest, Profile, Reply
from journeyman.core.usage import Usage
from journeyman.models.protocol import OnDelta, OnRetry
from journeyman.models.script import TRANSIENT, Answer, Entry, Fault, Script, Step, as_script, choose
from journeyman.models.script_wire import pieces

PROFILE = Profile(name="scripted", input_price=0.0, output_price=0.0)


class Scripted:
    """Plays `script` for each conversation (told apart by `cache_key`) from its start.

    The turn to play is the number of the model's turns in the request, or of the replies already given to that
    conversation, whichever is more: so a task that is taken over by a new process goes on where it was.
    An entry that is a `ModelError` is raised. When the script has run out, a `ModelError` says so.
    """

    def __init__(self, script: Script | Sequence[Entry] | Path | str, profile: Profile | None = None) -> None:
        self._script = as_script(script)
        self._profile = profile or self._script.profile or PROFILE
        self._given: Counter[str] = Counter()
        self._failed: Counter[tuple[str, int]] = Counter()
        self.requests: list[ModelRequest] = []

    @property
    def profile(self) -> Profile:
        return self._profile

    async def reply(
        self, request: ModelRequest, on_delta: OnDelta | None = None, on_retry: OnRetry | None = None
    ) -> Reply:
        self.requests.append(request)
        key = request.cache_key
        turn = max(turns(request.items), self._given[key])
        entry = self._script.at(turn)
        if isinstance(entry, ModelError):
            self._given[key] = turn + 1
            raise entry
        step = _answer(entry, request)
        if isinstance(step, Step):
            await self._play_faults(step, (key, turn), on_retry)
            await asyncio.sleep(step.delay)
        reply = step.reply(turn) if isinstance(step, Step) else step
        self._given[key] = turn + 1
        if on_delta is not None:
            await _tell(reply, step if isinstance(step, Step) else Step(), on_delta)
        name = reply.model or self._profile.name
        usage = reply.usage if reply.usage.total_tokens else _guess(request, reply)
        return reply.model_copy(update={"usage": usage, "model": name})

    async def close(self) -> None:
        pass

    async def _play_faults(self, step: Step, key: tuple[str, int], on_retry: OnRetry | None) -> None:
        while fault := step.fault(self._failed[key]):
            self._failed[key] += 1
            error = error_of_fault(fault, self._profile.name)
            if fault.kind == "hang":
                await asyncio.Event().wait()
            if fault.kind not in TRANSIENT or step.is_only_error:
                raise error
            wait = fault.retry_after or 0.0
            if on_retry is not None:
                on_retry(str(error), wait)
            await asyncio.sleep(wait)


def profile_of_script(path: Path) -> Profile:
    """What the script in a file says of its model."""
    return as_script(path).profile or PROFILE


def turns(items: Sequence[Item]) -> int:
    """How many turns of the model are in `items`: runs of what a model writes."""
    count, writing = 0, False
    for item in items:
        writes = isinstance(item, AssistantMessage | Reasoning | ToolCall)
        count += writes and not writing
        writing = writes
    return count


def newest(items: Sequence[Item]) -> str:
    """The text of what came after the model's last turn."""
    texts: list[str] = []
    for item in reversed(items):
        if isinstance(item, AssistantMessage | Reasoning | ToolCall):
            break
        texts.append(item.content if isinstance(item, ToolResult) else item.text)
    return "\n".join(reversed(texts))


def deltas(reply: Reply) -> list[Delta]:
    """The pieces in which `reply` is told while it is being written, one per item."""
    pieces: list[Delta] = []
    for item in reply.items:
        match item:
            case AssistantMessage(text=text):
                pieces.append(Delta("text", text))
            case Reasoning(text=text):
                pieces.append(Delta("reasoning", text))
            case ToolCall(arguments=text):
                pieces.append(Delta("arguments", text))
    return [piece for piece in pieces if piece.text]


async def _tell(reply: Reply, step: Step, on_delta: OnDelta) -> None:
    """Tell `reply` piece by piece, with pauses where the step has a pace."""
    for delta in deltas(reply):
        if not step.pace:
            on_delta(delta)
            continue
        for piece in pieces(delta.text, step.pieces):
            on_delta(Delta(delta.kind, piece))
            await asyncio.sleep(step.pace)


def error_of_fault(fault: Fault, model: str) -> ModelError:
    """What a client makes of `fault`."""
    said = fault.message or f"{model} fails here, says the script: {fault.kind}."
    match fault.kind:
        case "unauthorized":
            return WrongKey(said)
        case "too_long":
            return TooLong(said)
        case "refused":
            return Refused(said)
        case "closed":
            return Unreachable(said)
        case "rate_limit" | "server_error" | "overloaded" | "cut" | "stall" | "hang":
            return RetryLater(said, retry_after=fault.retry_after)
        case "not_found" | "quota" | "garbage" | "html":
            return ModelError(said)


def _answer(entry: Entry, request: ModelRequest) -> Step | Reply:
    if isinstance(entry, Step | Reply):
        return entry
    if isinstance(entry, str):
        return Step(text=entry)
    if isinstance(entry, ModelError):
        raise entry
    if callable(entry):
        answer: Answer = entry(request)
        return Step(text=answer) if isinstance(answer, str) else answer
    return choose(entry, newest(request.items))


def _guess(request: ModelRequest, reply: Reply) -> Usage:
    """Tokens at four characters each, so that limits and meters have something to count."""
    read = len(request.instructions) + sum(
        len(
            item.content
            if isinstance(item, ToolResult)
            else item.arguments
            if isinstance(item, ToolCall)
            else item.text
        )
        for item in request.items
    )
    written = sum(len(delta.text) for delta in deltas(reply))
    return Usage(input_tokens=read // 4 + 1, output_tokens=written // 4 + 1, cost=0.0)
