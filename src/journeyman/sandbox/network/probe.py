"""Run inside a sandbox: tries to get around its gateway, and prints for each try whether it was held.

`python -I -S -c THIS ORDERS`, where ORDERS is a marshalled dictionary in hexadecimal; `selftest.py` writes it and reads
the lines `name TAB 1 or 0 TAB what happened`. It imports little, since its start is most of what it costs.
"""

from __future__ import annotations

import _socket
import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SECONDS = 1.0  # for what should fail at once
AF_VSOCK, AF_PACKET, VSOCK_HOST = 40, 17, 2
DNS_QUESTION = b"\x12\x34\x01\x00\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1"


def opened(family: int, kind: int, protocol: int = 0) -> Any:
    made = _socket.socket(family, kind, protocol)
    made.settimeout(SECONDS)
    return made


def words(error: OSError) -> str:
    return error.strerror or str(error)


def tcp(family: int, places: list[tuple[str, int]]) -> tuple[bool, str]:
    """Held when no place is connected to, and the kernel knows that at once: no way leads there."""
    said = ""
    for place in places:
        try:
            opened(family, _socket.SOCK_STREAM).connect(place)
        except _socket.timeout:
            return False, f"something may be at {place[0]} port {place[1]}: nothing refused the connection"
        except OSError as error:
            said = words(error)
        else:
            return False, f"{place[0]} port {place[1]} was connected to"
    return True, said


def udp(family: int, places: list[tuple[str, int]]) -> tuple[bool, str]:
    said = ""
    for place in places:
        try:
            sender = opened(family, _socket.SOCK_DGRAM)
            sender.connect(place)
            sender.send(DNS_QUESTION)
            sender.recv(512)
        except _socket.timeout:
            return False, f"a packet was sent to {place[0]} port {place[1]}"
        except OSError as error:
            said = words(error)
        else:
            return False, f"{place[0]} port {place[1]} answered"
    return True, said


def raw(places: list[tuple[str, int]]) -> tuple[bool, str]:
    """Pings and packets made by hand."""
    ping = b"\x08\0\xf7\xff\0\0\0\0"
    for kind in (_socket.SOCK_DGRAM, _socket.SOCK_RAW):
        try:
            sender = opened(_socket.AF_INET, kind, _socket.IPPROTO_ICMP)
        except OSError:
            continue
        for host, _ in places:
            try:
                sender.sendto(ping, (host, 0))
            except OSError:
                continue
            return False, f"a ping was sent to {host}"
    try:
        opened(AF_PACKET, _socket.SOCK_RAW)
    except OSError as error:
        return True, words(error)
    return False, "a packet socket could be made"


def lookup(name: str) -> tuple[bool, str]:
    try:
        found = _socket.getaddrinfo(name.encode(), 443)  # a text would need a codec that may not be there
    except OSError as error:
        return True, words(error)
    return False, f"{name} was looked up: {found[0][4][0]}"


def vsock() -> tuple[bool, str]:
    try:
        opened(AF_VSOCK, _socket.SOCK_STREAM).connect((VSOCK_HOST, 1))
    except _socket.timeout:
        return False, "the host of the virtual machine did not refuse"
    except OSError as error:
        refused = error.errno in (1, 13, 22, 93, 94, 97)  # the socket could not even be made
        return refused, words(error)
    return False, "the host of the virtual machine was connected to"


def unix(name: bytes) -> tuple[bool, str]:
    try:
        opened(_socket.AF_UNIX, _socket.SOCK_STREAM).connect(b"\0" + name)
    except OSError as error:
        return True, words(error)
    return False, "a socket of the host was connected to"


def refused(port: int, request: bytes) -> tuple[bool, str]:
    """Held when the gateway answers 403 and says that it is its own."""
    answer = b""
    try:
        asking = opened(_socket.AF_INET, _socket.SOCK_STREAM)
        asking.connect(("127.0.0.1", port))
        asking.sendall(request)
        while b"\r\n\r\n" not in answer and (piece := asking.recv(4096)):
            answer += piece
    except OSError as error:
        return False, "the gateway did not answer: " + words(error)
    line = answer.partition(b"\r\n")[0].decode("latin-1")
    held = answer.startswith(b"HTTP/1.1 403 ") and b"\r\nx-proxy-error: " in answer.lower()
    return held, line.partition(" ")[2]


TRIES: dict[str, Callable[..., tuple[bool, str]]] = {
    "tcp": tcp,
    "udp": udp,
    "raw": raw,
    "lookup": lookup,
    "vsock": vsock,
    "unix": unix,
    "refused": refused,
}


def main() -> None:
    for name, kind, arguments in marshal.loads(bytes.fromhex(sys.argv[1])):
        try:
            held, said = TRIES[kind](*arguments)
        except OSError as error:  # the socket itself could not be made
            held, said = True, words(error)
        os.write(1, f"{name}\t{held:d}\t{said}\n".encode())


main()
