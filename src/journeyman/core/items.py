"""The items of a conversation, independent of any provider.

The order of items is the order of the wire: of several parallel calls first all calls, then all results.
"""

from typing import Annotated, Literal

from pydantic import Field

from journeyman.core.value import Value


class UserMessage(Value):
    """What a person, or the harness on a person's behalf, says to the model. `images` are blob ids."""

    kind: Literal["user"] = "user"
    text: str
    images: tuple[str, ...] = ()


class DeveloperMessage(Value):
    """What the harness says to the model with authority over the user's text."""

    kind: Literal["developer"] = "developer"
    text: str


class AssistantMessage(Value):
    """Text that the model wrote."""

    kind: Literal["assistant"] = "assistant"
    text: str
    id: str | None = None


class Reasoning(Value):
    """A reasoning item; `opaque` is the provider's encrypted content, sent back unchanged."""

    kind: Literal["reasoning"] = "reasoning"
    text: str = ""
    id: str | None = None
    opaque: str | None = None


class ToolCall(Value):
    """A call that the model asked for; `arguments` is the raw text it wrote, JSON unless `freeform`."""

    kind: Literal["tool_call"] = "tool_call"
    call_id: str
    name: str
    arguments: str
    freeform: bool = False
    id: str | None = None


class ToolResult(Value):
    """What a call returned, as the model reads it (already clipped)."""

    kind: Literal["tool_result"] = "tool_result"
    call_id: str
    content: str
    is_error: bool = False
    freeform: bool = False


OutputItem = Annotated[AssistantMessage | Reasoning | ToolCall, Field(discriminator="kind")]
Item = Annotated[
    UserMessage | DeveloperMessage | AssistantMessage | Reasoning | ToolCall | ToolResult,
    Field(discriminator="kind"),
]
