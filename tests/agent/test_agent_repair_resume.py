"""Diffs of candidates lead back to the texts that they were made from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.agent.repair.candidates import Candidate, Tried, changed_characters, unified
from journeyman.agent.repair.resume import _is_applied, patched, path_of  # pyright: ignore[reportPrivateUsage]

rows = st.lists(st.sampled_from(["a", "b", "", "-x", "+y", " z", "@@ -1 +1 @@", "\\ No newline"]), max_size=8)
texts = st.builds(lambda lines, end: "\n".join(lines) + end, rows, st.sampled_from(["", "\n"]))


@given(texts, texts, st.integers(0, 3))
def test_a_diff_makes_the_new_text_of_the_old(before: str, after: str, context: int) -> None:
    diff = unified("a/b.py", before, after, context)
    if before == after:
        assert diff == ""
    else:
        assert patched(before, diff) == after
        assert path_of(diff) == "a/b.py"


@given(texts, texts)
def test_an_applied_diff_is_recognised(before: str, after: str) -> None:
    diff = unified("x", before, after, 0)
    if diff:
        assert _is_applied(after, diff)


@pytest.mark.parametrize("text", ["", "other\n", "one\ntwo\n"])
def test_a_diff_of_another_text_does_not_fit(text: str) -> None:
    assert patched(text, unified("x", "one\nthree\n", "one\nfour\n", 0)) is None


def test_a_candidate_is_new_once() -> None:
    before = "def f(a):\n    return a + 1\n"
    tried = Tried()

    def made(text: str) -> Candidate:
        return Candidate("f.py", before, text, "mutation: step")

    assert tried.is_new(made("def f(a):\n    return a - 1\n"))
    assert not tried.is_new(made("def f(a):\n    return a - 1\n"))
    assert not tried.is_new(made("def f(a):\n    return (a - 1)  # less\n"))
    assert not tried.is_new(made("def f(a):\n    # as it was\n    return a + 1\n"))
    assert not tried.is_new(made("def f(a:\n"))
    assert tried.is_new(made("def f(a):\n    return a\n"))


def test_the_size_of_a_change() -> None:
    candidate = Candidate("f.py", "a = 1\nb = 2\n", "a = 1\nb = 23\n", "model")
    assert (candidate.size, candidate.by_model) == ((2, 1), True)
    assert candidate.diff == "--- a/f.py\n+++ b/f.py\n@@ -2 +2 @@\n-b = 2\n+b = 23\n"
    assert changed_characters("abc", "abc") == 0
    assert changed_characters("aa", "aaa") == 1
