"""What a model can do, by its name.

The table holds families, newest first in each; the first pattern that is found in the lower-cased name counts. Windows
and longest outputs are those that the vendors state. What a person sets goes before what is here.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from journeyman.core.errors import UsageError
from journeyman.core.model import Profile

_BLIND = {"images": False}
_SMALL = {"small": True, "tool_style": "json", "strategy": "repair", "parallel_calls": False, "images": False}
_MIDDLING = {"small": True, "parallel_calls": False, "images": False}

FAMILIES: tuple[tuple[str, dict[str, Any]], ...] = (
    (r"gpt-oss", {"window": 131_072, "max_output": 32_000, "reasoning": True, "parallel_calls": False, **_BLIND}),
    (r"gpt-6|gpt-5\.[4-9](?!-(mini|nano))", {"window": 1_050_000, "max_output": 128_000, "reasoning": True}),
    (r"gpt-5.*-chat", {"window": 128_000, "max_output": 16_384}),
    (r"gpt-5", {"window": 400_000, "max_output": 128_000, "reasoning": True}),
    (r"codex", {"window": 200_000, "max_output": 100_000, "reasoning": True}),
    (r"\bo[134](-|$)", {"window": 200_000, "max_output": 100_000, "reasoning": True}),
    (r"gpt-4\.1", {"window": 1_047_576, "max_output": 32_768}),
    (r"gpt-4o", {"window": 128_000, "max_output": 16_384}),
    (r"claude-(fable|opus-(5|4[.-][6-9])|sonnet-(5|4[.-][6-9])|haiku-5)", {"window": 1_000_000, "max_output": 64_000}),
    (r"claude", {"window": 200_000, "max_output": 32_000}),
    (r"gemini", {"window": 1_048_576, "max_output": 65_536}),
    (r"deepseek-(v4|flash)", {"window": 1_000_000, "max_output": 64_000, **_BLIND}),
    (r"deepseek", {"window": 128_000, "max_output": 8_000, **_BLIND}),
    (r"kimi-k3", {"window": 1_048_576, "max_output": 64_000}),
    (r"kimi", {"window": 262_144, "max_output": 32_000}),
    (r"glm-(4\.[6-9]|5)", {"window": 200_000, "max_output": 64_000, **_BLIND}),
    (r"grok-4.*fast|grok-4\.20", {"window": 1_000_000, "max_output": 64_000}),
    (r"grok", {"window": 256_000, "max_output": 32_000}),
    (r"codestral|devstral|mistral-(large|medium)", {"window": 256_000, "max_output": 32_000, **_BLIND}),
    (r"(?<![\d.])(0|1|2|3|4)(\.\d+)?b(?![a-z0-9])", {"window": 16_384, "max_output": 4_096, **_SMALL}),
    (r"(?<![\d.])([6-9](\.\d+)?|1[0-4])b(?![a-z0-9])", {"window": 32_768, "max_output": 8_192, **_MIDDLING}),
    (r"qwen.*coder|qwen-?3", {"window": 131_072, "max_output": 32_000, **_BLIND}),
    (r"llama", {"window": 128_000, "max_output": 8_000, **_BLIND}),
)  # fmt: skip
_HABITS = (("gpt", r"gpt|codex|\bo[134](-|$)"), ("claude", r"claude"), ("gemini", r"gemini|gemma"))
_FREEFORM = re.compile(r"gpt-[5-9](?!.*(chat|nano))")


def profile_for(
    model: str, *, name: str | None = None, openai: bool = False, overrides: Mapping[str, Any] | None = None
) -> Profile:
    """The profile of `model` as its vendor names it, called `name`.

    `openai` says that OpenAI itself answers, over Responses: only there are freeform tools. `overrides` are fields of
    `Profile`; a `UsageError` says which of them is wrong.
    """
    lowered = model.lower()
    fields: dict[str, Any] = {}
    fields |= next((found for pattern, found in FAMILIES if re.search(pattern, lowered)), fields)
    fields["name"] = name or model
    fields["family"] = next((family for family, pattern in _HABITS if re.search(pattern, lowered)), "other")
    fields["judges"] = not fields.get("small", False)
    fields["freeform_tools"] = openai and _FREEFORM.search(lowered) is not None
    return profile_with(Profile(name=name or model), fields | dict(overrides or {}))


def profile_with(profile: Profile, overrides: Mapping[str, Any]) -> Profile:
    """`profile` with some of its fields set otherwise; a `UsageError` says which of them is wrong."""
    try:
        return Profile.model_validate(profile.model_dump() | dict(overrides))
    except ValidationError as error:
        raise UsageError(f"Model {overrides.get('name', profile.name)}: {_complaint(error)}") from error


def _complaint(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return f"{key} is wrong: {first['msg']}"
    near = get_close_matches(key, list(Profile.model_fields), 1)
    return f"there is no setting {key!r}" + (f"; did you mean {near[0]!r}?" if near else "")
