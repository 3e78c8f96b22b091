"""Citations: parsed, resolved, and answered with a reason when they do not hold."""

import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.checks.citations import cite_chunk, cite_file, parse, resolve
from journeyman.core.errors import UsageError
from journeyman.core.events import Checked, CommandEnded, Event, FilesChanged, ToolReturned
from journeyman.core.evidence import Check, CheckRun, Citation

SOURCE = """import os


def mean(values):
    if not values:
        return 0.0
    total = sum(values)
    return total / len(values)


def median(values):
    return sorted(values)[len(values) // 2]
"""
FILES = {"stats/core.py": SOURCE, "a b/größe.py": "x = 1\n", "empty": "", "no newline": "one"}
CHUNKS = {"9c41d2": b"....\n\n4 passed in 0.1s\n", "00ff00": b"FAILED test_a\n", "aaaaaa": b"\x1b[31m\x1b[0m\n"}


def command(chunk: str, exit_code: int | None, text: str = "python -m pytest -q") -> ToolReturned:
    ended = CommandEnded(command=text, exit_code=exit_code, chunk=chunk, seconds=1.0, output="")
    return ToolReturned(call_id="c", name="shell", content="", detail=ended)


async def get_file(path: str) -> bytes | None:
    return FILES[path].encode() if path in FILES else None


async def get_chunk(chunk: str) -> bytes | None:
    if chunk not in CHUNKS:
        raise UsageError("no such chunk")
    return CHUNKS[chunk]


async def reasons(text: str, events: Sequence[Event] = ()) -> list[str]:
    citations = await resolve(text, get_file, get_chunk, events)
    assert all(citation.supported == (not citation.reason) for citation in citations)
    return [citation.reason for citation in citations]


async def test_a_truthful_message_is_supported_throughout() -> None:
    text = """### Summary
* Guard against an empty list in `mean`【F:stats/core.py†L5-L6】【F:stats/core.py†L4】
* Sort the values in `median()`【F:stats/core.py†L12】.

**Testing**
* ✅ `pytest -q`【9c41d2†L1-L3】
* ❌ `pytest -q test_a.py`【00ff00†L1】
"""
    events = [command("9c41d2", 0), command("00ff00", 1)]
    assert await reasons(text, events) == ["", "", "", "", ""]


async def test_what_a_citation_becomes() -> None:
    assert await resolve("See【F:stats/core.py†L1-L99】", get_file, get_chunk) == (
        Citation(
            text="【F:stats/core.py†L1-L99】",
            kind="file",
            target="stats/core.py",
            start=1,
            end=99,
            supported=False,
            reason="Line 99 is beyond the end of stats/core.py, which has 12 lines.",
        ),
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("【F:stats/core.py†L12】", ""),
        ("【F:stats/core.py†L13】", "Line 13 is beyond the end of stats/core.py, which has 12 lines."),
        ("【F:stats/core.py†L2-L3】", "The cited lines of stats/core.py are blank."),
        ("【F:stats/core.py†L2-4】", ""),
        ("【F:stats/core.py†L9-L8】", "L9-L8 is not a range of lines."),
        ("【F:stats/core.py†L0】", "L0-L0 is not a range of lines."),
        ("【F:gone.py†L1】", "There is no file gone.py in the result."),
        ("【F:../secret†L1】", "There is no file ../secret in the result."),
        ("【F:empty†L1】", "Line 1 is beyond the end of empty, which has 0 lines."),
        ("【F:no newline†L1】", ""),
        ("【F:./stats/core.py†L1】", ""),
        ("【stats/core.py†L1】", ""),  # the prefix was forgotten
        ("【123456†L1】", "There is no command output 123456."),
        ("【9c41d2†L2】", "The cited lines of the output 9c41d2 are blank."),
        ("【aaaaaa†L1】", "The cited lines of the output aaaaaa are blank."),  # nothing but escapes
        ("【9c41d2†L4】", "Line 4 is beyond the end of the output 9c41d2, which has 3 lines."),
        # Lines that moved: the name of the sentence is elsewhere.
        (
            "Return zero in `mean`【F:stats/core.py†L12】",
            "The cited lines do not concern `mean`; it is in line 4 of stats/core.py.",
        ),
        ("The body of `mean`【F:stats/core.py†L8】", ""),  # enclosed by it
        ("Use `numpy` one day【F:stats/core.py†L8】", ""),  # nothing to compare with
    ],
)
async def test_places(text: str, reason: str) -> None:
    assert await reasons(text) == [reason]


@pytest.mark.parametrize(
    ("line", "events", "reason"),
    [
        ("✅ `pytest -q`【9c41d2†L3】", [command("9c41d2", 0)], ""),
        (
            "✅ `pytest -q`【9c41d2†L3】",
            [command("9c41d2", 1)],
            "The command failed with exit code 1: `python -m pytest -q`.",
        ),
        (
            "✅ all good【9c41d2†L3】",
            [command("9c41d2", None)],
            "The command was cut before its end: `python -m pytest -q`.",
        ),
        ("✅ fine【9c41d2†L3】", [], "No exit code is recorded for 9c41d2, so it does not show that anything passed."),
        ("⚠️ `pytest -q`【9c41d2†L3】", [command("9c41d2", 1)], ""),
        (
            "✅ `pytest -q`【9c41d2†L3】",
            [command("9c41d2", 0, "ls -la")],
            "The output 9c41d2 is that of another command: `ls -la`.",
        ),
        (
            "✅ `pytest`【9c41d2†L3】",
            [
                command("9c41d2", 0),
                ToolReturned(call_id="d", name="apply_patch", content="", detail=FilesChanged(changes=())),
            ],
            "Files were changed after this command ran.",
        ),
        ("✅ `pytest`【9c41d2†L3】", [ToolReturned(call_id="d", name="x", content=""), command("9c41d2", 0)], ""),
    ],
)
async def test_a_mark_of_success_needs_a_command_that_succeeded(line: str, events: list[Event], reason: str) -> None:
    assert await reasons(line, events) == [reason]


async def test_checks_of_the_harness_can_be_cited() -> None:
    run = CheckRun(
        check=Check(command="pytest", source="flag"), on="result", tree="t", exit_code=1, seconds=1.0, chunk="9c41d2"
    )
    assert await reasons("✅ `pytest`【9c41d2†L1】", [Checked(run=run)]) == [
        "The command failed with exit code 1: `pytest`."
    ]


@given(
    path=st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="†【】"), min_size=1)
    .map(str.strip)
    .filter(lambda path: bool(path) and not path.startswith(("F:", "./"))),
    start=st.integers(1, 10**8),
    length=st.integers(0, 1000),
)
def test_round_trip(path: str, start: int, length: int) -> None:
    text = f"One{cite_file(path, start, start + length)} and two {cite_chunk(path, start)}."
    first, second = parse(text)
    assert (first.kind, first.target, first.start, first.end) == ("file", path, start, start + length)
    assert (second.kind, second.target, second.start, second.end) == ("terminal", path, start, start)


async def test_spaces_and_accents_in_paths() -> None:
    decomposed = unicodedata.normalize("NFD", "a b/größe.py")
    assert await reasons(cite_file("a b/größe.py", 1)) == [""]
    assert await reasons(cite_file(decomposed, 1)) == [""]


def test_text_that_only_looks_like_a_citation() -> None:
    assert parse("【】【†L1】【F:a†L】【F:a†Lx】【F:a†L1-L】【a\nb†L1】【F:a†L12345678901】") == ()


def test_there_are_never_more_than_a_page_of_them() -> None:
    assert len(parse("【F:a†L1】" * 5_000)) == 200
