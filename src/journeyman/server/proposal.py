"""The text of a pull request, made of what the harness saw; what a model or a repository wrote stays within its place.

A forge acts on what a text says: mentions tell people, `Closes #1` closes an issue, a line that begins with a slash is
an order to GitLab, HTML and images are shown. So words that are not ours are quoted, and lose their meaning to it.
"""

import re
from collections.abc import Iterable, Sequence

from journeyman.core.evidence import CheckRun, Result
from journeyman.core.task import Attempt, Task, Verdict
from journeyman.core.text import clip, counted, one_line, plain

SUMMARY = 4000
"""Characters of what the model says of its work."""
NAMED = 20
"""Tests of a kind that are named."""
TITLE = 250
_NOTHING = "\u200b"
"""A space of no width."""
_ACTS = re.compile(r"([@#!~%&$^])(?=[\w\"\[])|(?<=://)|(?<=\bGH)(?=-\d)|(?<=\w)(?=@[0-9a-f]{7})")
_SPAN = re.compile(
    r"`([^`]+)`|【(?:F:)?([^†【】]{1,300})†(L[0-9]{1,9}(?:-L?[0-9]{1,9})?)】|\*\*(?=\S)([^*]+)(?<=\S)\*\*"
)
_HEADING = re.compile(r"\s*#{1,6}\s+(.*)")
_BULLET = re.compile(r"(\s*)(?:[*+-]|(\d{1,3}\.))\s+(?=\S)")
_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_MARKS = re.compile(r"([\\`*_\[\]|~])")
VERDICTS: dict[Verdict, str] = {
    "verified": "Verified: every check passes on the result, in a clean copy.",
    "unverified": "Not verified: there was no check that could tell.",
    "failing": "Failing: a check does not pass on the result.",
    "unchanged": "Nothing was changed.",
    "answered": "A question was answered.",
}


def title_of(task: Task) -> str:
    return one_line(task.title, TITLE) or f"Task {task.id}"


def body_of(task: Task, attempt: Attempt, result: Result, open_steps: Sequence[str] = ()) -> str:
    """Markdown: what the model says, the checks before and after, what is left to do, and which task it was."""
    parts = [
        _quoted(result.summary),
        _checks(result),
        _left(result, open_steps),
        f"Made by Journeyman: task `{task.id}`, attempt {attempt.turn}.{attempt.number}.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in shaped(clip(plain(text).strip(), SUMMARY)))


def shaped(text: str) -> list[str]:
    """Lines of somebody else's Markdown: lists, code, bold words, headings (as bold words) and citations keep their
    form; nothing else has a meaning, and blocks are shown as text whatever their language."""
    lines: list[str] = []
    block: list[str] | None = None
    for line in text.splitlines():
        if _FENCE.match(line):
            lines += _block(block) if block is not None else []
            block = [] if block is None else None
        elif block is not None:
            block.append(line)
        else:
            heading = _HEADING.match(line)
            lines.append(f"**{harmless(heading[1])}**" if heading and heading[1].strip() else _line(line))
    return lines + (_block(block) if block is not None else [])


def _block(lines: Sequence[str]) -> list[str]:
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, *lines, fence]


def _line(text: str) -> str:
    parts: list[str] = []
    at = 0
    if bullet := _BULLET.match(text):
        parts.append(f"{bullet[1]}{bullet[2] or '-'} ")
        at = bullet.end()
    for span in _SPAN.finditer(text, at):
        parts.append(harmless(text[at : span.start()]))
        kept, target, lines, bold = span.groups()
        if bold is not None:
            parts.append(f"**{harmless(bold)}**")
        else:
            parts.append(code(kept if kept is not None else f"{target} {lines}"))
        at = span.end()
    return "".join([*parts, harmless(text[at:])])


def _checks(result: Result) -> str:
    """A line for each check, and the tests by what happened to them."""
    before = {run.check.command: run for run in result.base_checks}
    rows = [
        f"| {_cell(run.check.command)} | {_said(before.get(run.check.command))} | {_said(run)} |"
        for run in result.result_checks
    ]
    table = ["| check | before | after |", "|---|---|---|", *rows] if rows else []
    compared = result.comparison
    kinds = (("Fixed", compared.fixed), ("Broken", compared.broken), ("Still failing", compared.still_failing))
    named = [_named(word, tests) for word, tests in (*kinds, ("New tests", result.new_tests)) if tests]
    lines = ["\n".join(table), VERDICTS[result.verdict], "\n".join(named)]
    return "\n\n".join(["### Checks", *(line for line in lines if line)])


def _left(result: Result, open_steps: Sequence[str]) -> str:
    found = [*result.warnings, *(f"Not done: {step}" for step in open_steps)]
    lines = [f"- {harmless(one_line(each, 400))}" for each in found[:NAMED]]
    if len(found) > NAMED:
        lines.append(f"- and {len(found) - NAMED} more")
    return "\n".join(["### To look at", "", *lines]) if lines else ""


def _said(run: CheckRun | None) -> str:
    if run is None:
        return "not run"
    failing = f", {counted(len(run.failing), 'test')} of {len(run.tests)}" if run.failing else ""
    if run.passed:
        return f"passes, {counted(len(run.tests), 'test')}" if run.tests else "passes"
    return f"cut off: {harmless(one_line(run.cut, 60))}" if run.cut else f"fails{failing}"


def _named(word: str, tests: Iterable[str]) -> str:
    listed = list(tests)
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return f"- {word} ({len(listed)}): {', '.join(code(test) for test in listed[:NAMED])}{more}"


def harmless(text: str) -> str:
    """A line of somebody else's as Markdown that says it and does nothing."""
    said = _MARKS.sub(r"\\\1", _ACTS.sub(lambda found: f"{found[0]}{_NOTHING}", text))
    said = said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"^(\s*)(/|#+ |[=-]{3,})", rf"\1{_NOTHING}\2", said)


def _cell(text: str) -> str:
    return code(text).replace("|", r"\|")  # a table's bars go before code


def code(text: str) -> str:
    """A line of somebody else's as code, whatever marks it holds."""
    line = one_line(text, 160)
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    space = " " if line[:1] == "`" or line[-1:] == "`" else ""
    return f"{fence}{space}{line or ' '}{space}{fence}"
