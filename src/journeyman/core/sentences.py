"""The service's own sentences by name, so that a program can tell them apart and say them in another language.

`sentences.toml` has each as it is said. Many are stored, or come from far below the API, as sentences and nothing else:
so they are recognised by what they say, and whoever changes one changes it there too.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from journeyman.core.value import Value

_FIELD = re.compile(r"\{(=?)(\w+)\}")


class Told(Value):
    """A sentence by its name, with what its fields are filled with."""

    name: str
    values: dict[str, str]


@cache
def sentences() -> Mapping[str, str]:
    """All sentences by their names. `{field}` is filled in; `{=field}` with another one of these."""
    parts: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {f"{part}.{name}": text for part, texts in parts.items() for name, text in texts.items()}


def recognised(said: str) -> Told | None:
    """Which sentence it is; None for one that is not known. Of several that fit it is the one with the most words."""
    for name, pattern in _patterns():
        if (found := pattern.fullmatch(said)) is not None:
            return Told(name=name, values=found.groupdict())
    return None


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    def words(text: str) -> int:
        return len(_FIELD.sub("", text))

    known = sorted(sentences().items(), key=lambda each: -words(each[1]))
    return tuple((name, _pattern(text)) for name, text in known)


def _pattern(text: str) -> re.Pattern[str]:
    # Split at its two groups: words, mark, field, words, mark, field, …, words.
    words, *further = _FIELD.split(text)
    told = re.escape(words)
    for field, after in zip(further[1::3], further[2::3], strict=True):
        told += f"(?P<{field}>.+?){re.escape(after)}"
    return re.compile(told, re.DOTALL)
