"""Tries, from inside a sandbox, every known way around its gateway, and tells whether each was held."""

import contextlib
import ipaddress
import marshal
import os
import secrets
import socket
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journeyman.core.environment import UNTRIED, BypassProbe
from journeyman.sandbox.network.address import literal
from journeyman.sandbox.network.gateway import ProxyGateway
from journeyman.sandbox.network.policy import Rules, decide
from journeyman.sandbox.network.request import QUIET
from journeyman.sandbox.protocol import GATEWAY_PORT, Sandbox

SECONDS = 20.0
NOWHERE = ("192.0.2.1", 80)
NOWHERE_6 = ("2001:db8::1", 80)
"""Addresses that are nobody's, for documentation: only a network with a route takes a packet for them."""
UNLISTED = "journeyman-probe.invalid"
METADATA = ("169.254.169.254", "10.255.255.254", "172.31.255.254", "192.168.255.254")

IPV4, IPV6 = int(socket.AF_INET), int(socket.AF_INET6)

Try = tuple[str, str, tuple[Any, ...]]


async def probe_bypasses(
    sandbox: Sandbox,
    gateway: ProxyGateway | None,
    *,
    python: str | None = None,
    nameservers: Sequence[str] | None = None,
) -> tuple[BypassProbe, ...]:
    """Make the tries in an open sandbox. Without a `gateway` no network at all is expected.

    `python` is a Python 3.8 or newer inside; by default the one that runs the sandbox's own first process, which is
    there in every image. `nameservers` are those of the machine.
    """
    interpreter = [python, "-I", "-S"] if python is not None else await _interpreter(sandbox)
    nameservers = _nameservers() if nameservers is None else tuple(nameservers)
    with _canary() as canary:
        tries = [*_direct(canary, nameservers), *(_through(gateway) if gateway else _none())]
        source = Path(__file__).with_name("probe.py").read_text(encoding="utf-8")
        orders = marshal.dumps(tries, 2).hex()
        result = await sandbox.exec([*interpreter, "-c", source, orders], timeout=SECONDS)
        touched = canary.touched()
    said: dict[str, BypassProbe] = {}
    for line in result.output.decode("utf-8", "replace").splitlines():
        name, _, rest = line.partition("\t")
        held, _, words = rest.partition("\t")
        said[name] = BypassProbe(name=name, held=held == "1", said=words[:300])
    silent = f"{UNTRIED}: {result.output.decode('utf-8', 'replace')[-300:].strip()}"
    probes = [said.get(name) or BypassProbe(name=name, held=False, said=silent) for name, _, _ in tries]
    return tuple(_seen(probe, touched) for probe in probes)


async def _interpreter(sandbox: Sandbox) -> list[str]:
    """How the sandbox's first process was started, up to its program."""
    result = await sandbox.exec(["cat", "/proc/1/cmdline"], timeout=SECONDS)
    words = result.output.decode("utf-8", "replace").split("\0")
    return words[: words.index("-S") + 1] if "-S" in words else ["python3", "-I", "-S"]


def _seen(probe: BypassProbe, touched: dict[str, str]) -> BypassProbe:
    """What the host saw itself counts more than what was said inside."""
    if probe.name in touched:
        return BypassProbe(name=probe.name, held=False, said=touched[probe.name])
    return probe


