"""What a patch that does not fit is answered with, and how often the answer is right."""

import argparse
import configparser
import inspect
import random
import shlex
import textwrap
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.repo.patch import Chunk, Patch, PatchError, PatchLine, UpdateFile, apply, parse, render
from journeyman.repo.patch.parse import Sign

FILE = """\
import math


def area(radius):
    # the area of a disc
    return 3 * radius * radius


def length(radius):
    # the length of its border
    return 2 * 3 * radius
"""


def refused(body: str, files: Mapping[str, str | None]) -> PatchError:
    patch = parse(f"*** Begin Patch\n{body}\n*** End Patch")
    with pytest.raises(PatchError) as error:
        apply(patch, {path: None if text is None else text.encode() for path, text in files.items()})
    return error.value


def applied(text: str | None, files: dict[str, str]) -> dict[str, str]:
    assert text is not None
    writes = apply(parse(text), {path: data.encode() for path, data in files.items()}).writes
    return {path: data.decode() for path, data in writes.items()}


def test_the_error_shows_the_nearest_block_and_a_patch_that_applies() -> None:
    error = refused(
        "*** Update File: calc.py\n@@\n def area(r):\n-    return 3 * r * r\n+    return math.pi * radius**2",
        {"calc.py": FILE},
    )
    assert str(error) == textwrap.dedent("""\
        Failed to find expected lines in calc.py:
        def area(r):
            return 3 * r * r
        The nearest block is lines 4-6 (62% alike):
        4| def area(radius):
        5|     # the area of a disc
        6|     return 3 * radius * radius

        Nothing was changed.

        This patch would apply; send it if it does what you mean:
        *** Begin Patch
        *** Update File: calc.py
        @@
         def area(radius):
             # the area of a disc
        -    return 3 * radius * radius
        +    return math.pi * radius**2
        *** End Patch
        """)
    assert applied(error.candidate, {"calc.py": FILE}) == {
        "calc.py": FILE.replace("3 * radius * radius", "math.pi * radius**2")
    }


def test_every_misfit_is_told_at_once() -> None:
    error = refused(
        "*** Update File: a\n@@\n-the first line\n+1\n@@\n-the third lines\n+3\n"
        "*** Update File: b\n@@\n-alpha beta\n+b",
        {"a": "the first lime\nsecond\nthe third line\n", "b": "alpha betas\n"},
    )
    assert str(error).count("Failed to find expected lines") == 3
    files = {"a": "the first lime\nsecond\nthe third line\n", "b": "alpha betas\n"}
    assert applied(error.candidate, files) == {"a": "1\nsecond\n3\n", "b": "b\n"}


def test_a_chunk_that_was_applied_before_is_left_out() -> None:
    files = {"calc.py": FILE.replace("3 * radius * radius", "math.pi * radius * radius")}
    error = refused(
        "*** Update File: calc.py\n@@ def area(radius):\n     # the area of a disc\n-    return 3 * radius * radius\n"
        "+    return math.pi * radius * radius\n@@ def length(radius):\n-    # the length of its border\n"
        "-    return 2 * 3 * radius\n+    return math.tau * radius\n",
        files,
    )
    assert "Already applied: its result is in calc.py at lines 5-6." in str(error)
    assert applied(error.candidate, files) == {
        "calc.py": files["calc.py"].replace(
            "    # the length of its border\n    return 2 * 3 *", "    return math.tau *"
        )
    }


def test_a_patch_that_was_applied_before_leaves_nothing_to_do() -> None:
    body = "*** Update File: f\n@@\n context\n-old line\n+new line\n*** Delete File: gone"
    error = refused(body, {"f": "context\nnew line\n", "gone": None})
    assert "Already applied: its result is in f at lines 1-2." in str(error)
    assert "There is nothing left to do" in str(error)
    assert error.candidate is None


