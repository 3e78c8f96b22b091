"""What the embedded model is doing before it can answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Progress:
    """`text` is for a person. `done` and `total` are bytes while fetching and checking (`total` 0 where it is not
    known), whole seconds waited and 0 while loading or waiting for another process."""

    stage: Literal["fetching", "checking", "loading", "waiting"]
    text: str
    done: int = 0
    total: int = 0

    @property
    def line(self) -> str:
        """`text` with how far it is, for where there is no bar."""
        if self.total:
            return f"{self.text} {100 * self.done // self.total} %"
        return f"{self.text} {self.done} s" if self.stage in ("loading", "waiting") else self.text


OnProgress = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """For those who do not want to know."""
