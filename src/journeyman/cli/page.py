"""The result page of a task in the terminal."""

import re

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from journeyman.checks.compare import describe
from journeyman.cli.live import duration, run_text, tokens
from journeyman.core.events import Stopped
from journeyman.core.evidence import Citation, Result
from journeyman.core.task import Task, Verdict
from journeyman.core.text import one_line, plain

HEADINGS: dict[Verdict, tuple[str, str, str]] = {
    "verified": ("✔", "green", "Done and verified: every check passes on a clean copy with the patch"),
    "unverified": ("•", "yellow", "Done, but nothing could be checked"),
    "failing": ("✘", "red", "Not solved: a check fails on the result"),
    "unchanged": ("✘", "red", "Nothing was changed"),
    "answered": ("✔", "green", "Answered"),
}
_SHORT = re.compile(r"^index ([0-9a-f]{8})[0-9a-f]*\.\.([0-9a-f]{8})[0-9a-f]*")
LONG_DIFF = 200
"""Lines of a diff that the page shows; `journeyman diff` shows all."""


def result_page(task: Task, attempt: str, result: Result, stopped: Stopped | None, patch: str, where: str) -> Group:
    """Everything a person needs to judge and take over the result, in the order in which they ask."""
    mark, style, words = _heading(result, stopped)
    parts: list[RenderableType] = [Text.assemble((f"{mark} {words}", f"bold {style}"))]
    if result.result_checks:
        parts += [Text(sentence) for sentence in describe(result.base_checks, result.result_checks)]
    message = stopped.message if stopped is not None else ""
    if message and stopped is not None:
        parts.append(Text(message, style="" if stopped.reason == "finished" else "yellow"))
    if result.summary.strip() and result.summary != message:
        parts.append(Padding(Markdown(_marked(result.summary, result.citations)), (1, 0, 0, 0)))
    if patch:
        parts.append(Padding(diff_text(patch), (1, 0, 0, 0)))
    if result.base_checks or result.result_checks:
        parts.append(Padding(_checks(result), (1, 0, 0, 0)))
    parts += _comparison(result)
    parts += [Text(f"! {warning}", style="yellow") for warning in result.warnings]
    for citation in result.citations:
        if not citation.supported:
            parts.append(Text(f"! {citation.text} is not supported: {citation.reason}", style="yellow"))
    parts.append(Padding(_foot(task, attempt, result, where), (1, 0, 0, 0)))
    return Group(*parts)


def _heading(result: Result, stopped: Stopped | None) -> tuple[str, str, str]:
    finished = stopped is not None and stopped.reason == "finished"
    if result.verdict == "answered" and not any(citation.supported for citation in result.citations):
        return "•", "yellow", "Answered, but with no citation that holds: check it"
    if result.verdict == "unchanged" and finished and all(run.passed for run in result.base_checks):
        return "•", "yellow", "Nothing was changed"
    return HEADINGS[result.verdict]


def diff_text(patch: str, limit: int | None = LONG_DIFF) -> RenderableType:
    """A patch in colours, cut at `limit` lines with a word about the rest."""
    lines = [_SHORT.sub(r"index \1..\2", line) for line in plain(patch).splitlines()]
    shown = lines if limit is None else lines[:limit]
    text = Text("\n").join(Text(line, style=_style(line)) for line in shown)
    if len(shown) == len(lines):
        return text
    return Group(text, Text(f"… {len(lines) - len(shown)} more lines: journeyman diff", style="dim"))


def _style(line: str) -> str:
    styles = (("+++", "bold"), ("---", "bold"), ("+", "green"), ("-", "red"), ("@@", "cyan"), ("diff ", "bold"))
    return next((style for start, style in styles if line.startswith(start)), "")


def _marked(summary: str, citations: tuple[Citation, ...]) -> str:
    """The summary with a mark behind each citation: it was resolved, or it does not hold."""
    text = plain(summary)
    for citation in {citation.text: citation for citation in citations}.values():
        where = f"{citation.target}:{citation.start}" + (f"-{citation.end}" if citation.end != citation.start else "")
        text = text.replace(citation.text, f" `[{where}{'' if citation.supported else ' ?'}]`")
    return text


def _checks(result: Result) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("check", "before", "after"):
        table.add_column(heading, overflow="fold")
    after = {run.check.command: run for run in result.result_checks}
    before = {run.check.command: run for run in result.base_checks}
    for command in dict.fromkeys([*before, *after]):
        cells = [
            Text(run_text(run), style="green" if run.passed else "red") if run else Text("not run", style="dim")
            for run in (before.get(command), after.get(command))
        ]
        table.add_row(plain(command), *cells)
    return table


def _comparison(result: Result) -> list[RenderableType]:
    parts: list[RenderableType] = []
    compared = result.comparison
    before = {test.id: test.message for run in result.base_checks for test in run.failing}
    for words, style, tests in (
        ("fixed", "green", compared.fixed),
        ("broken", "red", compared.broken),
        ("still failing", "red", compared.still_failing),
    ):
        for test in tests[:8]:
            gist = _gist(before.get(test, ""))
            was = (f"\n    was: {gist}" if gist else "", "dim")
            parts.append(Text.assemble((f"  {words}: {plain(test)}", style), was))
        if len(tests) > 8:
            parts.append(Text(f"  {words}: {len(tests) - 8} more", style=style))
    return parts


def _gist(message: str) -> str:
    """The line of a failure's message that says what went wrong: pytest marks it with an E."""
    marked = [line[1:] for line in message.splitlines() if line.startswith("E ")]
    return one_line(marked[0] if marked else message, 90)


def _foot(task: Task, attempt: str, result: Result, where: str) -> RenderableType:
    cached = f" ({result.usage.cached_input_tokens} of them cached)" if result.usage.cached_input_tokens else ""
    facts = [duration(result.seconds), tokens(result.usage) + cached, f"model {task.model}", f"task {task.id}"]
    lines = [Text(" · ".join(facts), style="dim"), Text(f"log    journeyman log {task.id}   ({where})", style="dim")]
    if result.diff:
        lines.append(Text(f"apply  journeyman apply {task.id}", style="dim"))
    return Group(*lines)
