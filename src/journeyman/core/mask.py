"""Secrets taken out of bytes and texts on their way into anything that lasts.

Found are a value itself, its longer lines and words, since a shell takes it apart, and how these look in base64 (also
within a longer text), hex, URLs, JSON, HTML and shell quoting.
"""

import base64
import html
import json
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import TypeVar, cast
from urllib.parse import quote, quote_plus

SHORTEST = 8
"""Characters that a secret has at least: shorter ones would be found in texts that have nothing to do with them."""

T = TypeVar("T")


class Mask:
    """Takes secrets, given as name → value, out of what passes; `Mask()` lets all pass."""

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        self._names: dict[bytes, bytes] = {}
        for name, value in sorted((secrets or {}).items()):
            for form in forms(value):
                self._names.setdefault(form, f"[secret {name}]".encode())
        ordered = sorted(self._names, key=lambda form: (-len(form), form))
        self._pattern = re.compile(b"|".join(map(re.escape, ordered))) if ordered else None
        self._forms = tuple(ordered)

    def __bool__(self) -> bool:
        return self._pattern is not None

    def find(self, data: bytes) -> str | None:
        """The name of a secret that `data` holds, in brackets; None when there is none."""
        found = self._pattern.search(data) if self._pattern is not None else None
        return self._names[found.group()].decode() if found is not None else None

    @property
    def longest(self) -> int:
        """The bytes of the longest form that is looked for."""
        return len(self._forms[0]) if self._forms else 0

    def data(self, data: bytes) -> bytes:
        """`data`, whole, without secrets."""
        if self._pattern is None:
            return data
        return self._pattern.sub(lambda found: self._names[found.group()], data)

    def text(self, text: str) -> str:
        if self._pattern is None:
            return text
        data = text.encode("utf-8", "surrogatepass")
        clean = self.data(data)
        return text if clean is data or clean == data else clean.decode("utf-8", "surrogatepass")

    def value(self, value: T, keep: frozenset[str] = frozenset()) -> T:
        """A value of dicts, lists and texts with every text, keys too, without secrets; but not those of `keep`."""
        return cast("T", self._value(value, keep)) if self._pattern is not None else value

    def stream(self) -> "MaskStream":
        """For bytes that come in pieces."""
        return MaskStream(self)

    def _value(self, value: object, keep: frozenset[str]) -> object:
        match value:
            case str():
                return value if value in keep else self.text(value)
            case bytes():
                return self.data(value)
            case dict():
                items = cast("dict[object, object]", value).items()
                return {self._value(key, keep): self._value(inner, keep) for key, inner in items}
            case list():
                return [self._value(inner, keep) for inner in cast("list[object]", value)]
            case tuple():
                return tuple(self._value(inner, keep) for inner in cast("tuple[object, ...]", value))
            case _:
                return value

    def split(self, data: bytes) -> tuple[bytes, bytes]:
        """What of `data` can go on, without secrets, and the end of it that may be the beginning of one."""
        if self._pattern is None or not data:
            return data, b""
        held = len(data) - self._open(data)
        out: list[bytes] = []
        at = 0
        for found in self._pattern.finditer(data):
            if found.start() >= held:
                break
            out += [data[at : found.start()], self._names[found.group()]]
            at = found.end()
        held = max(held, at)
        return b"".join([*out, data[at:held]]), data[held:]

    def _open(self, data: bytes) -> int:
        """How many bytes at the end of `data` are the beginning of a form, and not yet all of it."""
        most = 0
        for form in self._forms:
            tail = data[-(len(form) - 1) :]
            at = tail.find(form[:1])
            while at >= 0 and len(tail) - at > most:
                if form.startswith(tail[at:]):
                    most = len(tail) - at
                    break
                at = tail.find(form[:1], at + 1)
        return most


class MaskStream:
    """Takes secrets out of bytes that come in pieces, however they are cut."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What can go on now; the end of `data` is held back where it may be the beginning of a secret."""
        out, self._held = self._mask.split(self._held + data if self._held else data)
        return out

    def flush(self) -> bytes:
        """What is still held back, at the end."""
        rest, self._held = self._mask.data(self._held), b""
        return rest


def forms(value: str) -> tuple[bytes, ...]:
    """All that is looked for because of one secret."""
    lines = [line.strip() for line in value.splitlines()] if "\n" in value else []
    parts = [part for part in (*lines, *value.split()) if len(part) >= SHORTEST]
    found: dict[bytes, None] = {}
    for one in (value, value.strip(), *parts):
        for form in _forms(one):
            if len(form) >= SHORTEST or one == value:
                found[form] = None
    return tuple(form for form in found if form)


def _forms(text: str) -> Iterable[bytes]:
    raw = text.encode("utf-8", "surrogateescape")
    yield raw
    yield raw.replace(b"\n", b"\r\n")
    for encoded in _base64(raw):
        yield encoded
        yield encoded.replace(b"+", b"-").replace(b"/", b"_")
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for kept in ("", "/"):
        escaped = quote(raw, safe=kept)
        yield escaped.encode()
        yield re.sub("%..", lambda code: code[0].lower(), escaped).encode()
    yield quote_plus(raw).encode()
    for ascii_only in (True, False):
        yield json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode("utf-8", "surrogatepass")
    yield html.escape(text).encode("utf-8", "surrogatepass")
    yield html.escape(text, quote=False).encode("utf-8", "surrogatepass")
    yield shlex.quote(text).strip("'").encode("utf-8", "surrogatepass")
    yield re.sub(r"([^A-Za-z0-9_@%+=:,./\n-])", r"\\\1", text).encode("utf-8", "surrogatepass")  # printf %q


def _base64(raw: bytes) -> Iterable[bytes]:
    """The characters that stand for `raw` whatever stands before and after it."""
    yield base64.b64encode(raw)
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw)
        first = (0, 2, 3)[before]
        last = len(encoded) - (0, 3, 2)[(before + len(raw)) % 3]
        yield encoded[first:last]