def test_a_deletion_that_was_applied_before_is_recognised_by_its_surroundings() -> None:
    error = refused("*** Update File: f\n@@\n before\n-gone\n after", {"f": "before\nafter\n"})
    assert "Already applied: its result is in f at lines 1-2." in str(error)


def test_chunks_in_the_wrong_order_are_put_in_order() -> None:
    files = {"f": "1\n2\n3\n4\n"}
    error = refused("*** Update File: f\n@@\n-4\n+D\n@@\n-1\n+A", files)
    assert "It fits at line 1." in str(error)
    assert applied(error.candidate, files) == {"f": "A\n2\n3\nD\n"}


def test_a_wrong_anchor_is_dropped() -> None:
    files = {"calc.py": FILE}
    error = refused("*** Update File: calc.py\n@@ def perimeter(r):\n-    return 2 * 3 * radius\n+    return 0", files)
    assert str(error).startswith("Failed to find context 'def perimeter(r):' in calc.py\nIt fits at line 11.")
    assert applied(error.candidate, files) == {"calc.py": FILE.replace("2 * 3 * radius", "0")}


def test_an_anchor_cut_short_picks_among_equal_blocks() -> None:
    files = {"f": "class A(Base):\n    x = 1\nclass B(Base):\n    x = 1\n"}
    error = refused("*** Update File: f\n@@ class B\n-    x = 1\n+    x = 2", files)
    assert applied(error.candidate, files) == {"f": "class A(Base):\n    x = 1\nclass B(Base):\n    x = 2\n"}


def test_equal_blocks_without_a_hint_get_no_candidate() -> None:
    error = refused("*** Update File: f\n@@ nowhere\n-x = 1\n+x = 2", {"f": "x = 1\ny = 1\nx = 1\n"})
    assert "It fits at each of the lines 1, 3: give more context." in str(error)
    assert error.candidate is None


def test_the_candidate_gets_context_until_its_place_is_the_first() -> None:
    before = "a\nx = 1\nb\nx = 1\nlast_line = 3\n"
    error = refused("*** Update File: f\n@@\n b\n-x = 1\n last_lime = 3\n", {"f": before})
    assert applied(error.candidate, {"f": before}) == {"f": "a\nx = 1\nb\nlast_line = 3\n"}


def test_a_line_to_remove_that_is_nowhere_gets_no_candidate() -> None:
    error = refused(
        "*** Update File: calc.py\n@@\n def area(radius):\n-    print('never there')\n+    pass", {"calc.py": FILE}
    )
    assert "The nearest block is" in str(error)
    assert error.candidate is None


def test_nothing_alike_says_so() -> None:
    error = refused("*** Update File: f\n@@\n-what is this\n+x", {"f": "1\n2\n"})
    assert "Nothing in f (2 lines) is like it." in str(error)


def test_invalid_bytes_are_shown_and_survive_the_candidate() -> None:
    patch = parse("*** Begin Patch\n*** Update File: f\n@@\n a caf\n-remove this line\n*** End Patch")
    with pytest.raises(PatchError) as error:
        apply(patch, {"f": b"a caf\xe9\nremove these lines\nend\n"})
    assert r"1| a caf\xe9" in str(error.value)
    assert error.value.candidate is not None
    assert apply(parse(error.value.candidate), {"f": b"a caf\xe9\nremove these lines\nend\n"}).writes == {
        "f": b"a caf\xe9\nend\n"
    }


def test_a_long_candidate_is_not_repeated_whole() -> None:
    added = "\n".join(f"+{number} {'x' * 60}" for number in range(300))
    error = refused(
        f"*** Add File: big\n{added}\n*** Update File: f\n@@\n-some line\n+x", {"f": "some lime\n", "big": None}
    )
    assert "send it whole again:\n*** Begin Patch\n*** Update File: f\n" in str(error)
    assert len(str(error)) < 1000
    assert applied(error.candidate, {"f": "some lime\n"} | {"big": ""})["f"] == "x\n"


