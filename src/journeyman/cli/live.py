"""What a person sees while attempts run: finished things as lines, and below them what is going on now."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from journeyman.core.api.live import DraftPiece
from journeyman.core.environment import Refusal
from journeyman.core.events import (
    CandidateTried,
    Checked,
    CheckStarted,
    CommandEnded,
    Compacted,
    Continued,
    Escalated,
    Event,
    FilesChanged,
    Finished,
    Heard,
    Opened,
    PlanUpdated,
    Progressed,
    Replied,
    RequestRefused,
    Resumed,
    Retried,
    Said,
    Stopped,
    ToolReturned,
    ToolStarted,
)
from journeyman.core.evidence import NO_COPY, CheckRun
from journeyman.core.model import Delta
from journeyman.core.text import one_line, plain, sentence
from journeyman.core.usage import Usage
from journeyman.core.words import compacted_words, escalated_words

if TYPE_CHECKING:
    from journeyman.store.drafts import Draft

SHOWN = 8
"""Lines of the terminal for the end of what is being written."""
KEPT = 4000
"""Characters that are kept of it."""

CUT = {
    "time": "cut by its time limit",
    "output": "cut: too much output",
    "memory": "cut: out of memory (limits.memory_bytes)",
    "disk": "cut: too much written (limits.disk_bytes)",
    "cpu": "cut: too much processor time (limits.cpu_seconds)",
    "gone": "cut: the sandbox died",
    NO_COPY: "not run: no clean copy could be made",
}


def duration(seconds: float) -> str:
    """1.2 s, 47 s, 3 min 05 s."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


def tokens(usage: Usage) -> str:
    """12.3k tokens · $0.02; the price only where there is one."""
    count = usage.total_tokens
    text = f"{count} tokens" if count < 1000 else f"{count / 1000:.1f}k tokens"
    if usage.cost is None:
        return f"{text} · price unknown"
    return f"{text} · ${usage.cost:.4f}" if usage.cost else text


def run_text(run: CheckRun) -> str:
    """What a check came to, in a few words."""
    passed = sum(test.outcome == "passed" for test in run.tests)
    if run.passed:
        return f"{passed} passed" if run.tests else "passed"
    why = CUT.get(run.cut or "", "") or f"exit code {run.exit_code}"
    return f"{len(run.failing)} failed, {passed} passed" if run.tests else why


def refused_words(refusal: Refusal) -> tuple[str, ...]:
    """A request that the network policy did not let through and why, and, if there is one, the way to let it."""
    what = f"refused: {refusal.method} {refusal.host}:{refusal.port}. {refusal.reason}"
    return (what, f"`journeyman env allow {refusal.remedy}` lets it through.") if refusal.remedy else (what,)


@dataclass(slots=True)
class Seen:
    """One attempt as the screen has it."""

    label: str
    began: float
    now: str = "starting"
    usage: Usage = field(default_factory=Usage)
    tried: int = 0
    words: int = 0
    done: bool = False
    draft: str = ""
    thinks: bool = False

    def begin(self) -> None:
        """Nothing is being written."""
        self.words, self.draft = 0, ""

    def write(self, text: str, *, thinks: bool) -> None:
        """More of what is being written. What was thought gives way to what is said."""
        before = self.draft if self.thinks == thinks else ""
        self.draft, self.thinks = (before + text)[-KEPT:], thinks


