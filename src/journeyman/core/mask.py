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

MOST_PARTS = 4
"""Lines and words of a secret that are looked for in every form."""
MOST_HELD = 8
"""Lengths of the longest form that are held back at most while secrets overlap."""

T = TypeVar("T")
Span = tuple[int, int, bytes]
"""Start, end and what stands there instead."""


class Mask:
    """Takes secrets, given as name → value, out of what passes; `Mask()` lets all pass."""

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        self._labels: dict[bytes, bytes] = {}
        for name, value in sorted((secrets or {}).items()):
            for form in forms(value):
                self._labels.setdefault(form, f"[secret {name}]".encode())
        self.longest = max(map(len, self._labels), default=0)

    def __bool__(self) -> bool:
        return bool(self._labels)

    def find(self, data: bytes) -> str | None:
        """The name of a secret that `data` holds, in brackets; None when there is none."""
        return next((label.decode() for form, label in self._labels.items() if form in data), None)

    def data(self, data: bytes) -> bytes:
        """`data`, whole, without secrets."""
        spans = self._spans(data)
        return _replaced(data, spans) if spans else data

    def text(self, text: str) -> str:
        if not self._labels:
            return text
        data = text.encode("utf-8", "surrogatepass")
        clean = self.data(data)
        return text if clean is data else clean.decode("utf-8", "surrogatepass")

    def _spans(self, data: bytes) -> list[Span]:
        """Where secrets stand, in order, those that overlap as one. A search for each form by itself is many times
        faster than a pattern of all of them."""
        found: list[Span] = []
        for form, label in self._labels.items():
            at = data.find(form)
            while at >= 0:
                found.append((at, at + len(form), label))
                at = data.find(form, at + 1)
        merged: list[Span] = []
        for start, end, label in sorted(found, key=lambda span: (span[0], -span[1])):
            if merged and start < merged[-1][1]:
                first, last, kept = merged[-1]
                merged[-1] = (first, max(last, end), kept)
            else:
                merged.append((start, end, label))
        return merged

    def value(self, value: T, keep: frozenset[str] = frozenset()) -> T:
        """A value of dicts, lists and texts with every text, keys too, without secrets; but not those of `keep`."""
        return cast("T", self._value(value, keep)) if self._labels else value

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
        if not self._labels or not data:
            return data, b""
        spans = self._spans(data)
        held = len(data) - self._open(data)
        for start, end, _ in reversed(spans):
            if start < held < end and len(data) - start <= MOST_HELD * self.longest:
                held = start  # another secret may have begun in this one
        done = [span for span in spans if span[0] < held]
        held = max(held, done[-1][1]) if done else held
        return _replaced(data[:held], done), data[held:]

    def _open(self, data: bytes) -> int:
        """How many bytes at the end of `data` are the beginning of a form, and not yet all of it."""
        most = 0
        for form in self._labels:
            tail = data[-(len(form) - 1) :]
            at = tail.find(form[:1])
            while at >= 0 and len(tail) - at > most:
                if form.startswith(tail[at:]):
                    most = len(tail) - at
                    break
                at = tail.find(form[:1], at + 1)
        return most


def _replaced(data: bytes, spans: Iterable[Span]) -> bytes:
    out: list[bytes] = []
    at = 0
    for start, end, label in spans:
        out += [data[at:start], label]
        at = end
    return b"".join([*out, data[at:]])


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
    parts = dict.fromkeys(part for part in (*lines, *value.split()) if len(part) >= SHORTEST)
    wholes = (value, value.strip(), *parts) if len(parts) <= MOST_PARTS else (value, value.strip())
    found: dict[bytes, None] = {}
    for one in wholes:
        found |= {form: None for form in _forms(one) if len(form) >= SHORTEST or one == value}
    found |= {part.encode("utf-8", "surrogatepass"): None for part in parts}  # of a long one only as they are
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
