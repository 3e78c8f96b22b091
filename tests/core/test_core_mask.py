"""No secret passes, however it is written and wherever it is cut."""

import base64
import html
import json
import shlex
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.core.mask import Mask

SECRET = "tök/en+12&34 \"x'y"
MASK = Mask({"TOKEN": SECRET, "OTHER": "another-secret"})

FORMS = {
    "itself": SECRET,
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64 behind a user's name": base64.b64encode(f"me:{SECRET}".encode()).decode(),
    "base64 behind one letter": base64.b64encode(f"m{SECRET}\n".encode()).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(f"me:{SECRET}".encode()).decode(),
    "hex": SECRET.encode().hex(),
    "a part of a URL": quote(SECRET, safe=""),
    "a path of a URL": quote(SECRET),
    "JSON": json.dumps({"a": SECRET}),
    "JSON as it is": json.dumps({"a": SECRET}, ensure_ascii=False),
    "HTML": html.escape(SECRET),
    "the shell": shlex.quote(SECRET),
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_a_secret_is_found_however_it_is_written(text: str) -> None:
    clean = MASK.text(f"before {text} after")
    assert "[secret TOKEN]" in clean
    assert clean.startswith("before ")
    assert clean.endswith(" after")
    for form in (SECRET, text.strip('{}":a ')):
        assert form not in clean


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_a_secret_is_found_wherever_it_is_cut(size: int) -> None:
    whole = b"".join(b"x" * n + form.encode() + b"\n" for n, form in enumerate(FORMS.values())) + b"anot"
    stream = MASK.stream()
    pieces = [stream.feed(whole[at : at + size]) for at in range(0, len(whole), size)]
    assert b"".join(pieces) + stream.flush() == MASK.data(whole)


@given(st.lists(st.sampled_from([b"aab", b"aabaab", b"a", b"b", b"aabaabaa", b"xx"]), max_size=12))
def test_pieces_are_masked_like_the_whole(pieces: list[bytes]) -> None:
    mask = Mask({"ONE": "aabaabaab", "TWO": "baabaabaa"})  # each may begin in the other
    stream = mask.stream()
    assert b"".join([stream.feed(piece) for piece in pieces]) + stream.flush() == mask.data(b"".join(pieces))


def test_secrets_that_overlap_are_one() -> None:
    assert Mask({"ONE": "abcdefgh", "TWO": "efghijkl"}).data(b"<abcdefghijkl>") == b"<[secret ONE]>"


def test_what_cannot_be_a_secret_is_not_held_back() -> None:
    stream = MASK.stream()
    assert stream.feed(b"progress 10 %\r") == b"progress 10 %\r"
    assert stream.feed(b"anothe") == b""
    assert stream.feed(b"r thing") == b"another thing"


def test_each_line_of_a_long_secret_is_one() -> None:
    mask = Mask({"KEY": "-----BEGIN-----\nabcdefghijklmnop\nqrs\n-----END-----\n"})
    assert mask.data(b"> abcdefghijklmnop <") == b"> [secret KEY] <"


def test_the_longer_words_of_a_secret_are_secrets_too() -> None:
    mask = Mask({"PHRASE": "a correct-horse of battery-staples"})
    assert mask.text("+ echo a correct-horse of 'battery-staples'") == "+ echo a [secret PHRASE] of '[secret PHRASE]'"


def test_values_are_masked_throughout_and_the_rest_left_alone() -> None:
    value = {"a": ["another-secret", ("b", 3, None)], "another-secret": True}
    assert MASK.value(value) == {"a": ["[secret OTHER]", ("b", 3, None)], "[secret OTHER]": True}
    assert Mask().value(value) is value
    odd = "\udcff half of a pair: \ud83d"
    assert MASK.text(odd) == odd
