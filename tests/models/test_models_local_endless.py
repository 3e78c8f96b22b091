"""Replies that go round in circles are noticed, and nothing else is taken for one."""

from pathlib import Path

import pytest

from journeyman.core.model import Delta
from journeyman.models.local.endless import LONGEST, SAME, Endless, Watch, goes_round

LISTED = "".join(f"    assert price({number}) == {number * 7}\n" for number in range(60))


@pytest.mark.parametrize("unit", ["x", " \n", "assert add(1, 2) == 3\n", "0" * LONGEST])
def test_one_thing_over_and_over_goes_round(unit: str) -> None:
    assert goes_round("It begins well. " + unit * (2 * SAME // len(unit)))


@pytest.mark.parametrize("text", ["", "word", "#" * 100, LISTED, Path(__file__).read_text(), "ab" * (SAME // 4)])
def test_other_texts_do_not(text: str) -> None:
    assert not any(goes_round(text[:end]) for end in range(len(text)))


def test_a_watched_reply_is_cut_where_it_goes_round() -> None:
    heard: list[str] = []
    watch = Watch(lambda delta: heard.append(delta.text), "small")
    watch(Delta("text", "Again. " * 10))
    watch.restart()
    with pytest.raises(Endless) as cut:
        for _ in range(1_000):
            watch(Delta("text", "Again. "))
    reply = cut.value.reply
    assert (reply.stop, reply.model) == ("length", "small")
    assert SAME < len(reply.text) < SAME + LONGEST
    assert reply.usage.output_tokens == len(reply.text) // len("Again. ")
    assert "".join(heard) == "Again. " * 10 + reply.text
