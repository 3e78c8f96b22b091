"""Host names and addresses as a hostile client writes them, in the one form that is compared."""

import ipaddress
import re
import socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)\Z")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_SHARED = ipaddress.IPv4Network("100.64.0.0/10")
_METADATA = frozenset(
    ipaddress.ip_address(text) for text in ("169.254.169.254", "100.100.100.200", "168.63.129.16", "fd00:ec2::254")
)
"""Where clouds tell a machine its credentials; one of them looks public."""


def canonical(host: str) -> str | None:
    """`host` in lower case, without a trailing dot, in its ASCII form; an address as `ipaddress` writes it, a mapped
    one as IPv4. None for what is no host name."""
    text = host.removeprefix("[").removesuffix("]") if host.startswith("[") and host.endswith("]") else host
    if ":" in text:
        try:
            return str(plain(ipaddress.IPv6Address(text))) if "%" not in text else None
        except ValueError:
            return None
    if text is not host:
        return None
    text = text.removesuffix(".")
    if len(text) > 253:
        return None
    if not text.isascii():
        import idna

        try:
            text = idna.encode(text, uts46=True).decode()
        except idna.IDNAError:
            return None
    text = text.lower()
    if len(text) > 253 or not _NAME.match(text):
        return None
    if _NUMBER.match(text.rpartition(".")[2]):  # then the C library would read an address: octal, hexadecimal, short
        try:
            return str(ipaddress.IPv4Address(socket.inet_aton(text)))
        except OSError:
            return None
    return text


def literal(host: str) -> Address | None:
    """The address that a canonical host is; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def plain(address: Address) -> Address:
    """IPv4 where an IPv6 address only wraps one (`::ffff:127.0.0.1`)."""
    return getattr(address, "ipv4_mapped", None) or address


def reserved(address: Address) -> str | None:
    """Why an address does not belong to a host of the public internet; None for one that does."""
    address = plain(address)
    if address in _METADATA:
        return "an address where clouds serve credentials"
    for inner in _wrapped(address):
        if (why := reserved(inner)) is not None:
            return f"an address that leads to {inner}, {why}"
    if address.is_loopback:
        return "an address of this machine"
    if address.is_link_local:
        return "a link-local address"
    if address.is_multicast:
        return "a multicast address"
    if address.is_unspecified:
        return "the unspecified address"
    if isinstance(address, ipaddress.IPv4Address) and address in _SHARED:
        return "an address of a provider's private network"
    if address.is_private or getattr(address, "is_site_local", False):
        return "an address of a private network"
    return None if address.is_global else "a reserved address"


def _wrapped(address: Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 one is a way to: NAT64, 6to4, Teredo, the old compatible form."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found: list[ipaddress.IPv4Address] = []
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    if address.teredo is not None:
        found.extend(address.teredo)
    return found
