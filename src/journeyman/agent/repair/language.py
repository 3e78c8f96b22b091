"""What differs from language to language: functions, mutations, and when two texts are the same program."""

from collections.abc import Mapping, Sequence

from journeyman.agent.repair import blocks, javascript, mutate, mutate_javascript, mutate_text
from journeyman.agent.repair.source import Mutation, changed_shapes, shape


def functions_of(path: str, text: str) -> dict[str, range]:
    """The functions of a file by name, with their lines; by its layout where there is no parser of the language."""
    if path.endswith(".py"):
        return mutate.functions_of(text)
    return javascript.functions_of(text) if path.endswith(javascript.ENDINGS) else blocks.functions_of(text)


def mutations(
    path: str, text: str, lines: Sequence[range], suspicion: Mapping[int, float], limit: int
) -> list[Mutation]:
    if path.endswith(".py"):
        return mutate.mutations(text, lines, suspicion, limit)
    known = mutate_javascript if path.endswith(javascript.ENDINGS) else mutate_text
    return known.mutations(text, lines, suspicion, limit)


def form(path: str, text: str) -> str | None:
    """The program in a form that layout and comments do not change; None when it does not parse."""
    if path.endswith(".py"):
        return shape(text)
    return javascript.form(text) if path.endswith(javascript.ENDINGS) else text


def change(path: str, before: str, text: str) -> str | None:
    """What another text makes of a program, in a form that layout and comments do not change.

    None when it makes nothing else of it, or when it does not parse.
    """
    place, was, now = (
        changed_shapes(before, text) if path.endswith(".py") else (0, form(path, before), form(path, text))
    )
    return None if now is None or now == was else f"{place} {now}"


def rows_around(path: str, text: str, line: int) -> range | None:
    """The lines of the outermost function that holds a line; None outside of all."""
    return max((rows for rows in functions_of(path, text).values() if line in rows), key=len, default=None)
