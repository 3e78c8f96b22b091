"""The parts of a reply in JSON while it is written."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.core.model import Delta
from journeyman.models.json_deltas import JsonDeltas


def told(*pieces: str) -> dict[str, str]:
    found: dict[str, str] = {}

    def take(delta: Delta) -> None:
        assert delta.text
        found[delta.kind] = found.get(delta.kind, "") + delta.text

    deltas = JsonDeltas(take)
    for piece in pieces:
        deltas(Delta("text", piece))
    return found


def split(text: str, places: list[int]) -> list[str]:
    ends = sorted({place % (len(text) + 1) for place in places} | {0, len(text)})
    return [text[start:end] for start, end in pairwise(ends)]


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(words, words, st.booleans(), st.lists(st.integers(0, 1000), max_size=6))
def test_an_answer_is_the_same_however_cut(thought: str, answer: str, escaped: bool, places: list[int]) -> None:
    text = json.dumps({"thought": thought, "answer": answer}, ensure_ascii=escaped)
    found = told(*split(text, places))
    assert (found.get("reasoning", ""), found.get("text", "")) == (thought, answer)


@given(words, st.lists(st.integers(0, 1000), max_size=6))
def test_a_call_is_no_text(value: str, places: list[int]) -> None:
    call = {"thought": "Look.", "tool": "shell", "arguments": {"answer": value, "more": [{"thought": value}]}}
    found = told(*split(json.dumps(call), places))
    assert found.keys() == {"reasoning", "arguments"}
    assert found["reasoning"] == "Look."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The price is right.", {"text": "The price is right."}),
        ("  \n plain", {"text": "  \n plain"}),
        ('```json\n{"answer": "yes"}\n```', {"text": "yes"}),
        ('<tool_call>{"answer": "yes"}</tool_call>', {"text": "yes"}),
        ('{"answer": "a \\"b\\" \\u00e9\\ud83d\\ude00\\n"}', {"text": 'a "b" é😀\n'}),
    ],
)
def test_other_forms_are_known(text: str, expected: dict[str, str]) -> None:
    for pieces in ([text], list(text)):
        found = told(*pieces)
        found.pop("arguments", None)
        assert found == expected


def test_a_reply_that_begins_again_is_read_from_its_beginning() -> None:
    found: list[Delta] = []
    deltas = JsonDeltas(found.append)
    deltas(Delta("text", '{"answer": "cut o'))
    deltas.restart()
    deltas(Delta("text", '{"answer": "whole"}'))
    assert [delta.text for delta in found if delta.kind == "text"] == ["cut o", "whole"]
    deltas(Delta("reasoning", "Hm."))
    assert found[-1] == Delta("reasoning", "Hm.")
