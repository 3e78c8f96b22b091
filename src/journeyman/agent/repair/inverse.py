"""Two functions of which one undoes the other: what comes back is a check where there is no example."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence

_PAIRS = (
    ("encode", "decode"),
    ("encrypt", "decrypt"),
    ("compress", "decompress"),
    ("escape", "unescape"),
    ("pack", "unpack"),
    ("serialize", "deserialize"),
    ("dump", "load"),
    ("quote", "unquote"),
)
TEXTS = ("", "a", "ab", "abc", "abcd", "hello", "zyxwvu", "aabbccdd")
"""Lower-case letters alone: what else a code may hold is not known."""


def round_trips(
    functions: Sequence[ast.FunctionDef], texts: Mapping[str, str], asked: set[str]
) -> Iterator[tuple[str, str]]:
    """Pairs of functions of texts (there, back), of which the request names one and one's documentation the other."""
    by_name = {node.name: node for node in functions}
    for there, back in pairs_of(list(by_name)):
        related = there in _words(texts.get(back, "")) or back in _words(texts.get(there, ""))
        if related and asked & {there, back} and all(_takes_one_text(by_name[name]) for name in (there, back)):
            yield there, back


def pairs_of(names: Sequence[str]) -> list[tuple[str, str]]:
    """Names that differ only in a word and its opposite: (there, back)."""
    found: list[tuple[str, str]] = []
    for name in names:
        for there, back in _PAIRS:
            other = re.sub(rf"(?<![a-z]){there}(?![a-z])", back, name)
            if other != name and other in names:
                found.append((name, other))
    return found


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def _takes_one_text(node: ast.FunctionDef) -> bool:
    arguments = node.args.args
    if not arguments or len(arguments) - len(node.args.defaults) > 1:
        return False
    kind = arguments[0].annotation
    return kind is None or (isinstance(kind, ast.Name) and kind.id == "str")
