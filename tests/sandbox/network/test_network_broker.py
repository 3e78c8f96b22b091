"""Dummies and masks."""

import base64
import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.core.errors import UsageError
from journeyman.sandbox.network.broker import Broker, Mask, put_in

SECRET = st.text(st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"]), min_size=8)


def test_dummies_are_of_the_values_length_and_new_each_time() -> None:
    secrets = {"SHORT": ("12345678", ["a.com"]), "LONG": ("x" * 100, ["a.com"])}
    dummies = [Broker(secrets).dummies for _ in range(50)]
    assert len({each["SHORT"] for each in dummies} | {each["LONG"] for each in dummies}) == 100
    assert all(re.fullmatch(r"JM-[A-Za-z0-9]{17}", each["SHORT"]) for each in dummies)
    assert all(re.fullmatch(r"JM-[A-Za-z0-9]{97}", each["LONG"]) for each in dummies)


@pytest.mark.parametrize("value", ["", "short", "with\nline ends", "with\0zero"])
def test_what_cannot_be_brokered_is_an_error(value: str) -> None:
    with pytest.raises(UsageError, match="TOKEN") as caught:
        Broker({"TOKEN": (value, ["a.com"])})
    assert not value or value not in str(caught.value)


def test_no_value_is_ever_shown() -> None:
    broker = Broker({"TOKEN": ("the real value", ["a.com"])})
    assert "real value" not in repr(broker.bound("a.com", 443, tls=True)) + repr(broker) + repr(broker.dummies)


def test_hosts_are_bound_by_pattern_port_and_tls() -> None:
    broker = Broker({"A": ("value of a", ["a.com", "**.b.com"]), "C": ("value of c", ["c.com:8080"])})
    asked = [("a.com", 443, True), ("a.com", 443, False), ("a.com", 8443, True), ("x.a.com", 443, True),
             ("x.b.com", 443, True), ("c.com", 443, True), ("c.com", 8080, True), ("c.com", 8080, False)]  # fmt: skip
    bound = [[secret.name for secret in broker.bound(host, port, tls=tls)] for host, port, tls in asked]
    assert bound == [["A"], [], [], [], ["A"], [], ["C"], ["C"]]


def test_what_frames_a_request_is_never_touched() -> None:
    broker = Broker({"TOKEN": ("real value", ["a.com"])})
    bound = broker.bound("a.com", 443, tls=True)
    dummy = broker.dummies["TOKEN"].encode()
    target, headers, put = put_in(bound, b"/" + dummy, [(b"Host", dummy), (b"Authorization", b"Basic !" + dummy)])
    assert (target, headers[0], put) == (b"/" + dummy, (b"Host", dummy), False)
    target, headers, put = put_in(bound, b"/?a=" + dummy, [(b"Cookie", b"a=" + dummy + b"; b=" + dummy)])
    assert (target, headers, put) == (b"/?a=real%20value", [(b"Cookie", b"a=real value; b=real value")], True)


def masked(value: str, text: bytes, sizes: list[int]) -> bytes:
    mask = Mask(Broker({"TOKEN": (value, ["a.com"])}).bound("a.com", 443, tls=True))
    out, at = b"", 0
    for size in sizes:
        out += mask.feed(text[at : at + size])
        at += size
    return out + mask.feed(text[at:]) + mask.end()


@given(SECRET, st.binary(max_size=40), st.binary(max_size=40), st.lists(st.integers(0, 30), max_size=30))
def test_a_value_is_masked_however_the_stream_is_cut(value: str, before: bytes, after: bytes, sizes: list[int]) -> None:
    raw = value.encode()
    for form in (raw, quote(value, safe="").encode()):
        text = before + form + after + form
        out = masked(value, text, sizes)
        assert len(out) == len(text) and form not in out


@given(SECRET, st.binary(max_size=10), st.binary(max_size=10))
def test_a_value_in_base64_is_masked_at_any_offset(value: str, before: bytes, after: bytes) -> None:
    encoded = base64.b64encode(before + value.encode() + after)
    out = masked(value, encoded, [])
    assert len(out) == len(encoded)
    inner = value.encode()[3:-3]
    if len(value.encode()) >= 12:  # shorter ones have too few letters that do not depend on what is around them
        restored = base64.b64decode(out.replace(b"*", b"A"))
        assert inner not in restored[len(before) :][: len(value.encode())]


@given(st.binary(max_size=200), st.lists(st.integers(0, 30), max_size=20))
def test_other_bytes_pass_unchanged(text: bytes, sizes: list[int]) -> None:
    assert masked("value that is not there", text, sizes) == text


def test_nothing_is_kept_back_without_need() -> None:
    mask = Mask(Broker({"TOKEN": ("abcabcabd!", ["a.com"])}).bound("a.com", 443, tls=True))
    assert [mask.feed(piece) for piece in (b"data: 1\n\n", b"xabc", b"abcabx", b"abcab", b"cabd!")] == [
        b"data: 1\n\n", b"x", b"abcabcabx", b"", b"*" * 10,
    ]  # fmt: skip