def test_a_large_file_is_searched_quickly() -> None:
    lines = [f"    value_{number} = compute(value_{number - 1}, option=True)" for number in range(20_000)]
    old = [line.replace("compute", "computed") for line in lines[15_000:15_060]]
    body = "\n".join(" " + line for line in old[:-1]) + f"\n-{old[-1]}"
    error = refused(f"*** Update File: f\n@@\n{body}", {"f": "\n".join(lines) + "\n"})
    assert "The nearest block is lines 15001-15060" in str(error)


SMALL = st.lists(
    st.sampled_from(["", "a = 1", "  a = 1", "b(x)", "b(y)", "return a", "}", "caf\udce9 one", "two\u2013three"])
)
SIGNS: list[Sign] = [" ", "-", "+"]


@given(SMALL, st.lists(st.tuples(st.sampled_from(SIGNS), st.sampled_from(["", "a = 1", "b(z)", "return", "}", "new"]))))
@settings(max_examples=300)
def test_a_candidate_always_applies(lines: list[str], body: list[tuple[Sign, str]]) -> None:
    data = "\n".join(lines).encode("utf-8", "surrogateescape")
    middle = len(body) // 2
    halves = [[PatchLine(sign, text) for sign, text in half] for half in (body[:middle], body[middle:])]
    patch = Patch((UpdateFile("f", tuple(Chunk(tuple(half)) for half in halves if half)),))
    try:
        apply(patch, {"f": data})
    except PatchError as error:
        if error.candidate is not None:
            changed = apply(parse(error.candidate), {"f": data})
            assert changed.summary == "Success. Updated the following files:\nM f\n"


# How often the answer is right: true patches for real code, spoilt in the ways models spoil them.

Case = tuple[list[str], list[PatchLine]]
Spoil = Callable[[random.Random, list[str], list[PatchLine], int], Case]
Outcome = Literal["applied", "candidate", "wrong", "refused"]


def true_edit(rng: random.Random, lines: list[str]) -> tuple[int, list[PatchLine]]:
    """The index at which a chunk starts, and the chunk: up to three lines replaced, three of context on each side."""
    while True:
        first = rng.randrange(6, len(lines) - 12)
        count = rng.randint(1, 3)
        gone = lines[first : first + count]
        if all(line.strip() for line in gone):
            break
    new = [line.replace("self", "this").replace("=", "==", 1) + "  # new" for line in gone]
    context = lines[first - 3 : first], lines[first + count : first + count + 3]
    return first - 3, [
        *(PatchLine(" ", text) for text in context[0]),
        *(PatchLine("-", text) for text in gone),
        *(PatchLine("+", text) for text in new),
        *(PatchLine(" ", text) for text in context[1]),
    ]


def pick(rng: random.Random, chunk: list[PatchLine], signs: str) -> int:
    return rng.choice([at for at, line in enumerate(chunk) if line.sign in signs and line.text.strip()] or [0])


