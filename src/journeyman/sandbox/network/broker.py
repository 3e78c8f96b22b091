"""Brokered secrets: a sandbox holds dummies, and the proxy puts the real values on requests to bound hosts."""

import base64
import binascii
import re
import secrets as randomness
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from journeyman.core.errors import UsageError
from journeyman.sandbox.network.policy import Pattern, pattern

SHORTEST = 8
"""Characters that a secret must have: what is shorter would be masked where it is only part of a word."""
DUMMY_LENGTH = 20
"""Characters that a dummy has at least, so that nobody guesses it and nothing else contains it."""
_UNTOUCHED = frozenset((b"host", b"content-length", b"transfer-encoding"))

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret; `hosts` are the patterns of where it may go."""

    name: str
    value: str = field(repr=False)
    dummy: str
    hosts: tuple[Pattern, ...]

    def bound(self, host: str, port: int, *, tls: bool) -> bool:
        """Whether requests there get the value: over TLS, or as plain HTTP where a pattern names that very port."""
        return any(each.covers(host, port) and (tls or each.port == port) for each in self.hosts)


class Broker:
    """The secrets of one sandbox, by name: value and hosts. Dummies are made anew for each broker.

    Raises `UsageError` for a value that cannot be brokered.
    """

    def __init__(self, secrets: Mapping[str, tuple[str, Sequence[str]]]) -> None:
        self._secrets = tuple(_secret(name, value, hosts) for name, (value, hosts) in secrets.items())

    @property
    def dummies(self) -> Mapping[str, str]:
        """What the variables of a sandbox hold."""
        return {secret.name: secret.dummy for secret in self._secrets}

    @property
    def hosts(self) -> tuple[Pattern, ...]:
        return tuple(pattern for secret in self._secrets for pattern in secret.hosts)

    def bound(self, host: str, port: int, *, tls: bool) -> tuple[Secret, ...]:
        """The secrets that may go to a canonical host."""
        return tuple(secret for secret in self._secrets if secret.bound(host, port, tls=tls))


def _secret(name: str, value: str, hosts: Sequence[str]) -> Secret:
    if len(value) < SHORTEST:
        raise UsageError(
            f"The secret {name} has fewer than {SHORTEST} characters, too few to be brokered: it could not be told "
            "from ordinary text. Make it of the kind 'setup', or use a longer one."
        )
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise UsageError(f"The secret {name} has line ends or control characters, which no header can carry.")
    length = max(len(value.encode()), DUMMY_LENGTH)
    letters = string.ascii_letters + string.digits
    dummy = "JM-" + "".join(randomness.choice(letters) for _ in range(length - 3))
    return Secret(name, value, dummy, tuple(map(pattern, hosts)))


def put_in(bound: Sequence[Secret], target: bytes, headers: Iterable[Header]) -> tuple[bytes, list[Header], bool]:
    """A request's target and headers with the values in place of the dummies, and whether there was any.

    Only the query of the target is touched, and no header that frames or routes the request.
    """
    path, mark, query = target.partition(b"?")
    changed = query
    for secret in bound:
        changed = changed.replace(secret.dummy.encode(), quote(secret.value, safe="").encode())
    put = changed != query
    result: list[Header] = []
    for name, value in headers:
        fresh = value if name.lower() in _UNTOUCHED else _in_header(bound, value)
        put = put or fresh != value
        result.append((name, fresh))
    return path + mark + changed, result, put


def _in_header(bound: Sequence[Secret], value: bytes) -> bytes:
    scheme, space, rest = value.partition(b" ")
    if scheme.lower() == b"basic" and space:
        try:
            inside = base64.b64decode(rest.strip(), validate=True)
        except binascii.Error:
            return value
        fresh = _replaced(bound, inside)
        return value if fresh == inside else scheme + space + base64.b64encode(fresh)
    return _replaced(bound, value)


def _replaced(bound: Sequence[Secret], text: bytes) -> bytes:
    for secret in bound:
        text = text.replace(secret.dummy.encode(), secret.value.encode())
    return text


class Mask:
    """Takes values out of what comes back, a stream of pieces whose length it keeps.

    A value is found as it is, in percent-encoding and in base64 at any offset. Where the dummy is as long, it takes
    the value's place; else asterisks do.
    """

    def __init__(self, secrets: Sequence[Secret]) -> None:
        self._instead: dict[bytes, bytes] = {}
        for secret in secrets:
            for needle in _forms(secret.value):
                dummy = secret.dummy.encode()
                same = needle == secret.value.encode() and len(needle) == len(dummy)
                self._instead.setdefault(needle, dummy if same else b"*" * len(needle))
        longest = sorted(self._instead, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, longest)))
        self._needles = longest
        self._held = b""

    def whole(self, text: bytes) -> bytes:
        """Mask a text that is complete."""
        return self._pattern.sub(lambda found: self._instead[found[0]], text)

    def feed(self, piece: bytes) -> bytes:
        """Mask the next piece; an end that may be the start of a value is kept back."""
        data = self.whole(self._held + piece)
        keep = max((_begun(data, needle) for needle in self._needles), default=0)
        self._held = data[len(data) - keep :]
        return data[: len(data) - keep]

    def end(self) -> bytes:
        """What was kept back."""
        held, self._held = self._held, b""
        return held


def _begun(data: bytes, needle: bytes) -> int:
    """How many bytes at the end of `data` are the start of `needle`."""
    at = data.find(needle[:1], max(0, len(data) - len(needle) + 1))
    while at >= 0 and not needle.startswith(data[at:]):
        at = data.find(needle[:1], at + 1)
    return len(data) - at if at >= 0 else 0


def _forms(value: str) -> set[bytes]:
    raw = value.encode()
    forms = {raw, quote(value, safe="").encode(), quote(value).encode()}
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        inner = encoded[(0, 2, 3)[shift] :].rstrip(b"=")
        if (shift + len(raw)) % 3:
            inner = inner[:-1]  # its last letter depends on what follows
        if len(inner) >= SHORTEST:
            forms |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return forms
