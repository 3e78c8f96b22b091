"""The server name that a TLS client asks for, read from the first bytes that it sends.

Strict where a server may be lenient: what could be read in two ways is refused, since a second reading may name
another server.
"""

from dataclasses import dataclass

LIMIT = 64 * 1024
"""Bytes within which a ClientHello has to end."""
_HANDSHAKE, _CLIENT_HELLO = 22, 1
_SERVER_NAME = 0
_ENCRYPTED_NAMES = frozenset((0xFE0D, 0xFFCE, 0xFE08, 0xFE09, 0xFE0A))


class NotAHello(Exception):
    """The bytes are not a TLS ClientHello that can be read in one way only; the message says why."""


@dataclass(frozen=True, slots=True)
class Hello:
    """`server_name` as it was sent; None when there was none. `encrypted` when another may be hidden in it (ECH)."""

    server_name: str | None
    encrypted: bool


def parse(data: bytes) -> Hello | None:
    """None when more bytes are needed. Raises `NotAHello` as soon as no bytes could make it one."""
    message = bytearray()
    at = 0
    while True:
        head = data[at : at + 5]
        if head[:1] not in (b"", bytes([_HANDSHAKE])) or head[1:2] not in (b"", b"\x03"):
            raise NotAHello("what was sent is not TLS")
        if len(head) < 5:
            return _wait(data)
        length = int.from_bytes(head[3:5], "big")
        if not 0 < length <= 16384:
            raise NotAHello("a TLS record has an impossible length")
        message += data[at + 5 : at + 5 + length]
        if message and message[0] != _CLIENT_HELLO:
            raise NotAHello("the first TLS message is not a ClientHello")
        whole = 4 + int.from_bytes(message[1:4], "big") if len(message) >= 4 else LIMIT
        if whole > LIMIT:
            raise NotAHello("the ClientHello is too long")
        if len(message) >= whole:
            if len(message) > whole:
                raise NotAHello("something follows the ClientHello in its record")
            return _read(bytes(message[4:]))
        if len(data) < at + 5 + length:
            return _wait(data)
        at += 5 + length


def _wait(data: bytes) -> None:
    if len(data) > 2 * LIMIT:
        raise NotAHello("the ClientHello is too long")


class _Reader:
    """Reads vectors as TLS writes them: a length, then so many bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    @property
    def ended(self) -> bool:
        return self.at == len(self.data)

    def take(self, size: int) -> bytes:
        piece = self.data[self.at : self.at + size]
        if len(piece) != size:
            raise NotAHello("the ClientHello ends too early")
        self.at += size
        return piece

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> "_Reader":
        return _Reader(self.take(self.number(size)))


def _read(body: bytes) -> Hello:
    reader = _Reader(body)
    reader.take(2 + 32)
    reader.vector(1)
    reader.vector(2)
    reader.vector(1)
    if reader.ended:
        return Hello(None, False)
    extensions = reader.vector(2)
    if not reader.ended:
        raise NotAHello("something follows the extensions of the ClientHello")
    name: str | None = None
    seen: set[int] = set()
    while not extensions.ended:
        kind = extensions.number(2)
        content = extensions.vector(2)
        if kind in seen:
            raise NotAHello("an extension of the ClientHello comes twice")
        seen.add(kind)
        if kind == _SERVER_NAME:
            name = _server_name(content)
    return Hello(name, bool(seen & _ENCRYPTED_NAMES))


def _server_name(content: _Reader) -> str:
    names = content.vector(2)
    if not content.ended or names.number(1) != 0:
        raise NotAHello("the server name of the ClientHello cannot be read")
    name = names.vector(2).data
    if not names.ended:
        raise NotAHello("the ClientHello has several server names")
    try:
        return name.decode("ascii")
    except UnicodeDecodeError:
        raise NotAHello("the server name of the ClientHello is not ASCII") from None
