"""Text that must not steer the model: a chat template's own words, where they stand in what somebody wrote.

llama.cpp's server makes one text of all messages and reads every control token in it, wherever it comes from. So a file
that holds `<|im_end|>` could end the person's message and begin one of the system. A character that is not seen is put
into such words on the way in, and taken out of what comes back.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from journeyman.core.items import AssistantMessage, DeveloperMessage, Item, OutputItem, UserMessage
from journeyman.core.model import Delta, ModelRequest, Reply
from journeyman.models.protocol import OnDelta

BREAK = "\u2060"
"""A word joiner: no text of its own, and no vocabulary has it within a control token."""

_CONTROL = re.compile(
    r"<(?=\|[^|<>\s]{1,60}\|>"  # Qwen, Llama 3, Phi, and most others
    r"|/?s>|(?:start|end)_of_turn>|(?:bos|eos|pad|unk|mask)>"  # Llama 2, Mistral, Gemma
    r"|\uff5c[^\uff5c<>]{1,60}\uff5c>)"  # DeepSeek
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])"
)
_BROKEN = re.compile(rf"([<\[])(?:{BREAK}|\\u2060)")  # in JSON it may be written as an escape


def inert(text: str) -> str:
    """`text` with its control words broken; the same object where it has none."""
    return _CONTROL.sub(rf"\g<0>{BREAK}", text) if "<" in text or "[" in text else text


def restored(text: str) -> str:
    """What the model wrote, with words that it copied as they were."""
    return _BROKEN.sub(r"\1", text) if BREAK in text or "\\u2060" in text else text


def inert_request(request: ModelRequest) -> ModelRequest:
    return replace(
        request, instructions=inert(request.instructions), items=[_inert_item(item) for item in request.items]
    )


def restored_reply(reply: Reply) -> Reply:
    items: Sequence[OutputItem] = [
        item.model_copy(update={"text": restored(item.text)}) if isinstance(item, AssistantMessage) else item
        for item in reply.items
    ]
    return reply.model_copy(update={"items": tuple(items)})


def restoring(on_delta: OnDelta | None) -> OnDelta | None:
    if on_delta is None:
        return None
    return lambda delta: on_delta(Delta(delta.kind, restored(delta.text)))


def _inert_item(item: Item) -> Item:
    if not isinstance(item, UserMessage | AssistantMessage | DeveloperMessage):
        return item
    text = inert(item.text)
    return item if text == item.text else item.model_copy(update={"text": text})
