"""The one error of this package."""

from journeyman.core.errors import ToolError
from journeyman.core.text import decode


class PatchError(ToolError):
    """The patch cannot be read or does not fit the files; nothing was changed.

    `line` is the line of the patch, from 1, where reading it failed. `candidate` is a whole patch that would apply,
    where one could be made.
    """

    def __init__(self, message: str, *, line: int | None = None, candidate: str | None = None) -> None:
        super().__init__(visible(message if line is None else f"Invalid patch, line {line}: {message}"))
        self.line = line
        self.candidate = candidate


def visible(text: str) -> str:
    """Invalid bytes, which text carries as surrogates, written as a model is shown them (`\\xe9`)."""
    return text if text.isascii() else decode(text.encode("utf-8", "surrogateescape"))
