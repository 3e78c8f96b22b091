"""Reading the server name out of a TLS ClientHello."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.sandbox.network.hello import Hello, NotAHello, parse


def client_hello(server_name: str | None, *, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    """What OpenSSL sends first."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.maximum_version = version
    out = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=server_name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


def record(message: bytes) -> bytes:
    return b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message


def hello(extensions: bytes) -> bytes:
    body = b"\x03\x03" + bytes(32) + b"\0" + b"\0\2\x13\x01" + b"\1\0" + len(extensions).to_bytes(2, "big") + extensions
    return b"\x01" + len(body).to_bytes(3, "big") + body


def extension(kind: int, content: bytes) -> bytes:
    return kind.to_bytes(2, "big") + len(content).to_bytes(2, "big") + content


def server_name(*names: bytes) -> bytes:
    listed = b"".join(b"\0" + len(name).to_bytes(2, "big") + name for name in names)
    return extension(0, len(listed).to_bytes(2, "big") + listed)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_what_openssl_sends(version: ssl.TLSVersion) -> None:
    assert parse(client_hello("a.example.com", version=version)) == Hello("a.example.com", False)
    assert parse(client_hello(None, version=version)) == Hello(None, False)


def test_every_part_of_it_is_too_little() -> None:
    whole = client_hello("example.com")
    assert {parse(whole[:size]) for size in range(len(whole))} == {None}
    assert parse(whole + b"more") == Hello("example.com", False)


@given(st.lists(st.integers(1, 200), min_size=1, max_size=20))
def test_it_may_be_cut_into_records(sizes: list[int]) -> None:
    message = hello(server_name(b"example.com") + extension(21, bytes(300)))
    data = b""
    for size in sizes:
        if message:
            data, message = data + record(message[:size]), message[size:]
    data += record(message) if message else b""
    assert parse(data) == Hello("example.com", False)


@pytest.mark.parametrize("kind", [0xFE0D, 0xFFCE])
def test_a_hidden_name_is_seen(kind: int) -> None:
    assert parse(record(hello(server_name(b"example.com") + extension(kind, b"x")))) == Hello("example.com", True)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"SSH-2.0-x\r\n",
        b"\x80\x2e\x01\x03\x01",  # SSL 2
        b"\x17\x03\x03\x00\x05hello",
        b"\x16\x02\x00\x00\x05hello",
        record(b"\x02\x00\x00\x00"),
        b"\x16\x03\x01\x00\x00",
        b"\x16\x03\x01\xff\xff",
        record(b"\x01\xff\xff\xff"),
        record(hello(b"") + b"\0"),
        record(hello(server_name(b"a.com") * 2)),
        record(hello(server_name(b"a.com", b"b.com"))),
        record(hello(server_name(b"\xff.com"))),
        record(hello(extension(0, b"\0\0"))),
        record(hello(extension(0, b"\0\4\1\0\1a"))),
        record(hello(extension(0, b"\0\4\0\0\1ax"))),
        record(hello(b"\0\0\0")),
        record(b"\x01\0\0\4abcd"),
    ],
)
def test_what_is_none(data: bytes) -> None:
    with pytest.raises(NotAHello):
        parse(data)


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    for start in (b"", b"\x16\x03\x01", record(hello(b""))[:40]):
        try:
            parse(start + data)
        except NotAHello:
            continue
