"""What goes to a language model and what comes back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from journeyman.core.images import Image
from journeyman.core.items import AssistantMessage, Item, OutputItem, ToolCall
from journeyman.core.usage import Usage
from journeyman.core.value import Value

Way = Literal["loop", "repair"]
"""How one model is put to work."""
Strategy = Literal["loop", "repair", "cascade"]
"""How an attempt is worked: with one model, or with several in order of price."""


CascadeOrder = Literal["price", "given"]
"""In which order the models of a cascade are asked: the cheapest first, or as a person has put them."""


class ToolSpec(Value):
    """A tool as the model sees it. `grammar` (Lark) makes it a freeform tool where the wire has those."""

    name: str
    description: str
    parameters: dict[str, Any]
    grammar: str | None = None


class Profile(Value):
    """What a model can do and how to talk to it.

    `family` says whose habits it has, for the prompts. `window` and `max_output` are tokens. Prices are US dollars per
    million tokens; None where unknown. `completes` says that it goes on with a last message of its own, and can be held
    to a GBNF grammar. `judges` says that its word counts between attempts that nothing else tells apart.
    """

    name: str
    family: Literal["gpt", "claude", "gemini", "other"] = "other"
    window: int = 128_000
    max_output: int = 16_000
    tool_style: Literal["native", "json"] = "native"
    strategy: Way = "loop"
    parallel_calls: bool = True
    freeform_tools: bool = False
    reasoning: bool = False
    small: bool = False
    images: bool = True
    completes: bool = False
    judges: bool = False
    input_price: float | None = None
    cached_input_price: float | None = None
    output_price: float | None = None

    @property
    def price(self) -> float | None:
        """Dollars per million tokens of which three are read for each that is written; None where not known."""
        if self.input_price is None or self.output_price is None:
            return None
        return (3 * self.input_price + self.output_price) / 4


class Stage(Value):
    """A model of a cascade, by the name that it is opened with, and how it is put to work."""

    model: str
    profile: Profile
    strategy: Way


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One request. Everything but the end of `items` stays the same from step to step, so caches hold.

    `schema` constrains the whole text of the reply to a JSON schema; `grammar` to a GBNF grammar (local model).
    `cache_key` is stable for the life of an attempt. `images` are those that the items name, by their ids.
    """

    instructions: str
    items: Sequence[Item]
    tools: tuple[ToolSpec, ...] = ()
    schema: dict[str, Any] | None = None
    grammar: str | None = None
    temperature: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    max_output_tokens: int | None = None
    cache_key: str = ""
    reasoning_effort: Literal["minimal", "low", "medium", "high"] | None = None
    images: Mapping[str, Image] = field(default_factory=dict[str, Image])


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a reply while it is being written."""

    kind: Literal["text", "reasoning", "arguments"]
    text: str


class Reply(Value):
    """A whole reply: its items in the order in which the model wrote them, and what it cost.

    `stop` is "end" or "calls" when the model is done, "length" when it was cut at `max_output_tokens`.
    """

    items: tuple[OutputItem, ...]
    usage: Usage = Usage()
    stop: Literal["end", "calls", "length"] = "end"
    model: str = ""

    @property
    def text(self) -> str:
        return "".join(item.text for item in self.items if isinstance(item, AssistantMessage))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(item for item in self.items if isinstance(item, ToolCall))


def say(text: str) -> Reply:
    """A reply that is only text, for scripts."""
    return Reply(items=(AssistantMessage(text=text),))


def call(name: str, call_id: str, /, **arguments: Any) -> Reply:
    """A reply that is one tool call, for scripts."""
    return Reply(items=(ToolCall(call_id=call_id, name=name, arguments=json.dumps(arguments)),), stop="calls")