class Progress:
    """Follows the attempts of one task. A context manager; `listener` and the callbacks are its inputs."""

    def __init__(self, console: Console, attempts: int = 1) -> None:
        self._console = console
        self._seen: dict[int, Seen] = {}
        self._many = attempts > 1
        self._live = Live(self, console=console, refresh_per_second=8, transient=True) if console.is_terminal else None
        self._spinner = Spinner("dots")
        self._with: tuple[str, ...] = ()  # the notes on the sandbox that were printed last

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def __rich__(self) -> RenderableType:
        open_ = [seen for seen in self._seen.values() if not seen.done]
        drafts = [self._draft(seen, max(1, SHOWN // len(open_))) for seen in open_ if seen.draft.strip()]
        return Group(*(self._status(seen) for seen in open_), *drafts)

    @property
    def redraws(self) -> bool:
        """Whether what is shown can be drawn anew: it is a terminal."""
        return self._live is not None

    def add(self, number: int, ago: float = 0.0, now: str = "starting") -> None:
        """Follow an attempt too, which began `ago` seconds before and does `now`."""
        self._seen[number] = Seen(f"[{number}] " if self._many else "", time.monotonic() - ago, now)

    def feed(self, number: int, events: Sequence[Event]) -> None:
        seen = self._seen[number]
        for event in events:
            self._event(seen, event)

    def delta(self, number: int, delta: Delta) -> None:
        """A piece of a reply of a model of this process."""
        seen = self._seen[number]
        seen.words += len(delta.text)
        if delta.kind != "arguments":
            seen.write(delta.text, thinks=delta.kind == "reasoning")
        seen.now = f"{'thinking' if delta.kind == 'reasoning' else 'writing'} ({seen.words} characters)"

    def piece(self, number: int, piece: DraftPiece) -> None:
        """A piece of a reply as a server tells it."""
        seen = self._seen[number]
        if piece.fresh:
            seen.begin()
        if piece.reasoning:
            seen.write(piece.reasoning, thinks=True)
        if piece.text:
            seen.write(piece.text, thinks=False)
        seen.words = piece.written
        verb = "thinking" if piece.reasoning and not piece.text else "writing"
        seen.now = f"{verb} ({seen.words} characters)" if seen.words else "asking the model"

    def draft(self, number: int, draft: "Draft") -> None:
        """A whole reply so far, as the store has it."""
        told = DraftPiece(
            attempt=draft.attempt_id,
            since=draft.since,
            written=draft.written,
            fresh=True,
            reasoning=draft.reasoning,
            text=draft.text,
        )
        self.piece(number, told)

    def retry(self, number: int, message: str, wait: float) -> None:
        self._seen[number].begin()
        self._line(self._seen[number], "…", f"{sentence(message)} Trying again in {wait:.1f} s.", "yellow")

    def doing(self, number: int, text: str) -> None:
        """What goes on now; a line of its own where nothing can be redrawn."""
        seen = self._seen[number]
        if self._live is None and text.split(" ")[:2] != seen.now.split(" ")[:2]:
            self._line(seen, "•", text)
        seen.now = text

    def note(self, text: str) -> None:
        self._console.print(Text(text, style="dim"), soft_wrap=not self._console.is_terminal)

    def _status(self, seen: Seen) -> RenderableType:
        used = f" · {tokens(seen.usage)}" if seen.usage.total_tokens else ""
        facts = f"  {duration(time.monotonic() - seen.began)}{used}"
        text = Text.assemble((seen.label, "bold"), self._fit(seen, seen.now, 2 + len(facts)), (facts, "dim"))
        self._spinner.update(text=text)
        return self._spinner if not self._many else text

    def _draft(self, seen: Seen, most: int) -> RenderableType:
        """The last lines of what is being written."""
        text = Text(plain(seen.draft).rstrip(), style="dim italic" if seen.thinks else "")
        lines = text.wrap(self._console, max(20, self._console.width - 2))[-most:]
        return Group(*(Text("  ") + line for line in lines))

    def _event(self, seen: Seen, event: Event) -> None:
        match event:
            case Replied():
                seen.usage = seen.usage + event.reply.usage
                seen.begin()
                seen.now = "working"
                if event.reply.text.strip() and event.reply.calls:
                    self._line(seen, "•", self._fit(seen, event.reply.text, 2))
            case ToolStarted():
                seen.now = event.summary or event.name
            case ToolReturned():
                self._tool(seen, event)
            case CheckStarted() if event.on != "candidate":
                seen.now = f"checking the {event.on}: {event.check.command}"
            case Checked(run=run) if run.on != "candidate":
                mark, style = ("✔", "green") if run.passed else ("✘", "red")
                text = f"{run.on}: {run.check.command} – {run_text(run)} ({duration(run.seconds)})"
                self._line(seen, mark, text, style)
            case CandidateTried():
                seen.tried += 1
                seen.now = f"tried {seen.tried} edits; the last, {event.source}: {event.outcome.replace('_', ' ')}"
                if event.outcome in ("passed", "better"):
                    self._line(seen, "•", f"edit {seen.tried} ({event.source}): {event.outcome}", "green")
            case _:
                self._passing(seen, event)

    def _passing(self, seen: Seen, event: Event) -> None:
        match event:
            case Opened():
                seen.now = "asking the model"
                room = f"environment {event.environment}" if event.environment else "no network"
                took = duration(event.seconds) if event.seconds >= 1 else f"{event.seconds * 1000:.0f} ms"
                self._line(seen, "•", f"sandbox open ({event.backend}, {room}) in {took}")
                if event.notes and event.notes != self._with:
                    self._with = event.notes
                    self._line(seen, " ", "with " + "; ".join(note.rstrip(".") for note in event.notes))
            case Progressed(text=text):
                seen.now = text
                self._line(seen, "•", text)
            case RequestRefused(refusal=refusal):
                for mark, words in zip("! ", refused_words(refusal), strict=False):
                    self._line(seen, mark, words)
            case Resumed():
                seen.begin()
                self._line(seen, "•", "going on where it was")
            case Retried(message=message):
                self._line(seen, "…", message, "yellow")
            case Compacted():
                seen.usage = seen.usage + event.usage
                seen.now = "working"
                self._line(seen, "•", compacted_words(event))
            case Stopped(reason=reason, message=message):
                seen.begin()
                seen.now = "checking the result"
                if reason != "finished":
                    self._line(seen, "!", message or reason, "yellow")
            case Finished():
                seen.done = True
            case _:
                self._told(seen, event)

    def _told(self, seen: Seen, event: Event) -> None:
        """What the agent is told while it works, and by whom."""
        match event:
            case Escalated():
                seen.now = "working"
                self._line(seen, "»", escalated_words(event), "yellow")
            case Said(why="stuck", item=item):
                self._line(seen, "!", item.text.partition(".")[0].replace("You go", "it goes", 1), "yellow")
            case Said(why="checks"):
                self._line(seen, "›", "told that the checks do not pass: going on", "yellow")
            case Said(why="rules"):
                self._line(seen, "•", "read the AGENTS.md of this folder")
            case Said(why="steer", item=item):
                self._line(seen, "›", f"told: {item.text}", "cyan")
            case Heard(what=what):
                self._line(seen, "›", {"approve": "approved: going on"}.get(what, f"asked to {what}"), "cyan")
            case Continued(attempt=attempt):
                self._line(seen, "•", f"going on from attempt {attempt.partition('.')[2]}")
            case _:
                pass

    def _tool(self, seen: Seen, event: ToolReturned) -> None:
        seen.now = "asking the model"
        match event.detail:
            case CommandEnded() as ended:
                mark, style = ("✔", "green") if ended.exit_code == 0 else ("✘", "red")
                if ended.session is not None:
                    mark, style = "…", "cyan"
                code = "" if ended.exit_code == 0 else f" exit {ended.exit_code}"
                if ended.session is not None:
                    code = f" runs as session {ended.session}"
                cut = f" {CUT.get(ended.cut, ended.cut)}" if ended.cut else code
                end = f"{cut} ({duration(ended.seconds)})"
                self._line(seen, mark, f"$ {self._fit(seen, ended.command, 4 + len(end))}{end}", style)
                for note in ended.notes:
                    self._line(seen, "!", note, "yellow")
            case FilesChanged(changes=changes):
                for change in changes:
                    self._line(seen, "✎", f"{change.kind} {change.path} +{change.added} −{change.removed}", "cyan")
            case PlanUpdated(plan=plan):
                done = sum(step.status == "completed" for step in plan)
                current = next((step.step for step in plan if step.status == "in_progress"), "")
                self._line(seen, "☰", f"plan {done}/{len(plan)} {self._fit(seen, current, 12)}".rstrip())
            case None:
                if event.is_error:
                    self._line(seen, "✘", f"{event.name}: {one_line(event.content, 90)}", "red")

    def _fit(self, seen: Seen, text: str, taken: int) -> str:
        """The first line of `text`, cut to what a line of the terminal has left beside `taken` columns."""
        room = self._console.width - len(seen.label) - taken if self._console.is_terminal else 100
        return one_line(text, max(20, min(room, 100)))

    def _line(self, seen: Seen, mark: str, text: str, style: str = "dim") -> None:
        head = Text.assemble((seen.label, "bold"), (mark, style), " ")
        print_hanging(self._console, head, Text(one_line(text, 160)))


def print_hanging(console: Console, head: Text, body: Text) -> None:
    """Print `body` behind `head`; its further lines, and on a terminal what does not fit, begin where it began."""
    lines = body.wrap(console, max(20, console.width - head.cell_len)) if console.is_terminal else body.split("\n")
    for line in lines:
        line.rstrip()
    console.print(head + Text("\n" + " " * head.cell_len).join(lines), highlight=False, soft_wrap=True)
