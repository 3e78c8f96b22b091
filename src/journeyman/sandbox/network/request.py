"""Requests as the proxy gets them: whom they are for, and what of them is passed on."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import h11

from journeyman.sandbox.network.address import canonical
from journeyman.sandbox.network.policy import port_of

Header = tuple[bytes, bytes]
HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection proxy-authorization proxy-authenticate te trailer upgrade "
    b"transfer-encoding".split()
)
FRAMING = frozenset((b"host", b"content-length", b"transfer-encoding"))
QUIET = b"x-journeyman-probe"
"""The header that marks a request whose refusal is not reported."""
_ABSOLUTE = re.compile(rb"(https?)://([^/?#]+)([^#]*)\Z", re.IGNORECASE)


class Malformed(Exception):
    """A request that cannot be understood, in words for who sent it, with the `status` to answer."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Origin:
    """Whom a request is for; `host` is canonical."""

    host: str
    port: int
    tls: bool

    @property
    def authority(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.tls else 80) else f"{name}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.authority}"


def split_authority(text: str, default: int | None) -> tuple[str, int]:
    """Host, canonical, and port of `host:port`. Raises `Malformed`."""
    found = re.fullmatch(r"(\[[^\]@]*\]|[^:@\[\]]*)(?::([0-9]*))?", text)
    host = canonical(found[1]) if found else None
    port = default if found and not found[2] else port_of(found[2]) if found else None
    if host is None or port is None:
        raise Malformed("The address of the request is not a host name and a port.")
    return host, port


def proxied(request: h11.Request) -> tuple[Origin, bytes]:
    """Whom a request to a proxy is for, and the target there. Raises `Malformed`."""
    found = _ABSOLUTE.match(request.target)
    if found is None:
        raise Malformed("This is a proxy: ask it for a whole address (GET http://host/path) or a tunnel (CONNECT).")
    if found[1].lower() == b"https":
        raise Malformed("Ask for an https address through a tunnel: CONNECT host:443.")
    host, port = split_authority(found[2].decode("ascii"), 80)
    rest = found[3]
    return Origin(host, port, tls=False), rest if rest.startswith(b"/") else b"/" + rest


def direct(request: h11.Request, origin: Origin) -> bytes:
    """The target of a request inside the tunnel to `origin`. Raises `Malformed`."""
    target = request.target
    if target.startswith(b"/") or (target == b"*" and request.method == b"OPTIONS"):
        return target
    found = _ABSOLUTE.match(target)
    if found is not None and (found[1].lower() == b"https") == origin.tls:
        host, port = split_authority(found[2].decode("ascii"), 443 if origin.tls else 80)
        if (host, port) == (origin.host, origin.port):
            return found[3] if found[3].startswith(b"/") else b"/" + found[3]
    raise Malformed("The target of a request in a tunnel has to be a path on the tunnel's host.")


def check_frame(request: h11.Request) -> None:
    """Refuse what a server behind might read as two requests; h11 has refused the rest. Raises `Malformed`."""
    if len(request.method) > 32:
        raise Malformed("No method has such a long name.", 501)
    names = [name for name, _ in request.headers]
    if b"transfer-encoding" in names and b"content-length" in names:
        raise Malformed("The request has both Content-Length and Transfer-Encoding.")
    if b"transfer-encoding" in names and request.http_version < b"1.1":
        raise Malformed("HTTP/1.0 knows no Transfer-Encoding.")


def has_body(request: h11.Request) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in request.headers
    )


def named_host(request: h11.Request, origin: Origin) -> tuple[str, int] | None:
    """What the Host header says; None without one. Raises `Malformed`."""
    for name, value in request.headers:
        if name == b"host":
            return split_authority(value.decode("latin-1"), 443 if origin.tls else 80)
    return None


def wants_websocket(request: h11.Request) -> bool:
    """Other upgrades are declined by not passing them on, as HTTP allows."""
    headers = {name: value.strip().lower() for name, value in request.headers}
    return headers.get(b"upgrade") == b"websocket" and b"upgrade" in _tokens(headers.get(b"connection", b""))


def end_to_end(headers: Iterable[Header], also: frozenset[bytes] = frozenset()) -> list[Header]:
    """Headers, with names as they were written, without those for one connection only, and without `also`."""
    pairs = list(headers)
    listed = {token for name, value in pairs if name.lower() == b"connection" for token in _tokens(value)}
    dropped = (HOP_BY_HOP | listed | also) - (FRAMING - HOP_BY_HOP - also)
    return [(name, value) for name, value in pairs if name.lower() not in dropped]


def _tokens(value: bytes) -> set[bytes]:
    return {token.strip().lower() for token in value.split(b",")}
