"""What differs from language to language: functions, mutations, and when two texts are the same program."""

from collections.abc import Mapping, Sequence

from journeyman.agent.repair import javascript, mutate, mutate_javascript
from journeyman.agent.repair.source import Mutation, shape


def functions_of(path: str, text: str) -> dict[str, range]:
    """The functions of a file by name, with their lines; empty for languages that are not known."""
    if path.endswith(".py"):
        return mutate.functions_of(text)
    return javascript.functions_of(text) if path.endswith(javascript.ENDINGS) else {}


def mutations(
    path: str, text: str, lines: Sequence[range], suspicion: Mapping[int, float], limit: int
) -> list[Mutation]:
    if path.endswith(".py"):
        return mutate.mutations(text, lines, suspicion, limit)
    return mutate_javascript.mutations(text, lines, suspicion, limit) if path.endswith(javascript.ENDINGS) else []


def form(path: str, text: str) -> str | None:
    """The program in a form that layout and comments do not change; None when it does not parse."""
    if path.endswith(".py"):
        return shape(text)
    return javascript.form(text) if path.endswith(javascript.ENDINGS) else text