@dataclass(frozen=True, slots=True)
class Canary:
    """Sockets of the host that nothing inside may reach, by the name of the try that would."""

    listeners: dict[str, socket.socket]

    def port(self, name: str) -> int | None:
        return self.listeners[name].getsockname()[1] if name in self.listeners else None

    @property
    def unix(self) -> bytes:
        return self.listeners["abstract socket"].getsockname()[1:]

    def touched(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, listener in self.listeners.items():
            with contextlib.suppress(BlockingIOError):
                if listener.type == socket.SOCK_DGRAM:
                    listener.recv(1)
                else:
                    listener.accept()[0].close()
                found[name] = "a socket of the host was reached"
        return found


@contextmanager
def _canary() -> Generator[Canary]:
    with contextlib.ExitStack() as stack:
        made: dict[str, socket.socket] = {}
        wanted = (
            ("direct TCP", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            ("direct TCP over IPv6", socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0)),
            ("UDP", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            ("abstract socket", socket.AF_UNIX, socket.SOCK_STREAM, f"\0journeyman-{secrets.token_hex(8)}"),
        )
        for name, family, kind, address in wanted:
            with contextlib.suppress(OSError):  # a machine without IPv6
                listener = stack.enter_context(socket.socket(family, kind))
                listener.setblocking(False)
                listener.bind(address)
                if kind == socket.SOCK_STREAM:
                    listener.listen(8)
                made[name] = listener
        yield Canary(made)


def _direct(canary: Canary, nameservers: Sequence[str]) -> list[Try]:
    places = [*_own(socket.AF_INET, canary.port("direct TCP"), "127.0.0.1"), NOWHERE]
    places_6 = [*_own(socket.AF_INET6, canary.port("direct TCP over IPv6"), "::1"), NOWHERE_6]
    four = [server for server in nameservers if ":" not in server]
    dns = [(server, 53) for server in (*four, NOWHERE[0])]
    return [
        ("direct TCP", "tcp", (IPV4, places)),
        ("direct TCP over IPv6", "tcp", (IPV6, places_6)),
        ("UDP", "udp", (IPV4, [("127.0.0.1", canary.port("UDP")), NOWHERE])),
        ("DNS over UDP", "udp", (IPV4, dns)),
        ("DNS over TCP", "tcp", (IPV4, dns)),
        ("name lookup", "lookup", ("example.com",)),
        ("ping and raw packets", "raw", ([NOWHERE],)),
        ("abstract socket", "unix", (canary.unix,)),
        ("vsock", "vsock", ()),
    ]


def _own(family: int, port: int | None, loopback: str) -> list[tuple[str, int]]:
    """Where the host would be reached: its loopback, and the address that it uses for others."""
    if port is None:
        return []
    places = [(loopback, port)]
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.connect(NOWHERE if family == socket.AF_INET else NOWHERE_6)  # sends nothing
        places.append((asking.getsockname()[0], port))
    return places


def _none() -> list[Try]:
    return [("a gateway", "tcp", (IPV4, [("127.0.0.1", GATEWAY_PORT)]))]


def _through(gateway: ProxyGateway) -> list[Try]:
    """What the gateway has to refuse, as far as its policy has something to refuse."""
    rules, mark = gateway.rules, f"{QUIET.decode()}: {gateway.quiet}\r\n"

    def ask(name: str, line: str, host: str, first: bytes = b"") -> Try:
        request = f"{line} HTTP/1.1\r\nHost: {host}\r\n{mark}Connection: close\r\n\r\n".encode()
        return name, "refused", (GATEWAY_PORT, request + first)

    tries: list[Try] = []
    if decide(rules, UNLISTED, 80, "GET"):
        tries.append(ask("plain HTTP to a host that is not allowed", f"GET http://{UNLISTED}/", UNLISTED))
        tries.append(ask("a tunnel to a host that is not allowed", f"CONNECT {UNLISTED}:443", f"{UNLISTED}:443"))
    private = next((each for each in METADATA if decide(rules, each, 443, "CONNECT")), None)
    if private is not None:
        tries.append(ask("a tunnel to a private address", f"CONNECT {private}:443", f"{private}:443"))
    allowed = _allowed(rules)
    if allowed is not None:
        host, port = allowed
        hello = _hello(b"another.invalid")
        tries.append(ask("TLS for another server name", f"CONNECT {host}:{port}", f"{host}:{port}", hello))
        tries.append(("an allowed host without the proxy variables", "lookup", (host,)))
        if rules.reads_only:
            place = host if port in (80, 443) else f"{host}:{port}"
            tries.append(ask("a method that is not allowed", f"POST http://{place}/", place))
    return tries


def _allowed(rules: Rules) -> tuple[str, int] | None:
    """A host and port that the policy lets through by name."""
    if rules.policy.access == "on":
        return (UNLISTED, 443) if not decide(rules, UNLISTED, 443, "GET") else None
    for each in (*rules.allowed, *rules.private):
        host = f"probe.{each.host}" if each.depth == "below" else each.host
        if each.network is None and literal(host) is None and not decide(rules, host, each.port or 443, "GET"):
            return host, each.port or 443
    return None


def _hello(name: bytes) -> bytes:
    """The ClientHello of a client that wants the server `name`."""
    entry = b"\0" + len(name).to_bytes(2, "big") + name
    listed = len(entry).to_bytes(2, "big") + entry
    extension = b"\0\0" + len(listed).to_bytes(2, "big") + listed
    extensions = len(extension).to_bytes(2, "big") + extension
    body = b"\x03\x03" + os.urandom(32) + b"\0" + b"\0\2\x13\x01" + b"\1\0" + extensions
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message


def _nameservers() -> tuple[str, ...]:
    """The machine's own, IPv4 and IPv6."""
    found: list[str] = []
    with contextlib.suppress(OSError, UnicodeDecodeError):
        for line in Path("/etc/resolv.conf").read_text(encoding="utf-8").splitlines():
            words = line.split()
            if words[:1] == ["nameserver"] and len(words) > 1:
                with contextlib.suppress(ValueError):
                    found.append(str(ipaddress.ip_address(words[1])))
    return tuple(found[:3])
