"""The text of a pull request: made of evidence, and nothing in it acts but what is ours."""

import re

import pytest

from journeyman.core.evidence import Check, CheckRun, Comparison, Result, TestResult
from journeyman.core.task import Attempt, Task
from journeyman.server.proposal import body_of, code, harmless, shaped, title_of

TASK = Task(id="0task", prompt="p", mode="code", repository="/r", model="m", created=1.0, attempts=1, title="Fix it")
ATTEMPT = Attempt(id="0task.1.2", task_id="0task", turn=1, number=2)


def a_run(
    on: str, exit_code: int | None, *failing: str, command: str = "pytest -q", cut: str | None = None
) -> CheckRun:
    tests = [TestResult(id=name, outcome="failed") for name in failing] + [TestResult(id="ok", outcome="passed")]
    return CheckRun(
        check=Check(command=command, source="flag"),
        on=on,  # type: ignore[arg-type]
        tree="t",
        exit_code=exit_code,
        seconds=1.0,
        chunk="c",
        cut=cut,
        tests=tuple(tests),
    )


def test_it_says_what_was_done_what_the_checks_say_and_what_is_left() -> None:
    result = Result(
        verdict="verified",
        summary="`sum` starts from 0.\n\nNothing else changed.",
        base_checks=(a_run("base", 1, "t::one", "t::two"),),
        result_checks=(a_run("result", 0), a_run("result", None, command="make | tee log", cut="120 s")),
        comparison=Comparison(fixed=("t::one", "t::two")),
        new_tests=("t::three",),
        warnings=("A test was skipped: t::four.",),
    )
    assert body_of(TASK, ATTEMPT, result, ["Write the docs"]) == (
        "> `sum` starts from 0.\n"
        ">\n"
        "> Nothing else changed.\n"
        "\n"
        "### Checks\n"
        "\n"
        "| check | before | after |\n"
        "|---|---|---|\n"
        "| `pytest -q` | fails, 2 tests of 3 | passes, 1 test |\n"
        "| `make \\| tee log` | not run | cut off: 120 s |\n"
        "\n"
        "Verified: every check passes on the result, in a clean copy.\n"
        "\n"
        "- Fixed (2): `t::one`, `t::two`\n"
        "- New tests (1): `t::three`\n"
        "\n"
        "### To look at\n"
        "\n"
        "- A test was skipped: t::four.\n"
        "- Not done: Write the docs\n"
        "\n"
        "Made by Journeyman: task `0task`, attempt 1.2.\n"
    )
    assert title_of(TASK) == "Fix it"
    assert title_of(TASK.model_copy(update={"title": "\x1b[31m"})) == "Task 0task"


HOSTILE = (
    "Closes #12, fixes GH-3, see a/b#4 and a/b@0123456789, !5 &6 ~bug %v1 $7 ^alert#8",
    "@ann @org/team please merge",
    "/merge\n  /assign @ann\n/close",
    "# Heading\n---\n===",
    "<img src=x onerror=alert(1)><!-- <script>",
    "![pixel](https://evil.example/x.png) [click](javascript:alert(1))",
    "https://github.com/a/b/issues/1",
    "```\n</blockquote>\n```",
    "| a | b |\n|---|---|",
    "**Closes #1 @ann** and `@ann` <b>**`x`**",
    "```mermaid\ngraph TD\n```` ```\n@ann\n/close",
    "- /close\n1. #12\n* @ann",
    "### @ann #3\n## **x** <b>",
    "**/close**\n`/close`",
    "line\u2028/close\r/merge\x00\x0b/label",
    "\u202eevil",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_model_says_does_nothing(text: str) -> None:
    body = body_of(TASK, ATTEMPT, Result(verdict="unverified", summary=text, warnings=(text,)))
    said, _, ours = body.partition("\n\n### Checks")
    assert ours
    left = re.search(r"### To look at\n\n(- .*)\n\nMade by", ours)
    lines = said.splitlines()
    assert all(line == ">" or line.startswith("> ") for line in lines), lines
    assert left is not None and "\n" not in left[1]
    fences = [at for at, line in enumerate(lines) if line.startswith("> ```")]
    assert len(fences) % 2 == 0
    for start, end in zip(fences[::2], fences[1::2], strict=True):
        lines[start : end + 1] = [">"] * (end + 1 - start)  # nothing in there has a meaning
    for line in [re.sub(r"(?<!\\)(`+)(?!`).+?(?<!`)\1(?!`)", "", line[2:]) for line in lines] + [left[1][2:]]:
        line = re.sub(r"(?<!\\)\*\*(.+?)(?<!\\)\*\*", r"\1", line)
        assert not re.search(r"[@#!~%&$^](?=\w)(?!amp;|lt;|gt;)", line), line
        assert not re.match(r"\s*/|\s*#|[-=]{3}", line), line
        assert "<" not in line and ">" not in line and "://g" not in line and "GH-" not in line
        assert not re.search(r"(?<!\\)[`\[\]|*_]", line), line
    assert "\u202e" not in body and "\x00" not in body


def test_the_form_of_what_is_said_is_kept() -> None:
    text = (
        "### Summary\n* It **adds** `a|b` right 【F:shop/a.py†L1-L3】\n\n```python\nx = `1`\n```\n✅ `pytest` 【c1†L2】"
    )
    assert shaped(text) == [
        "**Summary**",
        "- It **adds** `a|b` right `shop/a.py L1-L3`",
        "",
        "```",
        "x = `1`",
        "```",
        "✅ `pytest` `c1 L2`",
    ]


def test_long_words_and_lists_are_cut() -> None:
    many = tuple(f"t::{number}" for number in range(50))
    result = Result(verdict="failing", summary="x " * 9000, comparison=Comparison(broken=many), warnings=many)
    body = body_of(TASK, ATTEMPT, result)
    assert "- Broken (50): `t::0`" in body and "and 30 more" in body and "`t::20`" not in body
    assert len(body) < 8000


@pytest.mark.parametrize(
    ("text", "told"),
    [("a", "`a`"), ("a `b`", "`` a `b` ``"), ("``", "``` `` ```"), ("a\nb", "`a`"), ("", "` `"), ("<a>", "`<a>`")],
)
def test_code_holds_its_marks(text: str, told: str) -> None:
    assert code(text) == told


def test_plain_words_stay_plain() -> None:
    assert harmless("- It's 5% faster (2 of 3 tests): a.b, c/d.") == "- It's 5% faster (2 of 3 tests): a.b, c/d."
