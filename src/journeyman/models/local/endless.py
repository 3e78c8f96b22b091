"""Replies that say the same again and again: small models fall into that, and only their limit would end it."""

from collections.abc import Callable

from journeyman.core.items import AssistantMessage
from journeyman.core.model import Delta, Reply
from journeyman.core.usage import Usage

SAME = 800
"""Characters that are only repetitions of what stands right before them; no code says so much so often."""
LONGEST = 200
"""Characters of what is repeated."""
BEGINNING = 24
"""Characters by which the last repetition is looked for."""
STEP = 64
"""Characters between two looks."""


class Endless(Exception):
    """The reply goes round in circles; `reply` is what there is of it, cut where it was noticed."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("The reply goes round in circles.")
        self.reply = reply


class Watch:
    """Listens to a reply and raises `Endless` out of it, which ends the request. `inner` hears all before that."""

    def __init__(self, inner: Callable[[Delta], None] | None, model: str) -> None:
        self._inner = inner
        self._model = model
        self.restart()

    def restart(self) -> None:
        """Forget it: the reply begins again."""
        self._text, self._looked, self._pieces = "", 0, 0

    def __call__(self, delta: Delta) -> None:
        if self._inner is not None:
            self._inner(delta)
        if delta.kind != "text":
            return
        self._text += delta.text
        self._pieces += 1
        if len(self._text) < self._looked + STEP:
            return
        self._looked = len(self._text)
        if goes_round(self._text):
            # How many tokens were read is only told at the end, which never comes.
            usage = Usage(output_tokens=self._pieces, cost=0.0)
            said = AssistantMessage(text=self._text)
            raise Endless(Reply(items=(said,), usage=usage, stop="length", model=self._model))


def goes_round(text: str) -> bool:
    """Whether the end of a text is one thing over and over."""
    at = text.rfind(text[-BEGINNING:], 0, len(text) - 1)
    period = len(text) - BEGINNING - at
    if at < 0 or period > LONGEST or len(text) < SAME + period:
        return False
    return text[-SAME:] == text[-SAME - period : -period]
