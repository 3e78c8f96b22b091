from hypothesis import given
from hypothesis import strategies as st

from journeyman.core.ids import attempt_id, new_id
from journeyman.core.text import clip, decode, one_line, plain


def test_clip_says_what_it_cut_and_where_the_whole_is() -> None:
    clipped = clip("a" * 500 + "b" * 500, 200, whole="read it in pieces")
    assert clipped.startswith("aaa") and clipped.endswith("bbb")
    assert "800 characters cut; read it in pieces" in clipped


@given(st.text(max_size=3000), st.integers(0, 500))
def test_clip_keeps_its_limit(text: str, limit: int) -> None:
    clipped = clip(text, limit)
    assert clipped == text if len(text) <= limit else len(clipped) <= max(limit, 40)


def test_plain_takes_the_power_out_of_terminal_output() -> None:
    hostile = "\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ \u202egnirts\x00\x07 a\rb\tc"
    assert plain(hostile) == "red link gnirts a\nb\tc"


@given(st.text())
def test_plain_leaves_no_control_character(text: str) -> None:
    assert not any((ord(char) < 32 and char not in "\n\t") or 0x7F <= ord(char) < 0xA0 for char in plain(text))


@given(st.binary())
def test_any_bytes_can_be_read(data: bytes) -> None:
    decode(data).encode()


def test_one_line() -> None:
    assert one_line("\n\n  first \nsecond") == "first"
    assert one_line("x" * 100, 10) == "x" * 9 + "…"


def test_ids_sort_by_time() -> None:
    ids = [new_id(lambda now=now: now, lambda bits: 0) for now in (1.0, 1.001, 2.0, 1e9, 1.7e9)]
    assert ids == sorted(ids)
    assert {len(one) for one in ids} == {14}
    assert attempt_id("abc", 1, 2) == "abc.1.2"
