"""Words as they are indexed and looked for: names are split where their words meet."""

import re

_PART = re.compile(r"[^\W\d_A-Z][^\W\dA-Z_]*|[A-Z]+(?![a-z])|[A-Z][a-z]+|\d+")
_NAME = re.compile(r"[^\W\d]\w*")
LONGEST = 40
"""Characters of a word; what is longer is data."""


def parts(text: str) -> list[str]:
    """The words of a text, lower case, in their order: `getHTTPResponse_now` is get, http, response, now."""
    return [word.lower() for word in _PART.findall(text) if 1 < len(word) <= LONGEST]


def distinct(text: str, most: int) -> list[str]:
    """The different words of a text, at most `most`."""
    return list(dict.fromkeys(parts(text)))[:most]


def names(text: str) -> list[str]:
    """What may be a name of the code: words with an underscore, or with a capital after their first letter."""
    found = _NAME.findall(text)
    return list(dict.fromkeys(one for one in found if "_" in one.strip("_") or re.search(r"[a-z][A-Z]", one)))


def joined(name: str) -> str:
    """A name as one word, so that it is found whole."""
    return name.replace("_", "").lower()[:LONGEST]