def misspelt(rng: random.Random, text: str) -> str:
    words = text.split(" ")
    at = rng.choice([at for at, word in enumerate(words) if word])
    words[at] = words[at][: len(words[at]) // 2] + "x" + words[at][len(words[at]) // 2 :]
    return " ".join(words)


def wrong_indentation(rng: random.Random, lines: list[str], chunk: list[PatchLine], _: int) -> Case:
    at = pick(rng, chunk, " -")
    return lines, [*chunk[:at], replace(chunk[at], text="   " + chunk[at].text), *chunk[at + 1 :]]


def wrong_inner_blanks(rng: random.Random, lines: list[str], chunk: list[PatchLine], _: int) -> Case:
    at = pick(rng, chunk, " -")
    return lines, [*chunk[:at], replace(chunk[at], text=chunk[at].text.replace(", ", ",") + " #"), *chunk[at + 1 :]]


def context_misspelt(rng: random.Random, lines: list[str], chunk: list[PatchLine], _: int) -> Case:
    at = pick(rng, chunk, " ")
    return lines, [*chunk[:at], replace(chunk[at], text=misspelt(rng, chunk[at].text)), *chunk[at + 1 :]]


def removed_misspelt(rng: random.Random, lines: list[str], chunk: list[PatchLine], _: int) -> Case:
    at = pick(rng, chunk, "-")
    return lines, [*chunk[:at], replace(chunk[at], text=misspelt(rng, chunk[at].text)), *chunk[at + 1 :]]


def context_line_left_out(rng: random.Random, lines: list[str], chunk: list[PatchLine], _: int) -> Case:
    at = rng.choice([1, 2, len(chunk) - 3, len(chunk) - 2])
    return lines, chunk[:at] + chunk[at + 1 :]


def context_line_invented(rng: random.Random, lines: list[str], chunk: list[PatchLine], _: int) -> Case:
    at = rng.choice([1, 2, len(chunk) - 2])
    return lines, [*chunk[:at], PatchLine(" ", "    # nobody wrote this"), *chunk[at:]]


def stale_line_inserted(rng: random.Random, lines: list[str], chunk: list[PatchLine], start: int) -> Case:
    at = start + rng.choice([1, 2])
    return [*lines[:at], "        another = line(since)", *lines[at:]], chunk


def stale_names(rng: random.Random, lines: list[str], chunk: list[PatchLine], start: int) -> Case:
    old = [line.text for line in chunk if line.sign != "+"]
    words = [word for text in old for word in text.replace("(", " ").replace(".", " ").split() if word.isidentifier()]
    word = rng.choice([word for word in words if len(word) > 3] or words or ["self"])
    changed = [line.replace(word, word + "_two") for line in lines[start : start + len(old)]]
    return lines[:start] + changed + lines[start + len(old) :], chunk


SPOILS: dict[Spoil, float] = {
    wrong_indentation: 0.98,
    wrong_inner_blanks: 0.9,
    context_misspelt: 0.9,
    removed_misspelt: 0.85,
    context_line_left_out: 0.9,
    context_line_invented: 0.9,
    stale_line_inserted: 0.9,
    stale_names: 0.85,
}


def outcome(lines: list[str], chunk: list[PatchLine], expected: str) -> Outcome:
    text = "\n".join(lines) + "\n"
    try:
        patch = parse(render([UpdateFile("f", (Chunk(tuple(chunk)),))]))
        after = apply(patch, {"f": text.encode()}).writes.get("f", b"").decode()
    except PatchError as error:
        if error.candidate is None:
            return "refused"
        return "candidate" if applied(error.candidate, {"f": text})["f"] == expected else "wrong"
    return "applied" if after == expected else "wrong"


def counted(spoil: Spoil, cases: int, seed: int) -> Counter[Outcome]:
    rng = random.Random(seed)
    corpus = [inspect.getsource(module).splitlines() for module in (argparse, configparser, shlex, textwrap)]
    counts: Counter[Outcome] = Counter()
    for _ in range(cases):
        lines = rng.choice(corpus)
        start, chunk = true_edit(rng, lines)
        spoilt_lines, spoilt = spoil(rng, lines, chunk, start)
        gone = [at for at, line in enumerate(chunk) if line.sign == "-"]
        new = [line.text for line in chunk if line.sign == "+"]
        first = start + gone[0] + len(spoilt_lines) - len(lines)
        expected = [*spoilt_lines[:first], *new, *spoilt_lines[first + len(gone) :]]
        counts[outcome(spoilt_lines, spoilt, "\n".join(expected) + "\n")] += 1
    return counts


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
def test_spoilt_patches_apply_or_get_the_right_candidate(spoil: Spoil) -> None:
    cases = 40
    counts = counted(spoil, cases, seed=7)
    assert counts["applied"] + counts["candidate"] >= SPOILS[spoil] * cases, counts
    assert counts["wrong"] <= 0.05 * cases, counts
