"""Scripts: replies written down beforehand, for tests, demos, replays and benchmarks.

A script is JSON: a list with one entry per turn of the model, or an object with that list under `replies` and, at
will, `profile` (what `journeyman.core.model.Profile` has) and `order`. In a `.jsonl` file every line is an entry.
An entry is a step, a string (a step that is only text), or a list of steps with conditions, of which the first that
holds is played. A step:

    {"text": "…", "reasoning": "…",
     "calls": [{"name": "shell", "arguments": {"command": "ls"}}],   arguments: an object, or the raw text
     "usage": {"input_tokens": 10, "output_tokens": 5}, "stop": "length",
     "delay": 0.5, "pace": 0.01, "pieces": 40,                       seconds before the reply, between its events;
                                                                     in how many of them each text of it is told
     "error": {"kind": "rate_limit", "retry_after": 1, "times": 2},  before the reply; alone: for ever
     "when": "text that the newest messages must hold"}
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import Field, ValidationError, field_validator

from journeyman.core.errors import ModelError, UsageError
from journeyman.core.items import AssistantMessage, OutputItem, Reasoning, ToolCall
from journeyman.core.model import Profile, Reply
from journeyman.core.usage import Usage
from journeyman.core.value import Value

FaultKind = Literal[
    "unauthorized",  # 401
    "not_found",  # 404, no such model
    "too_long",  # 400 context_length_exceeded
    "refused",  # 400 content_filter
    "quota",  # 429 insufficient_quota
    "rate_limit",  # 429
    "server_error",  # 500
    "overloaded",  # 529
    "cut",  # the stream ends in its middle
    "closed",  # the connection is closed before an answer
    "hang",  # no answer at all
    "stall",  # half a stream, then silence
    "garbage",  # an answer that is no JSON
    "html",  # a proxy's web page
]
TRANSIENT: frozenset[FaultKind] = frozenset({"rate_limit", "server_error", "overloaded", "cut", "closed", "stall"})


class Fault(Value):
    """A failure to play before a reply, `times` times in each conversation."""

    kind: FaultKind
    message: str = ""
    retry_after: float | None = None
    times: int = 1


class ScriptCall(Value):
    name: str
    arguments: dict[str, Any] | str = "{}"
    call_id: str | None = None
    freeform: bool = False


class Step(Value):
    """One entry of a script; see the top of this file."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[ScriptCall, ...] = ()
    usage: Usage | None = None
    stop: Literal["end", "calls", "length"] | None = None
    delay: float = 0.0
    pace: float = 0.0
    pieces: int = Field(default=3, ge=1)
    error: tuple[Fault, ...] = ()
    when: str | None = None

    @field_validator("error", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        many = cast("list[Any]", value) if isinstance(value, list | tuple) else [value]
        return tuple({"kind": one} if isinstance(one, str) else one for one in many)

    @property
    def is_only_error(self) -> bool:
        return bool(self.error) and not (self.text or self.calls or self.reasoning)

    def reply(self, turn: int) -> Reply:
        """The reply of this step as the `turn`-th (from 0); ids are made from the numbers, so they repeat exactly."""
        items: list[OutputItem] = []
        if self.reasoning:
            items.append(Reasoning(text=self.reasoning, id=f"rs_{turn}", opaque=f"scripted-{turn}"))
        if self.text:
            items.append(AssistantMessage(text=self.text))
        for number, call in enumerate(self.calls):
            raw = call.arguments
            arguments = raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False)
            call_id = call.call_id or f"call_{turn}_{number}"
            items.append(ToolCall(call_id=call_id, name=call.name, arguments=arguments, freeform=call.freeform))
        stop = self.stop or ("calls" if self.calls else "end")
        return Reply(items=tuple(items), usage=self.usage or Usage(), stop=stop)

    def fault(self, failures: int) -> Fault | None:
        """The failure to play when this step has already failed `failures` times; None for the reply itself."""
        for fault in self.error:
            if failures < fault.times:
                return fault
            failures -= fault.times
        return self.error[-1] if self.is_only_error else None


Answer = Step | Reply | str
Computed = Callable[[Any], Answer]
"""A step made from the request: the scripted model passes its `ModelRequest`, the server the parsed JSON body."""
Entry = Answer | Computed | ModelError | Sequence[Step]
Order = Literal["turns", "arrival"]


@dataclass(frozen=True, slots=True)
class Script:
    """Entries by turn. `order` says how the server finds the turn: by the model's turns in the request, or in the
    order of requests."""

    entries: tuple[Entry, ...]
    order: Order = "turns"
    profile: Profile | None = None

    def at(self, turn: int) -> Entry:
        """The entry of the `turn`-th turn, from 0; a `ModelError` when the script has run out."""
        if turn >= len(self.entries):
            raise ModelError(f"The script ran out: it has {len(self.entries)} replies, and number {turn + 1} is asked.")
        return self.entries[turn]


def choose(entry: Sequence[Step], newest: str) -> Step:
    """The first step whose condition holds for `newest`, the text of the newest messages."""
    for step in entry:
        if step.when is None or step.when in newest:
            return step
    raise ModelError(
        f"No step of the script fits: none of {[step.when for step in entry]!r} is in the newest messages."
    )


def as_script(source: Script | Sequence[Entry] | Path | str) -> Script:
    """A script out of its entries, or read from a file."""
    if isinstance(source, Script):
        return source
    if isinstance(source, Path | str):
        return load_script(Path(source))
    return Script(tuple(source))


def load_script(path: Path) -> Script:
    """The script in a `.json` or `.jsonl` file; a `UsageError` names the place where it is wrong."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The script {path} cannot be read: {error}") from error
    try:
        if path.suffix == ".jsonl":
            return parse_script([json.loads(line) for line in text.splitlines() if line.strip()])
        return parse_script(json.loads(text))
    except (ValueError, TypeError) as error:
        why = "; ".join(_where(one) for one in error.errors()) if isinstance(error, ValidationError) else str(error)
        raise UsageError(f"The script {path} is wrong: {why}") from error


def parse_script(value: Any) -> Script:
    """A script out of JSON; ValueError where it does not have the form."""
    if isinstance(value, Mapping):
        fields = dict(cast("Mapping[str, Any]", value))
        entries, order, profile = fields.pop("replies", None), fields.pop("order", "turns"), fields.pop("profile", None)
        if fields or order not in ("turns", "arrival"):
            raise ValueError(f"unknown: {', '.join(fields) or order!r} (known: replies, order, profile)")
        made = None if profile is None else Profile.model_validate({"name": "scripted", **profile})
        return Script(_entries(entries), order, made)
    return Script(_entries(value))


def _entries(value: Any) -> tuple[Entry, ...]:
    if not isinstance(value, list):
        raise ValueError("a list of replies is needed")
    return tuple(_entry(entry) for entry in cast("list[Any]", value))


def _entry(value: Any) -> Entry:
    if isinstance(value, str):
        return Step(text=value)
    if isinstance(value, list):
        return tuple(Step.model_validate(step) for step in cast("list[Any]", value))
    return Step.model_validate(value)


def _where(error: Any) -> str:
    return f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"
