"""Trajectories and preference pairs, a JSON object a line."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from journeyman.evals.training.conversations import Message, Told, plain

Format = Literal["openai", "sharegpt", "preferences"]
_ROLES = {"system": "system", "user": "human", "assistant": "gpt", "tool": "tool"}


@dataclass(frozen=True, slots=True)
class Example:
    """An attempt with the request that leads to its patch at once; `asked` is empty where its repository has gone."""

    told: Told
    asked: Sequence[dict[str, str]] = ()

    @property
    def direct(self) -> list[Message]:
        """Request and patch as a conversation of one turn."""
        if not self.asked or not self.told.patch:
            return []
        return [*self.asked, {"role": "assistant", "content": self.told.patch}]


def openai_line(example: Example) -> str | None:
    """A line for OpenAI's fine-tuning of chat models; None where there is nothing to learn from."""
    told = example.told
    messages = list(told.messages) or example.direct
    if not messages:
        return None
    line: dict[str, Any] = {"messages": messages}
    if told.tools and told.messages:
        line |= {"tools": list(told.tools), "parallel_tool_calls": told.start.profile.parallel_calls}
    return json.dumps(line, ensure_ascii=False)


def sharegpt_line(example: Example) -> str | None:
    """A line of ShareGPT's form: `conversations` of `from` and `value`."""
    told = example.told
    messages = plain(told.messages, told.tools) if told.messages else example.direct
    if not messages:
        return None
    turns = [{"from": _ROLES[message["role"]], "value": message["content"]} for message in messages]
    return json.dumps({"id": told.attempt_id, "conversations": turns}, ensure_ascii=False)


def preference_lines(examples: Sequence[Example]) -> list[str]:
    """Pairs out of the attempts at one task: each good one beside each bad one, as conversations where both have one
    and began alike, and as patches; and a good patch beside edits that its own attempt had tried in vain."""
    good = [one for one in examples if one.told.good is True]
    bad = [one for one in examples if one.told.good is False]
    lines: list[str] = []
    for better in good:
        for worse in bad:
            lines += _conversations(better, worse)
            lines += _patches(better, worse.told.patch, f"{better.told.attempt_id}>{worse.told.attempt_id}")
        for number, diff in enumerate(better.told.tried[:8], 1):
            lines += _patches(better, diff, f"{better.told.attempt_id}>edit-{number}")
    return lines


def _conversations(better: Example, worse: Example) -> list[str]:
    ones = plain(better.told.messages, better.told.tools)
    others = plain(worse.told.messages, worse.told.tools)
    first = next((number for number, one in enumerate(ones) if one["role"] == "assistant"), 0)
    if not first or ones[:first] != others[:first] or ones[first:] == others[first:] or not others[first:]:
        return []
    name = f"{better.told.attempt_id}>{worse.told.attempt_id}"
    return [_pair(name, "attempt", ones[:first], ones[first:], others[first:])]


def _patches(better: Example, worse: str, name: str) -> list[str]:
    if not better.asked or not better.told.patch or not worse or worse == better.told.patch:
        return []
    chosen, rejected = ({"role": "assistant", "content": patch} for patch in (better.told.patch, worse))
    return [_pair(name, "patch", list(better.asked), [chosen], [rejected])]


def _pair(
    name: str, kind: str, prompt: list[dict[str, str]], chosen: list[dict[str, str]], rejected: list[dict[str, str]]
) -> str:
    line = {"id": name, "kind": kind, "prompt": prompt, "chosen": chosen, "rejected": rejected}
    return json.dumps(line, ensure_ascii=False)
