"""Replies in the agreed JSON form, told piece by piece: what of it is thought, what is said, what is a call."""

import json
from typing import Literal

from journeyman.core.model import Delta
from journeyman.models.protocol import OnDelta

Kind = Literal["text", "reasoning", "arguments"]
_KINDS: dict[str, Kind] = {
    "thought": "reasoning",
    "answer": "text",
    "final_answer": "text",
    "response": "text",
}
"""What the strings at these keys of the outermost object are; all else is a call."""
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class JsonDeltas:
    """Takes the text of a reply in pieces, and tells its parts to `on_delta`.

    What does not begin like an object, or a fence or a tag around one, is text as it stands.
    """

    def __init__(self, on_delta: OnDelta) -> None:
        self._on_delta = on_delta
        self.restart()

    def restart(self) -> None:
        """The reply begins anew."""
        self._form: Literal["unknown", "text", "json"] = "unknown"
        self._begun = ""
        self._depth = 0
        self._string: list[str] | None = None  # that of a key of the outermost object, while it is read
        self._quoted = False
        self._escape = ""
        self._key = ""
        self._is_value = False

    def __call__(self, delta: Delta) -> None:
        if delta.kind != "text":
            self._on_delta(delta)
            return
        text = delta.text
        if self._form == "unknown":
            text = self._begin(text)
        if self._form == "text":
            self._tell("text", text)
        elif self._form == "json":
            self._json(text)

    def _begin(self, text: str) -> str:
        """Find out which form it is; what is to be read once that is known."""
        self._begun += text
        found = self._begun.lstrip()
        if not found:
            return ""
        if found.startswith("{"):
            self._form = "json"
            return found
        wraps = ("```", "<tool_call>")
        if any(found.startswith(wrap) for wrap in wraps):
            if (start := found.find("{")) >= 0:
                self._form = "json"
                return found[start:]
            return ""
        if any(wrap.startswith(found) for wrap in wraps):
            return ""
        self._form = "text"
        return self._begun

    def _json(self, text: str) -> None:
        """Go through it character by character; runs of one kind are told as one piece."""
        run: list[str] = []
        kind: Kind = "arguments"
        for character in text:
            now, out = self._character(character)
            if now != kind and run:
                self._tell(kind, "".join(run))
                run = []
            kind = now
            run.append(out)
        self._tell(kind, "".join(run))

    def _character(self, character: str) -> tuple[Kind, str]:
        """What a character is a part of, and what is told of it."""
        if self._quoted:
            return self._in_string(character)
        match character:
            case '"':
                self._quoted = True
                self._string = [] if self._depth == 1 and not self._is_value else None
            case "{" | "[":
                self._depth += 1
            case "}" | "]":
                self._depth -= 1
            case ":" if self._depth == 1:
                self._is_value = True
            case "," if self._depth == 1:
                self._is_value, self._key = False, ""
            case _:
                pass
        return "arguments", character

    def _in_string(self, character: str) -> tuple[Kind, str]:
        kind = _KINDS.get(self._key, "arguments") if self._depth == 1 and self._is_value else "arguments"
        if self._escape:
            self._escape += character
            return kind, self._unescaped()
        if character == "\\":
            self._escape = character
            return kind, ""
        if character == '"':
            self._quoted = False
            if self._string is not None:
                self._key, self._string = "".join(self._string), None
            return "arguments", character
        if self._string is not None:
            self._string.append(character)
        return kind, character

    def _unescaped(self) -> str:
        """The character of an escape that is whole; nothing while it is not. Half of a pair waits for the other."""
        escape = self._escape
        if escape[1] != "u":
            self._escape = ""
            return _ESCAPES.get(escape[1], escape[1])
        if len(escape) < 6:
            return ""
        if len(escape) == 6 and escape[2:4].lower() in ("d8", "d9", "da", "db"):
            return ""
        if len(escape) > 6 and len(escape) < 12 and r"\u".startswith(escape[6:8]):
            return ""
        self._escape = ""
        try:
            return json.loads(f'"{escape}"')
        except ValueError:
            return ""

    def _tell(self, kind: Kind, text: str) -> None:
        if text:
            self._on_delta(Delta(kind, text))
