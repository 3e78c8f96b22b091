"""What a network policy says about one request. Pure: no name is looked up here.

A request is asked about twice: by name before anything leaves the machine, even a DNS query, and by the addresses that
the name has before one of them is connected to.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from journeyman.core.environment import NetworkPolicy, Refusal
from journeyman.core.errors import UsageError
from journeyman.sandbox.network.address import Address, canonical, literal, plain, reserved

Kind = Literal["blocked-by-allowlist", "blocked-by-denylist", "blocked-by-method-policy", "blocked-by-policy"]
READING = frozenset(("GET", "HEAD", "OPTIONS"))
WEB = (80, 443)
"""The ports of a pattern that names none."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """A request that does not pass; `kind` is what the header `x-proxy-error` says."""

    kind: Kind
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Pattern:
    """`example.com`, `*.example.com`, `**.example.com`, `10.0.0.0/8`, `[::1]`, each with `:port` or `:*` if need be.

    `port` None is the web's two, 0 is all.
    """

    host: str
    depth: Literal["exact", "below", "both"] = "exact"
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None = None
    port: int | None = None

    def names(self, host: str, address: Address | None = None) -> bool:
        """Whether a canonical host, or an address that it has, is meant, whatever the port."""
        if self.network is not None:
            return address is not None and plain(address) in self.network
        if host == self.host:
            return self.depth != "below"
        return self.depth != "exact" and host.endswith(f".{self.host}")

    def covers(self, host: str, port: int) -> bool:
        """Whether a request to a canonical host and port is meant."""
        return self.opens(port) and self.names(host, literal(host))

    def opens(self, port: int) -> bool:
        return port in WEB if self.port is None else self.port in (0, port)


def pattern(text: str) -> Pattern:
    """Read a pattern. Raises `UsageError`."""
    host, port = _split_port(text.strip())
    depth: Literal["exact", "below", "both"] = "exact"
    if host.startswith("**."):
        depth, host = "both", host[3:]
    elif host.startswith("*."):
        depth, host = "below", host[2:]
    if "/" in host or ":" in host or literal(host):
        try:
            network = ipaddress.ip_network(host.removeprefix("[").removesuffix("]"), strict=False)
        except ValueError:
            network = None
        if network is not None and depth == "exact":
            if isinstance(network, ipaddress.IPv6Network) and (wrapped := network.network_address.ipv4_mapped):
                network = ipaddress.IPv4Network((wrapped, max(network.prefixlen - 96, 0)), strict=False)
            return Pattern(str(network), network=network, port=port)
    name = canonical(host)
    if name is None or (depth != "exact" and literal(name)):
        raise UsageError(
            f"{text!r} is no pattern for hosts. Write example.com, *.example.com (its sub-domains), **.example.com "
            "(both), or an address, and :port for another port than 80 and 443 (:* for all)."
        )
    if (address := literal(name)) is not None:
        return Pattern(name, network=ipaddress.ip_network(address), port=port)
    return Pattern(name, depth, port=port)


def _split_port(text: str) -> tuple[str, int | None]:
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        return text, None
    if port == "*":
        return host, 0
    if port.isascii() and port.isdigit() and 0 < int(port) < 65536:
        return host, int(port)
    return "", None


def port_of(text: str) -> int | None:
    """A port as a request writes it; None for what is none."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    return number if 0 < number < 65536 else None


@dataclass(frozen=True, slots=True)
class Rules:
    """A policy with its patterns read."""

    policy: NetworkPolicy
    allowed: tuple[Pattern, ...]
    denied: tuple[Pattern, ...]
    private: tuple[Pattern, ...]

    @classmethod
    def of(cls, policy: NetworkPolicy, *, indexed: Iterable[str] = (), inner: Iterable[str] = ()) -> "Rules":
        """`indexed` are hosts that the preset "package indexes" adds, `inner` those of them that may lie in a private
        network. Raises `UsageError` for a pattern that is none."""
        extra, private = (tuple(indexed), tuple(inner)) if policy.indexes else ((), ())
        return cls(
            policy,
            allowed=tuple(map(pattern, (*policy.hosts, *extra))),
            denied=tuple(map(pattern, policy.denied)),
            private=tuple(map(pattern, (*policy.private, *private))),
        )

    @property
    def reads_only(self) -> bool:
        return self.policy.methods == "read"


def decide(rules: Rules, host: str, port: int, method: str, addresses: Sequence[Address] = ()) -> Blocked | None:
    """None when the request may go out, to any of `addresses`. `host` is canonical.

    Without `addresses` only what can be told from the name is told. CONNECT passes a policy that reads only, since
    what is asked for in the tunnel is asked about again.
    """
    known = literal(host)
    asked = [*addresses, *([known] if known else [])]
    return (
        _off_or_denied(rules, host, port, method, asked)
        or _private(rules, host, port, method, asked)
        or _not_listed(rules, host, port, method)
        or _by_method(rules, host, port, method)
    )


def block(kind: Kind, request: tuple[str, int, str], reason: str, remedy: str | None = None) -> Blocked:
    host, port, method = request
    return Blocked(kind, Refusal(host=host, port=port, method=method, reason=reason, remedy=remedy))


def _off_or_denied(rules: Rules, host: str, port: int, method: str, addresses: Sequence[Address]) -> Blocked | None:
    request = (host, port, method)
    if rules.policy.access == "off":
        return block("blocked-by-policy", request, "The network is off here.")
    denied = [each for each in rules.denied if each.port in (None, 0, port)]
    if any(each.names(host) for each in denied):
        return block("blocked-by-denylist", request, f"{host} is denied by the network policy.")
    if any(each.names(host, address) for each in denied for address in addresses):
        return block("blocked-by-denylist", request, f"An address of {host} is denied by the network policy.")
    return None


def _private(rules: Rules, host: str, port: int, method: str, addresses: Sequence[Address]) -> Blocked | None:
    for address in addresses:
        if (why := reserved(address)) is not None and not may_be_private(rules, host, port, address):
            shown = f"{host} is" if literal(host) else f"{host} has the address {plain(address)},"
            reason = f"{shown} {why}; such addresses are reached only if the network policy lists them as private."
            return block("blocked-by-policy", (host, port, method), reason)
    return None


def may_be_private(rules: Rules, host: str, port: int, address: Address) -> bool:
    """Whether the policy lets a request go to this address of a private network."""
    return any(each.names(host, address) and each.port in (None, 0, port) for each in rules.private)


def _not_listed(rules: Rules, host: str, port: int, method: str) -> Blocked | None:
    request = (host, port, method)
    listed = (*rules.allowed, *rules.private)
    if rules.policy.access == "on" or any(each.covers(host, port) for each in listed):
        return None
    if any(each.names(host, literal(host)) for each in listed):
        reason = f"{host} is on the allow-list of the network policy, but not with port {port}."
    else:
        reason = f"{host} is not on the allow-list of the network policy."
    return block("blocked-by-allowlist", request, reason, show(host, port))


def _by_method(rules: Rules, host: str, port: int, method: str) -> Blocked | None:
    if not rules.reads_only or method in READING or method == "CONNECT":
        return None
    reason = f"The network policy lets only GET, HEAD and OPTIONS through, and this is {method}."
    return block("blocked-by-method-policy", (host, port, method), reason)


def show(host: str, port: int) -> str:
    """A host and port as a pattern."""
    name = f"[{host}]" if ":" in host else host
    return name if port in WEB else f"{name}:{port}"
