"""What a network policy lets through, by name, address, port and method."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.core.environment import NetworkPolicy, Refusal
from journeyman.core.errors import UsageError
from journeyman.sandbox.network.address import canonical, literal, reserved
from journeyman.sandbox.network.policy import Blocked, Rules, decide, pattern

PUBLIC = ipaddress.ip_address("93.184.215.14")
LABEL = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True)
NAME = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
V4 = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)


def rules(**policy: object) -> Rules:
    return Rules.of(NetworkPolicy.model_validate({"access": "allow-list", **policy}))


def kind(found: Blocked | None) -> str | None:
    return found.kind if found else None


@pytest.mark.parametrize(
    ("written", "yes", "no"),
    [
        ("example.com", ["example.com"], ["www.example.com", "example.org", "badexample.com", "example.com.evil.org"]),
        ("*.example.com", ["a.example.com", "a.b.example.com"], ["example.com", "aexample.com"]),
        ("**.example.com", ["example.com", "a.example.com", "a.b.example.com"], ["aexample.com", "com"]),
        ("Example.COM.", ["example.com"], ["www.example.com"]),
        ("bücher.example", ["xn--bcher-kva.example"], ["bucher.example"]),
        ("*.xn--bcher-kva.example", ["a.xn--bcher-kva.example"], ["xn--bcher-kva.example"]),
        ("93.184.215.14", ["93.184.215.14"], ["93.184.215.15"]),
        ("93.184.215.0/24", ["93.184.215.14"], ["93.184.216.14", "example.com"]),
        ("[2606:2800:21f::1]", ["2606:2800:21f::1"], ["2606:2800:21f::2"]),
        ("2606:2800:21f::/48", ["2606:2800:21f::1"], ["2606:2800:220::1"]),
    ],
)
def test_host_patterns(written: str, yes: list[str], no: list[str]) -> None:
    allowed = rules(hosts=[written])
    assert [host for host in yes if decide(allowed, host, 443, "GET")] == []
    assert [kind(decide(allowed, host, 443, "GET")) for host in no] == ["blocked-by-allowlist"] * len(no)
    denied = rules(access="on", denied=[written])
    assert [kind(decide(denied, host, 8443, "GET")) for host in yes] == ["blocked-by-denylist"] * len(yes)
    assert [host for host in no if decide(denied, host, 8443, "GET")] == []


@pytest.mark.parametrize(
    "written",
    ["", "*", "**", "*.", "http://example.com", "exa mple.com", "example.com:0", "example.com:99999", "a..b",
     "example.com:http", "*.10.0.0.1", "10.0.0.0/40", "user@example.com", "a/b", "*.*.com", "a*.com"],
)  # fmt: skip
def test_what_is_no_pattern_is_an_error(written: str) -> None:
    with pytest.raises(UsageError, match=r"pattern|port"):
        pattern(written)


def test_a_pattern_without_a_port_is_for_the_webs_two() -> None:
    allowed = rules(hosts=["a.com", "b.com:8443", "c.com:*"])
    passed = [(host, port) for host in ("a.com", "b.com", "c.com") for port in (80, 443, 8443) if not
              decide(allowed, host, port, "GET")]  # fmt: skip
    assert passed == [("a.com", 80), ("a.com", 443), ("b.com", 8443), ("c.com", 80), ("c.com", 443), ("c.com", 8443)]
    assert decide(allowed, "a.com", 8443, "GET") == Blocked(
        "blocked-by-allowlist",
        Refusal(
            host="a.com",
            port=8443,
            method="GET",
            reason="a.com is on the allow-list of the network policy, but not with port 8443.",
            remedy="a.com:8443",
        ),
    )


@given(NAME, st.sampled_from([80, 443, 8080, 1]))
def test_the_remedy_lets_the_request_through(host: str, port: int) -> None:
    refused = decide(rules(), host, port, "GET")
    assert refused is not None and refused.refusal.remedy is not None
    assert decide(rules(hosts=[refused.refusal.remedy]), host, port, "GET") is None


@given(NAME)
def test_denied_beats_allowed_and_on(host: str) -> None:
    for access in ("allow-list", "on"):
        both = rules(access=access, hosts=[host], denied=[host], private=[host])
        assert kind(decide(both, host, 443, "GET")) == "blocked-by-denylist"


def test_methods() -> None:
    reading = rules(access="on", methods="read")
    passed = [method for method in ("GET", "HEAD", "OPTIONS", "CONNECT", "POST", "PUT", "DELETE", "get", "TRACE", "X")
              if decide(reading, "a.com", 443, method) is None]  # fmt: skip
    assert passed == ["GET", "HEAD", "OPTIONS", "CONNECT"]
    assert kind(decide(reading, "a.com", 443, "POST")) == "blocked-by-method-policy"


def test_off_lets_nothing_through() -> None:
    assert kind(decide(rules(access="off", hosts=["a.com"], private=["127.0.0.1"]), "a.com", 443, "GET"))


PRIVATE = [
    "127.0.0.1", "127.8.9.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "169.254.1.1", "100.64.0.1", "100.100.100.200", "168.63.129.16", "224.0.0.1", "239.255.255.250", "0.0.0.0",
    "255.255.255.255", "240.0.0.1", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1",
    "fec0::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
    "2002:a00:1::1", "::127.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("text", PRIVATE)
def test_private_addresses_are_reached_only_when_they_are_listed(text: str) -> None:
    address = ipaddress.ip_address(text)
    host = canonical(text) or ""
    for policy in (rules(access="on"), rules(hosts=["a.com", f"[{text}]" if ":" in text else text])):
        assert kind(decide(policy, "a.com", 443, "GET", [address])) == "blocked-by-policy"
        assert kind(decide(policy, "a.com", 443, "GET", [PUBLIC, address])) == "blocked-by-policy"
        refused = decide(policy, host, 443, "GET")
        assert refused is not None and refused.kind == "blocked-by-policy" and refused.refusal.remedy is None
    listed = f"[{text}]" if ":" in text else text
    assert decide(rules(private=[listed]), host, 443, "GET") is None
    assert decide(rules(hosts=["a.com"], private=[listed]), "a.com", 443, "GET", [address]) is None
    assert decide(rules(private=["a.com"]), "a.com", 443, "GET", [address]) is None
    assert kind(decide(rules(hosts=["b.com"], private=["a.com"]), "b.com", 443, "GET", [address])) is not None
    assert kind(decide(rules(access="on", private=[f"{listed}:81"]), "a.com", 443, "GET", [address])) is not None


@given(V4)
def test_every_way_to_write_an_address_is_read_as_that_address(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    a, b, c, d = address.packed
    written = [
        str(address),
        str(number),
        hex(number),
        f"0{number:o}",
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{c << 8 | d}",
        f"{a:#x}.0{b:o}.{c}.{d:#x}",
        f"::ffff:{address}",
        f"[::FFFF:{address}]",
        f"[::ffff:{number >> 16:x}:{number & 0xFFFF:x}]",
        f"{address}.",
    ]
    assert {canonical(text) for text in written} == {str(address)}
    assert literal(str(address)) == address


@given(V4)
def test_an_ipv6_wrapping_is_as_private_as_what_it_wraps(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    wrapped = [
        ipaddress.IPv6Address(0xFFFF << 32 | number),
        ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) | number),
        ipaddress.IPv6Address(0x2002 << 112 | number << 80),
    ]
    if reserved(address) is not None:
        assert all(reserved(each) is not None for each in wrapped)


@given(st.text(max_size=60))
def test_a_canonical_host_is_plain_and_stays_what_it_is(text: str) -> None:
    host = canonical(text)
    if host is not None:
        assert canonical(host) == host
        assert host.isascii() and host == host.lower() and not any(sign in host for sign in " /@%?#\r\n\0[]\x1b")


@pytest.mark.parametrize(
    "text", ["", ".", "a..b", "-a.com", "a" * 64 + ".com", "1.2.3.256", "a.1", "fe80::1%eth0", "[::1", "a b", "[a.com]"]
)
def test_what_is_no_host(text: str) -> None:
    assert canonical(text) is None


def test_index_hosts_count_only_where_the_preset_is_chosen() -> None:
    policy = NetworkPolicy(access="allow-list", indexes=True)
    with_preset = Rules.of(policy, indexed=["index.example", "files.example:8443"], inner=["index.example"])
    inner = ipaddress.ip_address("10.0.0.1")
    assert decide(with_preset, "index.example", 443, "GET", [inner]) is None
    assert decide(with_preset, "files.example", 8443, "GET", [PUBLIC]) is None
    assert kind(decide(with_preset, "files.example", 8443, "GET", [inner])) == "blocked-by-policy"
    without = Rules.of(NetworkPolicy(access="allow-list"), indexed=["index.example"], inner=["index.example"])
    assert kind(decide(without, "index.example", 443, "GET")) == "blocked-by-allowlist"
