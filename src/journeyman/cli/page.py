"""The result page of a task in the terminal."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import RenderableType
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from journeyman.checks.compare import describe
from journeyman.cli.live import duration, run_text, tokens
from journeyman.core import folds
from journeyman.core.events import Event, Stopped
from journeyman.core.evidence import Citation, Result
from journeyman.core.task import Attempt, Task, Verdict
from journeyman.core.text import counted, one_line, plain
from journeyman.core.words import cost_words

HEADINGS: dict[Verdict, tuple[str, str, str]] = {
    "verified": ("✔", "green", "Done and verified: every check passes on a clean copy with the patch"),
    "unverified": ("•", "yellow", "Done, but nothing could be checked"),
    "failing": ("✘", "red", "Not solved: a check fails on the result"),
    "unchanged": ("✘", "red", "Nothing was changed"),
    "answered": ("✔", "green", "Answered"),
}
STATUS = {
    "verified": "green",
    "answered": "green",
    "done": "green",
    "failing": "red",
    "failed": "red",
    "interrupted": "yellow",
    "running": "cyan",
}
_SHORT = re.compile(r"^index ([0-9a-f]{8})[0-9a-f]*\.\.([0-9a-f]{8})[0-9a-f]*")
LONG_DIFF = 200
"""Lines of a diff that the page shows; `journeyman diff` shows all."""


@dataclass(frozen=True, slots=True)
class Words:
    """The commands that a page names: those for this machine, or with `page`, an address, those for a server's task."""

    page: str = ""

    @property
    def program(self) -> str:
        return "journeyman tasks" if self.page else "journeyman"

    def log(self, task: str, number: str, events: str) -> str:
        return f"page   {self.page}" if self.page else f"log    journeyman log {task}{number}   ({events})"


HERE = Words()


class Patch(Text):
    """The lines of a patch in colours."""


def result_page(
    task: Task,
    attempt: Attempt,
    attempts: Sequence[Attempt],
    result: Result,
    events: Sequence[Event],
    patch: str,
    words: Words = HERE,
) -> list[RenderableType]:
    """Everything a person needs to judge and take over the result, in the order in which they ask."""
    stopped = folds.stopped(events)
    mark, style, heading = _heading(result, stopped)
    parts: list[RenderableType] = [Text.assemble((f"{mark} {heading}", f"bold {style}"))]
    if result.result_checks:
        parts += [Text(sentence) for sentence in describe(result.base_checks, result.result_checks)]
    message = stopped.message if stopped is not None else ""
    if message and stopped is not None:
        parts.append(Text(message, style="" if stopped.reason == "finished" else "yellow"))
    if result.summary.strip() and result.summary != message:
        parts += [Text(), Markdown(_marked(result.summary, result.citations))]
    if patch:
        parts += [Text(), diff_text(patch, whole=f"{words.program} diff")]
    if result.base_checks or result.result_checks:
        parts += [Text(), _checks(result)]
    parts += _comparison(result)
    parts += [Text(f"! {warning}", style="yellow") for warning in result.warnings]
    for citation in result.citations:
        if not citation.supported:
            parts.append(Text(f"! {citation.text} is not supported: {citation.reason}", style="yellow"))
    return [*parts, Text(), *_foot(task, attempt, attempts, result, events, words)]


def _heading(result: Result, stopped: Stopped | None) -> tuple[str, str, str]:
    finished = stopped is not None and stopped.reason == "finished"
    if result.verdict == "answered" and not any(citation.supported for citation in result.citations):
        return "•", "yellow", "Answered, but with no citation that holds: check it"
    if result.verdict == "unchanged" and finished and all(run.passed for run in result.base_checks):
        return "•", "yellow", "Nothing was changed"
    return HEADINGS[result.verdict]


def diff_text(patch: str, limit: int | None = LONG_DIFF, whole: str = "journeyman diff") -> Patch:
    """A patch in colours, cut at `limit` lines with a word about the rest, which the command `whole` shows."""
    lines = [_SHORT.sub(r"index \1..\2", line) for line in plain(patch).splitlines()]
    if limit is not None:
        lines = list(_without_binary(lines))
    shown = lines if limit is None else lines[:limit]
    rest = len(lines) - len(shown)
    text = Patch()
    for line in shown:
        text.append(line, _style(line)).append("\n")
    if rest:
        text.append(f"… {counted(rest, 'more line')}: {whole}", "dim")
    text.rstrip()
    return text


def _without_binary(lines: Sequence[str]) -> Iterator[str]:
    """The lines of a patch, with a word in place of the encoded bytes of binary files."""
    binary = False
    for line in lines:
        binary = binary and not line.startswith("diff --git ")
        if line == "GIT binary patch":
            binary = True
            yield "a binary file"
        elif not binary:
            yield line


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


def _foot(
    task: Task, attempt: Attempt, attempts: Sequence[Attempt], result: Result, events: Sequence[Event], words: Words
) -> list[RenderableType]:
    cached = f" ({result.usage.cached_input_tokens} of them cached)" if result.usage.cached_input_tokens else ""
    facts = [duration(result.seconds), tokens(result.usage) + cached, f"model {task.model}", f"task {task.id}"]
    number = f" --attempt {attempt.number}" if len(attempts) > 1 and attempt.id != task.chosen else ""
    lines = [" · ".join(facts), words.log(task.id, number, counted(len(events), "event"))]
    if cost := cost_words(result):
        lines.insert(1, cost)
    if room := _room(events):
        lines.insert(1, f"in     {room}")
    if result.diff:
        lines.append(f"apply  {words.program} apply {task.id}{number}")
    if len(attempts) > 1:
        lines.append(f"this   attempt {attempt.number} of {len(attempts)}{'' if number else ', the chosen one'}")
    lines += [
        f"other  {words.program} show {task.id} --attempt {other.number}   ({other.verdict or other.status})"
        for other in attempts
        if other.id != attempt.id
    ]
    return [Text(line, style="dim") for line in lines]


def _room(events: Sequence[Event]) -> str:
    """The environment in a line, with what it refused; empty where the attempt had none."""
    opened, refused = folds.opened(events), folds.refused(events)
    if opened is None or not opened.environment:
        return ""
    words = opened.environment
    if refused:
        hosts = list(dict.fromkeys(one.host for one in refused))
        more = f" and {len(hosts) - 3} more" if len(hosts) > 3 else ""
        words += f"; {counted(len(refused), 'request')} refused: {', '.join(hosts[:3])}{more}"
    return plain(words)


def task_lines(rows: Sequence[Sequence[str]], width: int | None) -> Iterator[Text]:
    """A heading and a line for each task: id, time, status, mode, repository, prompt.

    What `width` has no room for is cut from the prompt and the repository's name; nothing is without a width.
    """
    table = [("task", "started", "status", "mode", "repository", "prompt"), *rows]
    sizes = [max(cell_len(row[column]) for row in table) for column in range(6)]
    if width is not None:
        room = max(width - sum(sizes[:4]) - 2 * 5, 24)
        sizes[4] = min(sizes[4], room // 2)
        sizes[5] = room - sizes[4]
    for number, row in enumerate(table):
        cells = [Text(cell, style="dim" if number == 0 else "") for cell in row]
        if number:
            cells[2].stylize(STATUS.get(row[2], ""))
        for cell, size in zip(cells, sizes, strict=True):
            cell.truncate(size, overflow="ellipsis", pad=True)
        line = Text("  ").join(cells)
        line.rstrip()
        yield line
